#ifndef YT_EXPORT_ENGINE_H
#define YT_EXPORT_ENGINE_H

/* The model that runs here, handed to export/: `yolotune export` and the main
 * job's --out do the same. */

#include "yolotune/status.h"

struct yt_engine;

/** Export an open engine's network as it runs now.
 *
 * @param name  NAME; NULL: made from the model's name.
 * @param dir   see yt_export_write(), whose statuses this returns.
 * @param configuration the choices around the plan, for plan.txt; NULL: none.
 */
enum yt_status yt_cli_export(const struct yt_engine *engine, const char *name,
                             const char *dir, const char *configuration);

#endif
