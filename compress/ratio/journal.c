/* Where a compression stands, in a folder: a text of a line for each candidate,
 * and the candidates' graphs. Files are replaced whole, so that what is there
 * is always of one moment. */

#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/replace.h"
#include "base/text.h"
#include "compress/ratio/compress_parts.h"
#include "model/onnx_write.h"
#include "runtime/fail.h"

#define PATH_MAX_  512
#define STATE_NAME "compress.txt"

static enum yt_status path_of(const struct yt_compress_work *w,
                              const char *name, char path_out[PATH_MAX_])
{
    const int length =
        snprintf(path_out, PATH_MAX_, "%s/%s", w->o->folder, name);
    YT_FAIL_IF(length < 0 || length >= PATH_MAX_, YT_BAD_ARGUMENT,
               "%s: the folder's path is too long", w->o->folder);
    return YT_OK;
}

static enum yt_status graph_path(const struct yt_compress_work *w,
                                 int32_t index, char path_out[PATH_MAX_])
{
    char name[64];
    snprintf(name, sizeof name, "candidate-%d-round-%d.onnx", index,
             w->candidates[index].rounds);
    return path_of(w, name, path_out);
}

void yt_journal_checkpoint(const struct yt_compress_work *w, int32_t index,
                           char path_out[512])
{
    char name[64];
    path_out[0] = '\0';
    if (!w->o->folder)
        return;
    snprintf(name, sizeof name, "candidate-%d-round-%d.train", index,
             w->candidates[index].rounds);
    if (path_of(w, name, path_out) != YT_OK)
        path_out[0] = '\0';
}

/* A file of ours goes; what else is in the folder stays. */
static int is_ours(const char *name)
{
    return strcmp(name, STATE_NAME) == 0 ||
           strcmp(name, STATE_NAME ".part") == 0 ||
           strncmp(name, "candidate-", strlen("candidate-")) == 0;
}

void yt_journal_forget_round(const struct yt_compress_work *w, int32_t index)
{
    static const char *const endings[] = {"train", "onnx"};
    char name[64], path[PATH_MAX_];
    if (!w->o->folder)
        return;
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        snprintf(name, sizeof name, "candidate-%d-round-%d.%s", index,
                 w->candidates[index].rounds - 1, endings[i]);
        if (path_of(w, name, path) == YT_OK)
            (void)unlink(path);
    }
}

void yt_journal_clear(const char *folder)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return;
    const int at = dirfd(dir);
    const struct dirent *entry;
    while (at >= 0 && (entry = readdir(dir)))
        if (is_ours(entry->d_name))
            (void)unlinkat(at, entry->d_name, 0);
    closedir(dir);
}

void yt_compress_forget(const char *folder)
{
    yt_journal_clear(folder);
    (void)rmdir(folder);
}

/* ------------------------------------------------------------------- write */

enum yt_status yt_journal_graph(const struct yt_compress_work *w, int32_t index)
{
    const struct yt_candidate *c = &w->candidates[index];
    const struct yt_ratio_setting *how = &w->settings[c->setting].how;
    char path[PATH_MAX_];
    if (!w->o->folder || !c->graph)
        return YT_OK;
    YT_TRY(graph_path(w, index, path));
    return yt_onnx_write(c->graph, how->h, how->w, path);
}

static void add_lines(const struct yt_compress_work *w, struct yt_text *to)
{
    yt_text_add(to, "yolotune compress 2 %s %d %d\n", w->wish, w->setting_count,
                w->candidate_count);
    for (int32_t i = 0; i < w->setting_count; i++)
        yt_text_add(to, "%a\n", w->settings[i].dense_ns);
    for (int32_t i = 0; i < w->candidate_count; i++) {
        const struct yt_candidate *c = &w->candidates[i];
        yt_text_add(to, "%d %d %a %d %d %d %a %a %a %a %lld %d\n", c->setting,
                    (int)c->kind, c->share, c->before, c->failed,
                    c->graph != NULL, c->ns, c->start_map, c->map, c->seconds,
                    (long long)c->pictures, c->rounds);
    }
}

enum yt_status yt_journal_write(const struct yt_compress_work *w)
{
    char path[PATH_MAX_];
    if (!w->o->folder)
        return YT_OK;
    YT_TRY(path_of(w, STATE_NAME, path));
    struct yt_text lines = {0};
    add_lines(w, &lines);
    int code =
        lines.failed ? ENOMEM : yt_replace_file(path, lines.at, lines.length);
    yt_text_free(&lines);
    YT_FAIL_IF(code, YT_IO, "%s: cannot be written: %s", path, strerror(code));
    return YT_OK;
}

/* -------------------------------------------------------------------- read */

static enum yt_status damaged(const char *path)
{
    return yt_fail(YT_BAD_INPUT, "%s: damaged, or of another version", path);
}

static int is_possible(const struct yt_compress_work *w, int32_t index,
                       const struct yt_candidate *c)
{
    return c->setting >= 0 && c->setting < w->setting_count &&
           (int)c->kind >= 0 && (int)c->kind < YT_RATIO_KINDS && c->share > 0 &&
           c->share <= 1 && c->before >= -1 && c->before < index;
}

static enum yt_status read_candidate(struct yt_compress_work *w, int32_t index,
                                     const char *line, const char *path)
{
    struct yt_candidate *c = &w->candidates[index];
    char file[PATH_MAX_];
    int setting, kind, before, failed, has_graph, rounds;
    long long pictures;
    const int fields =
        sscanf(line, "%d %d %la %d %d %d %la %la %la %la %lld %d", &setting,
               &kind, &c->share, &before, &failed, &has_graph, &c->ns,
               &c->start_map, &c->map, &c->seconds, &pictures, &rounds);
    if (fields != 12)
        return damaged(path);
    c->setting = setting;
    c->kind = (enum yt_ratio_kind)kind;
    c->before = before;
    c->failed = failed;
    c->pictures = pictures;
    c->rounds = rounds;
    if (!is_possible(w, index, c))
        return damaged(path);
    c->target_ns = c->share * w->settings[setting].dense_ns;
    if (!has_graph)
        return YT_OK;
    YT_TRY(graph_path(w, index, file));
    return yt_model_import(file, &c->graph);
}

/* Shares and times are those that the work began with: measured anew, they
 * would lead to other candidates. */
static enum yt_status read_lines(struct yt_compress_work *w, FILE *from,
                                 const char *path)
{
    char line[512], digest[33];
    int settings = 0, count = 0;
    if (!fgets(line, sizeof line, from) ||
        sscanf(line, "yolotune compress 2 %32s %d %d", digest, &settings,
               &count) != 3 ||
        count < 1 || count > YT_CANDIDATES_MAX)
        return damaged(path);
    YT_FAIL_IF(strcmp(digest, w->wish) != 0 || settings != w->setting_count,
               YT_BAD_INPUT,
               "%s: what was begun there was of another network, other "
               "pictures or another wish",
               path);
    for (int i = 0; i < settings; i++)
        if (!fgets(line, sizeof line, from) ||
            sscanf(line, "%la", &w->settings[i].dense_ns) != 1 ||
            !(w->settings[i].dense_ns > 0))
            return damaged(path);
    w->candidates = calloc(YT_CANDIDATES_MAX, sizeof *w->candidates);
    YT_FAIL_IF(!w->candidates, YT_NO_MEMORY, "no memory for candidates");
    w->candidate_count = count;
    for (int32_t i = 0; i < count; i++) {
        if (!fgets(line, sizeof line, from))
            return damaged(path);
        YT_TRY(read_candidate(w, i, line, path));
    }
    return YT_OK;
}

enum yt_status yt_journal_read(struct yt_compress_work *w)
{
    char path[PATH_MAX_];
    if (!w->o->folder || !w->o->resume)
        return YT_OK;
    YT_TRY(path_of(w, STATE_NAME, path));
    FILE *from = fopen(path, "r");
    if (!from && errno == ENOENT)
        return YT_OK;
    YT_FAIL_IF(!from, YT_IO, "%s: %s", path, strerror(errno));
    const enum yt_status status = read_lines(w, from, path);
    fclose(from);
    return status;
}
