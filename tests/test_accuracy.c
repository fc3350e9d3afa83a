/* Accuracy beside speed in the database: found by plan, data set and settings,
 * stored once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "strategies/lab/accuracy.h"
#include "tests/db_fixture.h"

/* A plan with, or without, a measured speed. */
static int64_t put_plan(struct fixture *f, struct yt_db_plan_key *key,
                        int measured)
{
    *key = (struct yt_db_plan_key){
        .here = f->here,
        .model = f->model,
        .h = 640,
        .w = 640,
        .isa = "avx512",
        .threads = 2,
        .precision = "f32",
        .role = YT_DB_TUNED,
    };
    const struct yt_db_layer layer = {.name = "model.0",
                                      .problem = PROBLEM_A,
                                      .schedule = "direct-m6n4k4",
                                      .median_ns = NAN,
                                      .mad_ns = NAN,
                                      .ties = ""};
    const struct yt_db_plan plan = {
        .key = *key, .text = "plan", .layers = &layer, .layer_count = 1};
    int64_t id = 0, row = 0;
    assert_ok(yt_db_plan_put(f->db, &plan, &id));
    struct yt_db_evaluation e = {.plan = id,
                                 .total = {1e6, 2e6, 3e6, 4e6},
                                 .fps = 500,
                                 .samples = 10,
                                 .map = NAN,
                                 .map50 = NAN,
                                 .map75 = NAN,
                                 .dataset = "",
                                 .dataset_hash = ""};
    if (measured)
        assert_ok(yt_db_evaluation_put(f->db, &e, &row));
    return id;
}

struct rows {
    int count;
    double fps, map;
};

static enum yt_status count_row(void *user, const struct yt_db_evaluation *row,
                                const struct yt_db_plan_key *key)
{
    struct rows *rows = user;
    (void)key;
    rows->count++;
    rows->fps = row->fps;
    rows->map = row->map;
    return YT_OK;
}

static struct rows count_rows(struct fixture *f)
{
    struct rows rows = {0};
    const struct yt_db_evaluation_query query = {.here = f->here};
    assert_ok(yt_db_evaluations(f->db, &query, count_row, &rows));
    return rows;
}

static void stores_beside_the_speed(void **state)
{
    (void)state;
    struct fixture f;
    struct yt_db_plan_key key;
    fixture_open(&f);
    const int64_t plan = put_plan(&f, &key, 1);
    struct yt_accuracy a = {.map = 0.25,
                            .map50 = 0.5,
                            .map75 = NAN,
                            .images = 216,
                            .dataset = "coco-val",
                            .hash = "0123456789abcdef0123456789abcdef"};
    struct yt_accuracy found;
    int64_t first = 0, second = 0;
    assert_int_equal(yt_accuracy_find(f.db, &key, plan, a.hash, &found),
                     YT_NOT_FOUND);
    assert_ok(yt_accuracy_store(f.db, &key, plan, &a, &first));
    assert_ok(yt_accuracy_find(f.db, &key, plan, a.hash, &found));
    assert_true(found.map == 0.25 && found.map50 == 0.5 && isnan(found.map75));
    assert_int_equal(found.images, 216);
    assert_string_equal(found.dataset, "coco-val");
    struct rows rows = count_rows(&f);
    assert_int_equal(rows.count, 2);
    assert_true(rows.fps == 500 && rows.map == 0.25);

    /* The same again is no news; other settings are. */
    assert_ok(yt_accuracy_store(f.db, &key, plan, &a, &second));
    assert_int_equal(first, second);
    assert_int_equal(count_rows(&f).count, 2);
    a.hash[0] = 'f';
    a.map = 0.2;
    assert_ok(yt_accuracy_store(f.db, &key, plan, &a, &second));
    assert_int_not_equal(first, second);
    assert_ok(yt_accuracy_find(f.db, &key, plan, a.hash, &found));
    assert_true(found.map == 0.2);
    a.hash[0] = '0';
    assert_ok(yt_accuracy_find(f.db, &key, plan, a.hash, &found));
    assert_true(found.map == 0.25);
    fixture_close(&f);
}

/* A row of the plan in a configuration: its accuracy counts, its speed does
 * not. */
static void leaves_configurations_alone(void **state)
{
    (void)state;
    struct fixture f;
    struct yt_db_plan_key key;
    fixture_open(&f);
    const int64_t plan = put_plan(&f, &key, 1);
    const struct yt_db_evaluation configured = {
        .plan = plan,
        .fps = 900,
        .samples = 10,
        .map = 0.25,
        .map50 = 0.5,
        .map75 = NAN,
        .images = 216,
        .dataset = "coco-val",
        .dataset_hash = "aa",
        .configuration = "yolov5n-640x640-f32-tuned-throughput-2x1"};
    struct yt_accuracy a = {.map = 0.3, .images = 216, .hash = "bb"};
    struct yt_accuracy found;
    int64_t id = 0;
    assert_ok(yt_db_evaluation_put(f.db, &configured, &id));
    assert_ok(yt_accuracy_find(f.db, &key, plan, "aa", &found));
    assert_true(found.map == 0.25);
    assert_ok(yt_accuracy_store(f.db, &key, plan, &a, &id));
    const struct rows rows = count_rows(&f);
    assert_int_equal(rows.count, 3);
    assert_true(rows.fps == 500 && rows.map == 0.3);
    fixture_close(&f);
}

static void needs_a_speed(void **state)
{
    (void)state;
    struct fixture f;
    struct yt_db_plan_key key;
    fixture_open(&f);
    const int64_t plan = put_plan(&f, &key, 0);
    const struct yt_accuracy a = {.map = 0.25, .images = 1, .hash = "00"};
    int64_t id = 0;
    assert_int_equal(yt_accuracy_store(f.db, &key, plan, &a, &id),
                     YT_NOT_FOUND);
    assert_int_equal(count_rows(&f).count, 0);
    fixture_close(&f);
}

static void hash_holds_the_settings(void **state)
{
    (void)state;
    const struct yt_dataset dataset = {.hash = "abc", .name = NULL};
    const struct yt_dataset other = {.hash = "abd", .name = NULL};
    const struct yt_predict_options none = {0};
    const struct yt_predict_options variants[] = {
        {.conf = 0.25f},
        {.iou = 0.7},
        {.max_det = 100},
        {.single_label = 1},
        {.exact_nms = 1},
        {.class_agnostic = 1},
        {.fit = YT_FIT_STRETCH},
        {.filter = YT_FILTER_NEAREST},
        {.candidates = 1},
        {.candidates = 2},
        {.flip = 1},
        {.augment = 1},
    };
    const struct yt_predict_options spelled = {
        .conf = 0.001f, .iou = 0.6, .max_det = 300, .workers = 3};
    enum { VARIANTS = sizeof variants / sizeof variants[0] };
    char base[33], hash[33], seen[VARIANTS][33];
    yt_accuracy_hash(&dataset, &none, base);
    /* What databases hold; settings that are added later must not change it. */
    assert_string_equal(base, "3ec1a1ebd90f250a4a037455791928c6");
    yt_accuracy_hash(&dataset, &spelled, hash);
    assert_string_equal(base, hash);
    yt_accuracy_hash(&other, &none, hash);
    assert_string_not_equal(base, hash);
    for (size_t i = 0; i < VARIANTS; i++) {
        yt_accuracy_hash(&dataset, &variants[i], seen[i]);
        assert_string_not_equal(base, seen[i]);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(seen[j], seen[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_beside_the_speed),
        cmocka_unit_test(leaves_configurations_alone),
        cmocka_unit_test(needs_a_speed),
        cmocka_unit_test(hash_holds_the_settings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
