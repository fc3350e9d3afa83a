/* BMP pictures as libFuzzer has them, whatever their first bytes.
 *
 *     build-fuzz/fuzz/fuzz_bmp fuzz/corpus/image
 */

#include "fuzz/image_one.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    image_one_of("BM", 2, data, size);
    return 0;
}
