/* Quantisations are kept by what they were made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "db_fixture.h"

static void quantisations_are_kept_by_what_they_were_made_of(void **state)
{
    struct fixture *f = *state;
    struct yt_db_quantisation q = {.model = f->model,
                                   .h = 640,
                                   .w = 640,
                                   .settings = "kl",
                                   .images = 64,
                                   .images_hash = "aa",
                                   .text = "first"};
    char *text = NULL;
    int64_t one, two;
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    assert_non_null(strstr(yt_error(), "640x640"));
    assert_ok(yt_db_quantisation_put(f->db, &q, &one));
    q.text = "second";
    assert_ok(yt_db_quantisation_put(f->db, &q, &two));
    assert_int_equal(one, two);
    assert_ok(yt_db_quantisation_find(f->db, &q, &text));
    assert_string_equal(text, "second");
    free(text);

    q.images_hash = "bb";
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    q.images_hash = NULL;
    q.settings = NULL;
    assert_ok(yt_db_quantisation_find(f->db, &q, &text));
    assert_string_equal(text, "second");
    free(text);
    q.h = 320;
    assert_int_equal(yt_db_quantisation_find(f->db, &q, &text), YT_NOT_FOUND);
    q.model = 99;
    q.settings = q.images_hash = "";
    assert_int_equal(yt_db_quantisation_put(f->db, &q, NULL), YT_BAD_ARGUMENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(quantisations_are_kept_by_what_they_were_made_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
