/* Generates kernels of every operator for each row of the toy target, and says
 * how many; see tests/test_target_added.sh. */

#include <stdio.h>
#include <string.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

static const char *const problems[] = {
    "conv2d-f32-16x7x9-k32r3s1p1-silu",
    "conv2d-f32-3x12x14-k32r6s2p2-silu",
    "conv2d-u8s8-16x7x9-k32r3s1p1-silu",
    "conv2d-s16-16x5x5-k16r3s2p1-silu-res",
    "conv2d-f32_u8s8-16x7x9-k32r1s1p0",
    "conv2d-f32-16x5x7-k21r1s1p0-lazy3",
    "sppf-f32-16x7x9-r5",
    "maxpool-u8s8-16x7x9-r5",
    "upsample-s16-16x5x7",
    "convert-f32_u8s8-16x5x7",
    "letterbox-u8s8-64x96",
    "decode-f32-a3c80-8x8-s8",
    "nms-f32-c80-n100",
};

/* Where an ELF file says its machine; Arm's number is 183. */
static int is_arm(const struct yt_object *object)
{
    const unsigned char *bytes = object->bytes;
    return object->size > 20 && memcmp(bytes, "\177ELF", 4) == 0 &&
           bytes[18] == 183 && bytes[19] == 0;
}

static enum yt_status generate(const char *name, const struct yt_isa *isa)
{
    struct yt_problem p;
    struct yt_schedule s;
    struct yt_object object;
    YT_TRY(yt_problem_parse(name, &p));
    yt_schedule_default(&p, isa, &s);
    YT_TRY(yt_codegen_compile(&p, &s, isa, &object));
    const int is_right = is_arm(&object) && object.code_bytes > 0;
    yt_object_deinit(&object);
    YT_FAIL_IF(!is_right, YT_COMPILE, "no code of the target");
    return YT_OK;
}

int main(void)
{
    int done = 0;
    const struct yt_isa *isa = yt_isa_find("toy");
    if (!isa || yt_isa_check(isa, yt_cpu_features()) == YT_OK)
        return fputs("the row is not there, or runs on this CPU\n", stderr), 1;
    for (size_t i = 0; i < sizeof problems / sizeof problems[0]; i++)
        if (generate(problems[i], isa) == YT_OK)
            done++;
        else
            fprintf(stderr, "%s: %s\n", problems[i], yt_error());
    printf("%d of %zu\n", done, sizeof problems / sizeof problems[0]);
    return done != (int)(sizeof problems / sizeof problems[0]);
}
