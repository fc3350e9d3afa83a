/* A quantisation's text as libFuzzer has it. The hash of the graph is put in
 * for the word GRAPH, so that inputs get past it and seeds survive a change of
 * the built-in network: what is read must be written and read the same.
 *
 *     build-fuzz/fuzz/fuzz_quantisation fuzz/corpus/quantisation
 */

#include "compress/quant/quantisation.h"
#include "fuzz/graph_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yt_quantisation *q = NULL, *again = NULL;
    char *text = graph_one_text(data, size), *written = NULL;
    char hash[17], other[17];
    const enum yt_status status = yt_quantisation_read(graph_one(), text, &q);
    fuzz_check(status);
    if (status == YT_OK) {
        if (yt_quantisation_text(q, graph_one(), &written) != YT_OK ||
            yt_quantisation_read(graph_one(), written, &again) != YT_OK)
            abort();
        yt_quantisation_hash(q, hash);
        yt_quantisation_hash(again, other);
        if (strcmp(hash, other) != 0)
            abort();
    }
    yt_quantisation_destroy(q);
    yt_quantisation_destroy(again);
    free(text);
    free(written);
    return 0;
}
