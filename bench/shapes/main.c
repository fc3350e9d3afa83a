/* yolotune-shapes: a data set made from a seed, see eval/shapes.h. */

#include "cli/cli.h"
#include "eval/shapes.h"

static const struct yt_manual manual = {
    .command = "shapes",
    .summary = "write a data set of circles, squares and triangles",
    .synopsis = "FOLDER [OPTION]...",
    .description =
        "Writes FOLDER/shapes.yaml with its pictures and labels, the same for "
        "the same numbers. This is the program yolotune-shapes, which stands "
        "beside yolotune in the build folder and is not installed.",
};

int main(int argc, char **argv)
{
    int32_t train = 1600, val = 400, test = 0, size = 320, seed = 1;
    int operand = 0;
    const struct yt_option options[] = {
        {"train", 0, YT_OPTION_INT, "N", &train, 0, 1000000,
         "Pictures to train with."},
        {"val", 0, YT_OPTION_INT, "N", &val, 0, 1000000,
         "Pictures to measure with."},
        {"test", 0, YT_OPTION_INT, "N", &test, 0, 1000000,
         "Pictures kept for the end."},
        {"size", 0, YT_OPTION_INT, "N", &size, 32, 4096, "Pixels a side."},
        {"seed", 0, YT_OPTION_INT, "N", &seed, 0, 1000000000,
         "What they are made from."},
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand + 1 != argc)
        return yt_cli_usage("shapes", "want one folder to write");
    const struct yt_shapes_options shapes = {
        .train = train,
        .val = val,
        .test = test,
        .h = size,
        .w = size,
        .seed = (uint64_t)seed,
    };
    const enum yt_status status = yt_shapes_write(argv[operand], &shapes);
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}
