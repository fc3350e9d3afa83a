#include "page/facts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "page/command.h"
#include "page/rows.h"
#include "runtime/fail.h"

int64_t yt_facts_number(const char *id)
{
    return *id ? strtoll(id + 1, NULL, 10) : 0;
}

/* Rows become a member of the root, which owns them. */
static enum yt_status keep(struct yt_facts *f, const char *name, json_t *rows,
                           json_t **rows_out)
{
    YT_FAIL_IF(json_object_set_new(f->root, name, rows) != 0, YT_NO_MEMORY,
               "a report's %s: out of memory", name);
    *rows_out = rows;
    return YT_OK;
}

/* Read rows into a member of the facts that is named like the root's. */
#define READ(f, db, member, ...)                                               \
    do {                                                                       \
        json_t *rows_ = NULL;                                                  \
        YT_TRY(yt_rows_read(db, &rows_, __VA_ARGS__));                         \
        YT_TRY(keep(f, #member, rows_, &(f)->member));                         \
    } while (0)

/* The first row of a statement as a member; NULL where there is none. */
static enum yt_status read_one(struct yt_facts *f, struct yt_db *db,
                               const char *name, const char *sql, int64_t id,
                               json_t **row_out)
{
    json_t *rows = NULL;
    YT_TRY(yt_rows_read(db, &rows, "%s %" PRId64, sql, id));
    json_t *row = json_incref(json_array_get(rows, 0));
    json_decref(rows);
    return row ? keep(f, name, row, row_out) : YT_OK;
}

/* One number that a statement answers; 0 for NULL. */
static enum yt_status read_number(struct yt_db *db, const char *sql,
                                  int64_t *number_out)
{
    json_t *rows = NULL;
    YT_TRY(yt_rows_read(db, &rows, "%s", sql));
    *number_out = yt_row_int(json_array_get(rows, 0), "id");
    json_decref(rows);
    return YT_OK;
}

/* Percentiles as nanoseconds. */
#define EVALUATION                                                             \
    "SELECT 'e' || e.id AS id, 'p' || p.id AS plan, 'h' || p.host_id AS host," \
    " n.name AS model, n.format, p.h, p.w, p.isa, p.threads, p.precision,"     \
    " p.role, e.configuration, e.fps, e.samples, e.total_min_ns,"              \
    " e.total_median_ns, e.total_p95_ns, e.total_p99_ns, e.pre_min_ns,"        \
    " e.pre_median_ns, e.pre_p95_ns, e.pre_p99_ns, e.network_min_ns,"          \
    " e.network_median_ns, e.network_p95_ns, e.network_p99_ns,"                \
    " e.post_min_ns, e.post_median_ns, e.post_p95_ns, e.post_p99_ns,"          \
    " e.map, e.map50, e.map75, e.dataset, e.images, e.difference_low,"         \
    " e.difference_high, 'e' || e.compared_id AS compared, e.memory_bytes,"    \
    " e.size_bytes, e.background_load,"                                        \
    " p.toolchain_id <> h.toolchain_id AS stale,"                              \
    " datetime(e.created_ms / 1000, 'unixepoch') AS created"                   \
    " FROM evaluation e JOIN plan p ON p.id = e.plan_id"                       \
    " JOIN host h ON h.id = p.host_id JOIN model n ON n.id = p.model_id"

static enum yt_status read_recommendation(struct yt_facts *f, struct yt_db *db,
                                          int64_t id)
{
    const int64_t wanted = id;
    if (id == 0)
        YT_TRY(
            read_number(db, "SELECT max(id) AS id FROM recommendation", &id));
    YT_TRY(read_one(
        f, db, "recommendation",
        "SELECT 'r' || r.id AS id, r.scenario, 'e' || r.evaluation_id AS"
        " evaluation, 'e' || r.baseline_id AS baseline, r.constraints,"
        " r.reasons, datetime(r.created_ms / 1000, 'unixepoch') AS created"
        " FROM recommendation r WHERE r.id =",
        id, &f->recommendation));
    YT_FAIL_IF(wanted && !f->recommendation, YT_NOT_FOUND,
               "%s: there is no r%" PRId64, yt_db_path(db), wanted);
    YT_TRY(
        read_one(f, db, "choice", EVALUATION " WHERE e.id =",
                 yt_facts_number(yt_row_text(f->recommendation, "evaluation")),
                 &f->choice));
    YT_TRY(read_one(f, db, "baseline", EVALUATION " WHERE e.id =",
                    yt_facts_number(yt_row_text(f->recommendation, "baseline")),
                    &f->baseline));
    READ(f, db, steps,
         "SELECT s.idx + 1 AS step, s.strategy, s.detail, 'e' || e.id AS"
         " evaluation, e.fps, e.total_p99_ns, e.map, e.memory_bytes"
         " FROM recommendation_step s"
         " LEFT JOIN evaluation e ON e.id = s.evaluation_id"
         " WHERE s.recommendation_id = %" PRId64 " ORDER BY s.idx",
         id);
    READ(f, db, rivals,
         "SELECT s.idx + 1 AS place, 'e' || e.id AS evaluation,"
         " e.configuration, e.fps, e.total_p99_ns, e.map, e.memory_bytes,"
         " s.note FROM recommendation_rival s"
         " JOIN evaluation e ON e.id = s.evaluation_id"
         " WHERE s.recommendation_id = %" PRId64 " ORDER BY s.idx LIMIT 100",
         id);
    READ(f, db, others,
         "SELECT 'r' || r.id AS id, r.scenario, n.name AS model,"
         " p.h, p.w, e.configuration, e.fps, e.map, b.fps AS baseline_fps,"
         " datetime(r.created_ms / 1000, 'unixepoch') AS created"
         " FROM recommendation r JOIN evaluation e ON e.id = r.evaluation_id"
         " LEFT JOIN evaluation b ON b.id = r.baseline_id"
         " JOIN plan p ON p.id = e.plan_id JOIN model n ON n.id = p.model_id"
         " WHERE r.id <> %" PRId64 " ORDER BY r.id DESC LIMIT %d",
         id, YT_PAGE_OTHERS);
    return YT_OK;
}

/* The recommended plan; else the newest tuned one, or the newest at all. */
static enum yt_status read_plan(struct yt_facts *f, struct yt_db *db)
{
    int64_t id = yt_facts_number(yt_row_text(f->choice, "plan"));
    if (id == 0)
        YT_TRY(read_number(db,
                           "SELECT id FROM plan"
                           " ORDER BY role = 'tuned' DESC, id DESC LIMIT 1",
                           &id));
    YT_TRY(read_one(
        f, db, "plan",
        "SELECT 'p' || p.id AS id, 'h' || p.host_id AS host, n.name AS model,"
        " n.format, p.h, p.w, p.isa, p.threads, p.precision, p.role,"
        " p.head_error, p.given_up, p.toolchain_id <> h.toolchain_id AS stale,"
        " datetime(p.created_ms / 1000, 'unixepoch') AS created"
        " FROM plan p JOIN model n ON n.id = p.model_id"
        " JOIN host h ON h.id = p.host_id WHERE p.id =",
        id, &f->plan));
    READ(f, db, layers,
         "SELECT l.idx + 1 AS layer, l.name, q.op, q.dtype AS precision,"
         " q.name AS problem, CASE instr(s.name, '-') WHEN 0 THEN s.name"
         " ELSE substr(s.name, 1, instr(s.name, '-') - 1) END AS algorithm,"
         " s.name AS schedule, l.median_ns / 1e6 AS ms, l.mad_ns / 1e6 AS"
         " mad_ms, 100.0 * l.median_ns / sum(l.median_ns) OVER () AS share,"
         " l.flops / l.median_ns AS gflops,"
         " 100.0 * l.flops / l.median_ns / k.gflops AS pct_of_peak"
         " FROM plan_layer l JOIN plan p ON p.id = l.plan_id"
         " JOIN problem q ON q.id = l.problem_id"
         " JOIN schedule s ON s.id = l.schedule_id"
         " LEFT JOIN host_peak k ON k.host_id = p.host_id AND k.isa = p.isa"
         "  AND k.threads = p.threads AND k.precision = q.dtype"
         " WHERE l.plan_id = %" PRId64 " ORDER BY l.idx LIMIT 5000",
         id);
    return YT_OK;
}

static enum yt_status read_host(struct yt_facts *f, struct yt_db *db)
{
    int64_t id = yt_facts_number(yt_row_text(f->plan, "host"));
    if (id == 0)
        YT_TRY(read_number(
            db, "SELECT id FROM host ORDER BY seen_ms DESC LIMIT 1", &id));
    YT_TRY(read_one(
        f, db, "host",
        "SELECT 'h' || h.id AS id, h.brand AS cpu, h.arch, h.physical_cores,"
        " h.logical_cores, h.allowed_cpus, h.quota_cpus, h.governor,"
        " h.features, h.l1d_kib, h.l2_kib, h.l3_kib, t.llvm, t.generator,"
        " datetime(h.seen_ms / 1000, 'unixepoch') AS last_seen"
        " FROM host h JOIN toolchain t ON t.id = h.toolchain_id WHERE h.id =",
        id, &f->host));
    READ(f, db, peaks,
         "SELECT k.isa, k.precision, k.threads, k.gflops, k.bandwidth_gbs"
         " FROM host_peak k WHERE k.host_id = %" PRId64
         " ORDER BY k.isa, k.precision, k.threads LIMIT 200",
         id);
    READ(f, db, models,
         "SELECT 'n' || n.id AS id, n.name, n.format, n.params, n.flops,"
         " n.imgsz, n.nc AS classes FROM model n WHERE n.id IN"
         " (SELECT p.model_id FROM plan p WHERE p.host_id = %" PRId64
         ") ORDER BY n.id DESC LIMIT %d",
         id, YT_PAGE_OTHERS);
    return YT_OK;
}

/* Evaluations that answer the recommendation's question: of its networks, on
 * its data, machine, instruction set and code generator, under its load. */
#define LIKE_CHOICE                                                            \
    "WITH c AS (SELECT e.id, e.dataset, e.background_load, p.host_id, p.isa,"  \
    " p.toolchain_id, e.map - 1e-9 AS least, e.images, r.constraints AS asked" \
    " FROM recommendation r JOIN evaluation e ON e.id = r.evaluation_id"       \
    " JOIN plan p ON p.id = e.plan_id WHERE r.id = %" PRId64 ")"

#define FROM_LIKE_CHOICE                                                       \
    " FROM c JOIN evaluation e ON e.background_load = c.background_load"       \
    "  AND e.dataset = c.dataset"                                              \
    " JOIN plan p ON p.id = e.plan_id AND p.host_id = c.host_id"               \
    "  AND p.toolchain_id = c.toolchain_id AND p.isa = c.isa"                  \
    " JOIN model n ON n.id = p.model_id AND (instr(c.asked, '\"models\"') = 0" \
    "  OR instr(c.asked, '\"' || n.hash || '\"') > 0)"                         \
    " WHERE e.configuration <> ''"

/* Of each configuration the evaluation on most pictures, the newest of these.
 * "whole" are those on as many as any; of them are on the front whom none beats
 * in both. Few columns until few rows are left: there may be many. */
static enum yt_status read_points(struct yt_facts *f, struct yt_db *db,
                                  const char *named)
{
    const int64_t choice = yt_facts_number(yt_row_text(f->choice, "id"));
    const int64_t baseline = yt_facts_number(yt_row_text(f->baseline, "id"));
    READ(f, db, points,
         LIKE_CHOICE
         ", newest AS (SELECT e.id, e.fps, e.map, e.images, row_number() OVER"
         "  (PARTITION BY p.model_id, e.configuration"
         "  ORDER BY e.images DESC, e.id DESC) AS age" FROM_LIKE_CHOICE
         "  AND e.map IS NOT NULL),"
         " seen AS (SELECT id, fps, map, images = max(images) OVER () AS whole"
         "  FROM newest WHERE age = 1 OR id IN (%" PRId64 ", %" PRId64 ")),"
         " ranked AS (SELECT id, map, whole, count(*) OVER () AS points,"
         "  max(map) OVER (PARTITION BY whole ORDER BY fps DESC, map DESC ROWS"
         "  BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS above FROM seen),"
         " r AS (SELECT id, whole, points,"
         "  whole AND (above IS NULL OR above < map) AS front FROM ranked"
         "  ORDER BY id IN (%" PRId64 ", %" PRId64 ") DESC, front DESC,"
         "  whole DESC, id DESC LIMIT %d)"
         " SELECT 'e' || e.id AS id, n.name AS model, n.format, p.h, p.w,"
         "  p.isa, p.threads, p.precision, e.configuration, e.fps, e.map,"
         "  b.map + e.difference_low AS low, b.map + e.difference_high AS high,"
         "  e.images, e.background_load, r.whole, r.front, r.points,"
         "  CASE WHEN r.front THEN 'on the front' WHEN r.whole THEN 'rejected'"
         "  ELSE 'on fewer pictures' END AS verdict FROM r"
         " JOIN evaluation e ON e.id = r.id JOIN plan p ON p.id = e.plan_id"
         " JOIN model n ON n.id = p.model_id"
         " LEFT JOIN evaluation b ON b.id = e.compared_id"
         "  AND b.images = e.images"
         " ORDER BY r.front DESC, r.whole DESC, r.id DESC",
         yt_facts_number(yt_row_text(f->recommendation, "id")), choice,
         baseline, choice, baseline, YT_PAGE_POINTS);
    return yt_commands_add(f->points, named);
}

static enum yt_status read_trials(struct yt_facts *f, struct yt_db *db)
{
    READ(f, db, trials,
         LIKE_CHOICE
         ", t AS (SELECT e.id, e.fps, row_number() OVER (ORDER BY e.id) AS"
         "  trial, count(*) OVER () AS trials,"
         "  (e.created_ms - min(e.created_ms) OVER ()) / 1e3 AS seconds,"
         "  c.least IS NULL OR (e.map >= c.least AND e.images >= c.images)"
         "  AS counts" FROM_LIKE_CHOICE "),"
         " b AS (SELECT *, max(CASE WHEN counts THEN fps END) OVER"
         "  (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS"
         "  best, max(CASE WHEN counts THEN fps END) OVER"
         "  (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"
         "  AS before FROM t),"
         " g AS (SELECT *, best IS NOT NULL AND (before IS NULL OR"
         "  best > before) AS better FROM b),"
         " k AS (SELECT *, sum(better) OVER () AS betters FROM g),"
         " d AS (SELECT * FROM k WHERE (better AND betters <= %d)"
         "  OR trial %% (trials / %d + 1) = 0 OR trial = trials)"
         " SELECT 'e' || e.id AS id, d.trial, d.trials, d.seconds,"
         "  e.configuration, e.fps, e.map, d.counts, d.best, d.better"
         " FROM d JOIN evaluation e ON e.id = d.id ORDER BY d.id",
         yt_facts_number(yt_row_text(f->recommendation, "id")), YT_PAGE_POINTS,
         YT_PAGE_POINTS);
    return YT_OK;
}

static enum yt_status read_kernels(struct yt_facts *f, struct yt_db *db)
{
    const int64_t plan = yt_facts_number(yt_row_text(f->plan, "id"));
    READ(f, db, kernels,
         "WITH w AS (SELECT problem_id, count(*) AS layers FROM plan_layer"
         "  WHERE plan_id = %" PRId64 " GROUP BY problem_id),"
         " t AS (SELECT m.id, m.problem_id, m.schedule_id, m.min_ns, w.layers,"
         "  row_number() OVER (ORDER BY m.id) AS trial,"
         "  count(*) OVER () AS trials,"
         "  (m.created_ms - min(m.created_ms) OVER ()) / 1e3 AS seconds,"
         "  min(m.min_ns) OVER (PARTITION BY m.problem_id ORDER BY m.id"
         "   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before"
         "  FROM plan p JOIN measurement m ON m.host_id = p.host_id"
         "   AND m.toolchain_id = p.toolchain_id AND m.isa = p.isa"
         "   AND m.threads = p.threads AND m.setting = ''"
         "  JOIN w ON w.problem_id = m.problem_id WHERE p.id = %" PRId64 ")"
         " SELECT 'm' || t.id AS id, q.name AS problem, s.name AS schedule,"
         "  t.trial, t.trials, t.seconds, t.layers, t.min_ns, t.before"
         " FROM t JOIN problem q ON q.id = t.problem_id"
         " JOIN schedule s ON s.id = t.schedule_id"
         " WHERE t.min_ns IS NOT NULL"
         "  AND (t.before IS NULL OR t.min_ns < t.before)"
         " ORDER BY t.id LIMIT 20000",
         plan, plan);
    return YT_OK;
}

/* The choice and the baseline, and their plans measured with all stages. */
static enum yt_status read_latency(struct yt_facts *f, struct yt_db *db,
                                   const char *named)
{
    READ(f, db, latency,
         EVALUATION " WHERE e.id IN (%" PRId64 ", %" PRId64 ") OR e.id IN"
                    " (SELECT max(x.id) FROM evaluation x"
                    " WHERE x.configuration = '' AND x.plan_id IN"
                    " (%" PRId64 ", %" PRId64 ") GROUP BY x.plan_id)"
                    " ORDER BY e.id",
         yt_facts_number(yt_row_text(f->choice, "id")),
         yt_facts_number(yt_row_text(f->baseline, "id")),
         yt_facts_number(yt_row_text(f->plan, "id")),
         yt_facts_number(yt_row_text(f->baseline, "plan")));
    YT_TRY(yt_command_add(f->choice, named));
    return yt_commands_add(f->latency, named);
}

enum yt_status yt_facts_read(struct yt_db *db, const char *named,
                             int64_t recommendation, struct yt_facts *facts_out)
{
    *facts_out = (struct yt_facts){.root = json_object()};
    YT_FAIL_IF(!facts_out->root, YT_NO_MEMORY, "a report: out of memory");
    YT_TRY(read_recommendation(facts_out, db, recommendation));
    YT_TRY(read_plan(facts_out, db));
    YT_TRY(read_host(facts_out, db));
    YT_TRY(read_points(facts_out, db, named));
    YT_TRY(read_trials(facts_out, db));
    YT_TRY(read_kernels(facts_out, db));
    return read_latency(facts_out, db, named);
}

void yt_facts_deinit(struct yt_facts *facts)
{
    json_decref(facts->root);
    *facts = (struct yt_facts){0};
}
