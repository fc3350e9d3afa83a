/* Hosts: which machine a row is true for, and what that machine can do. */

#include "db/handle.h"

#include <stdio.h>

/* ------------------------------------------------------------- fingerprint */

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash_text(uint64_t hash, const char *text)
{
    for (; text && *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3u;
    return (hash ^ '\n') * 0x100000001b3u;
}

void yt_db_host_fingerprint(const struct yt_db_host *host,
                            char fingerprint_out[YT_DB_FINGERPRINT_MAX])
{
    char caches[64];
    uint64_t hash = 0xcbf29ce484222325u;
    snprintf(caches, sizeof caches, "%d %d %d", (int)host->l1d_kib,
             (int)host->l2_kib, (int)host->l3_kib);
    hash = hash_text(hash, host->brand);
    hash = hash_text(hash, host->features);
    hash = hash_text(hash, caches);
    snprintf(fingerprint_out, YT_DB_FINGERPRINT_MAX,
             "%.32s-%.32s-%d.%d.%d-%dc%dt-%016llx",
             host->arch ? host->arch : "", host->vendor ? host->vendor : "",
             (int)host->family, (int)host->model, (int)host->stepping,
             (int)host->physical_cores, (int)host->logical_cores,
             (unsigned long long)hash);
}

/* ------------------------------------------------------------------- hosts */

static enum yt_status
find_toolchain(struct yt_db *db, const struct yt_db_host *host, int64_t *id_out)
{
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_TOOLCHAIN_FIND);
    yt_db_bind_text(&call, host->llvm_version);
    yt_db_bind_text(&call, host->generator_version);
    return yt_db_call_id(&call, id_out);
}

static enum yt_status
put_toolchain(struct yt_db *db, const struct yt_db_host *host, int64_t *id_out)
{
    struct yt_db_call call;
    const enum yt_status status = find_toolchain(db, host, id_out);
    if (status != YT_NOT_FOUND)
        return status;

    yt_db_call_begin(&call, db, YT_STATEMENT_TOOLCHAIN_ADD);
    yt_db_bind_text(&call, host->llvm_version);
    yt_db_bind_text(&call, host->generator_version);
    return yt_db_call_id(&call, id_out);
}

/* What stays of a machine, the parameters 1 to 13 of the statements that have
 * it. Texts are borrowed until the call ends, @p fingerprint is room for one.
 */
static void bind_machine(struct yt_db_call *call, const struct yt_db_host *host,
                         char fingerprint[YT_DB_FINGERPRINT_MAX])
{
    if (!host->fingerprint)
        yt_db_host_fingerprint(host, fingerprint);
    yt_db_bind_text(call, host->fingerprint ? host->fingerprint : fingerprint);
    yt_db_bind_text(call, host->arch);
    yt_db_bind_text(call, host->vendor);
    yt_db_bind_text(call, host->brand);
    yt_db_bind_int(call, host->family);
    yt_db_bind_int(call, host->model);
    yt_db_bind_int(call, host->stepping);
    yt_db_bind_text(call, host->features);
    yt_db_bind_int(call, host->physical_cores);
    yt_db_bind_int(call, host->logical_cores);
    yt_db_bind_int(call, host->l1d_kib);
    yt_db_bind_int(call, host->l2_kib);
    yt_db_bind_int(call, host->l3_kib);
}

static enum yt_status adopt_host(struct yt_db *db,
                                 const struct yt_db_host *host)
{
    char fingerprint[YT_DB_FINGERPRINT_MAX];
    struct yt_db_call call;
    yt_db_call_begin(&call, db, YT_STATEMENT_HOST_ADOPT);
    bind_machine(&call, host, fingerprint);
    yt_db_call_row(&call);
    return yt_db_call_end(&call);
}

static enum yt_status put_host(struct yt_db *db, const struct yt_db_host *host,
                               struct yt_db_here *here_out)
{
    char fingerprint[YT_DB_FINGERPRINT_MAX];
    struct yt_db_call call;
    YT_TRY(put_toolchain(db, host, &here_out->toolchain));
    YT_TRY(adopt_host(db, host));
    yt_db_call_begin(&call, db, YT_STATEMENT_HOST_PUT);
    bind_machine(&call, host, fingerprint);
    yt_db_bind_int(&call, host->allowed_cpus);
    yt_db_bind_real(&call, host->quota_cpus);
    yt_db_bind_text(&call, host->governor);
    yt_db_bind_int(&call, here_out->toolchain);
    yt_db_bind_int(&call, yt_db_stamp_ms(0));
    return yt_db_call_id(&call, &here_out->host);
}

enum yt_status yt_db_host_put(struct yt_db *db, const struct yt_db_host *host,
                              struct yt_db_here *here_out)
{
    struct yt_db_scope scope;
    struct yt_db_here here = {0};
    YT_TRY(yt_db_scope_begin(&scope, db));
    YT_TRY(yt_db_scope_end(&scope, put_host(db, host, &here)));
    *here_out = here;
    return YT_OK;
}

enum yt_status yt_db_host_find(struct yt_db *db, const struct yt_db_host *host,
                               struct yt_db_here *here_out)
{
    char fingerprint[YT_DB_FINGERPRINT_MAX];
    struct yt_db_here here = {0};
    struct yt_db_call call;
    enum yt_status status = find_toolchain(db, host, &here.toolchain);
    if (status != YT_OK && status != YT_NOT_FOUND)
        return status;
    yt_db_call_begin(&call, db, YT_STATEMENT_HOST_FIND);
    bind_machine(&call, host, fingerprint);
    status = yt_db_call_id(&call, &here.host);
    if (status != YT_OK && status != YT_NOT_FOUND)
        return status;
    *here_out = here;
    return YT_OK;
}

/* ------------------------------------------------------------------- peaks */

enum yt_status yt_db_peak_put(struct yt_db *db, int64_t host,
                              const struct yt_db_peak *peak)
{
    struct yt_db_scope scope;
    struct yt_db_call call;
    YT_TRY(yt_db_scope_begin(&scope, db));
    yt_db_call_begin(&call, db, YT_STATEMENT_PEAK_PUT);
    yt_db_bind_id(&call, host);
    yt_db_bind_text(&call, peak->isa);
    yt_db_bind_text(&call, peak->precision);
    yt_db_bind_int(&call, peak->threads);
    yt_db_bind_real(&call, peak->gflops);
    yt_db_bind_real(&call, peak->bandwidth_gbs);
    yt_db_bind_int(&call, yt_db_stamp_ms(peak->created_ms));
    yt_db_call_row(&call);
    return yt_db_scope_end(&scope, yt_db_call_end(&call));
}

enum yt_status yt_db_peak_find(struct yt_db *db, int64_t host,
                               struct yt_db_peak *peak)
{
    struct yt_db_call call;
    int found = 0;
    yt_db_call_begin(&call, db, YT_STATEMENT_PEAK_FIND);
    yt_db_bind_id(&call, host);
    yt_db_bind_text(&call, peak->isa);
    yt_db_bind_text(&call, peak->precision);
    yt_db_bind_int(&call, peak->threads);
    while (yt_db_call_row(&call)) {
        peak->gflops = yt_db_column_real(&call, 0);
        peak->bandwidth_gbs = yt_db_column_real(&call, 1);
        peak->created_ms = sqlite3_column_int64(call.statement, 2);
        found = 1;
    }
    YT_TRY(yt_db_call_end(&call));
    YT_FAIL_IF(!found, YT_NOT_FOUND,
               "%s: no peak was measured for %s, %s, %d threads on host h%lld",
               db->path, peak->isa, peak->precision, (int)peak->threads,
               (long long)host);
    return YT_OK;
}
