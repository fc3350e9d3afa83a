/* libFuzzer on the checkpoint importer: zip, pickle, tensors, modules.
 *
 *      build-fuzz/fuzz/fuzz_pt -max_len=65536 fuzz/corpus/pt
 */

#include "fuzz/pt_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const enum yt_status status = pt_one(data, size);
    /* Every refusal has its sentence. */
    if (status != YT_OK && yt_error()[0] == 0)
        abort();
    return 0;
}
