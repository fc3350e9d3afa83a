#ifndef YT_MAP_MATCH_H
#define YT_MAP_MATCH_H

/* What eval/map_match.c leaves for eval/map.c: each box with the overlaps at
 * which it found an object, each object with the areas in which it counts. */

#include "eval/map.h"

/** One box. Bit t of the masks stands for overlap t. */
struct yt_map_box {
    double score;
    int32_t image;
    int32_t rank; /* among the boxes of its class and image, 0: best */
    uint16_t found[YT_MAP_AREAS];
    uint16_t ignored[YT_MAP_AREAS]; /* neither right nor wrong */
};

struct yt_map_object {
    int32_t image;
    int32_t counts; /* bit a: in area a */
};

struct yt_map_matches {
    struct yt_map_box *boxes; /* best score first, equal ones by image */
    int32_t box_count, box_cap;
    struct yt_map_object *objects; /* by image */
    int32_t object_count, object_cap;
};

struct yt_map {
    struct yt_map_matches *classes; /* [class_count] */
    int32_t class_count;
    int32_t image_count;
    int32_t used;         /* images that are not left out */
    char *left_out;       /* [image_count] */
    int32_t object_count; /* that count, of any area */
};

/** Fill @p map, whose arrays of classes are there and empty. */
enum yt_status yt_map_match(struct yt_map *map,
                            const struct yt_dataset *dataset,
                            const struct yt_results *results);

#endif
