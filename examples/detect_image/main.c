/* A product that links an export: finds objects in PPM pictures and prints one
 * line for each, best score first:
 *
 *     FILE: CLASS SCORE X0 Y0 X1 Y1
 *
 * Floats have nine digits, which tell any two of them apart. It needs libc and
 * the export, nothing else. MODEL is the export's name (-DMODEL=yolov5s). */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef MODEL
#define MODEL yolov5n
#endif

/* MODEL_(open) is yolov5n_open, MODEL_HEADER is "yolov5n.h". */
#define JOIN_(a, b)  a##_##b
#define JOIN(a, b)   JOIN_(a, b)
#define MODEL_(name) JOIN(MODEL, name)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)
#define MODEL_HEADER TEXT(MODEL.h)
#include MODEL_HEADER

#define BOXES_MAX 300

struct picture {
    uint8_t *pixels; /* [height][width][3] */
    int32_t width, height;
};

/* A number of a PPM header: blanks and comments, digits. -1 when there is
 * none or it is above 65535. */
static int32_t read_number(FILE *file)
{
    int c = getc(file);
    while (c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '#') {
        if (c == '#')
            while (c != '\n' && c != EOF)
                c = getc(file);
        c = getc(file);
    }
    int32_t number = -1;
    for (; c >= '0' && c <= '9' && number < 65536; c = getc(file))
        number = (number < 0 ? 0 : number * 10) + (c - '0');
    ungetc(c, file);
    return number < 65536 ? number : -1;
}

/* Read a binary PPM (P6) of 8 bits a sample. NULL, or what is wrong. */
static const char *read_picture(const char *path, struct picture *picture)
{
    const char *wrong = NULL;
    *picture = (struct picture){NULL, 0, 0};
    FILE *file = fopen(path, "rb");
    if (!file)
        return strerror(errno);
    const int magic = getc(file) == 'P' && getc(file) == '6';
    picture->width = magic ? read_number(file) : -1;
    picture->height = magic ? read_number(file) : -1;
    const int32_t depth = magic ? read_number(file) : -1;
    getc(file); /* the one blank before the samples */
    if (picture->width < 1 || picture->height < 1 || depth != 255) {
        wrong = "not a binary PPM (P6) of 8 bits a sample";
    } else {
        const size_t bytes =
            (size_t)picture->width * (size_t)picture->height * 3;
        picture->pixels = malloc(bytes);
        if (!picture->pixels)
            wrong = "out of memory";
        else if (fread(picture->pixels, 1, bytes, file) != bytes)
            wrong = "cut short";
    }
    fclose(file);
    if (wrong) {
        free(picture->pixels);
        picture->pixels = NULL;
    }
    return wrong;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s PICTURE.ppm...\n", argv[0]);
        return 2;
    }
    struct MODEL_(model) * model;
    if (MODEL_(open)(NULL, &model) != YT_OK) {
        fprintf(stderr, "%s: %s\n", argv[0], MODEL_(error)());
        return 1;
    }
    struct yt_model_info info;
    MODEL_(info)(model, &info);

    /* One workspace for each thread that calls detect, made once. */
    const size_t workspace_bytes = (info.workspace_bytes + 63) / 64 * 64;
    void *workspace = aligned_alloc(64, workspace_bytes);
    static struct yt_box boxes[BOXES_MAX];
    int failures = workspace == NULL;
    for (int i = 1; workspace && i < argc; i++) {
        struct picture picture;
        const char *wrong = read_picture(argv[i], &picture);
        size_t count = 0;
        if (!wrong) {
            const struct yt_image image = {
                .pixels = picture.pixels,
                .width = picture.width,
                .height = picture.height,
                .stride_bytes = (int64_t)picture.width * 3,
                .format = YT_PIXEL_RGB,
            };
            if (MODEL_(detect)(model, &image, NULL, workspace, workspace_bytes,
                               boxes, BOXES_MAX, &count, NULL) != YT_OK)
                wrong = MODEL_(error)();
            free(picture.pixels);
        }
        if (wrong) {
            fprintf(stderr, "%s: %s\n", argv[i], wrong);
            failures++;
            continue;
        }
        for (size_t b = 0; b < count; b++)
            printf("%s: %s %.9g %.9g %.9g %.9g %.9g\n", argv[i],
                   info.class_names[boxes[b].class_id], boxes[b].score,
                   boxes[b].x0, boxes[b].y0, boxes[b].x1, boxes[b].y1);
    }
    free(workspace);
    MODEL_(close)(model);
    return failures > 0;
}
