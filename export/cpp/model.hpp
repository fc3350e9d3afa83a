#ifndef YOLOTUNE_EXPORT_@NAME@_HPP
#define YOLOTUNE_EXPORT_@NAME@_HPP

// @NAME@.h for C++17: what is opened is closed with its object, what is refused
// is thrown, boxes are a vector. Nothing to link but the library.
//
//     @NAME@::Model model;
//     for (const yt_box &box : model.detect(image))
//         use(box, model.class_name(box));

#include <cstddef>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "@NAME@.h"

namespace @NAME@ {

/// What the library refused, in one sentence.
class Error : public std::runtime_error {
public:
    Error(yt_status status, const char *sentence)
        : std::runtime_error(sentence), status_(status)
    {
    }

    yt_status status() const noexcept
    {
        return status_;
    }

private:
    yt_status status_;
};

inline void check(yt_status status)
{
    if (status != YT_OK)
        throw Error(status, @NAME@_error());
}

/// What one call at a time works in, made by Model::workspace().
class Workspace {
public:
    explicit Workspace(std::size_t bytes)
        : memory_(static_cast<std::byte *>(::operator new(bytes, alignment))),
          bytes_(bytes)
    {
    }

    void *data() const noexcept
    {
        return memory_.get();
    }

    std::size_t size() const noexcept
    {
        return bytes_;
    }

private:
    static constexpr std::align_val_t alignment{64};

    struct Release {
        void operator()(std::byte *memory) const noexcept
        {
            ::operator delete(memory, alignment);
        }
    };

    std::unique_ptr<std::byte, Release> memory_;
    std::size_t bytes_;
};

/// The model, opened. Throws Error where @NAME@_open() fails, std::bad_alloc
/// where memory does.
class Model {
public:
    explicit Model(const yt_open_options &options = {})
    {
        @NAME@_model *model = nullptr;
        check(@NAME@_open(&options, &model));
        model_.reset(model);
        @NAME@_info(model, &info_);
    }

    /// Sizes, classes, threads; borrows from the model.
    const yt_model_info &info() const noexcept
    {
        return info_;
    }

    /// Borrows from the model.
    std::string_view class_name(const yt_box &box) const
    {
        return info_.class_names[box.class_id];
    }

    /// One for each thread that calls at the same time, where the model has
    /// one thread. @p flip: for options that ask for it.
    Workspace workspace(bool flip = false) const
    {
        return Workspace(flip ? info_.flip_workspace_bytes
                              : info_.workspace_bytes);
    }

    /// Detect into @p boxes, whose size is the most that are wanted, and shrink
    /// it to those found. Allocates nothing.
    void detect(const yt_image &image, const yt_detect_options &options,
                const Workspace &workspace, std::vector<yt_box> &boxes,
                yt_frame_times *times = nullptr) const
    {
        std::size_t count = 0;
        check(@NAME@_detect(model_.get(), &image, &options, workspace.data(),
                            workspace.size(), boxes.data(), boxes.size(),
                            &count, times));
        boxes.resize(count);
    }

    /// The boxes of one image, best score first, in a workspace that the model
    /// keeps: for one thread at a time.
    std::vector<yt_box> detect(const yt_image &image,
                               const yt_detect_options &options = {})
    {
        std::unique_ptr<Workspace> &own = options.flip ? flipped_ : plain_;
        if (!own)
            own = std::make_unique<Workspace>(workspace(options.flip != 0));
        std::vector<yt_box> boxes(room(options));
        detect(image, options, *own, boxes);
        return boxes;
    }

    /// Most boxes that @p options ask for.
    static std::size_t room(const yt_detect_options &options)
    {
        return options.max_det > 0 ? std::size_t(options.max_det) : 300;
    }

private:
    struct Close {
        void operator()(@NAME@_model *model) const noexcept
        {
            @NAME@_close(model);
        }
    };

    std::unique_ptr<@NAME@_model, Close> model_;
    std::unique_ptr<Workspace> plain_, flipped_;
    yt_model_info info_ = {};
};

/// Several images at the same time: see yt_batch_options.
class Batch {
public:
    explicit Batch(const yt_batch_options &options = {})
    {
        @NAME@_batch *batch = nullptr;
        check(@NAME@_batch_open(&options, &batch));
        batch_.reset(batch);
        @NAME@_batch_info(batch, &info_);
    }

    const yt_batch_info &info() const noexcept
    {
        return info_;
    }

    /// The boxes of each image, as Model::detect() finds them.
    std::vector<std::vector<yt_box>>
    detect(const std::vector<yt_image> &images,
           const yt_detect_options &options = {})
    {
        const std::size_t room = Model::room(options);
        std::vector<yt_box> boxes(images.size() * room);
        std::vector<std::size_t> counts(images.size());
        check(@NAME@_batch_detect(batch_.get(), images.data(), images.size(),
                                  &options, boxes.data(), room, counts.data(),
                                  nullptr));
        std::vector<std::vector<yt_box>> found;
        found.reserve(images.size());
        for (std::size_t i = 0; i < images.size(); i++) {
            const yt_box *first = boxes.data() + i * room;
            found.emplace_back(first, first + counts[i]);
        }
        return found;
    }

private:
    struct Close {
        void operator()(@NAME@_batch *batch) const noexcept
        {
            @NAME@_batch_close(batch);
        }
    };

    std::unique_ptr<@NAME@_batch, Close> batch_;
    yt_batch_info info_ = {};
};

} // namespace @NAME@

#endif
