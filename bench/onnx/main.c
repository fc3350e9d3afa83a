/* yolotune-onnx: a network as an ONNX file, for engines that read only that. */

#include "cli/cli.h"
#include "model/graph.h"
#include "model/onnx_write.h"

static const struct yt_manual manual = {
    .command = "onnx",
    .summary = "write a model as an fp32 ONNX file",
    .synopsis = "MODEL FILE.onnx [OPTION]...",
    .description =
        "MODEL is a checkpoint, an ONNX file or builtin:n (s, m, l, x), whose "
        "weights are seeded: peers.py races networks by it that no file is at "
        "hand for. This is the program yolotune-onnx, which stands beside "
        "yolotune in the build folder and is not installed.",
};

int main(int argc, char **argv)
{
    int32_t size = 640;
    int operand = 0;
    const struct yt_option options[] = {
        {"imgsz", 0, YT_OPTION_INT, "N", &size, 32, 4096, "Pixels a side."},
    };
    const int code =
        yt_options_parse(&manual, options, sizeof options / sizeof options[0],
                         argc, argv, &operand);
    if (code >= 0)
        return code;
    if (operand + 2 != argc)
        return yt_cli_usage("onnx", "want a model, and a file to write");
    struct yt_graph *graph = NULL;
    enum yt_status status = yt_graph_read(argv[operand], &graph);
    if (status == YT_OK)
        status = yt_onnx_write(graph, size, size, argv[operand + 1]);
    yt_graph_destroy(graph);
    return status == YT_OK ? YT_EXIT_OK : yt_cli_fail(status);
}
