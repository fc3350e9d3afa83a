/* A COCO JSON file as libFuzzer has it.
 *
 *     build-fuzz/fuzz/fuzz_coco fuzz/corpus/coco
 */

#include "fuzz/dataset_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dataset_begin();
    dataset_try(fuzz_write("coco.json", data, size));
    return 0;
}
