#ifndef YT_EXPORT_TEMPLATES_H
#define YT_EXPORT_TEMPLATES_H

/* The fixed texts of an export, to be filled by yt_export_fill(). Keys: NAME;
 * MODEL (safe inside comments), ISA, PRECISION, THREADS, WIDTH, HEIGHT,
 * CLASSES, VERSION.
 */

/* include/NAME.h in pieces, up to a NULL. */
extern const char *const yt_export_header_texts[];
extern const char yt_export_functions_text[]; /* C: the functions of NAME.h */
extern const char yt_export_blob_text[];      /* assembler: constants */
extern const char yt_export_globals_text[];   /* objcopy: what stays global */
extern const char yt_export_versions_text[];  /* ld: what libNAME.so shows */
extern const char yt_export_pkgconfig_text[]; /* lib/pkgconfig/NAME.pc */
extern const char yt_export_cmake_text[];     /* NAMEConfig.cmake */

extern const char yt_export_hpp_text[]; /* include/NAME.hpp, from export/cpp/ */

/* Of Python, embedded from export/python/. */
extern const char yt_export_python_text[];    /* python/NAME/__init__.py */
extern const char yt_export_wheel_text[];     /* python/yolotune_wheel.py */
extern const char yt_export_pyproject_text[]; /* pyproject.toml */

#endif
