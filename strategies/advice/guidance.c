/* See strategies/advice/guidance.h. Rows stand in order of their worth, each
 * with the condition on which it is given. */

#include "strategies/advice/guidance.h"

#include <stdio.h>

#include "db/compressions.h"
#include "runtime/fail.h"
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
    const struct yt_choice_model *model = &f->choices->models[choice(f)->model];
    return choice(f)->h != model->h || choice(f)->w != model->w;
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
      "the training set; yolotune train or compress with that --imgsz, or "
      "tune with --train-budget"}},
    {lost_accuracy,
     {"distil a larger YOLOv5 into this one",
      "the recommendation gives accuracy up for speed",
      "a small network trained on a large one's outputs: Hinton et al. 2015, "
      "arXiv:1503.02531; for detectors Chen et al. 2017",
      "unlabelled pictures of the use; a larger checkpoint; yolotune train "
      "--teacher"}},
    {any,
     {"prune it for this machine, and let it recover",
      "kernels take the time that the network's channels give them to do", NULL,
      "pictures of the use, an hour or more: yolotune compress, or tune with "
      "--train-budget"}},
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

/* Where this host has tried it, that says more than a paper. */
#define PRUNING_BASIS                                                          \
    "channels can go where training follows: Molchanov et al. 2017, "          \
    "arXiv:1611.06440"

struct newest {
    char *text;
    int found;
};

static enum yt_status on_row(void *user, const struct yt_db_compression *row)
{
    struct newest *newest = user;
    if (newest->found++)
        return YT_OK;
    snprintf(newest->text, YT_GUIDANCE_TEXT,
             "c%lld on this host: %.2f times as fast with %s pruned (%s, "
             "%dx%d), %.4f of mAP lost on %d pictures, %.0f minutes of "
             "training",
             (long long)row->id, row->before_ns / row->after_ns, row->kind,
             row->precision, (int)row->h, (int)row->w,
             row->map_before - row->map_after, (int)row->images,
             row->train_seconds / 60);
    return YT_OK;
}

enum yt_status yt_guidance_compressed(const struct yt_site *site, int64_t model,
                                      char text_out[YT_GUIDANCE_TEXT])
{
    struct newest newest = {.text = text_out};
    if (!site->db || model == 0)
        return YT_NOT_FOUND;
    YT_TRY(yt_db_compressions(site->db, &site->here, model, on_row, &newest));
    return newest.found ? YT_OK : YT_NOT_FOUND;
}

int32_t yt_guidance_list(const struct yt_advice *advice,
                         const struct yt_choices *choices, uint32_t cpu_bits,
                         const char *compressed,
                         struct yt_guidance out[YT_GUIDANCE_MAX])
{
    const struct facts facts = {advice, choices, cpu_bits};
    int32_t count = 0;
    for (size_t i = 0; i < ROW_COUNT && count < YT_GUIDANCE_MAX; i++) {
        if (!rows[i].applies(&facts))
            continue;
        out[count] = rows[i].is;
        if (!out[count].basis)
            out[count].basis = compressed ? compressed : PRUNING_BASIS;
        count++;
    }
    return count;
}

int32_t yt_guidance_of(const struct yt_lab *lab, const struct yt_advice *advice,
                       char text[YT_GUIDANCE_TEXT],
                       struct yt_guidance out[YT_GUIDANCE_MAX])
{
    const struct yt_site *site = yt_lab_site(lab);
    const struct yt_engine *model =
        yt_lab_model(lab, advice->choice.config.model);
    const int found =
        yt_guidance_compressed(site, model->model_id, text) == YT_OK;
    return yt_guidance_list(advice, yt_lab_choices(lab),
                            site->host.cpu.can.usable, found ? text : NULL,
                            out);
}
