/* A plan as C source: one step of every operator, every parameter another
 * number, compiled by the system's compiler and asked for its problems. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "export/plan_source.h"
#include "runtime/op.h"
#include "runtime/problem.h"

/* Prints each step's operator, types and parameters. */
static const char program[] =
    "#include <stdio.h>\n"
    "#include \"runtime/bundle.h\"\n"
    "extern const struct yt_bundle yt_export_bundle;\n"
    "const unsigned char yt_export_blob[1];\n"
    "void kernel(const void *a, int64_t b, int64_t e)\n"
    "{\n    (void)a, (void)b, (void)e;\n}\n"
    "int main(void)\n"
    "{\n"
    "    const struct yt_plan *plan = yt_export_bundle.plan;\n"
    "    for (int s = 0; s < plan->step_count; s++) {\n"
    "        const struct yt_problem *p = &plan->steps[s].problem;\n"
    "        const int32_t *u = (const int32_t *)&p->u;\n"
    "        printf(\"%d %d %d\", p->op, p->dtype, p->out);\n"
    "        for (size_t i = 0; i < sizeof p->u / sizeof *u; i++)\n"
    "            printf(\" %d\", u[i]);\n"
    "        puts(\"\");\n"
    "    }\n"
    "    return 0;\n"
    "}\n";

static char folder[] = "/tmp/yolotune-plan-XXXXXX";

static FILE *open_file(const char *name, const char *mode)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, mode);
    assert_non_null(file);
    return file;
}

/* Every parameter another number; the rules are not asked here. */
static struct yt_problem numbered(enum yt_op op)
{
    struct yt_problem p;
    memset(&p, 0, sizeof p);
    p.op = op;
    p.dtype = YT_DTYPE_S16;
    p.out = YT_DTYPE_BF16;
    const struct yt_op_row *row = yt_op_row(op);
    for (int32_t i = 0; i < row->param_count; i++)
        yt_op_set(&p, row->params[i].name,
                  i % 2 ? -(100 * (int32_t)op + i) : INT32_MAX - i);
    return p;
}

static void print_wanted(FILE *file, const struct yt_problem *p)
{
    int32_t numbers[sizeof p->u / sizeof(int32_t)];
    memcpy(numbers, &p->u, sizeof numbers);
    fprintf(file, "%d %d %d", (int)p->op, (int)p->dtype, (int)p->out);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        fprintf(file, " %d", numbers[i]);
    fputs("\n", file);
}

static void problems_survive_the_compiler(void **state)
{
    (void)state;
    const char *source = getenv("YT_SOURCE_DIR");
    if (!source)
        skip();
    static struct yt_step steps[YT_OP_COUNT];
    static struct yt_export_kernel kernels[YT_OP_COUNT];
    const char *const classes[] = {"a \"quoted\" one"};
    assert_non_null(mkdtemp(folder));
    FILE *want = open_file("want", "w");
    for (int op = 0; op < YT_OP_COUNT; op++) {
        steps[op].problem = numbered((enum yt_op)op);
        kernels[op].symbol = "kernel";
        print_wanted(want, &steps[op].problem);
    }
    fclose(want);
    struct yt_plan plan = {.isa = yt_isa_get((enum yt_isa_id)0),
                           .nc = 1,
                           .classes = classes,
                           .steps = steps,
                           .step_count = YT_OP_COUNT};
    const struct yt_export_input input = {.plan = &plan,
                                          .letterbox = {"kernel", NULL},
                                          .nms = {{"kernel", NULL}},
                                          .steps = kernels};
    FILE *file = open_file("plan.c", "w");
    assert_int_equal(yt_export_plan_source(&input, file), YT_OK);
    fclose(file);
    file = open_file("main.c", "w");
    fputs(program, file);
    fclose(file);

    char line[4096];
    snprintf(line, sizeof line,
             "cd %s && cc -std=c11 -Wall -Werror -I'%s' -I'%s/include' main.c "
             "plan.c -o main && ./main >got && diff want got",
             folder, source, source);
    const int status = system(line);
    snprintf(line, sizeof line, "rm -r %s", folder);
    assert_int_equal(system(line), 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_survive_the_compiler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
