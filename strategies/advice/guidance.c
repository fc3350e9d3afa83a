/* See strategies/advice/guidance.h. Rows stand in order of their worth, each
 * with the condition on which it is given. */

#include "strategies/advice/guidance.h"

#include "runtime/isa.h"

struct facts {
    const struct yt_advice *advice;
    const struct yt_choices *choices;
    uint32_t cpu_bits;
};

static const struct yt_config *choice(const struct facts *f)
{
    return &f->advice->choice.config;
}

static int other_size(const struct facts *f)
{
    const int32_t native = f->choices->models[choice(f)->model].imgsz;
    return choice(f)->h != native || choice(f)->w != native;
}

static int lost_accuracy(const struct facts *f)
{
    return f->advice->choice.figures.map < f->advice->baseline.figures.map;
}

static int limits_missed(const struct facts *f)
{
    return f->advice->missed[0] != 0;
}

static int lacks_dot_products(const struct facts *f)
{
    return !yt_isa_has_dot(yt_isa_best(f->cpu_bits), YT_DTYPE_U8S8);
}

static int is_float(const struct facts *f)
{
    return choice(f)->precision == YT_PRECISION_F32;
}

static int integers_lost(const struct facts *f)
{
    return !is_float(f) && lost_accuracy(f);
}

static int any(const struct facts *f)
{
    (void)f;
    return 1;
}

static const struct row {
    int (*applies)(const struct facts *f);
    struct yt_guidance is;
} rows[] = {
    {other_size,
     {"train further at the input size that was chosen",
      "the recommendation runs at another size than the model was trained for",
      "object sizes seen in training and in use should agree: Touvron et al. "
      "2019, arXiv:1906.06423",
      "the training set; some epochs"}},
    {lost_accuracy,
     {"distil a larger YOLOv5 into this one",
      "the recommendation gives accuracy up for speed",
      "a small network trained on a large one's outputs: Hinton et al. 2015, "
      "arXiv:1503.02531; for detectors Chen et al. 2017",
      "unlabelled pictures of the use; a larger checkpoint; GPU days"}},
    {limits_missed,
     {"run on other hardware: a CPU with more cores, or a GPU",
      "no configuration that was measured keeps the limits here",
      "all of this CPU's cores and its widest instructions were tried",
      "another machine; yolotune measures it in the same way"}},
    {integers_lost,
     {"train further with simulated quantisation",
      "the recommendation computes with less than fp32, and gives accuracy up",
      "8-bit convolutions lose little when training knows of the rounding: "
      "Jacob et al. 2018, arXiv:1712.05877",
      "the training set; a tenth of the training time"}},
    {is_float,
     {"train with simulated quantisation, for integer arithmetic",
      "the recommendation is fp32",
      "8-bit convolutions lose little when training knows of the rounding: "
      "Jacob et al. 2018, arXiv:1712.05877",
      "the training set; a tenth of the training time"}},
    {lacks_dot_products,
     {"prefer a CPU with integer dot products (VNNI) for integer arithmetic",
      "this CPU has none",
      "vpdpbusd does four multiply-adds where an fp32 lane does one: Intel's "
      "optimization manual",
      "another machine"}},
    {any,
     {"train with mosaic, random scale and crop",
      "small objects lose most at small inputs",
      "Bochkovskiy et al. 2020, arXiv:2004.10934, and YOLOv5's own defaults",
      "the training set; no time of its own"}},
    {any,
     {"train in mixed precision, and on several GPUs",
      "it shortens training only; what runs here stays the same",
      "Micikevicius et al. 2018, arXiv:1710.03740; Goyal et al. 2017, "
      "arXiv:1706.02677",
      "GPUs with tensor cores"}},
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

int32_t yt_guidance_list(const struct yt_advice *advice,
                         const struct yt_choices *choices, uint32_t cpu_bits,
                         struct yt_guidance out[YT_GUIDANCE_MAX])
{
    const struct facts facts = {advice, choices, cpu_bits};
    int32_t count = 0;
    for (size_t i = 0; i < ROW_COUNT && count < YT_GUIDANCE_MAX; i++)
        if (rows[i].applies(&facts))
            out[count++] = rows[i].is;
    return count;
}
