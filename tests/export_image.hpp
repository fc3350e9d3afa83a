// The toy's picture, for products in C++.
#ifndef YT_TESTS_EXPORT_IMAGE_HPP
#define YT_TESTS_EXPORT_IMAGE_HPP

#include <cstdio>
#include <vector>

#include "yolotune/runtime.h"

/// Its pixels, which @p image points to; none where it cannot be read.
inline std::vector<uint8_t> read_toy(const char *path, yt_image &image)
{
    std::vector<uint8_t> pixels;
    std::FILE *file = std::fopen(path, "rb");
    if (file &&
        std::fscanf(file, "P6\n# noise\n%d %d\n255", &image.width,
                    &image.height) == 2 &&
        std::fgetc(file) == '\n') {
        pixels.resize(size_t(image.width) * size_t(image.height) * 3);
        if (std::fread(pixels.data(), 1, pixels.size(), file) != pixels.size())
            pixels.clear();
    }
    if (file)
        std::fclose(file);
    image.pixels = pixels.data();
    image.stride_bytes = int64_t(image.width) * 3;
    image.format = YT_PIXEL_RGB;
    return pixels;
}

#endif
