/* The text form of a quantisation, see compress/quant/quantisation.h. Reading
 * trusts nothing: every line is checked against the graph before it is stored,
 * and whatever was begun has to be complete at the end. */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "compress/quant/quantisation.h"
#include "runtime/fail.h"

#define VERSION   1
#define CHUNK     264 /* bytes a line: a multiple of 3 and 4 */
#define CHUNK_MAX (CHUNK / 3 * 4)

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* ---------------------------------------------------------------- writing */

static void encode(const uint8_t *bytes, size_t count, char *text)
{
    for (size_t i = 0; i < count; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= i + 1 < count ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < count ? bytes[i + 2] : 0;
        for (size_t k = 0; k < 4; k++)
            *text++ =
                i + k <= count ? alphabet[group >> (18 - 6 * k) & 63] : '=';
    }
    *text = 0;
}

/* @p unit bytes make one of what FIRST counts. */
static void write_bytes(FILE *out, const char *kind, int32_t node,
                        const uint8_t *bytes, size_t count, size_t unit)
{
    char text[CHUNK_MAX + 1];
    for (size_t at = 0; at < count; at += CHUNK) {
        encode(bytes + at, count - at < CHUNK ? count - at : CHUNK, text);
        fprintf(out, "quant %s %" PRId32 " %zu %s\n", kind, node, at / unit,
                text);
    }
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void write_node(const struct yt_quantisation *q, int32_t i, FILE *out)
{
    const struct yt_node_range *r = &q->ranges[i];
    if (q->dtypes[i] != YT_DTYPE_F32)
        fprintf(out, "quant type %" PRId32 " %s\n", i,
                yt_dtype_name((enum yt_dtype)q->dtypes[i]));
    if (r->lo <= r->hi)
        fprintf(out,
                "quant range %" PRId32 " %08" PRIx32 " %08" PRIx32 " %08" PRIx32
                " %08" PRIx32 "\n",
                i, bits_of(r->lo), bits_of(r->hi), bits_of(r->seen_lo),
                bits_of(r->seen_hi));
    /* x86 alone runs this: its floats are little endian. */
    if (r->means)
        write_bytes(out, "means", i, (const uint8_t *)r->means,
                    (size_t)q->channels[i] * sizeof *r->means,
                    sizeof *r->means);
    if (q->rounding[i])
        write_bytes(out, "rounding", i, q->rounding[i],
                    yt_quantisation_rounding_bytes(q, i), 1);
}

enum yt_status yt_quantisation_text(const struct yt_quantisation *q,
                                    const struct yt_graph *graph,
                                    char **text_out)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    YT_FAIL_IF(!out, YT_NO_MEMORY, "no memory for a quantisation");
    const int failed = yt_quantisation_write(q, graph, out) != 0;
    if (fclose(out) != 0 || failed) {
        free(text);
        return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
    }
    *text_out = text;
    return YT_OK;
}

int yt_quantisation_write(const struct yt_quantisation *q,
                          const struct yt_graph *graph, FILE *out)
{
    (void)graph;
    fprintf(out, "quant begin %d %s %" PRId32 "\n", VERSION, q->graph_hash,
            q->node_count);
    fprintf(out, "quant images %" PRId32 " %s\n", q->images,
            q->images_hash[0] ? q->images_hash : "-");
    fprintf(out, "quant options %" PRId32 " %" PRId32 "\n", q->bias_correction,
            q->rounding_weight_max);
    for (int32_t i = 0; i < q->node_count; i++)
        write_node(q, i, out);
    fprintf(out, "quant end\n");
    return ferror(out) ? -1 : 0;
}

/* ---------------------------------------------------------------- reading */

struct reader {
    const struct yt_graph *graph;
    struct yt_quantisation *q;
    size_t *means, *rounding; /* [node_count] bytes read so far */
    int number;               /* of the line */
};

static enum yt_status refuse(const struct reader *r, const char *what)
{
    return yt_fail(YT_BAD_INPUT, "quantisation: line %d: %s", r->number, what);
}

/* A whole number or that many hexadecimal digits; steps over it and a space
 * behind it. 0: there is none. */
static int take_number(const char **at, int64_t limit, int64_t *out)
{
    int64_t value = 0;
    const char *p = *at;
    while (*p >= '0' && *p <= '9' && value <= limit)
        value = 10 * value + (*p++ - '0');
    if (p == *at || value > limit || (*p != ' ' && *p != 0))
        return 0;
    *at = p + (*p == ' ');
    *out = value;
    return 1;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int take_float(const char **at, float *out)
{
    uint32_t bits = 0;
    const char *p = *at;
    for (int i = 0; i < 8; i++, p++) {
        const int value = hex_value(*p);
        if (value < 0)
            return 0;
        bits = bits << 4 | (uint32_t)value;
    }
    if (*p != ' ' && *p != 0)
        return 0;
    *at = p + (*p == ' ');
    memcpy(out, &bits, sizeof *out);
    return isfinite(*out);
}

static int take_hash(const char **at, char *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (hex_value((*at)[i]) < 0)
            return 0;
    memcpy(out, *at, length);
    out[length] = 0;
    *at += length + ((*at)[length] == ' ');
    return 1;
}

/* Base64 of at most CHUNK bytes to the end of the line; -1: it is not. */
static int64_t decode(const char *text, uint8_t bytes[CHUNK])
{
    const size_t length = strlen(text);
    size_t count = 0;
    if (length == 0 || length % 4 != 0 || length > CHUNK_MAX)
        return -1;
    for (size_t i = 0; i < length; i += 4) {
        uint32_t group = 0;
        int kept = 4;
        for (int k = 0; k < 4; k++) {
            const char c = text[i + (size_t)k];
            const char *found = strchr(alphabet, c);
            if (c == '=' && i + 4 == length && k >= 2)
                kept = kept < k ? kept : k;
            else if (!found || kept < 4)
                return -1;
            group = group << 6 | (uint32_t)(c == '=' ? 0 : found - alphabet);
        }
        for (int k = 0; k < kept - 1; k++)
            bytes[count++] = (uint8_t)(group >> (16 - 8 * k));
    }
    return (int64_t)count;
}

static enum yt_status read_begin(struct reader *r, const char *at)
{
    int64_t version, nodes;
    char hash[17];
    if (!take_number(&at, INT32_MAX, &version))
        return refuse(r, "no version");
    YT_FAIL_IF(version != VERSION, YT_BAD_INPUT,
               "quantisation: line %d: version %" PRId64 ", want %d", r->number,
               version, VERSION);
    if (!take_hash(&at, hash, 16) || !take_number(&at, INT32_MAX, &nodes) ||
        *at)
        return refuse(r, "want a hash and a number of nodes");
    YT_FAIL_IF(nodes != r->q->node_count || strcmp(hash, r->q->graph_hash) != 0,
               YT_STALE,
               "quantisation: made for another graph, %s of %" PRId64
               " nodes, than %s of %" PRId32,
               hash, nodes, r->q->graph_hash, r->q->node_count);
    return YT_OK;
}

static enum yt_status read_images(struct reader *r, const char *at)
{
    int64_t images;
    if (!take_number(&at, INT32_MAX, &images))
        return refuse(r, "want a number of images");
    r->q->images = (int32_t)images;
    if (strcmp(at, "-") == 0)
        return YT_OK;
    if (!take_hash(&at, r->q->images_hash, 32) || *at)
        return refuse(r, "the images' hash is not 32 hexadecimal digits");
    return YT_OK;
}

static enum yt_status read_options(struct reader *r, const char *at)
{
    int64_t bias, weight_max;
    if (!take_number(&at, 1, &bias) || !take_number(&at, 127, &weight_max) ||
        *at)
        return refuse(r, "options are not understood");
    r->q->bias_correction = (int32_t)bias;
    r->q->rounding_weight_max = (int32_t)weight_max;
    return YT_OK;
}

static enum yt_status read_type(struct reader *r, int32_t node, const char *at)
{
    if (r->graph->nodes[node].kind != YT_NODE_CONV)
        return refuse(r, "a type of what is no convolution");
    for (int type = 0; type < YT_DTYPE_COUNT; type++)
        if (strcmp(at, yt_dtype_name((enum yt_dtype)type)) == 0) {
            r->q->dtypes[node] = (uint8_t)type;
            return YT_OK;
        }
    return refuse(r, "no such type");
}

static enum yt_status read_range(struct reader *r, int32_t node, const char *at)
{
    struct yt_node_range *range = &r->q->ranges[node];
    float limits[4];
    for (int i = 0; i < 4; i++)
        if (!take_float(&at, &limits[i]))
            return refuse(r, "want four finite numbers of 8 digits");
    if (*at || limits[0] > limits[1])
        return refuse(r, "not a range");
    range->lo = limits[0];
    range->hi = limits[1];
    range->seen_lo = limits[2];
    range->seen_hi = limits[3];
    return YT_OK;
}

/* The next bytes of an array of @p count. */
static enum yt_status read_bytes(struct reader *r, const char *at, size_t unit,
                                 size_t count, uint8_t *array, size_t *done)
{
    int64_t first;
    uint8_t bytes[CHUNK];
    if (!array)
        return yt_fail(YT_NO_MEMORY, "no memory for a quantisation");
    if (!take_number(&at, INT32_MAX, &first) || (uint64_t)first * unit != *done)
        return refuse(r, "does not begin where the last one ended");
    const int64_t got = decode(at, bytes);
    if (got < 0 || (uint64_t)got % unit != 0)
        return refuse(r, "not base64");
    if ((uint64_t)got > count - *done)
        return refuse(r, "more than there are channels or weights");
    memcpy(array + *done, bytes, (size_t)got);
    *done += (size_t)got;
    return YT_OK;
}

static enum yt_status read_means(struct reader *r, int32_t node, const char *at)
{
    struct yt_node_range *range = &r->q->ranges[node];
    const size_t count = (size_t)r->q->channels[node] * sizeof(float);
    const size_t before = r->means[node] / sizeof(float);
    if (!range->means)
        range->means = calloc(count + 1, 1);
    YT_TRY(read_bytes(r, at, sizeof(float), count, (uint8_t *)range->means,
                      &r->means[node]));
    for (size_t i = before; i < r->means[node] / sizeof(float); i++)
        if (!isfinite(range->means[i]))
            return refuse(r, "a mean is not finite");
    return YT_OK;
}

static enum yt_status read_rounding(struct reader *r, int32_t node,
                                    const char *at)
{
    const size_t count = yt_quantisation_rounding_bytes(r->q, node);
    if (count == 0)
        return refuse(r, "rounding of what has no weights");
    if (!r->q->rounding[node])
        r->q->rounding[node] = calloc(count, 1);
    return read_bytes(r, at, 1, count, r->q->rounding[node],
                      &r->rounding[node]);
}

static enum yt_status check_complete(struct reader *r)
{
    const struct yt_quantisation *q = r->q;
    for (int32_t i = 0; i < q->node_count; i++) {
        if (q->ranges[i].means &&
            r->means[i] != (size_t)q->channels[i] * sizeof(float))
            return refuse(r, "ends before all means of a node");
        if (q->rounding[i] &&
            r->rounding[i] != yt_quantisation_rounding_bytes(q, i))
            return refuse(r, "ends before all rounding of a node");
    }
    return YT_OK;
}

/* What a line of this name holds behind it, NULL: another line. */
static const char *after(const char *line, const char *name)
{
    const size_t length = strlen(name);
    return strncmp(line, name, length) == 0 && line[length] == ' '
               ? line + length + 1
               : NULL;
}

static enum yt_status read_line(struct reader *r, const char *line)
{
    static const struct {
        const char *name;
        enum yt_status (*read)(struct reader *, int32_t, const char *);
    } kinds[] = {{"type", read_type},
                 {"range", read_range},
                 {"means", read_means},
                 {"rounding", read_rounding}};
    const char *rest = after(line, "images");
    if (rest)
        return read_images(r, rest);
    if ((rest = after(line, "options")))
        return read_options(r, rest);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        int64_t node;
        if (!(rest = after(line, kinds[i].name)))
            continue;
        if (!take_number(&rest, r->q->node_count - 1, &node))
            return refuse(r, "no such node");
        return kinds[i].read(r, (int32_t)node, rest);
    }
    return refuse(r, "not understood");
}

/* From "quant begin" to "quant end". */
static enum yt_status read_lines(struct reader *r, const char *text)
{
    char line[YT_QUANTISATION_LINE + 1];
    int begun = 0;
    for (r->number = 1; *text; r->number++) {
        const size_t length = strcspn(text, "\n");
        const char *at = text;
        text += length + (text[length] == '\n');
        if (strncmp(at, "quant ", 6) != 0) {
            if (begun)
                return refuse(r, "the quantisation did not end");
            continue;
        }
        if (length > YT_QUANTISATION_LINE)
            return refuse(r, "too long");
        memcpy(line, at + 6, length - 6);
        line[length - 6] = 0;
        const char *rest = after(line, "begin");
        if (begun != !rest)
            return refuse(r, "begins twice or not at all");
        if (strcmp(line, "end") == 0)
            return check_complete(r);
        YT_TRY(rest ? read_begin(r, rest) : read_line(r, line));
        begun = 1;
    }
    YT_FAIL_IF(begun, YT_BAD_INPUT,
               "quantisation: line %d: the text ends before 'quant end'",
               r->number);
    return yt_fail(YT_NOT_FOUND, "no quantisation in the text");
}

enum yt_status yt_quantisation_read(const struct yt_graph *graph,
                                    const char *text,
                                    struct yt_quantisation **q_out)
{
    struct reader r = {.graph = graph};
    enum yt_status status;
    YT_TRY(yt_quantisation_create(graph, &r.q));
    r.means = calloc((size_t)graph->node_count, sizeof *r.means);
    r.rounding = calloc((size_t)graph->node_count, sizeof *r.rounding);
    YT_FAIL_IF_GOTO(!r.means || !r.rounding, YT_NO_MEMORY,
                    "no memory for a quantisation");
    status = read_lines(&r, text);
done:
    free(r.means);
    free(r.rounding);
    if (status != YT_OK) {
        yt_quantisation_destroy(r.q);
        return status;
    }
    *q_out = r.q;
    return YT_OK;
}
