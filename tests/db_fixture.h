#ifndef YT_TESTS_DB_FIXTURE_H
#define YT_TESTS_DB_FIXTURE_H

/* A database in a folder of its own, and rows that look like the tuner's. */

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "assert_ok.h"
#include "db/compressions.h"
#include "db/db.h"

struct fixture {
    char folder[64];
    char path[128];
    struct yt_db *db;
    struct yt_db_here here;
    int64_t model;
};

static const struct yt_db_host fixture_host = {
    .arch = "x86_64",
    .vendor = "AuthenticAMD",
    .brand = "A \"fast\" CPU, 2 cores",
    .family = 26,
    .model = 2,
    .stepping = 1,
    .features = "avx avx2 fma",
    .physical_cores = 2,
    .logical_cores = 2,
    .l1d_kib = 48,
    .l2_kib = 1024,
    .l3_kib = 32768,
    .allowed_cpus = 2,
    .quota_cpus = 1.5,
    .governor = "performance",
    .llvm_version = "19.1.7",
    .generator_version = "g1",
};

#define PROBLEM_A "conv2d-f32-64x80x80-k64r3s1p1-silu"
#define PROBLEM_B "conv2d-f32-64x80x80-k64r1s1p0-silu"

static inline struct yt_db_measurement
fixture_measurement(const struct fixture *f, const char *problem,
                    const char *schedule, double min_ns)
{
    return (struct yt_db_measurement){
        .here = f->here,
        .problem = problem,
        .schedule = schedule,
        .isa = "avx512",
        .threads = 1,
        .setting = "",
        .outcome = YT_DB_OK,
        .min_ns = min_ns,
        .median_ns = min_ns * 1.01,
        .mad_ns = min_ns * 0.002,
        .iterations = 4,
        .samples = 8,
        .max_error = 1e-6,
        .code_bytes = 900,
    };
}

static inline void fixture_make(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->folder, "/tmp/yt-db-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof f->path, "%s/results.db", f->folder);
}

static inline void fixture_open(struct fixture *f)
{
    const struct yt_db_model model = {.hash = "00ff",
                                      .name = "yolov5n",
                                      .format = "pt",
                                      .params = 1867405,
                                      .flops = 4500000000,
                                      .imgsz = 640,
                                      .nc = 80};
    fixture_make(f);
    assert_ok(yt_db_open(f->path, YT_DB_READ_WRITE, &f->db));
    assert_ok(yt_db_host_put(f->db, &fixture_host, &f->here));
    assert_ok(yt_db_model_put(f->db, &model, &f->model));
}

static inline void fixture_close(struct fixture *f)
{
    char command[128];
    yt_db_close(f->db);
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

static inline int fixture_setup(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    *state = &fixture;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

/** A test whose state is an open fixture of its own. */
#define FIXTURE_TEST(name)                                                     \
    cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static inline void fixture_fill_measurements(const struct fixture *f)
{
    struct yt_db_measurement m =
        fixture_measurement(f, PROBLEM_A, "direct-m8n3k4", 2.0e6);
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    m.schedule = "direct-m6n4k4";
    m.min_ns = 1.9e6;
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
    m.schedule = "direct-m7n4k4";
    m.outcome = YT_DB_WRONG;
    m.detail = "off by 0.5, \"far\" out";
    assert_ok(yt_db_measurement_put(f->db, &m, NULL));
}

/* The id of a plan of two layers. */
static inline int64_t fixture_plan(const struct fixture *f,
                                   enum yt_db_role role)
{
    int64_t id = 0;
    const struct yt_db_layer layers[] = {
        {.name = "model.0",
         .problem = PROBLEM_A,
         .schedule = "direct-m6n4k4",
         .median_ns = 2.0e6,
         .mad_ns = 1e3,
         .flops = 471859200,
         .ties = "direct-m8n3k4"},
        {.name = "model.1",
         .problem = PROBLEM_B,
         .schedule = "direct-m8n3k4",
         .median_ns = NAN,
         .mad_ns = NAN,
         .flops = 52428800},
    };
    const struct yt_db_plan plan = {
        .key = {.here = f->here,
                .model = f->model,
                .h = 640,
                .w = 640,
                .isa = "avx512",
                .threads = 2,
                .precision = "f32",
                .role = role},
        .text = "plan yolov5n\nstep model.0\n",
        .layers = layers,
        .layer_count = 2,
    };
    assert_ok(yt_db_plan_put(f->db, &plan, &id));
    return id;
}

/* A plan before and after, evaluated: the ids of the evaluations. */
static inline void fixture_fill_evaluations(const struct fixture *f,
                                            int64_t *baseline, int64_t *tuned)
{
    struct yt_db_evaluation evaluation = {
        .plan = fixture_plan(f, YT_DB_BASELINE),
        .pre = {1e5, 1.1e5, 1.2e5, 1.3e5},
        .network = {20e6, 21e6, 22e6, 23e6},
        .post = {1e4, 1.1e4, 1.2e4, 1.3e4},
        .total = {20.2e6, 21.2e6, 22.2e6, 23.2e6},
        .fps = 47,
        .samples = 100,
        .arena_bytes = 10 << 20,
        .blob_bytes = 8 << 20,
        .rss_bytes = 30 << 20,
        .map = NAN,
        .map50 = NAN,
        .map75 = NAN,
    };
    assert_ok(yt_db_evaluation_put(f->db, &evaluation, baseline));
    evaluation.plan = fixture_plan(f, YT_DB_TUNED);
    evaluation.fps = 94;
    evaluation.map = 0.28;
    evaluation.images = 5000;
    evaluation.dataset = "coco";
    evaluation.configuration = "yolov5n-640x640-f32-tuned-latency-1x2";
    evaluation.memory_bytes = 20 << 20;
    evaluation.size_bytes = 9 << 20;
    evaluation.compared = *baseline;
    evaluation.difference_low = -0.01;
    evaluation.difference_high = 0.02;
    assert_ok(yt_db_evaluation_put(f->db, &evaluation, tuned));
}

static inline void fixture_fill_advice(const struct fixture *f,
                                       int64_t baseline, int64_t tuned)
{
    int64_t recommendation;
    const struct yt_db_recommendation_step steps[] = {
        {.strategy = "kernels", .detail = "tuned", .evaluation = tuned},
        {.strategy = "threads", .detail = "both cores"},
    };
    const struct yt_db_recommendation_rival rival = {
        .evaluation = baseline, .note = "needs less memory"};
    const struct yt_db_recommendation advice = {
        .scenario = "realtime",
        .constraints_json = "{\"min_fps\": 30}",
        .evaluation = tuned,
        .baseline = baseline,
        .reasons_json = "[\"twice as fast\"]",
        .steps = steps,
        .step_count = 2,
        .rivals = &rival,
        .rival_count = 1,
    };
    assert_ok(yt_db_recommendation_put(f->db, &advice, &recommendation));
}

/* Half of a network, which is itself for want of another row. */
static inline void fixture_fill_compression(const struct fixture *f)
{
    int64_t id;
    const struct yt_db_compression_group groups[] = {
        {.name = "model.0", .before = 32, .after = 16},
        {.name = "model.1", .before = 64, .after = 32},
    };
    const struct yt_db_compression_rival rival = {
        .name = "yolov5n-448x448-fp32", .ns = 12e6, .map = 0.25};
    const struct yt_db_compression compression = {
        .here = f->here,
        .model = f->model,
        .result = f->model,
        .teacher = f->model,
        .kind = "channels",
        .wish = "max-map-drop 0.01",
        .isa = "avx512",
        .precision = "fp32",
        .threads = 2,
        .dense_h = 640,
        .dense_w = 640,
        .h = 640,
        .w = 640,
        .before_ns = 20e6,
        .after_ns = 12e6,
        .map_before = 0.28,
        .map_after = 0.27,
        .drop_low = 0.005,
        .drop_high = 0.015,
        .dataset = "coco",
        .dataset_hash = "0123",
        .images = 5000,
        .train_seconds = 3600,
        .train_pictures = 20000,
        .verdict = "pruning wins",
        .groups = groups,
        .group_count = 2,
        .rivals = &rival,
        .rival_count = 1,
    };
    assert_ok(yt_db_compression_put(f->db, &compression, &id));
}

/** One row of each kind: a peak, measurements that ended well and badly, a
 *  quantisation, a compression, a plan, a baseline, their evaluations, a
 *  recommendation with two steps and a rival. */
static inline void fixture_fill(const struct fixture *f)
{
    int64_t baseline, tuned;
    const struct yt_db_peak peak = {.isa = "avx512",
                                    .precision = "f32",
                                    .threads = 1,
                                    .gflops = 270,
                                    .bandwidth_gbs = 20};
    assert_ok(yt_db_peak_put(f->db, f->here.host, &peak));
    fixture_fill_measurements(f);
    const struct yt_db_quantisation quantisation = {.model = f->model,
                                                    .h = 640,
                                                    .w = 640,
                                                    .settings = "mse",
                                                    .images = 128,
                                                    .images_hash = "0123",
                                                    .text = "quant 1\n"};
    assert_ok(yt_db_quantisation_put(f->db, &quantisation, NULL));
    fixture_fill_compression(f);
    fixture_fill_evaluations(f, &baseline, &tuned);
    fixture_fill_advice(f, baseline, tuned);
}

#endif
