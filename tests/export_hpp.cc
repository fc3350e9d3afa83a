// A product in C++17 that uses the toy's export through toy.hpp: the same boxes
// from a model, from a workspace of the caller's and from a batch, printed as
// examples/detect_image prints them; what is refused is thrown.

#include <cstdio>
#include <cstring>
#include <utility>
#include <vector>

#include "export_image.hpp"
#include "toy.hpp"

static bool same(const std::vector<yt_box> &a, const std::vector<yt_box> &b)
{
    return a.size() == b.size() &&
           std::memcmp(a.data(), b.data(), a.size() * sizeof a[0]) == 0;
}

static bool is_refused(toy::Model &model, yt_image image)
{
    image.width = 0;
    try {
        model.detect(image);
    } catch (const toy::Error &error) {
        return error.status() == YT_BAD_ARGUMENT && *error.what();
    }
    return false;
}

int main(int argc, char **argv)
{
    yt_image image = {};
    const std::vector<uint8_t> pixels =
        read_toy(argc > 1 ? argv[1] : "", image);
    if (pixels.empty())
        return 1;
    toy::Model opened;
    toy::Model model = std::move(opened);
    const std::vector<yt_box> boxes = model.detect(image);

    std::vector<yt_box> again(toy::Model::room({}));
    model.detect(image, {}, model.workspace(), again);
    yt_batch_options options = {};
    options.instances = 2;
    toy::Batch batch(options);
    const auto many = batch.detect({image, image, image});
    yt_detect_options flip = {};
    flip.flip = 1;
    model.detect(image, flip);
    if (!same(boxes, again) || batch.info().instances != 2 ||
        many.size() != 3 || !same(boxes, many[0]) || !same(boxes, many[2]) ||
        !is_refused(model, image))
        return 2;
    for (const yt_box &box : boxes)
        std::printf("%s: %s %.9g %.9g %.9g %.9g %.9g\n", argv[1],
                    model.class_name(box).data(), double(box.score),
                    double(box.x0), double(box.y0), double(box.x1),
                    double(box.y1));
    return 0;
}
