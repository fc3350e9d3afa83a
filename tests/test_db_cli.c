/* The db command as people type it: what it prints and how it exits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sys/wait.h>

#include "db_fixture.h"

static int setup(void **state)
{
    static struct fixture fixture;
    fixture_open(&fixture);
    fixture_fill(&fixture);
    yt_db_close(fixture.db);
    fixture.db = NULL;
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    fixture_close(*state);
    return 0;
}

/** Run "yolotune db <arguments>"; @return its exit code. @p output holds both
 *  of its streams. */
static int run(struct fixture *f, const char *arguments, char *output,
               size_t cap)
{
    char command[2048];
    const char *build = getenv("YT_BUILD_DIR");
    snprintf(command, sizeof command,
             "cd '%s' && XDG_DATA_HOME='%s/data' '%s/yolotune' db %s 2>&1",
             f->folder, f->folder, build ? build : ".", arguments);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    const size_t got = fread(output, 1, cap - 1, pipe);
    output[got] = 0;
    const int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

struct command {
    const char *arguments;
    int exit_code;
    const char *words; /* in the output */
};

/* In order: some leave files for the next. */
static const struct command commands[] = {
    {"--help", 0, "yolotune db merge OTHER.db"},
    {"list --help", 0, "EXIT STATUS"},
    {"list --db results.db", 0, "recommendations"},
    {"list hosts --db results.db", 0, "A \"fast\" CPU, 2 cores"},
    {"list --db results.db evaluations --json", 0, "\"fps\":94"},
    {"list plans --csv --db results.db", 0, "id,host,model,imgsz"},
    {"best --db results.db", 0, "direct-m6n4k4"},
    {"best -p nothing --db results.db", 0, "pct_of_peak"},
    {"show r1 --db results.db", 0, "both cores"},
    {"show e2 --json --db results.db", 0, "\"evaluation\": {"},
    {"sql 'SELECT count(*) AS n FROM plan' --csv --db results.db", 0, "n\n2\n"},
    {"export --csv --db results.db", 0, "id,host,problem,schedule"},
    {"export --json --db results.db", 0, "\"plan_layer\": ["},
    {"export --csv schedule --out s.csv --db results.db && cat s.csv", 0,
     "direct-m7n4k4"},
    {"merge results.db --db new/copy.db", 0,
     "added 1 hosts, 1 models, 3 measurements, 2 plans, 2 evaluations, 1 "
     "recommendations"},
    {"merge results.db --db new/copy.db --json", 0, "\"measurements\": 0"},
    {"show p2 --db new/copy.db", 0, "plan yolov5n"},
    {"merge results.db", 0, "added 1 hosts"},
    {"list models", 0, "yolov5n"}, /* of the default database, by now */

    {"", 2, "what to do?"},
    {"dance", 2, "dance is not one of"},
    {"list hosts models", 2, "list takes only one LIST"},
    {"list nothing --db results.db", 2, "there is no such list"},
    {"best extra", 2, "best takes no operand"},
    {"show", 2, "show needs ID"},
    {"show 12 --db results.db", 2, "an id is a letter"},
    {"show p1 --csv", 2, "show has no --csv"},
    {"list --csv --json", 2, "exclude each other"},
    {"list --problem x", 2, "list has no --problem"},
    {"export --db results.db", 2, "needs --csv or --json"},
    {"sql 'DELETE FROM host' --db results.db", 2, "only statements that read"},
    {"merge results.db --db results.db", 2, "into itself"},
    {"list --frobnicate", 2, "--frobnicate is not an option"},

    {"show p99 --db results.db", 3, "there is no plan p99"},
    {"list --db missing.db", 3, "missing.db: there is no such database"},
    {"list --db .", 3, "is a folder"},
    {"merge missing.db --db results.db", 3, "missing.db: there is no such"},
    {"list --db s.csv", 3, "s.csv: not a database"},

    {"list --db results.db --out no/such/folder", 1, "cannot be written"},
    {"export --json --db results.db --out /dev/full", 1, "No space left"},
};

static void commands_answer(void **state)
{
    static char output[1 << 20];
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *c = &commands[i];
        const int code = run(*state, c->arguments, output, sizeof output);
        if (code != c->exit_code || !strstr(output, c->words))
            fail_msg("yolotune db %s: exit code %d, expected %d and '%s' in:\n"
                     "%s",
                     c->arguments, code, c->exit_code, c->words, output);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(commands_answer, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
