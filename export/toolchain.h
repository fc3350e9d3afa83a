#ifndef YT_TOOLCHAIN_H
#define YT_TOOLCHAIN_H

/* Start the system's compiler and binutils: no shell in between, messages kept
 * out of the user's terminal and cut down to one line. */

#include <stddef.h>

#include "yolotune/status.h"

enum yt_tool {
    YT_TOOL_CC,
    YT_TOOL_LD,
    YT_TOOL_OBJCOPY,
    YT_TOOL_AR,
    YT_TOOL_COUNT
};

/** Run a tool in a folder and wait for it.
 *
 * The tool is $CC, $LD, $OBJCOPY or $AR, which may hold arguments too
 * ("ccache gcc"), or else cc, ld, objcopy, ar.
 *
 * @param folder  becomes the tool's working directory.
 * @param args    its arguments, NULL at the end.
 * @param purpose what is being made, for messages: "libx.so".
 * @return YT_OK; YT_NOT_FOUND when there is no such program; YT_COMPILE with
 *         the tool's first line when it failed; YT_INTERRUPTED when a signal
 *         ended it; YT_IO when it could not be started; YT_NO_MEMORY.
 */
enum yt_status yt_toolchain_run(enum yt_tool tool, const char *folder,
                                const char *const *args, const char *purpose);

/** The first line of "cc --version"; "" when there is none. */
void yt_toolchain_version(const char *folder, char *text, size_t text_bytes);

#endif
