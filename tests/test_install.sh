#!/bin/bash
# make install in an empty folder: the program runs from there, its manual pages
# and completions are there, and a product links the runtime through pkg-config
# and through CMake, on no other library than libc's.
set -eu
build=$YT_BUILD_DIR
if [ ! -x "$build/yolotune" ]; then
    echo "yolotune is not built: skipped"
    exit 77
fi
if ! grep -q 'CMAKE_INSTALL_PREFIX' "$build/CMakeCache.txt"; then
    echo "no build folder in YT_BUILD_DIR" >&2
    exit 1
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "$build" --prefix "$work/prefix" >"$work/log" ||
    { cat "$work/log"; exit 1; }

"$work/prefix/bin/yolotune" version | grep -q '^yolotune [0-9]'
share=$work/prefix/share
test -f "$share/bash-completion/completions/yolotune"
test -f "$share/zsh/vendor-completions/_yolotune"
test -f "$share/fish/vendor_completions.d/yolotune.fish"

# The default model and its pictures, found from the installed program.
default=$work/prefix/share/yolotune/default
"$work/prefix/bin/yolotune" analyze --imgsz 64 --json --db "$work/x.db" \
    >"$work/analysis"
grep -q '"yolotune-default"' "$work/analysis"
pictures=$(find "$default/images/val" -name '*.jpg' | wc -l)
labels=$(find "$default/labels/val" -name '*.txt' | wc -l)
[ "$pictures" -ge 200 ] && [ "$labels" -eq "$pictures" ]

cat >"$work/product.c" <<'C'
#include <stdio.h>
#include "yolotune/runtime.h"
int main(void)
{
    /* Taking its address links all of the executor. */
    enum yt_status (*volatile open)(const struct yt_bundle *,
                                    const struct yt_open_options *,
                                    struct yt_model **) = yt_model_open;
    yt_model_close(NULL);
    puts(yt_status_name(YT_UNSUPPORTED));
    return open == NULL;
}
C

# The .pc file finds the prefix by its own place, wherever that is now.
export PKG_CONFIG_PATH=$work/prefix/lib/pkgconfig
flags=$(pkg-config --cflags --libs yolotune-runtime)
# shellcheck disable=SC2086
cc -Wall -Werror "$work/product.c" $flags -o "$work/product"
"$work/product" | grep -qx unsupported
if ldd "$work/product" | grep -vE 'linux-vdso|libc\.so|ld-linux|libpthread'; then
    echo "the product needs more than libc" >&2
    exit 1
fi

mkdir "$work/cmake"
cat >"$work/cmake/CMakeLists.txt" <<'CMAKE'
cmake_minimum_required(VERSION 3.18)
project(product C)
find_package(yolotune-runtime REQUIRED)
add_executable(product ../product.c)
target_link_libraries(product yolotune::runtime)
CMAKE
cmake -S "$work/cmake" -B "$work/cmake/build" \
    -DCMAKE_PREFIX_PATH="$work/prefix" >"$work/log" 2>&1 &&
    cmake --build "$work/cmake/build" >>"$work/log" 2>&1 ||
    { cat "$work/log"; exit 1; }
"$work/cmake/build/product" | grep -qx unsupported
