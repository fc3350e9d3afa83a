/* A plan as C source.
 *
 * What is printed must read back as the very same bits under any locale:
 * integers in decimal, floats as hexadecimal constants without a point, text
 * as ASCII with octal escapes. Fields are named, so their order does not
 * matter. Those of problems are known to the operators' rows; a field added to
 * one of the structures below must be added here too, which the assertions on
 * their sizes remind of. */

#include "export/plan_source.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/fail.h"
#include "runtime/op.h"

#define I32 "%" PRId32
#define I64 "%" PRId64

static_assert(sizeof(struct yt_isa) == 56, "print the new field");
static_assert(sizeof(struct yt_step) == 288, "print the new field");
static_assert(sizeof(struct yt_level) == 376, "print the new field");
static_assert(sizeof(struct yt_buffer) == 32, "print the new field");
static_assert(sizeof(struct yt_band) == 792, "print the new field");
static_assert(sizeof(struct yt_plan) == 15784, "print the new field");

static const char *const op_ids[] = {
#define YT_OP(id, name) "YT_OP_" #id,
#include "runtime/ops.inc"
#undef YT_OP
};

static const char *const dtype_ids[] = {
#define YT_DTYPE(id, name, ...) "YT_DTYPE_" #id,
#include "runtime/dtypes.inc"
#undef YT_DTYPE
};

static const char *const isa_ids[] = {
#define YT_ISA(id, name, arch, lanes, regs, can, needs, cpu, features)         \
    "YT_ISA_" #id,
#include "runtime/isa.inc"
#undef YT_ISA
};

/* A C string literal, quotes included, in plain ASCII. */
static void print_string(FILE *file, const char *text)
{
    fputc('"', file);
    for (const unsigned char *c = (const unsigned char *)text; *c; c++)
        if (*c < ' ' || *c > '~' || *c == '"' || *c == '\\' || *c == '?')
            fprintf(file, "\\%03o", *c);
        else
            fputc(*c, file);
    fputc('"', file);
}

/* 1.25 is 0xa00000p-23f: the significand's 24 bits and a power of two. */
static enum yt_status print_float(FILE *file, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint32_t exponent = bits >> 23 & 0xff;
    uint32_t significand = bits & 0x7fffff;
    YT_FAIL_IF(exponent == 0xff, YT_UNSUPPORTED,
               "an anchor of the plan is not a finite number");
    if (exponent > 0)
        significand |= 0x800000;
    fprintf(file, "%s0x%" PRIx32 "p%df", bits >> 31 ? "-" : "", significand,
            exponent > 0 ? (int)exponent - 150 : -149);
    return YT_OK;
}

static void print_problem(FILE *f, const struct yt_problem *p)
{
    const struct yt_op_row *row = yt_op_row(p->op);
    fprintf(f, "{.op = %s, .dtype = %s, .out = %s, .u.%s = {", op_ids[p->op],
            dtype_ids[p->dtype], dtype_ids[p->out], row->member);
    for (int32_t i = 0; i < row->param_count; i++)
        fprintf(f, "%s.%s = " I32, i ? ", " : "", row->params[i].name,
                yt_op_param(p, &row->params[i]));
    fputs("}}", f);
}

static void print_step(FILE *f, const struct yt_step *s, const char *symbol)
{
    fputs("{.name = ", f);
    print_string(f, s->name);
    fputs(",\n     .problem = ", f);
    print_problem(f, &s->problem);
    fputs(",\n     .schedule = ", f);
    print_string(f, s->schedule);
    fprintf(f,
            ",\n     .kernel = %s,\n     .tasks = " I64 ", .in = " I64
            ", .out = " I64 ", .add = " I64 ", .weights = " I64
            ", .bias = " I64,
            symbol, s->tasks, s->in, s->out, s->add, s->weights, s->bias);
    if (s->row_tasks)
        fprintf(f,
                ",\n     .in_buffer = " I32 ", .out_buffer = " I32
                ", .add_buffer = " I32 ", .row_tasks = " I32,
                s->in_buffer, s->out_buffer, s->add_buffer, s->row_tasks);
    fputc('}', f);
}

static enum yt_status print_level(FILE *f, const struct yt_level *l,
                                  const char *symbol)
{
    fprintf(f,
            "{.head = " I64 ", .h = " I32 ", .w = " I32 ", .stride = " I32
            ", .na = " I32 ",\n     .anchors = {",
            l->head, l->h, l->w, l->stride, l->na);
    for (int32_t a = 0; a < l->na; a++) {
        fputs(a ? ", {" : "{", f);
        YT_TRY(print_float(f, l->anchors[a][0]));
        fputs(", ", f);
        YT_TRY(print_float(f, l->anchors[a][1]));
        fputc('}', f);
    }
    fputs("},\n     .decode = ", f);
    print_step(f, &l->decode, symbol);
    fputc('}', f);
    return YT_OK;
}

static enum yt_status print_declaration(FILE *f, const char *symbol)
{
    static const char word[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"
                               "abcdefghijklmnopqrstuvwxyz0123456789";
    const size_t length = strlen(symbol);
    YT_FAIL_IF(length == 0 || strspn(symbol, word) != length, YT_BAD_ARGUMENT,
               "the kernel's symbol '%s' is no C identifier", symbol);
    fprintf(f, "void %s(const void *, int64_t, int64_t);\n", symbol);
    return YT_OK;
}

/* Declaring a function twice is fine in C. */
static enum yt_status print_declarations(FILE *f,
                                         const struct yt_export_input *in)
{
    YT_TRY(print_declaration(f, in->letterbox.symbol));
    for (int32_t i = 0; i < in->plan->nms_count; i++)
        YT_TRY(print_declaration(f, in->nms[i].symbol));
    for (int32_t i = 0; i < in->plan->step_count; i++)
        YT_TRY(print_declaration(f, in->steps[i].symbol));
    for (int32_t i = 0; i < in->plan->level_count; i++)
        YT_TRY(print_declaration(f, in->decode[i].symbol));
    return YT_OK;
}

static void print_isa(FILE *f, const struct yt_isa *isa)
{
    fprintf(f,
            "static const struct yt_isa isa =\n    {.id = %s, .name = \"%s\", "
            ".arch = \"%s\", .lanes = " I32 ", .regs = " I32
            ",\n     .can = 0x%" PRIx32 "u, .needs = 0x%" PRIx32
            "u, .llvm_cpu = \"%s\",\n     .llvm_features = \"%s\"};\n\n",
            isa_ids[isa->id], isa->name, isa->arch, isa->lanes, isa->regs,
            isa->can, isa->needs, isa->llvm_cpu, isa->llvm_features);
}

/* The headers and the library are another yolotune's when this fails. */
static void print_guard(FILE *f)
{
    fprintf(f,
            "_Static_assert(sizeof(struct yt_plan) == %zu &&\n"
            "    sizeof(struct yt_step) == %zu && sizeof(struct yt_level) == "
            "%zu,\n    \"the runtime's headers are of another yolotune\");\n\n",
            sizeof(struct yt_plan), sizeof(struct yt_step),
            sizeof(struct yt_level));
}

static void print_classes(FILE *f, const struct yt_plan *plan)
{
    fputs("static const char *const classes[] = {\n", f);
    for (int32_t i = 0; i < plan->nc; i++) {
        fputs("    ", f);
        print_string(f, plan->classes[i]);
        fputs(",\n", f);
    }
    fputs("};\n\n", f);
}

/* Lines of an initialiser. */
static void print_steps(FILE *f, const struct yt_step *steps,
                        const struct yt_export_kernel *kernels, int32_t count)
{
    for (int32_t i = 0; i < count; i++) {
        fputs("    ", f);
        print_step(f, &steps[i], kernels[i].symbol);
        fputs(",\n", f);
    }
}

static void print_band(FILE *f, const struct yt_band *band)
{
    fprintf(f,
            "    {.first = " I32 ", .count = " I32 ", .rows = " I32
            ", .letterbox = " I32 ", .level = " I32
            ",\n     .buffer_count = " I32 ", .buffers = {\n",
            band->first, band->count, band->rows, band->letterbox, band->level,
            band->buffer_count);
    for (int32_t i = 0; i < band->buffer_count; i++) {
        const struct yt_buffer *b = &band->buffers[i];
        fprintf(f,
                "        {.at = " I64 ", .row_bytes = " I64 ", .blocks = " I32
                ", .rows = " I32 ", .h = " I32 ", .pad = " I32 "},\n",
                b->at, b->row_bytes, b->blocks, b->rows, b->h, b->pad);
    }
    fputs("    }},\n", f);
}

/* C has no empty initialisers before C23. */
static void print_bands(FILE *f, const struct yt_plan *plan)
{
    if (plan->band_count == 0)
        return;
    fputs("    .bands = {\n", f);
    for (int32_t i = 0; i < plan->band_count; i++)
        print_band(f, &plan->bands[i]);
    fprintf(f, "    },\n    .band_count = " I32 ",\n", plan->band_count);
}

static enum yt_status print_plan(FILE *f, const struct yt_export_input *in)
{
    const struct yt_plan *plan = in->plan;
    fputs("static const struct yt_plan plan = {\n    .model = ", f);
    print_string(f, plan->model);
    fprintf(f,
            ",\n    .isa = &isa,\n    .h = " I32 ", .w = " I32 ", .nc = " I32
            ",\n    .classes = classes,\n    .threads = " I32
            ",\n    .letterbox =\n    ",
            plan->h, plan->w, plan->nc, plan->threads);
    print_step(f, &plan->letterbox, in->letterbox.symbol);
    fprintf(f,
            ",\n    .steps = (struct yt_step *)steps,\n    .step_count = " I32
            ",\n    .levels = {\n",
            plan->step_count);
    for (int32_t i = 0; i < plan->level_count; i++) {
        fputs("    ", f);
        YT_TRY(print_level(f, &plan->levels[i], in->decode[i].symbol));
        fputs(",\n", f);
    }
    fprintf(f, "    },\n    .level_count = " I32 ",\n    .nms = {\n",
            plan->level_count);
    print_steps(f, plan->nms, in->nms, plan->nms_count);
    fprintf(f, "    },\n    .nms_count = " I32 ",\n", plan->nms_count);
    print_bands(f, plan);
    fprintf(f,
            "    .arena_bytes = " I64 ", .scratch_bytes = " I64
            ", .blob_bytes = " I64 "};\n\n",
            plan->arena_bytes, plan->scratch_bytes, plan->blob_bytes);
    return YT_OK;
}

enum yt_status yt_export_plan_source(const struct yt_export_input *in, FILE *f)
{
    fputs("#include \"runtime/bundle.h\"\n\n", f);
    print_guard(f);
    YT_TRY(print_declarations(f, in));
    fputs("extern const unsigned char yt_export_blob[];\n"
          "extern const struct yt_bundle yt_export_bundle;\n\n",
          f);
    print_isa(f, in->plan->isa);
    print_classes(f, in->plan);
    fputs("static const struct yt_step steps[] = {\n", f);
    print_steps(f, in->plan->steps, in->steps, in->plan->step_count);
    fputs("};\n\n", f);
    YT_TRY(print_plan(f, in));
    fputs("const struct yt_bundle yt_export_bundle = {&plan, "
          "yt_export_blob};\n",
          f);
    return YT_OK;
}
