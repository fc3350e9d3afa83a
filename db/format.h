#ifndef YT_DB_FORMAT_H
#define YT_DB_FORMAT_H

/** How rows are written. */
enum yt_db_format {
    YT_DB_TEXT, /* aligned columns; of wide lists the columns that matter */
    YT_DB_CSV,  /* RFC 4180 with a header line; NULL is an empty field */
    YT_DB_JSON  /* one document; NULL and infinities are null */
};

#endif
