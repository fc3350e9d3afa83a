/* WebP pictures as libFuzzer has them: the container's name and size are put
 * right.
 *
 *     build-fuzz/fuzz/fuzz_webp fuzz/corpus/image
 */

#include "fuzz/image_one.h"

#define HEAD 12

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char head[HEAD] = "RIFF....WEBP";
    if (size < HEAD)
        return 0;
    for (int i = 0; i < 4; i++) /* little endian */
        head[4 + i] = (char)((size - 8) >> (8 * i));
    image_one_of(head, HEAD, data, size);
    return 0;
}
