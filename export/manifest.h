#ifndef YT_MANIFEST_H
#define YT_MANIFEST_H

/* DIR/manifest.json: what an export was built from. docs/EXPORT.md lists its
 * members. */

#include "export/input.h"
#include "yolotune/status.h"

/** What is known only while exporting. */
struct yt_manifest_facts {
    const char *name;     /* NAME */
    const char *version;  /* of yolotune */
    const char *compiler; /* first line of "cc --version" */
    long long archive_bytes, shared_bytes;
};

/** The document, newline included, owned by the caller (free()).
 *  @return YT_OK; YT_NO_MEMORY. */
enum yt_status yt_export_manifest(const struct yt_export_input *in,
                                  const struct yt_manifest_facts *facts,
                                  char **text_out);

#endif
