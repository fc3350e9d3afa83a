/* The picture readers on whatever libFuzzer comes up with: pixels within the
 * limits or a failure with a sentence.
 *
 *     cmake -B build-fuzz -DYT_FUZZ=ON -DCMAKE_C_COMPILER=clang-19
 *     build-fuzz/fuzz/fuzz_image fuzz/corpus/image
 */

#include <stdlib.h>

#include "eval/image.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct yt_picture picture = {0};
    if (yt_picture_decode(data, size, &picture) != YT_OK) {
        if (picture.rgb || !yt_error()[0])
            abort();
        return 0;
    }
    if (picture.width < 1 || picture.width > YT_PICTURE_SIDE_MAX ||
        picture.height < 1 || picture.height > YT_PICTURE_SIDE_MAX)
        abort();
    yt_picture_deinit(&picture);
    return 0;
}
