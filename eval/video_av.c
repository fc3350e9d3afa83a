/* See eval/video_av.h. */

#include "eval/video_av.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#ifdef YT_CAMERAS
#include <libavdevice/version.h>
#endif

#include "runtime/fail.h"

#define TEXT_(x)           #x
#define TEXT(x)            TEXT_(x)
#define SONAME(name, main) "lib" name ".so." TEXT(main)

/* The order is that in which they need each other. */
static const char avutil[] = SONAME("avutil", LIBAVUTIL_VERSION_MAJOR);
static const char avcodec[] = SONAME("avcodec", LIBAVCODEC_VERSION_MAJOR);
static const char avformat[] = SONAME("avformat", LIBAVFORMAT_VERSION_MAJOR);
static const char swscale[] = SONAME("swscale", LIBSWSCALE_VERSION_MAJOR);

static struct {
    pthread_mutex_t lock;
    int loaded;
    struct yt_av av;
} shared = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum yt_status open_library(const char *name, void **library_out)
{
    *library_out = dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    YT_FAIL_IF(!*library_out, YT_UNSUPPORTED,
               "videos need FFmpeg's libraries, of which one cannot be loaded: "
               "%s",
               dlerror());
    return YT_OK;
}

static enum yt_status find(const char *name, const char *function, void *to)
{
    void *library = NULL;
    YT_TRY(open_library(name, &library));
    void *found = dlsym(library, function);
    YT_FAIL_IF(!found, YT_UNSUPPORTED, "%s: no function %s", name, function);
    memcpy(to, &found, sizeof found); /* POSIX: a function's address fits */
    return YT_OK;
}

static enum yt_status load(struct yt_av *av)
{
#define YT_AV(library, function)                                               \
    YT_TRY(find(library, #function, &av->function));
#include "eval/video_av.inc"
#undef YT_AV
    av->av_log_set_level(AV_LOG_QUIET);
    av->avformat_network_init();
    return YT_OK;
}

enum yt_status yt_av_open(const struct yt_av **av_out)
{
    enum yt_status status = YT_OK;
    pthread_mutex_lock(&shared.lock);
    if (!shared.loaded)
        status = load(&shared.av);
    shared.loaded = status == YT_OK;
    pthread_mutex_unlock(&shared.lock);
    *av_out = &shared.av;
    return status;
}

enum yt_status yt_av_open_cameras(void)
{
#ifdef YT_CAMERAS
    void (*begin)(void) = NULL;
    YT_TRY(find(SONAME("avdevice", LIBAVDEVICE_VERSION_MAJOR),
                "avdevice_register_all", &begin));
    begin(); /* may be called again */
    return YT_OK;
#else
    return yt_fail(YT_UNSUPPORTED,
                   "this yolotune was built without cameras: install "
                   "libavdevice-dev and build it again");
#endif
}

enum yt_status yt_av_fail(const struct yt_av *av, const char *what, int code)
{
    char text[AV_ERROR_MAX_STRING_SIZE] = "";
    av->av_strerror(code, text, sizeof text);
    enum yt_status status = YT_IO;
    if (code == AVERROR(ENOMEM))
        status = YT_NO_MEMORY;
    else if (code == AVERROR(ENOENT) || code == AVERROR(ENODEV))
        status = YT_NOT_FOUND;
    else if (code == AVERROR_INVALIDDATA)
        status = YT_BAD_INPUT;
    if (status == YT_BAD_INPUT)
        return yt_fail(status, "%s: no video, or a damaged one", what);
    return yt_fail(status, "%s: %s", what, text);
}
