/* The ONNX importer on whatever libFuzzer comes up with: a valid graph or a
 * failure with a sentence, within time and memory.
 *
 *     cmake -B build-fuzz -DYT_FUZZ=ON -DCMAKE_C_COMPILER=clang-19
 *     build-fuzz/fuzz/fuzz_onnx fuzz/corpus/onnx
 */

#include <stdlib.h>

#include "model/graph.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yt_graph *graph = NULL;
    const enum yt_status status = yt_import_onnx(data, size, &graph);
    if (status == YT_OK ? yt_graph_check(graph) != YT_OK
                        : graph != NULL || !yt_error()[0])
        abort();
    yt_graph_destroy(graph);
    return 0;
}
