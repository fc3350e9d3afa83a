#ifndef YT_OP_H
#define YT_OP_H

/* An operator is a row: all that is asked about one and does not depend on how
 * it is computed. A row stands in a file of its own in runtime/op/ and in
 * runtime/ops.inc; docs/HACKING.md tells how to add one.
 *
 * Where a row has NULL, what stands behind it holds.
 */

#include <stddef.h>

#include "runtime/integers.h"
#include "runtime/kernel.h"
#include "runtime/op_params.h"
#include "yolotune/status.h"

/** Part of a row that nobody asks for in a product: left out there, and with it
 *  the function that it names. */
#ifdef YT_PRODUCT
#define YT_TOOL_ONLY(pointer) NULL
#else
#define YT_TOOL_ONLY(pointer) (pointer)
#endif

/** A tensor as it lies in memory: blocked, or an image, which is interleaved
 *  and may have zeros around it: [h + 2 pad][w + 2 pad][c]. */
struct yt_tensor {
    enum yt_dtype dtype;
    int32_t c, h, w;
    int32_t count;    /* such tensors, one after the other; 0: none */
    int32_t is_image; /* 1: interleaved */
    int32_t pad;      /* of an image */
};

/** Values of a tensor, padding left out. */
int64_t yt_tensor_values(const struct yt_tensor *t);

/** Elements in memory, with lanes that are filled up and padding. */
int64_t yt_tensor_elems(const struct yt_tensor *t, int32_t lanes);

/** And their bytes. */
int64_t yt_tensor_bytes(const struct yt_tensor *t, int32_t lanes);

/** What a problem reads and writes. */
struct yt_tensors {
    struct yt_tensor in, out, add;
    int64_t weights;      /* elements of the plain filter; 0: none */
    int64_t kept;         /* of them in blocks that are not all zero */
    int32_t pattern;      /* digest of those blocks; 0: all are kept */
    int32_t bias;         /* f32 elements */
    int32_t exponentials; /* that each value of the output takes */
};

/** An int32_t of an operator's parameters. */
struct yt_op_param {
    const char *name; /* of the struct's member */
    size_t offset;    /* in struct yt_problem */
};

#define YT_OP_PARAM(member, name)                                              \
    {#name, offsetof(struct yt_problem, u.member.name)}

/** Behind the array: whether it has all of the struct. */
#define YT_OP_PARAMS_CHECK(array, type)                                        \
    static_assert(sizeof(array) / sizeof(array)[0] ==                          \
                      sizeof(type) / sizeof(int32_t),                          \
                  "a row for each parameter")

enum yt_op_types {
    YT_TYPES_SAME,   /* the output is of the input's type */
    YT_TYPES_DIFFER, /* it is not */
    YT_TYPES_ANY
};

struct yt_op_row {
    const char *name;   /* opens a problem's name */
    const char *member; /* of yt_problem.u */
    const struct yt_op_param *params;
    int32_t param_count;
    enum yt_op_types types;

    /* 1: where a type is of integers it takes steps, see runtime/integers.h;
     * 0: codes are moved or compared as they are. */
    int32_t takes_integers;

    /* What follows the types in a problem's name, and for people, such as
     * "conv 3x3 s2": texts of runtime/problem_text.c. */
    const char *form;
    const char *kind;

    /* Every rule the struct's comments state. Types were checked. */
    enum yt_status (*check)(const struct yt_problem *p);

    /* As yt_problem_flops(). NULL: 0. */
    uint64_t (*flops)(const struct yt_problem *p);

    /* Fills in what there is; all else is 0, types are the problem's. */
    void (*tensors)(const struct yt_problem *p, struct yt_tensors *t);

    /* The reference: one of the two, or none where nothing is searched, as
     * what is written are no tensors. The obvious loops, of any types; weights
     * are the plain filter.
     *
     * exact:  args->out, as every kernel writes it, bit for bit.
     * values: each element of the output as it is before it is rounded to its
     *         type and limited to its range, for integers in codes; args->out
     *         is not used. */
    enum yt_status (*exact)(const struct yt_problem *p, int32_t lanes,
                            const struct yt_args *args,
                            const struct yt_integers *integers);
    enum yt_status (*values)(const struct yt_problem *p, int32_t lanes,
                             const struct yt_args *args,
                             const struct yt_integers *integers,
                             double *values_out);

    /* Symbol of the kernel that the runtime itself has, for schedule "c".
     * NULL: none. */
    const char *c_kernel;
};

/** @pre op < YT_OP_COUNT. */
const struct yt_op_row *yt_op_row(enum yt_op op);

/** @pre yt_problem_check(p) == YT_OK. */
void yt_op_tensors(const struct yt_problem *p, struct yt_tensors *t_out);

int32_t yt_op_param(const struct yt_problem *p,
                    const struct yt_op_param *param);

/** Set the parameter of this name, where the operator has one. */
void yt_op_set(struct yt_problem *p, const char *name, int32_t value);

/** What a problem is, for people: "conv 3x3 s2", "convert to u8s8". The text is
 *  cut where it is too long. @pre size >= 1. */
void yt_op_kind(const struct yt_problem *p, char *text_out, size_t size);

/* For the rows. */

/** Whether a size of 1 at least in each direction, and its bytes, fit what
 *  kernels index with.
 *  @return YT_OK; YT_BAD_ARGUMENT; YT_UNSUPPORTED. */
enum yt_status yt_op_check_size(const struct yt_problem *p, int32_t c,
                                int32_t h, int32_t w);

/** Whether a * b * c * d fits int32_t, lanes rounding @p a up. */
int yt_op_fits(int64_t a, int64_t b, int64_t c, int64_t d);

#define YT_OP(id, name) extern const struct yt_op_row yt_op_##name;
#include "runtime/ops.inc"
#undef YT_OP

#endif
