/* Recommendations stand on rows, and their reasons are JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

static void recommendations_need_json_and_rows(void **state)
{
    struct fixture *f = *state;
    int64_t id;
    struct yt_db_recommendation advice = {.scenario = "edge", .evaluation = 1};
    assert_int_equal(yt_db_recommendation_put(f->db, &advice, &id),
                     YT_BAD_ARGUMENT);
    fixture_fill(f);
    assert_ok(yt_db_recommendation_put(f->db, &advice, &id));
    advice.reasons_json = "[not json";
    assert_int_equal(yt_db_recommendation_put(f->db, &advice, &id),
                     YT_BAD_ARGUMENT);
    assert_non_null(strstr(yt_error(), "reasons: not JSON"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(recommendations_need_json_and_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
