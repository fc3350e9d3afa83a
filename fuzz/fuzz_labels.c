/* A picture's label file as libFuzzer has it.
 *
 *     build-fuzz/fuzz/fuzz_labels fuzz/corpus/labels
 */

#include "fuzz/dataset_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    dataset_begin();
    fuzz_write("labels/1.txt", data, size);
    dataset_try(fuzz_path("data.yaml"));
    return 0;
}
