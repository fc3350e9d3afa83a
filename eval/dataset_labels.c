/* Label files of the Ultralytics form, by the rules of YOLOv5's
 * utils/dataloaders.py, verify_image_label(): a line is "class x y w h", centre
 * and size in shares of the picture, or "class x y x y ...", an outline, of
 * which the box around counts; lines that stand twice count once; a file that
 * is missing or empty says that there is nothing to be found; a file with
 * anything wrong in it leaves its picture out.
 *
 * One rule is our own. As soon as one line of a file is an outline, YOLOv5
 * takes all of them for outlines, and so "class x y w h" for two corners. An
 * outline has three points or more: five numbers are a box in any file. */

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "eval/dataset_build.h"
#include "runtime/fail.h"

struct row {
    float class_id, x, y, w, h;
    int32_t line;
};

struct label_file {
    const char *path;
    struct row *rows;
    int32_t count, cap;
    float *values; /* of the line being read */
    int32_t value_cap;
};

/* What str.splitlines() ends a line at, in ASCII, and str.split() a word. */
#define LINE_ENDS "\n\r\v\f\x1c\x1d\x1e"
#define BLANKS    " \t\x1f"

#define BOX_NUMBERS         5 /* class x y w h */
#define OUTLINE_NUMBERS_MIN 7 /* class and three points */

/* The last /images/ becomes /labels/, the ending .txt. */
char *yt_label_path(const char *picture)
{
    static const char images[] = "/images/";
    const char *at = NULL;
    for (const char *p = picture; (p = strstr(p, images)) != NULL; p++)
        at = p;
    const char *slash = strrchr(picture, '/');
    const char *dot = strrchr(slash == NULL ? picture : slash, '.');
    const int length =
        (int)(dot == NULL ? strlen(picture) : (size_t)(dot - picture));
    const int head = at == NULL ? 0 : (int)(at - picture);
    const int tail = at == NULL ? 0 : head + (int)sizeof images - 1;
    char *path = NULL;
    if (asprintf(&path, "%.*s%s%.*s.txt", head, picture,
                 at == NULL ? "" : "/labels/", length - tail,
                 picture + tail) < 0)
        return NULL;
    return path;
}

/* The line's numbers into file->values. */
static enum yt_status read_numbers(struct label_file *file, char *line,
                                   int32_t number, int32_t *count_out)
{
    int32_t count = 0;
    char *rest = line;
    for (char *word; (word = strsep(&rest, BLANKS)) != NULL;) {
        if (word[0] == '\0')
            continue;
        char *end = NULL;
        const float value = strtof(word, &end);
        YT_FAIL_IF(*end != '\0' || !isfinite(value), YT_BAD_INPUT,
                   "%s:%d: '%.40s' is not a number", file->path, number, word);
        if (count == file->value_cap) {
            const int32_t more = count == 0 ? 64 : count * 2;
            float *bigger =
                realloc(file->values, (size_t)more * sizeof *bigger);
            YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "%s: no memory to read it",
                       file->path);
            file->values = bigger;
            file->value_cap = more;
        }
        file->values[count++] = value;
    }
    *count_out = count;
    return YT_OK;
}

/* The box around an outline. */
static struct row outline_row(const float *v, int32_t count, int32_t number)
{
    float x0 = v[1], x1 = v[1], y0 = v[2], y1 = v[2];
    for (int32_t i = 3; i < count; i += 2) {
        x0 = fminf(x0, v[i]);
        x1 = fmaxf(x1, v[i]);
        y0 = fminf(y0, v[i + 1]);
        y1 = fmaxf(y1, v[i + 1]);
    }
    return (struct row){v[0],    (x0 + x1) / 2, (y0 + y1) / 2,
                        x1 - x0, y1 - y0,       number};
}

static enum yt_status make_row(const struct label_file *file, int32_t count,
                               int32_t number, struct row *row_out)
{
    const float *v = file->values;
    YT_FAIL_IF(count != BOX_NUMBERS &&
                   (count < OUTLINE_NUMBERS_MIN || count % 2 == 0),
               YT_BAD_INPUT,
               "%s:%d: %d numbers, neither the five of class x y w h nor a "
               "class and three or more pairs of x and y",
               file->path, number, count);
    *row_out = count == BOX_NUMBERS
                   ? (struct row){v[0], v[1], v[2], v[3], v[4], number}
                   : outline_row(v, count, number);
    return YT_OK;
}

/* Of an outline its box counts, not its points: rounding may move a point a
 * little past the picture's edge. */
static enum yt_status check_row(const struct label_file *file,
                                const struct row *row, int32_t classes)
{
    const float id = row->class_id;
    YT_FAIL_IF(id < 0 || id >= (float)classes || id != truncf(id), YT_BAD_INPUT,
               "%s:%d: class %g: the data set has classes 0 to %d", file->path,
               row->line, (double)id, classes - 1);
    const float shares[] = {row->x, row->y, row->w, row->h};
    for (int i = 0; i < 4; i++)
        YT_FAIL_IF(!(shares[i] >= 0 && shares[i] <= 1), YT_BAD_INPUT,
                   "%s:%d: %.9g: coordinates are shares of the picture, 0 to 1",
                   file->path, row->line, (double)shares[i]);
    return YT_OK;
}

static enum yt_status add_row(struct label_file *file, const struct row *row)
{
    if (file->count == file->cap) {
        const int32_t more = file->cap == 0 ? 32 : file->cap * 2;
        struct row *bigger = realloc(file->rows, (size_t)more * sizeof *bigger);
        YT_FAIL_IF(bigger == NULL, YT_NO_MEMORY, "%s: no memory to read it",
                   file->path);
        file->rows = bigger;
        file->cap = more;
    }
    file->rows[file->count++] = *row;
    return YT_OK;
}

/* Cut the line off that *text begins with; "\r\n" is one end. */
static char *take_line(char **text)
{
    char *line = *text;
    char *end = line + strcspn(line, LINE_ENDS);
    if (*end == '\0') {
        *text = NULL;
    } else {
        *text = end + (end[0] == '\r' && end[1] == '\n' ? 2 : 1);
        *end = '\0';
    }
    return line;
}

static enum yt_status read_rows(struct label_file *file, char *text,
                                int32_t classes)
{
    for (int32_t number = 1; text != NULL; number++) {
        int32_t count = 0;
        struct row row;
        YT_TRY(read_numbers(file, take_line(&text), number, &count));
        if (count == 0)
            continue;
        YT_TRY(make_row(file, count, number, &row));
        YT_TRY(check_row(file, &row, classes));
        YT_TRY(add_row(file, &row));
    }
    return YT_OK;
}

static int compare_rows(const void *a_, const void *b_)
{
    const struct row *a = a_;
    const struct row *b = b_;
    const float left[] = {a->class_id, a->x, a->y, a->w, a->h};
    const float right[] = {b->class_id, b->x, b->y, b->w, b->h};
    for (int i = 0; i < 5; i++)
        if (left[i] != right[i])
            return left[i] < right[i] ? -1 : 1;
    return 0;
}

static int compare_lines(const void *a_, const void *b_)
{
    const struct row *a = a_;
    const struct row *b = b_;
    const int order = compare_rows(a, b);
    return order != 0 ? order : (a->line > b->line) - (a->line < b->line);
}

static int by_line(const void *a_, const void *b_)
{
    const struct row *a = a_;
    const struct row *b = b_;
    return (a->line > b->line) - (a->line < b->line);
}

static int32_t drop_duplicates(struct label_file *file)
{
    if (file->count < 2)
        return 0;
    qsort(file->rows, (size_t)file->count, sizeof *file->rows, compare_lines);
    int32_t kept = 1;
    for (int32_t i = 1; i < file->count; i++)
        if (compare_rows(&file->rows[kept - 1], &file->rows[i]) != 0)
            file->rows[kept++] = file->rows[i];
    const int32_t dropped = file->count - kept;
    file->count = kept;
    qsort(file->rows, (size_t)kept, sizeof *file->rows, by_line);
    return dropped;
}

static enum yt_status add_truths(struct yt_dataset *dataset, int32_t i,
                                 const struct label_file *file)
{
    for (int32_t j = 0; j < file->count; j++) {
        const struct row *row = &file->rows[j];
        const double w = (double)row->w;
        const double h = (double)row->h;
        const struct yt_truth truth = {
            .x = (double)row->x - w / 2,
            .y = (double)row->y - h / 2,
            .w = w,
            .h = h,
            .area = w * h,
            .image = i,
            .class_id = (int32_t)row->class_id,
        };
        YT_TRY(yt_dataset_add_truth(dataset, &truth));
    }
    dataset->images[i].in_shares = 1;
    return YT_OK;
}

static enum yt_status read_image_labels(struct yt_dataset *dataset, int32_t i,
                                        struct label_file *file)
{
    char *text = NULL;
    enum yt_status status = yt_text_read(file->path, &text);
    if (status == YT_NOT_FOUND)
        return YT_OK;
    if (status == YT_OK)
        status = read_rows(file, text, dataset->class_count);
    free(text);
    if (status == YT_NO_MEMORY)
        return status;
    if (status != YT_OK)
        return yt_dataset_leave_out(dataset, i, yt_error());
    dataset->duplicates += drop_duplicates(file);
    return add_truths(dataset, i, file);
}

enum yt_status yt_dataset_read_labels(struct yt_dataset *dataset)
{
    struct label_file file = {0};
    enum yt_status status = YT_OK;
    for (int32_t i = 0; i < dataset->image_count && status == YT_OK; i++) {
        char *path = yt_label_path(dataset->images[i].path);
        if (path == NULL) {
            status = yt_fail(YT_NO_MEMORY, "no memory for the data set");
            break;
        }
        file.path = path;
        file.count = 0;
        status = read_image_labels(dataset, i, &file);
        free(path);
    }
    free(file.rows);
    free(file.values);
    return status;
}
