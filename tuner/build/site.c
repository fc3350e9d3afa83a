/* See tuner/build/site.h. */

#include "tuner/build/site.h"

#include <stdio.h>
#include <stdlib.h>

#include "codegen/codegen.h"
#include "runtime/fail.h"

static enum yt_status pick_isa(const char *name, uint32_t cpu_bits,
                               const struct yt_isa **isa_out)
{
    const struct yt_isa *isa =
        name ? yt_isa_find(name) : yt_codegen_best_isa(cpu_bits);
    YT_FAIL_IF(!isa, YT_BAD_ARGUMENT,
               "'%s' is no instruction set yolotune generates code for; "
               "'yolotune cpu' lists those",
               name);
    YT_TRY(yt_isa_check(isa, cpu_bits));
    YT_TRY(yt_codegen_check_host(isa));
    *isa_out = isa;
    return YT_OK;
}

/* Whatever is not there has nothing stored for it. */
static enum yt_status open_to_read(struct yt_site *site, const char *path)
{
    struct yt_db_host row;
    yt_host_row(&site->host, &row);
    enum yt_status status = yt_db_open(path, YT_DB_READ_ONLY, &site->db);
    if (status == YT_OK)
        status = yt_db_host_find(site->db, &row, &site->here);
    if (status == YT_IO && !path) {
        yt_db_close(site->db);
        site->db = NULL;
        return YT_OK;
    }
    return status == YT_NOT_FOUND ? YT_OK : status;
}

static enum yt_status open_to_write(struct yt_site *site, const char *path)
{
    struct yt_db_host row;
    yt_host_row(&site->host, &row);
    YT_TRY(yt_db_open(path, YT_DB_READ_WRITE, &site->db));
    return yt_db_host_put(site->db, &row, &site->here);
}

static enum yt_status open_to_keep(struct yt_site *site, const char *path)
{
    const enum yt_status status = open_to_write(site, path);
    if (path || (status != YT_NOT_FOUND && status != YT_IO))
        return status;
    snprintf(site->in_memory, sizeof site->in_memory, "%s", yt_error());
    yt_db_close(site->db);
    site->db = NULL;
    return open_to_write(site, YT_DB_MEMORY);
}

static enum yt_status open_database(struct yt_site *site,
                                    const struct yt_site_options *options)
{
    if (options->access == YT_SITE_ALONE)
        return YT_OK;
    if (options->access == YT_SITE_READS)
        return open_to_read(site, options->db);
    if (options->access == YT_SITE_KEEPS)
        return open_to_keep(site, options->db);
    const enum yt_status status = open_to_write(site, options->db);
    if ((status != YT_IO && status != YT_NOT_FOUND) ||
        options->access != YT_SITE_TRIES)
        return status;
    yt_db_close(site->db);
    site->db = NULL;
    return open_to_read(site, options->db);
}

static enum yt_status open_into(struct yt_site *site,
                                const struct yt_site_options *options)
{
    YT_TRY(yt_host_read(&site->host));
    YT_TRY(pick_isa(options->isa, site->host.cpu.can.usable, &site->isa));
    YT_TRY(open_database(site, options));
    return yt_kernels_create(site->isa, &site->kernels);
}

enum yt_status yt_site_open(const struct yt_site_options *options,
                            struct yt_site **site_out)
{
    struct yt_site *site = calloc(1, sizeof *site);
    YT_FAIL_IF(!site, YT_NO_MEMORY, "no memory for a site");
    const enum yt_status status = open_into(site, options);
    if (status != YT_OK) {
        yt_site_close(site);
        return status;
    }
    *site_out = site;
    return YT_OK;
}

void yt_site_close(struct yt_site *site)
{
    if (!site)
        return;
    yt_kernels_destroy(site->kernels);
    yt_db_close(site->db);
    free(site);
}

enum yt_status yt_site_model(const struct yt_site *site,
                             const struct yt_graph *graph, uint64_t parameters,
                             uint64_t flops, int64_t *id_out)
{
    char digest[33];
    int64_t id = 0;
    enum yt_status status = YT_OK;
    if (site->db)
        yt_graph_digest(graph, digest);
    if (site->db && yt_db_is_read_only(site->db)) {
        status = yt_db_model_find(site->db, digest, graph->hash, &id);
    } else if (site->db) {
        const struct yt_db_model model = {
            .digest = digest,
            .hash = graph->hash,
            .name = graph->name,
            .format = graph->format,
            .params = (int64_t)parameters,
            .flops = (int64_t)flops,
            .imgsz = graph->h > graph->w ? graph->h : graph->w,
            .nc = graph->nc,
        };
        status = yt_db_model_put(site->db, &model, &id);
    }
    if (status != YT_OK && status != YT_NOT_FOUND)
        return status;
    *id_out = id;
    return YT_OK;
}
