/* An ONNX file whose tensors are in others: those are there, with a link out of
 * the folder and what is no file, and what is said of them is libFuzzer's.
 *
 *     build-fuzz/fuzz/fuzz_external fuzz/corpus/external
 */

#include "fuzz/place.h"
#include "model/graph.h"

#define BYTES 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void begin(void)
{
    static int begun;
    static uint8_t weights[BYTES];
    if (begun++)
        return;
    fuzz_write("weights.bin", weights, sizeof weights);
    mkdir(fuzz_path("below"), 0777);
    fuzz_write("below/weights.bin", weights, sizeof weights);
    if (symlink("/etc/hostname", fuzz_path("out")) != 0)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yt_graph *graph = NULL;
    begin();
    const enum yt_status status =
        yt_import_onnx_in(data, size, fuzz_folder, &graph);
    fuzz_check(status);
    if (status == YT_OK ? yt_graph_check(graph) != YT_OK : graph != NULL)
        abort();
    yt_graph_destroy(graph);
    return 0;
}
