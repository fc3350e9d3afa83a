/* Another database's rows into this one, in one transaction. Ids differ between
 * files, so rows are matched by what identifies them everywhere: fingerprints,
 * digests, hashes and names, and the random uid of rows that have none of
 * these. A second merge finds all of them and adds nothing. */

#include <stdio.h>
#include <sys/stat.h>

#include "db/browse.h"
#include "db/handle.h"

/* Maps from the other file's ids, alias o, to this file's, alias of the table's
 * first letter and t. */
#define HOST_OF(row)                                                           \
    " JOIN other.host ho ON ho.id = " row ".host_id"                           \
    " JOIN main.host ht ON ht.fingerprint = ho.fingerprint"
#define TOOLCHAIN_OF(row)                                                      \
    " JOIN other.toolchain co ON co.id = " row ".toolchain_id"                 \
    " JOIN main.toolchain ct ON ct.llvm = co.llvm"                             \
    "  AND ct.generator = co.generator"
#define KERNEL_OF(row)                                                         \
    " JOIN other.problem po ON po.id = " row ".problem_id"                     \
    " JOIN main.problem pt ON pt.name = po.name"                               \
    " JOIN other.schedule so ON so.id = " row ".schedule_id"                   \
    " JOIN main.schedule st ON st.name = so.name"

/* As MODEL_FIND does, for a row alias no of the other file; two rows that both
 * have digests are the same model only if those are equal. */
#define SAME_MODEL                                                             \
    "coalesce((SELECT n.id FROM main.model n WHERE n.hash = no.hash AND"       \
    " (n.digest = no.digest OR n.digest IS NULL OR no.digest IS NULL)),"       \
    " (SELECT min(n.id) FROM main.model n WHERE n.digest = no.digest))"
#define MODEL_OF(row)                                                          \
    " JOIN other.model no ON no.id = " row ".model_id"                         \
    " JOIN main.model nt ON nt.id = " SAME_MODEL
#define COMPRESSION_OF                                                         \
    " JOIN other.compression co ON co.id = o.compression_id"                   \
    " JOIN main.compression ct ON ct.uid = co.uid"                             \
    " WHERE true ON CONFLICT (compression_id, idx) DO NOTHING"

static const struct merge_row {
    size_t counter; /* offset in struct yt_db_merged, or NO_COUNTER */
    const char *sql;
} merge_rows[] = {
#define NO_COUNTER      ((size_t)-1)
#define COUNTER(member) offsetof(struct yt_db_merged, member)
    {NO_COUNTER, "INSERT INTO main.toolchain (llvm, generator)"
                 " SELECT llvm, generator FROM other.toolchain WHERE true"
                 " ON CONFLICT DO NOTHING"},
    {COUNTER(hosts),
     "INSERT INTO main.host (fingerprint, arch, vendor, brand, family, model,"
     " stepping, features, physical_cores, logical_cores, l1d_kib, l2_kib,"
     " l3_kib, allowed_cpus, quota_cpus, governor, toolchain_id, first_ms,"
     " seen_ms) SELECT o.fingerprint, o.arch, o.vendor, o.brand, o.family,"
     " o.model, o.stepping, o.features, o.physical_cores, o.logical_cores,"
     " o.l1d_kib, o.l2_kib, o.l3_kib, o.allowed_cpus, o.quota_cpus, o.governor,"
     " ct.id, o.first_ms, o.seen_ms FROM other.host o" TOOLCHAIN_OF(
         "o") " WHERE true ON CONFLICT (fingerprint) DO NOTHING"},
    {NO_COUNTER,
     "INSERT INTO main.host_peak (host_id, isa, precision, threads, gflops,"
     " bandwidth_gbs, created_ms) SELECT ht.id, o.isa, o.precision, o.threads,"
     " o.gflops, o.bandwidth_gbs, o.created_ms FROM other.host_peak o" HOST_OF(
         "o") " WHERE true ON CONFLICT (host_id, isa, precision, threads) DO "
              "UPDATE SET"
              " gflops = excluded.gflops, bandwidth_gbs = "
              "excluded.bandwidth_gbs,"
              " created_ms = excluded.created_ms"
              " WHERE excluded.created_ms > created_ms"},
    {COUNTER(models),
     "INSERT INTO main.model (hash, digest, name, format, params, flops, imgsz,"
     " nc) SELECT CASE WHEN EXISTS (SELECT 1 FROM main.model n"
     " WHERE n.hash = no.hash) THEN no.digest ELSE no.hash END, no.digest,"
     " no.name, no.format, no.params, no.flops, no.imgsz, no.nc"
     " FROM other.model no WHERE " SAME_MODEL " IS NULL ORDER BY no.id"},
    {NO_COUNTER,
     "INSERT INTO main.quantisation (model_id, h, w, settings, images,"
     " images_hash, text, created_ms) SELECT nt.id, o.h, o.w, o.settings,"
     " o.images, o.images_hash, o.text, o.created_ms"
     " FROM other.quantisation o" MODEL_OF(
         "o") " WHERE true ORDER BY o.id ON CONFLICT DO NOTHING"},
    {NO_COUNTER,
     "INSERT INTO main.compression (uid, host_id, toolchain_id, model_id,"
     " result_id, teacher_id, kind, wish, isa, precision, threads, dense_h,"
     " dense_w, h, w, before_ns, after_ns, map_before, map_after, drop_low,"
     " drop_high, dataset, dataset_hash, images, train_seconds,"
     " train_pictures, verdict, created_ms) SELECT o.uid, ht.id, ct.id, nt.id,"
     " (SELECT " SAME_MODEL " FROM other.model no WHERE no.id = o.result_id),"
     " (SELECT " SAME_MODEL " FROM other.model no WHERE no.id = o.teacher_id),"
     " o.kind, o.wish, o.isa, o.precision, o.threads, o.dense_h, o.dense_w,"
     " o.h, o.w, o.before_ns, o.after_ns, o.map_before, o.map_after,"
     " o.drop_low, o.drop_high, o.dataset, o.dataset_hash, o.images,"
     " o.train_seconds, o.train_pictures, o.verdict, o.created_ms"
     " FROM other.compression o" HOST_OF("o") TOOLCHAIN_OF("o") MODEL_OF(
         "o") " WHERE true ORDER BY o.id ON CONFLICT (uid) DO NOTHING"},
    {NO_COUNTER, "INSERT INTO main.compression_group (compression_id, idx,"
                 " name, before, after) SELECT ct.id, o.idx, o.name, o.before,"
                 " o.after FROM other.compression_group o" COMPRESSION_OF},
    {NO_COUNTER, "INSERT INTO main.compression_rival (compression_id, idx,"
                 " name, ns, map) SELECT ct.id, o.idx, o.name, o.ns, o.map"
                 " FROM other.compression_rival o" COMPRESSION_OF},
    {NO_COUNTER, "INSERT INTO main.problem (name, op, dtype, flops)"
                 " SELECT name, op, dtype, flops FROM other.problem"
                 " WHERE true ON CONFLICT (name) DO NOTHING"},
    {NO_COUNTER, "INSERT INTO main.schedule (name)"
                 " SELECT name FROM other.schedule"
                 " WHERE true ON CONFLICT (name) DO NOTHING"},
    {COUNTER(measurements),
     "INSERT INTO main.measurement (uid, host_id, toolchain_id, problem_id,"
     " schedule_id, isa, threads, setting, outcome, detail, min_ns, median_ns,"
     " mad_ns, iterations, samples, max_error, code_bytes, spills, created_ms)"
     " SELECT o.uid, ht.id, ct.id, pt.id, st.id, o.isa, o.threads, o.setting,"
     " o.outcome, o.detail, o.min_ns, o.median_ns, o.mad_ns, o.iterations,"
     " o.samples, o.max_error, o.code_bytes, o.spills, o.created_ms"
     " FROM other.measurement o" HOST_OF("o") TOOLCHAIN_OF("o") KERNEL_OF(
         "o") " WHERE true ORDER BY o.id ON CONFLICT (uid) DO NOTHING"},
    {COUNTER(plans),
     "INSERT INTO main.plan (uid, host_id, toolchain_id, model_id, h, w, isa,"
     " threads, precision, role, text, head_error, given_up, limit_bytes,"
     " created_ms)"
     " SELECT o.uid, ht.id, ct.id, nt.id, o.h, o.w, o.isa, o.threads,"
     " o.precision, o.role, o.text, o.head_error, o.given_up, o.limit_bytes,"
     " o.created_ms FROM other.plan o" HOST_OF("o") TOOLCHAIN_OF("o") MODEL_OF(
         "o") " WHERE true ORDER BY o.id ON CONFLICT (uid) DO NOTHING"},
    {NO_COUNTER,
     "INSERT INTO main.plan_layer (plan_id, idx, name, problem_id,"
     " schedule_id, median_ns, mad_ns, flops, ties)"
     " SELECT lt.id, o.idx, o.name, pt.id, st.id, o.median_ns, o.mad_ns,"
     " o.flops, o.ties FROM other.plan_layer o"
     " JOIN other.plan lo ON lo.id = o.plan_id"
     " JOIN main.plan lt ON lt.uid = lo.uid" KERNEL_OF(
         "o") " WHERE true ON CONFLICT (plan_id, idx) DO NOTHING"},
    {COUNTER(evaluations),
     "INSERT INTO main.evaluation (uid, plan_id, pre_min_ns, pre_median_ns,"
     " pre_p95_ns, pre_p99_ns, network_min_ns, network_median_ns,"
     " network_p95_ns, network_p99_ns, post_min_ns, post_median_ns,"
     " post_p95_ns, post_p99_ns, total_min_ns, total_median_ns, total_p95_ns,"
     " total_p99_ns, fps, samples, arena_bytes, blob_bytes, rss_bytes, map,"
     " map50, map75, dataset, dataset_hash, images, configuration,"
     " memory_bytes, size_bytes, background_load, difference_low,"
     " difference_high, numerics, created_ms)"
     " SELECT o.uid, lt.id, o.pre_min_ns, o.pre_median_ns, o.pre_p95_ns,"
     " o.pre_p99_ns, o.network_min_ns, o.network_median_ns, o.network_p95_ns,"
     " o.network_p99_ns, o.post_min_ns, o.post_median_ns, o.post_p95_ns,"
     " o.post_p99_ns, o.total_min_ns, o.total_median_ns, o.total_p95_ns,"
     " o.total_p99_ns, o.fps, o.samples, o.arena_bytes, o.blob_bytes,"
     " o.rss_bytes, o.map, o.map50, o.map75, o.dataset, o.dataset_hash,"
     " o.images, o.configuration, o.memory_bytes, o.size_bytes,"
     " o.background_load, o.difference_low, o.difference_high, o.numerics,"
     " o.created_ms"
     " FROM other.evaluation o"
     " JOIN other.plan lo ON lo.id = o.plan_id"
     " JOIN main.plan lt ON lt.uid = lo.uid"
     " WHERE true ORDER BY o.id ON CONFLICT (uid) DO NOTHING"},
    {NO_COUNTER,
     "UPDATE main.evaluation SET compared_id = (SELECT ct.id"
     " FROM other.evaluation o JOIN other.evaluation co ON co.id ="
     " o.compared_id JOIN main.evaluation ct ON ct.uid = co.uid"
     " WHERE o.uid = evaluation.uid) WHERE compared_id IS NULL AND uid IN"
     " (SELECT uid FROM other.evaluation WHERE compared_id IS NOT NULL)"},
    {COUNTER(recommendations),
     "INSERT INTO main.recommendation (uid, scenario, constraints,"
     " evaluation_id, baseline_id, reasons, created_ms)"
     " SELECT o.uid, o.scenario, o.constraints, et.id, bt.id, o.reasons,"
     " o.created_ms FROM other.recommendation o"
     " JOIN other.evaluation eo ON eo.id = o.evaluation_id"
     " JOIN main.evaluation et ON et.uid = eo.uid"
     " LEFT JOIN other.evaluation bo ON bo.id = o.baseline_id"
     " LEFT JOIN main.evaluation bt ON bt.uid = bo.uid"
     " WHERE true ORDER BY o.id ON CONFLICT (uid) DO NOTHING"},
    {NO_COUNTER,
     "INSERT INTO main.recommendation_step (recommendation_id, idx, strategy,"
     " detail, evaluation_id)"
     " SELECT rt.id, o.idx, o.strategy, o.detail, et.id"
     " FROM other.recommendation_step o"
     " JOIN other.recommendation ro ON ro.id = o.recommendation_id"
     " JOIN main.recommendation rt ON rt.uid = ro.uid"
     " LEFT JOIN other.evaluation eo ON eo.id = o.evaluation_id"
     " LEFT JOIN main.evaluation et ON et.uid = eo.uid"
     " WHERE true ON CONFLICT (recommendation_id, idx) DO NOTHING"},
    {NO_COUNTER,
     "INSERT INTO main.recommendation_rival (recommendation_id, idx,"
     " evaluation_id, note) SELECT rt.id, o.idx, et.id, o.note"
     " FROM other.recommendation_rival o"
     " JOIN other.recommendation ro ON ro.id = o.recommendation_id"
     " JOIN main.recommendation rt ON rt.uid = ro.uid"
     " JOIN other.evaluation eo ON eo.id = o.evaluation_id"
     " JOIN main.evaluation et ON et.uid = eo.uid"
     " WHERE true ON CONFLICT (recommendation_id, idx) DO NOTHING"},
};

/* -------------------------------------------------------------------- trust */

static int same_file(const char *one, const char *two)
{
    struct stat a, b;
    return stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/** Refuse a file whose pages or references are broken.
 *  @param[out] immutable_out  how it could be opened. */
static enum yt_status check_other(const char *path, int *immutable_out)
{
    struct yt_db *other = NULL;
    int64_t problems = 0;
    YT_TRY(yt_db_open(path, YT_DB_READ_ONLY, &other));
    enum yt_status status =
        yt_db_exec_int(other,
                       "SELECT (SELECT count(*) FROM pragma_quick_check"
                       "  WHERE quick_check <> 'ok')"
                       " + (SELECT count(*) FROM pragma_foreign_key_check)",
                       &problems);
    if (status == YT_OK && problems)
        status = yt_fail(YT_BAD_INPUT,
                         "%s: the database is damaged: %lld broken rows or "
                         "references",
                         path, (long long)problems);
    *immutable_out = other->immutable;
    yt_db_close(other);
    return status;
}

/** Refuse a file that calls itself ours but has other tables. */
static enum yt_status check_tables(struct yt_db *db, const char *path)
{
    int64_t differ = 0;
    YT_TRY(yt_db_exec_int(
        db,
        "SELECT count(*) FROM (SELECT name, sql FROM main.sqlite_schema"
        "  WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        " EXCEPT SELECT name, sql FROM other.sqlite_schema"
        "  WHERE type = 'table')",
        &differ));
    YT_FAIL_IF(differ, YT_BAD_INPUT,
               "%s: the database is damaged: %lld of its tables are not "
               "those of its schema",
               path, (long long)differ);
    return YT_OK;
}

/* -------------------------------------------------------------------- merge */

static enum yt_status attach(struct yt_db *db, const char *path, int immutable)
{
    sqlite3_stmt *statement = NULL;
    char *uri = yt_db_uri(path, immutable ? YT_DB_IMMUTABLE : YT_DB_SHARED);
    int code =
        sqlite3_prepare_v2(db->sql, "ATTACH ? AS other", -1, &statement, NULL);
    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, uri, -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    const enum yt_status status =
        code == SQLITE_DONE
            ? YT_OK
            : yt_db_fail_at(path, db->timeout_ms, db->sql, code);
    sqlite3_finalize(statement);
    sqlite3_free(uri);
    return status;
}

static enum yt_status copy_rows(struct yt_db *db, const char *other,
                                struct yt_db_merged *merged_out)
{
    for (size_t i = 0; i < sizeof merge_rows / sizeof merge_rows[0]; i++) {
        const struct merge_row *row = &merge_rows[i];
        const enum yt_status status = yt_db_exec(db, row->sql);
        /* A rule of our schema, which is theirs too. */
        YT_FAIL_IF(status == YT_BAD_ARGUMENT, YT_BAD_INPUT,
                   "%s: the database is damaged: a row breaks a rule: %s",
                   other, sqlite3_errmsg(db->sql));
        YT_TRY(status);
        if (row->counter != NO_COUNTER)
            *(int64_t *)((char *)merged_out + row->counter) =
                sqlite3_changes64(db->sql);
    }
    return YT_OK;
}

enum yt_status yt_db_merge(struct yt_db *db, const char *other,
                           struct yt_db_merged *merged_out)
{
    struct yt_db_merged merged = {0};
    struct yt_db_scope scope;
    int immutable = 0;
    YT_FAIL_IF(same_file(db->path, other), YT_BAD_ARGUMENT,
               "%s: cannot be merged into itself", other);
    YT_TRY(check_other(other, &immutable));
    YT_TRY(attach(db, other, immutable));
    enum yt_status status = check_tables(db, other);
    if (status == YT_OK)
        status = yt_db_scope_begin(&scope, db);
    if (status == YT_OK)
        status = yt_db_scope_end(&scope, copy_rows(db, other, &merged));
    sqlite3_exec(db->sql, "DETACH other", NULL, NULL, NULL);
    if (status == YT_OK)
        *merged_out = merged;
    return status;
}
