/* A plan's text as libFuzzer has it: its head, the quantisation in it, and its
 * schedules, for the built-in network in f32 and for what the text asks for.
 *
 *     build-fuzz/fuzz/fuzz_plan fuzz/corpus/plan
 */

#include "fuzz/graph_one.h"
#include "tuner/build/plan_text.h"

#define SIDE 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct yt_build *build_for(const struct yt_quantisation *q)
{
    struct yt_build *build = NULL;
    const struct yt_build_options options = {
        .isa = yt_isa_get(YT_ISA_AVX2),
        .h = SIDE,
        .w = SIDE,
        .threads = 1,
        .quantisation = q,
    };
    fuzz_check(yt_build_create(graph_one(), &options, &build));
    return build;
}

/* What is read must be written and read the same. */
static void read_into(struct yt_build *build, const char *text)
{
    const enum yt_status status = yt_plan_text_read(build, text);
    fuzz_check(status);
    if (status != YT_OK)
        return;
    char *once = yt_plan_text_write(build, NULL);
    if (!once || yt_plan_text_read(build, once) != YT_OK)
        abort();
    char *twice = yt_plan_text_write(build, NULL);
    if (!twice || strcmp(once, twice) != 0)
        abort();
    free(once);
    free(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct yt_build *plain;
    struct yt_plan_head head;
    struct yt_quantisation *q = NULL;
    char *text = graph_one_text(data, size);
    if (!plain && !(plain = build_for(NULL)))
        abort();
    fuzz_check(yt_plan_text_head(text, &head));
    const enum yt_status status =
        yt_plan_text_quantisation(graph_one(), text, &q);
    fuzz_check(status);
    read_into(plain, text);
    struct yt_build *other = status == YT_OK && q ? build_for(q) : NULL;
    if (other)
        read_into(other, text);
    yt_build_destroy(other);
    yt_quantisation_destroy(q);
    free(text);
    return 0;
}
