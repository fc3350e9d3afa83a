#ifndef YT_CLI_JSON_H
#define YT_CLI_JSON_H

/* Machine output: one JSON document on stdout, its names as docs/JSON.md has
 * them. The setters take ownership of nothing but what jansson makes inside;
 * a failure sticks to the document and is told by yt_json_print(). */

#include <stdint.h>

#include <jansson.h>

#include "yolotune/status.h"

struct yt_json {
    json_t *root; /* an object */
    int failed;   /* something did not fit in memory or was not UTF-8 */
};

void yt_json_init(struct yt_json *doc);

/** Add a member to @p to, an object of the document or NULL for its root. */
void yt_json_text(struct yt_json *doc, json_t *to, const char *name,
                  const char *value);
void yt_json_int(struct yt_json *doc, json_t *to, const char *name,
                 int64_t value);
void yt_json_bool(struct yt_json *doc, json_t *to, const char *name, int value);
/** Not a number and infinities become null. */
void yt_json_real(struct yt_json *doc, json_t *to, const char *name,
                  double value);

/** Add an empty object or array and return it, borrowed. */
json_t *yt_json_object(struct yt_json *doc, json_t *to, const char *name);
json_t *yt_json_array(struct yt_json *doc, json_t *to, const char *name);

/** Append an empty object to an array and return it, borrowed. */
json_t *yt_json_element(struct yt_json *doc, json_t *array);

/** Print the document on stdout and free it.
 *  @return an enum yt_exit; a sentence was printed if not YT_EXIT_OK. */
int yt_json_print(struct yt_json *doc);

/** Print the document on one line of stdout, at once, and free it.
 *  @return YT_OK; YT_NO_MEMORY; YT_IO. */
enum yt_status yt_json_print_line(struct yt_json *doc);

/** Print a document piece by piece, so that a long list needs no memory: its
 *  members so far, the beginning of array @p name, then elements as they come,
 *  and members that follow. What comes out is what yt_json_print() would have
 *  printed of the whole. */
struct yt_json_list {
    int64_t elements;
};

/** @param doc is freed.
 *  @return YT_OK; YT_NO_MEMORY; YT_IO. */
enum yt_status yt_json_list_begin(struct yt_json_list *list,
                                  struct yt_json *doc, const char *name);

/** @param element is freed.
 *  @return as yt_json_list_begin(). */
enum yt_status yt_json_list_add(struct yt_json_list *list,
                                struct yt_json *element);

/** @param rest members behind the array; is freed.
 *  @return as yt_json_list_begin(). */
enum yt_status yt_json_list_end(struct yt_json_list *list,
                                struct yt_json *rest);

#endif
