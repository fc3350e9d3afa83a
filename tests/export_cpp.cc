// A product in C++ that links the toy's export: the same boxes from a model and
// from a batch, printed as examples/detect_image prints them. What the public
// headers declare is named without "struct", as C++ does.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "export_image.hpp"
#include "toy.h"

static const size_t boxes_max = 300;

static bool detect(const yt_image &image, std::vector<yt_box> &boxes,
                   std::vector<std::string> &names)
{
    toy_model *model = nullptr;
    if (toy_open(nullptr, &model) != YT_OK)
        return false;
    yt_model_info info;
    toy_info(model, &info);
    names.assign(info.class_names, info.class_names + info.classes);
    yt_frame_times times;
    size_t count = 0;
    void *workspace = nullptr;
    const bool found =
        posix_memalign(&workspace, 64, info.workspace_bytes) == 0 &&
        toy_detect(model, &image, nullptr, workspace, info.workspace_bytes,
                   boxes.data(), boxes.size(), &count, &times) == YT_OK;
    boxes.resize(count);
    std::free(workspace);
    toy_close(model);
    return found;
}

static bool detect_in_batch(const yt_image &image, std::vector<yt_box> &boxes)
{
    toy_batch *batch = nullptr;
    yt_batch_options options = {};
    options.instances = 2;
    if (toy_batch_open(&options, &batch) != YT_OK)
        return false;
    yt_batch_info info;
    toy_batch_info(batch, &info);
    size_t count = 0;
    const bool found = info.instances == 2 &&
                       toy_batch_detect(batch, &image, 1, nullptr, boxes.data(),
                                        boxes.size(), &count, nullptr) == YT_OK;
    boxes.resize(count);
    toy_batch_close(batch);
    return found;
}

int main(int argc, char **argv)
{
    yt_image image = {};
    const std::vector<uint8_t> pixels =
        read_toy(argc > 1 ? argv[1] : "", image);
    std::vector<yt_box> boxes(boxes_max), again(boxes_max);
    std::vector<std::string> names;
    if (pixels.empty() || !detect(image, boxes, names) ||
        !detect_in_batch(image, again)) {
        std::fprintf(stderr, "%s: %s\n", argv[0], toy_error());
        return 1;
    }
    if (boxes.size() != again.size() ||
        std::memcmp(boxes.data(), again.data(),
                    boxes.size() * sizeof boxes[0]) != 0)
        return 2;
    for (const yt_box &box : boxes)
        std::printf("%s: %s %.9g %.9g %.9g %.9g %.9g\n", argv[1],
                    names[size_t(box.class_id)].c_str(), double(box.score),
                    double(box.x0), double(box.y0), double(box.x1),
                    double(box.y1));
    return 0;
}
