/* See export_engine.h. */

#include "cli/export_engine.h"

#include <stdlib.h>
#include <string.h>

#include "codegen/codegen.h"
#include "export/export.h"
#include "runtime/fail.h"
#include "runtime/op.h"
#include "tuner/build/engine.h"

/* The code of one step: an object of the network's, or the runtime itself. */
static enum yt_status find_code(const struct yt_build *build,
                                const struct yt_step *step,
                                struct yt_export_kernel *kernel_out)
{
    const char *c_kernel = yt_op_row(step->problem.op)->c_kernel;
    if (strcmp(step->schedule, "c") == 0 && c_kernel) {
        *kernel_out = (struct yt_export_kernel){c_kernel, NULL};
        return YT_OK;
    }
    const struct yt_kernel *kernel = yt_build_kernel(build, step);
    YT_FAIL_IF(!kernel, YT_NOT_FOUND, "%s: its kernel %s was not compiled",
               step->name, step->schedule);
    *kernel_out =
        (struct yt_export_kernel){kernel->object.symbol, &kernel->object};
    return YT_OK;
}

enum yt_status yt_cli_export(const struct yt_engine *engine, const char *name,
                             const char *dir, const char *configuration)
{
    const struct yt_build *build = engine->build;
    const struct yt_plan *plan = &build->plan;
    enum yt_status status;
    char precision[YT_PRECISION_MAX];
    yt_precision_name(build->quantisation, engine->graph, precision);
    char *text = yt_plan_text_write(build, configuration);
    struct yt_export_kernel *steps =
        calloc((size_t)plan->step_count + 1, sizeof *steps);
    YT_FAIL_IF_GOTO(!text || !steps, YT_NO_MEMORY,
                    "out of memory while exporting");
    struct yt_export_input input = {
        .plan = plan,
        .blob = build->bundle.blob,
        .steps = steps,
        .name = name,
        .model_format = engine->graph->format,
        .model_hash = engine->graph->hash,
        .precision = precision,
        .plan_text = text,
        .llvm_version = yt_codegen_llvm_version(),
        .generator_version = yt_codegen_version(),
    };
    YT_TRY_GOTO(find_code(build, &plan->letterbox, &input.letterbox));
    for (int32_t i = 0; i < plan->nms_count; i++)
        YT_TRY_GOTO(find_code(build, &plan->nms[i], &input.nms[i]));
    for (int32_t i = 0; i < plan->step_count; i++)
        YT_TRY_GOTO(find_code(build, &plan->steps[i], &steps[i]));
    for (int32_t i = 0; i < plan->level_count; i++)
        YT_TRY_GOTO(
            find_code(build, &plan->levels[i].decode, &input.decode[i]));
    YT_TRY_GOTO(yt_export_write(&input, dir));
done:
    free(steps);
    free(text);
    return status;
}
