/* Problems, schedules and models are found again by their names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

static void names_are_found_again(void **state)
{
    struct fixture *f = *state;
    int64_t one, two;
    assert_ok(yt_db_problem_put(f->db, PROBLEM_A, &one));
    assert_ok(yt_db_problem_put(f->db, PROBLEM_A, &two));
    assert_int_equal(one, two);
    assert_ok(yt_db_problem_put(f->db, PROBLEM_B, &two));
    assert_int_not_equal(one, two);
    assert_int_equal(yt_db_problem_put(f->db, "conv9d-f32", &two),
                     YT_BAD_ARGUMENT);
    assert_ok(yt_db_schedule_put(f->db, "direct-m1n1k1", &one));
    assert_ok(yt_db_schedule_put(f->db, "direct-m1n1k1", &two));
    assert_int_equal(one, two);
    assert_int_equal(yt_db_schedule_put(f->db, "", &two), YT_BAD_ARGUMENT);

    const struct yt_db_model renamed = {
        .hash = "00ff", .name = "mine", .format = "pt", .imgsz = 640, .nc = 80};
    assert_ok(yt_db_model_put(f->db, &renamed, &one));
    assert_int_equal(one, f->model);
}

static int64_t put_model(struct fixture *f, const char *digest,
                         const char *hash)
{
    const struct yt_db_model model = {.digest = digest,
                                      .hash = hash,
                                      .name = "n",
                                      .format = "pt",
                                      .imgsz = 640,
                                      .nc = 80};
    int64_t id = 0, found = 0;
    assert_ok(yt_db_model_put(f->db, &model, &id));
    assert_ok(yt_db_model_find(f->db, digest, hash, &found));
    assert_int_equal(found, id);
    return id;
}

/* The fixture's model is a row of an older version: it has no digest. */
static void a_model_is_what_it_computes(void **state)
{
    struct fixture *f = *state;
    int64_t none = 0;
    /* Changed in memory, of no file: neither the old row nor one another. */
    assert_int_equal(yt_db_model_find(f->db, "d1", "", &none), YT_NOT_FOUND);
    const int64_t changed = put_model(f, "d1", "");
    assert_int_not_equal(changed, f->model);
    assert_int_equal(put_model(f, "d1", ""), changed);
    assert_int_not_equal(put_model(f, "d2", ""), changed);
    /* The file that the old row is of, read again: the row gets a digest. */
    assert_int_equal(put_model(f, "d3", "00ff"), f->model);
    assert_int_equal(put_model(f, "d3", ""), f->model);
    /* The same weights in another file. */
    assert_int_equal(put_model(f, "d3", "00ee"), f->model);
    /* The same file, read differently by another version. */
    const int64_t reread = put_model(f, "d4", "00ff");
    assert_int_not_equal(reread, f->model);
    assert_int_equal(put_model(f, "d4", "00ff"), reread);
    assert_int_equal(put_model(f, "d3", "00ff"), f->model);
}

/* Two files of the same weights had a row each: neither loses its plans. */
static void old_rows_of_one_model_are_kept_apart(void **state)
{
    struct fixture *f = *state;
    const int64_t other = put_model(f, NULL, "00ee");
    assert_int_not_equal(other, f->model);
    assert_int_equal(put_model(f, "d1", "00ff"), f->model);
    assert_int_equal(put_model(f, "d1", "00ee"), other);
    assert_int_equal(put_model(f, "d1", "00ff"), f->model);
    assert_int_equal(put_model(f, "d1", "00dd"), f->model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(names_are_found_again),
        FIXTURE_TEST(a_model_is_what_it_computes),
        FIXTURE_TEST(old_rows_of_one_model_are_kept_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
