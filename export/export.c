/* From a plan, its kernels and its constants to an installed library, one call
 * per stage:
 *
 *   sources   plan.c, functions.c, blob.s, kernel0000.o, ...   in work/
 *   objects   cc -c, then ld -r with the runtime: one relocatable object
 *   symbols   objcopy leaves NAME_* global, so that exports can be combined
 *   libraries ar; cc -shared with -z defs, which proves that libc suffices
 *   commit    all files move into place
 */

#include "export/export.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "export/fill.h"
#include "export/manifest.h"
#include "export/plan_source.h"
#include "export/product_dir.h"
#include "export/staging.h"
#include "export/templates.h"
#include "export/toolchain.h"
#include "runtime/fail.h"

/* Code reaches constants by 32-bit relative addresses; half is left to the
 * product. */
#define BLOB_BYTES_MAX (INT64_C(1) << 30)

/* "../out/lib/lib" NAME ".so" and the like. */
#define PATH_MAX_NAME (YT_EXPORT_NAME_MAX + 64)

struct exporter {
    const struct yt_export_input *in;
    struct yt_staging staging;
    char *runtime; /* folder with libyt_runtime.a */
    char name[YT_EXPORT_NAME_MAX];
    char model[YT_LAYER_NAME_MAX]; /* safe in comments and .pc files */
    char width[12], height[12], classes[12], threads[12];
    char precision[16]; /* its first word */
    struct yt_fill fills[10];
    char archive[PATH_MAX_NAME], shared[PATH_MAX_NAME]; /* below DIR */
    int32_t object_count;                               /* work/kernelNNNN.o */
};

static enum yt_status no_memory(void)
{
    return yt_fail(YT_NO_MEMORY, "out of memory while exporting");
}

static enum yt_status prepare(struct exporter *e)
{
    const struct yt_plan *plan = e->in->plan;
    if (e->in->name) {
        YT_TRY(yt_export_name_check(e->in->name));
        memcpy(e->name, e->in->name, strlen(e->in->name) + 1);
    } else {
        yt_export_name(plan->model, e->name);
    }
    YT_FAIL_IF(plan->blob_bytes > BLOB_BYTES_MAX, YT_UNSUPPORTED,
               "%s has %lld bytes of constants: an export holds at most 1 GiB",
               plan->model, (long long)plan->blob_bytes);
    YT_TRY(yt_export_find_runtime(&e->runtime));

    for (size_t i = 0; plan->model[i]; i++) {
        static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz0123456789 ._+-";
        e->model[i] = strchr(safe, plan->model[i]) ? plan->model[i] : '_';
    }
    snprintf(e->width, sizeof e->width, "%d", plan->w);
    snprintf(e->height, sizeof e->height, "%d", plan->h);
    snprintf(e->classes, sizeof e->classes, "%d", plan->nc);
    snprintf(e->threads, sizeof e->threads, "%d", plan->threads);
    const char *precision = e->in->precision ? e->in->precision : "f32";
    snprintf(e->precision, sizeof e->precision, "%.*s",
             (int)strcspn(precision, "-"), precision);
    const struct yt_fill fills[] = {
        {"NAME", e->name},        {"MODEL", e->model},
        {"ISA", plan->isa->name}, {"PRECISION", e->precision},
        {"THREADS", e->threads},  {"WIDTH", e->width},
        {"HEIGHT", e->height},    {"CLASSES", e->classes},
        {"VERSION", YT_VERSION},  {NULL, NULL},
    };
    static_assert(sizeof fills == sizeof e->fills, "room for each key");
    memcpy(e->fills, fills, sizeof fills);
    snprintf(e->archive, sizeof e->archive, "lib/lib%s.a", e->name);
    snprintf(e->shared, sizeof e->shared, "lib/lib%s.so", e->name);
    return YT_OK;
}

/* ---------------------------------------------------------------- sources */

/* Write texts, one behind the other up to a NULL, with their holes filled: to
 * work/@p path, or among the results. */
static enum yt_status write_texts(struct exporter *e, int is_result,
                                  const char *path, const char *const *texts)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&bytes, &size);
    if (!file)
        return no_memory();
    for (size_t i = 0; texts[i]; i++)
        yt_export_fill(file, texts[i], e->fills);
    enum yt_status status = YT_OK;
    if (fclose(file) != 0)
        status = no_memory();
    else if (is_result)
        status = yt_staging_write(&e->staging, path, bytes, size);
    else
        status = yt_staging_write_work(&e->staging, path, bytes, size);
    free(bytes);
    return status;
}

static enum yt_status write_text(struct exporter *e, int is_result,
                                 const char *path, const char *text)
{
    return write_texts(e, is_result, path, (const char *[]){text, NULL});
}

static enum yt_status write_plan(struct exporter *e)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&bytes, &size);
    if (!file)
        return no_memory();
    enum yt_status status = yt_export_plan_source(e->in, file);
    if (fclose(file) != 0 && status == YT_OK)
        status = no_memory();
    if (status == YT_OK)
        status = yt_staging_write_work(&e->staging, "plan.c", bytes, size);
    free(bytes);
    return status;
}

/* Kernel @p i of the plan in order: letterbox, NMS, levels, steps. */
static const struct yt_export_kernel *
kernel_at(const struct yt_export_input *in, int32_t i)
{
    const int32_t nms = 1;
    const int32_t levels = nms + in->plan->nms_count;
    const int32_t steps = levels + in->plan->level_count;
    if (i < nms)
        return &in->letterbox;
    if (i < levels)
        return &in->nms[i - nms];
    return i < steps ? &in->decode[i - levels] : &in->steps[i - steps];
}

static enum yt_status write_kernels(struct exporter *e)
{
    const struct yt_export_input *in = e->in;
    const int32_t count =
        1 + in->plan->nms_count + in->plan->level_count + in->plan->step_count;
    for (int32_t i = 0; i < count; i++) {
        const struct yt_export_kernel *k = kernel_at(in, i);
        int32_t first = 0;
        while (strcmp(kernel_at(in, first)->symbol, k->symbol) != 0)
            first++;
        if (!k->object || first < i)
            continue;
        char name[32];
        snprintf(name, sizeof name, "kernel%04d.o", e->object_count++);
        YT_TRY(yt_staging_write_work(&e->staging, name, k->object->bytes,
                                     k->object->size));
    }
    return YT_OK;
}

/* The two public headers, as they lie beside the runtime. */
static enum yt_status copy_header(struct exporter *e, const char *path)
{
    char from[4096];
    YT_FAIL_IF((size_t)snprintf(from, sizeof from, "%s/%s", e->runtime, path) >=
                   sizeof from,
               YT_IO, "%s: the path is too long", e->runtime);
    char bytes[65536];
    FILE *file = fopen(from, "rb");
    const size_t size = file ? fread(bytes, 1, sizeof bytes, file) : 0;
    const int bad = !file || ferror(file) || size == sizeof bytes;
    if (file)
        fclose(file);
    YT_FAIL_IF(bad, YT_IO, "%s: cannot be read", from);
    return yt_staging_write(&e->staging, path, bytes, size);
}

static enum yt_status write_sources(struct exporter *e)
{
    char path[PATH_MAX_NAME];
    YT_TRY(copy_header(e, "include/yolotune/status.h"));
    YT_TRY(copy_header(e, "include/yolotune/runtime.h"));
    snprintf(path, sizeof path, "include/%s.h", e->name);
    YT_TRY(write_texts(e, 1, path, yt_export_header_texts));
    snprintf(path, sizeof path, "include/%s.hpp", e->name);
    YT_TRY(write_text(e, 1, path, yt_export_hpp_text));
    YT_TRY(write_text(e, 0, "functions.c", yt_export_functions_text));
    YT_TRY(write_text(e, 0, "blob.s", yt_export_blob_text));
    YT_TRY(write_text(e, 0, "globals", yt_export_globals_text));
    YT_TRY(write_text(e, 0, "versions", yt_export_versions_text));
    YT_TRY(write_plan(e));
    YT_TRY(write_kernels(e));
    return yt_staging_write_work(&e->staging, "blob.bin", e->in->blob,
                                 (size_t)e->in->plan->blob_bytes);
}

/* -------------------------------------------------------------- libraries */

static enum yt_status compile(const struct exporter *e, const char *source,
                              const char *object)
{
    char include[4096];
    YT_FAIL_IF((size_t)snprintf(include, sizeof include, "-I%s/include",
                                e->runtime) >= sizeof include,
               YT_IO, "%s: the path is too long", e->runtime);
    const char *const args[] = {
        "-std=c11", "-O2", "-g0",  "-fPIC", "-fno-lto", "-I../out/include",
        include,    "-c",  source, "-o",    object,     NULL};
    return yt_toolchain_run(YT_TOOL_CC, e->staging.work, args, source);
}

/* All objects and what they need of the runtime, in one. */
static enum yt_status join_objects(const struct exporter *e)
{
    static const char *const own[] = {"-r",          "-o",     "joined.o",
                                      "functions.o", "plan.o", "blob.o"};
    enum { OWN = sizeof own / sizeof own[0], NAME = 40 };
    const size_t kernels = (size_t)e->object_count;
    const char **args = calloc(OWN + kernels + 2, sizeof *args);
    char(*names)[NAME] = calloc(kernels + 1, sizeof *names);
    const size_t library_bytes = strlen(e->runtime) + 32;
    char *library = malloc(library_bytes);
    enum yt_status status = YT_OK;
    YT_FAIL_IF_GOTO(!args || !names || !library, YT_NO_MEMORY,
                    "out of memory while exporting");
    memcpy(args, own, sizeof own);
    for (size_t i = 0; i < kernels; i++) {
        snprintf(names[i], NAME, "kernel%04zu.o", i);
        args[OWN + i] = names[i];
    }
    snprintf(library, library_bytes, "%s/libyt_runtime.a", e->runtime);
    args[OWN + kernels] = library;
    status = yt_toolchain_run(YT_TOOL_LD, e->staging.work, args, "joined.o");
done:
    free(args);
    free(names);
    free(library);
    return status;
}

static enum yt_status hide_symbols(const struct exporter *e, const char *object)
{
    const char *const args[] = {"--strip-debug",
                                "--keep-global-symbols=globals", "joined.o",
                                object, NULL};
    return yt_toolchain_run(YT_TOOL_OBJCOPY, e->staging.work, args, object);
}

static enum yt_status make_archive(struct exporter *e, const char *object)
{
    char path[PATH_MAX_NAME];
    YT_TRY(yt_staging_add(&e->staging, e->archive));
    snprintf(path, sizeof path, "../out/lib/lib%s.a", e->name);
    const char *const args[] = {"rcsD", path, object, NULL};
    return yt_toolchain_run(YT_TOOL_AR, e->staging.work, args, path + 11);
}

static enum yt_status make_shared(struct exporter *e, const char *object)
{
    char path[PATH_MAX_NAME], soname[PATH_MAX_NAME];
    YT_TRY(yt_staging_add(&e->staging, e->shared));
    snprintf(path, sizeof path, "../out/lib/lib%s.so", e->name);
    snprintf(soname, sizeof soname, "-Wl,-soname,lib%s.so", e->name);
    const char *const args[] = {"-shared",
                                "-pthread",
                                "-o",
                                path,
                                object,
                                soname,
                                "-Wl,-z,defs",
                                "-Wl,-z,text",
                                "-Wl,-z,noexecstack",
                                "-Wl,-z,relro",
                                "-Wl,-z,now",
                                "-Wl,--as-needed",
                                "-Wl,--version-script=versions",
                                NULL};
    return yt_toolchain_run(YT_TOOL_CC, e->staging.work, args, path + 11);
}

static enum yt_status make_libraries(struct exporter *e)
{
    char object[PATH_MAX_NAME];
    snprintf(object, sizeof object, "%s.o", e->name);
    YT_TRY(compile(e, "functions.c", "functions.o"));
    YT_TRY(compile(e, "plan.c", "plan.o"));
    YT_TRY(compile(e, "blob.s", "blob.o"));
    YT_TRY(join_objects(e));
    YT_TRY(hide_symbols(e, object));
    YT_TRY(make_archive(e, object));
    return make_shared(e, object);
}

/* ------------------------------------------------------------------ papers */

/* By which pip makes a wheel of the shared library, where it can have the
 * name. */
static enum yt_status write_python(struct exporter *e)
{
    char path[PATH_MAX_NAME];
    if (!yt_export_name_suits_python(e->name))
        return YT_OK;
    snprintf(path, sizeof path, "python/%s/__init__.py", e->name);
    YT_TRY(write_text(e, 1, path, yt_export_python_text));
    YT_TRY(write_text(e, 1, "python/yolotune_wheel.py", yt_export_wheel_text));
    return write_text(e, 1, "pyproject.toml", yt_export_pyproject_text);
}

static enum yt_status write_papers(struct exporter *e)
{
    char path[2 * PATH_MAX_NAME];
    snprintf(path, sizeof path, "lib/pkgconfig/%s.pc", e->name);
    YT_TRY(write_text(e, 1, path, yt_export_pkgconfig_text));
    snprintf(path, sizeof path, "lib/cmake/%s/%sConfig.cmake", e->name,
             e->name);
    YT_TRY(write_text(e, 1, path, yt_export_cmake_text));
    YT_TRY(write_python(e));

    if (e->in->plan_text)
        YT_TRY(yt_staging_write(&e->staging, "plan.txt", e->in->plan_text,
                                strlen(e->in->plan_text)));

    char compiler[256];
    yt_toolchain_version(e->staging.work, compiler, sizeof compiler);
    const struct yt_manifest_facts facts = {
        .name = e->name,
        .version = YT_VERSION,
        .compiler = compiler,
        .archive_bytes = yt_staging_bytes(&e->staging, e->archive),
        .shared_bytes = yt_staging_bytes(&e->staging, e->shared),
    };
    char *manifest = NULL;
    YT_TRY(yt_export_manifest(e->in, &facts, &manifest));
    enum yt_status status = yt_staging_write(&e->staging, "manifest.json",
                                             manifest, strlen(manifest));
    free(manifest);
    return status;
}

enum yt_status yt_export_write(const struct yt_export_input *in,
                               const char *dir)
{
    enum yt_status status;
    struct exporter e = {.in = in};
    YT_TRY_GOTO(prepare(&e));
    YT_TRY_GOTO(yt_staging_begin(&e.staging, dir));
    YT_TRY_GOTO(write_sources(&e));
    YT_TRY_GOTO(make_libraries(&e));
    YT_TRY_GOTO(write_papers(&e));
    YT_TRY_GOTO(yt_staging_commit(&e.staging));
done:
    yt_staging_end(&e.staging);
    free(e.runtime);
    return status;
}

enum yt_status yt_export_check(const char *name, const char *dir)
{
    char *runtime = NULL;
    struct yt_staging staging = {0};
    enum yt_status status = name ? yt_export_name_check(name) : YT_OK;
    YT_TRY(status);
    YT_TRY(yt_export_find_runtime(&runtime));
    free(runtime);
    status = yt_staging_begin(&staging, dir);
    yt_staging_end(&staging);
    return status;
}
