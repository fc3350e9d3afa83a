# Every library yolotune builds on. LLVM 19 is pinned: other versions differ in
# intrinsics and code, so the machine's default llvm-config is never asked.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
find_program(YT_LLVM_CONFIG NAMES llvm-config-19
             HINTS /usr/lib/llvm-19/bin DOC "llvm-config of LLVM 19")
if(NOT YT_LLVM_CONFIG)
  message(FATAL_ERROR
    "LLVM 19 was not found: install llvm-19-dev (Debian: apt-get install "
    "llvm-19-dev), or set YT_LLVM_CONFIG to the llvm-config of LLVM 19.")
endif()
execute_process(COMMAND ${YT_LLVM_CONFIG} --version
  OUTPUT_VARIABLE YT_LLVM_VERSION OUTPUT_STRIP_TRAILING_WHITESPACE)
if(NOT YT_LLVM_VERSION MATCHES "^19\\.")
  message(FATAL_ERROR
    "${YT_LLVM_CONFIG} is LLVM ${YT_LLVM_VERSION}; yolotune needs LLVM 19.")
endif()
execute_process(COMMAND ${YT_LLVM_CONFIG} --includedir
  OUTPUT_VARIABLE YT_LLVM_INCLUDE OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${YT_LLVM_CONFIG} --libdir
  OUTPUT_VARIABLE YT_LLVM_LIBDIR OUTPUT_STRIP_TRAILING_WHITESPACE)
execute_process(COMMAND ${YT_LLVM_CONFIG} --libs --link-shared
  OUTPUT_VARIABLE YT_LLVM_LIBS OUTPUT_STRIP_TRAILING_WHITESPACE)
add_library(yt_llvm INTERFACE)
target_include_directories(yt_llvm SYSTEM INTERFACE ${YT_LLVM_INCLUDE})
target_link_directories(yt_llvm INTERFACE ${YT_LLVM_LIBDIR})
target_link_libraries(yt_llvm INTERFACE ${YT_LLVM_LIBS})

pkg_check_modules(YT_SQLITE REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(YT_CPUID REQUIRED IMPORTED_TARGET libcpuid)
pkg_check_modules(YT_ZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(YT_PROTOBUF REQUIRED IMPORTED_TARGET libprotobuf-c)
pkg_check_modules(YT_JPEG REQUIRED IMPORTED_TARGET libjpeg)
pkg_check_modules(YT_PNG REQUIRED IMPORTED_TARGET libpng)
pkg_check_modules(YT_WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(YT_TIFF REQUIRED IMPORTED_TARGET libtiff-4>=4.5)
pkg_check_modules(YT_JANSSON REQUIRED IMPORTED_TARGET jansson)
pkg_check_modules(YT_XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(YT_YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(YT_CMOCKA REQUIRED IMPORTED_TARGET cmocka)
find_program(YT_PROTOC_C NAMES protoc-c REQUIRED)

# giflib, of which only Debian has pkg-config files.
find_path(YT_GIF_INCLUDE gif_lib.h REQUIRED)
find_library(YT_GIF_LIBRARY gif REQUIRED)
add_library(yt_gif INTERFACE)
target_include_directories(yt_gif SYSTEM INTERFACE ${YT_GIF_INCLUDE})
target_link_libraries(yt_gif INTERFACE ${YT_GIF_LIBRARY})

# oneDNN's C API, of which Debian has no pkg-config file.
find_path(YT_DNNL_INCLUDE oneapi/dnnl/dnnl.h REQUIRED)
find_library(YT_DNNL_LIBRARY dnnl REQUIRED)
add_library(yt_dnnl INTERFACE)
target_include_directories(yt_dnnl SYSTEM INTERFACE ${YT_DNNL_INCLUDE})
target_link_libraries(yt_dnnl INTERFACE ${YT_DNNL_LIBRARY} gomp)

# FFmpeg's libraries, for videos. Only their headers are wanted: the program
# loads them when it opens a video (eval/video_av.h).
option(YT_VIDEO "Read and write videos where FFmpeg's headers are found" ON)
set(YT_HAS_VIDEO OFF)
if(YT_VIDEO)
  pkg_check_modules(YT_AV IMPORTED_TARGET libavformat>=59 libavcodec>=59
                    libswscale>=6 libavutil>=57)
  pkg_check_modules(YT_AVDEVICE IMPORTED_TARGET libavdevice>=59)
  set(YT_HAS_VIDEO ${YT_AV_FOUND})
endif()
if(NOT YT_HAS_VIDEO)
  message(STATUS "Built without video: install libavformat-dev, libavcodec-dev, "
    "libswscale-dev, libavutil-dev and libavdevice-dev for it.")
elseif(NOT YT_AVDEVICE_FOUND)
  message(STATUS "Built without cameras: install libavdevice-dev for them.")
endif()
