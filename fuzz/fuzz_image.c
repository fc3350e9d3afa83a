/* The picture readers on whatever libFuzzer comes up with: pixels within the
 * limits or a failure with a sentence.
 *
 *     cmake -B build-fuzz -DYT_FUZZ=ON -DCMAKE_C_COMPILER=clang-19
 *     build-fuzz/fuzz/fuzz_image fuzz/corpus/image
 */

#include "fuzz/image_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_one(data, size);
    return 0;
}
