/* One row with all that it refers to. What belongs to an id is a table: a
 * record is one row shown column by column, the rest are lists. */

#include <stdlib.h>
#include <string.h>

#include "db/handle.h"
#include "db/browse.h"
#include "db/output.h"

/* ?1 is the number of the id; the first section of a letter is the row itself.
 * Views are selected by their printed ids, so only their columns are named. */
#define HOST_OF(table)                                                         \
    "SELECT * FROM hosts WHERE id = 'h' || (SELECT host_id"                    \
    " FROM " table " WHERE id = ?1)"
#define OF_PLAN_OF(view, letter, column)                                       \
    "SELECT * FROM " view " WHERE id = '" letter "' || (SELECT p." column      \
    " FROM evaluation e JOIN plan p ON p.id = e.plan_id WHERE e.id = ?1)"
#define OF_ADVICE(view, letter, column)                                        \
    "SELECT * FROM " view " WHERE id = '" letter "' || (SELECT " column        \
    " FROM recommendation r JOIN evaluation e ON e.id = r.evaluation_id"       \
    " JOIN plan p ON p.id = e.plan_id WHERE r.id = ?1)"

/* A quantisation's numbers are not for reading: its first and last line are
 * enough. */
#define SHORT_TEXT                                                             \
    "iif(instr(p.text, 'quant begin') > 0, substr(p.text, 1,"                  \
    " instr(p.text, 'quant begin') - 1) || 'quant ...' || char(10) ||"         \
    " substr(p.text, instr(p.text, 'quant end')), p.text) AS text"

enum shape { RECORD, ROWS };

static const struct section {
    const char *letter;
    const char *name;
    enum shape shape;
    const char *sql;
} sections[] = {
    {"h", "host", RECORD,
     "SELECT v.*, h.fingerprint, h.vendor, h.family, h.model, h.stepping,"
     " h.features FROM hosts v JOIN host h ON v.id = 'h' || h.id"
     " WHERE h.id = ?1"},
    {"h", "peaks", ROWS, "SELECT * FROM peaks WHERE host = 'h' || ?1"},
    {"h", "plans", ROWS, "SELECT * FROM plans WHERE host = 'h' || ?1"},

    {"n", "model", RECORD, "SELECT * FROM models WHERE id = 'n' || ?1"},
    {"n", "plans", ROWS,
     "SELECT v.* FROM plans v JOIN plan p ON v.id = 'p' || p.id"
     " WHERE p.model_id = ?1"},

    {"m", "measurement", RECORD,
     "SELECT * FROM measurements WHERE id = 'm' || ?1"},
    {"m", "host", RECORD, HOST_OF("measurement")},

    {"p", "plan", RECORD,
     "SELECT v.*, " SHORT_TEXT " FROM plans v JOIN plan p ON v.id = 'p' || p.id"
     " WHERE p.id = ?1"},
    {"p", "layers", ROWS,
     "SELECT layer, name, problem, schedule, ms, mad_ms, pct_of_network,"
     " gflops, pct_of_peak, ties FROM layer_times WHERE plan = 'p' || ?1"},
    {"p", "evaluations", ROWS,
     "SELECT id, fps, total_ms, total_p95_ms, total_p99_ms, pre_ms,"
     " network_ms, post_ms, samples, map, created FROM evaluations"
     " WHERE plan = 'p' || ?1"},
    {"p", "model", RECORD,
     "SELECT * FROM models WHERE id = 'n' || (SELECT model_id FROM plan"
     " WHERE id = ?1)"},
    {"p", "host", RECORD, HOST_OF("plan")},

    {"q", "quantisation", RECORD,
     "SELECT * FROM quantisations WHERE id = 'q' || ?1"},
    {"q", "model", RECORD,
     "SELECT * FROM models WHERE id = 'n' || (SELECT model_id FROM"
     " quantisation WHERE id = ?1)"},

    {"c", "compression", RECORD,
     "SELECT * FROM compressions WHERE id = 'c' || ?1"},
    {"c", "groups", ROWS,
     "SELECT place, name, before, after, gone FROM compression_groups"
     " WHERE compression = 'c' || ?1"},
    {"c", "rivals", ROWS,
     "SELECT place, name, ms, fps, map FROM compression_rivals"
     " WHERE compression = 'c' || ?1"},
    {"c", "model", RECORD,
     "SELECT * FROM models WHERE id = 'n' || (SELECT model_id FROM"
     " compression WHERE id = ?1)"},
    {"c", "result", RECORD,
     "SELECT * FROM models WHERE id = 'n' || (SELECT result_id FROM"
     " compression WHERE id = ?1)"},
    {"c", "host", RECORD, HOST_OF("compression")},

    {"e", "evaluation", RECORD,
     "SELECT v.*, e.dataset_hash FROM evaluations v JOIN evaluation e"
     " ON v.id = 'e' || e.id WHERE e.id = ?1"},
    {"e", "compared", RECORD,
     "SELECT id, configuration, fps, map, images FROM evaluations"
     " WHERE id = 'e' || (SELECT compared_id FROM evaluation WHERE id = ?1)"},
    {"e", "plan", RECORD, OF_PLAN_OF("plans", "p", "id")},
    {"e", "model", RECORD, OF_PLAN_OF("models", "n", "model_id")},
    {"e", "host", RECORD, OF_PLAN_OF("hosts", "h", "host_id")},
    {"e", "recommendations", ROWS,
     "SELECT id, scenario, fps, baseline_fps, speedup, created"
     " FROM recommendations"
     " WHERE evaluation = 'e' || ?1 OR baseline = 'e' || ?1"},

    {"r", "recommendation", RECORD,
     "SELECT * FROM recommendations WHERE id = 'r' || ?1"},
    {"r", "steps", ROWS,
     "SELECT step, strategy, detail, evaluation, fps, total_ms, map"
     " FROM recommendation_steps WHERE recommendation = 'r' || ?1"},
    {"r", "rivals", ROWS,
     "SELECT place, evaluation, configuration, fps, total_p99_ms, map,"
     " memory_mib, note FROM recommendation_rivals"
     " WHERE recommendation = 'r' || ?1"},
    {"r", "evaluation", RECORD, OF_ADVICE("evaluations", "e", "e.id")},
    {"r", "baseline", RECORD, OF_ADVICE("evaluations", "e", "r.baseline_id")},
    {"r", "plan", RECORD, OF_ADVICE("plans", "p", "p.id")},
    {"r", "model", RECORD, OF_ADVICE("models", "n", "p.model_id")},
    {"r", "host", RECORD, OF_ADVICE("hosts", "h", "p.host_id")},
};

#define SECTION_COUNT (sizeof sections / sizeof sections[0])

/** The first section of an id's letter; NULL for what is no id. */
static const struct section *parse_id(const char *id, int64_t *number_out)
{
    char *end = NULL;
    if (id[0] == 0 || id[1] < '1' || id[1] > '9' || strlen(id) > 19)
        return NULL;
    *number_out = strtoll(id + 1, &end, 10);
    for (size_t i = 0; *end == 0 && i < SECTION_COUNT; i++)
        if (*sections[i].letter == id[0])
            return &sections[i];
    return NULL;
}

static enum yt_status write_section(struct yt_db_output *output,
                                    const struct section *section,
                                    int64_t number, int *found_out)
{
    sqlite3_stmt *statement = NULL;
    const int code =
        sqlite3_prepare_v2(output->db->sql, section->sql, -1, &statement, NULL);
    if (code != SQLITE_OK)
        return yt_db_fail(output->db, code);
    sqlite3_bind_int64(statement, 1, number);
    const enum yt_status status =
        section->shape == RECORD
            ? yt_db_output_record(output, section->name, statement, found_out)
            : yt_db_output_rows(output, section->name, statement);
    sqlite3_finalize(statement);
    return status;
}

/** Whether the row is there, before anything is written about it. */
static enum yt_status check_row(struct yt_db *db, const struct section *first,
                                const char *id, int64_t number)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->sql, first->sql, -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_int64(statement, 1, number);
        code = sqlite3_step(statement);
    }
    enum yt_status status = YT_OK;
    if (code == SQLITE_DONE)
        status = yt_fail(YT_NOT_FOUND, "%s: there is no %s %s", db->path,
                         first->name, id);
    else if (code != SQLITE_ROW)
        status = yt_db_fail(db, code);
    sqlite3_finalize(statement);
    return status;
}

enum yt_status yt_db_show(struct yt_db *db, const char *id,
                          enum yt_db_format format, FILE *to)
{
    int64_t number = 0;
    int found;
    const struct section *first = parse_id(id, &number);
    YT_FAIL_IF(!first, YT_BAD_ARGUMENT,
               "%s: an id is a letter, h(ost), n(etwork), m(easurement), "
               "p(lan), q(uantisation), c(ompression), e(valuation) or "
               "r(ecommendation), and a number",
               id);
    YT_TRY(check_row(db, first, id, number));

    struct yt_db_output output = {
        .db = db, .to = to, .format = format, .titles = 1};
    yt_db_output_begin(&output);
    for (const struct section *s = first;
         s < sections + SECTION_COUNT && *s->letter == *first->letter; s++)
        YT_TRY(write_section(&output, s, number, &found));
    return yt_db_output_end(&output);
}
