/* Compressions: what was asked for and found comes back, per host. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

struct seen {
    int32_t rows;
    int64_t first_id;
    double first_after_ns, first_map_after;
};

static enum yt_status on_row(void *user, const struct yt_db_compression *row)
{
    struct seen *seen = user;
    if (seen->rows++ == 0) {
        seen->first_id = row->id;
        seen->first_after_ns = row->after_ns;
        seen->first_map_after = row->map_after;
        assert_string_equal(row->kind, "blocks");
        assert_string_equal(row->wish, "min-fps 30");
        assert_string_equal(row->precision, "int8");
        assert_string_equal(row->verdict, "");
        assert_int_equal(row->h, 320);
        assert_int_equal(row->dense_h, 640);
        assert_int_equal(row->teacher, 0);
        assert_true(row->created_ms > 0);
    }
    return YT_OK;
}

static struct yt_db_compression some_blocks(const struct fixture *f)
{
    return (struct yt_db_compression){
        .here = f->here,
        .model = f->model,
        .result = f->model,
        .kind = "blocks",
        .wish = "min-fps 30",
        .isa = "avx2",
        .precision = "int8",
        .threads = 1,
        .dense_h = 640,
        .dense_w = 640,
        .h = 320,
        .w = 320,
        .before_ns = 10e6,
        .after_ns = 4e6,
        .map_before = NAN,
        .map_after = NAN,
        .drop_low = NAN,
        .drop_high = NAN,
    };
}

static void rows_come_back_newest_first(void **state)
{
    struct fixture *f = *state;
    struct seen seen = {0};
    int64_t id = 0;
    fixture_fill_compression(f);
    const struct yt_db_compression row = some_blocks(f);
    assert_ok(yt_db_compression_put(f->db, &row, &id));
    assert_ok(yt_db_compressions(f->db, &f->here, 0, on_row, &seen));
    assert_int_equal(seen.rows, 2);
    assert_int_equal(seen.first_id, id);
    assert_true(seen.first_after_ns == 4e6);
    assert_true(isnan(seen.first_map_after));

    seen.rows = 0;
    assert_ok(yt_db_compressions(f->db, &f->here, f->model, on_row, &seen));
    assert_int_equal(seen.rows, 2);
    seen.rows = 0;
    assert_ok(yt_db_compressions(f->db, &f->here, f->model + 1, on_row, &seen));
    assert_int_equal(seen.rows, 0);
    struct yt_db_here other = f->here;
    other.host++;
    assert_ok(yt_db_compressions(f->db, &other, 0, on_row, &seen));
    assert_int_equal(seen.rows, 0);
}

static void rows_that_make_no_sense_are_refused(void **state)
{
    struct fixture *f = *state;
    int64_t id = 0;
    struct yt_db_compression row = some_blocks(f);
    row.kind = "rows";
    assert_int_equal(yt_db_compression_put(f->db, &row, &id), YT_BAD_ARGUMENT);
    row = some_blocks(f);
    row.after_ns = 0;
    assert_int_equal(yt_db_compression_put(f->db, &row, &id), YT_BAD_ARGUMENT);
    row = some_blocks(f);
    row.result = 99;
    assert_int_equal(yt_db_compression_put(f->db, &row, &id), YT_BAD_ARGUMENT);
    row = some_blocks(f);
    const struct yt_db_compression_group grown = {
        .name = "model.0", .before = 8, .after = 9};
    row.groups = &grown;
    row.group_count = 1;
    assert_int_equal(yt_db_compression_put(f->db, &row, &id), YT_BAD_ARGUMENT);

    /* Nothing of it is kept. */
    struct seen seen = {0};
    assert_ok(yt_db_compressions(f->db, &f->here, 0, on_row, &seen));
    assert_int_equal(seen.rows, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(rows_come_back_newest_first),
        FIXTURE_TEST(rows_that_make_no_sense_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
