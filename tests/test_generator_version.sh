#!/bin/bash
# The generator's version follows from the sources that decide what code a
# kernel becomes: any change to them, and nothing else, changes it, and a build
# that goes on after such a change knows.
set -u
for program in cmake cc; do
    if ! command -v $program >/dev/null; then
        echo "$program is not installed: skipped"
        exit 77
    fi
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
module=$YT_SOURCE_DIR/cmake/generator_version.cmake
failures=0
complain()
{
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# ------------------------------------------------- this tree's sources, copied
tree="$work/a tree"
mkdir "$tree"
for folder in codegen runtime base include; do
    cp -r "$YT_SOURCE_DIR/$folder" "$tree"
done
llvm=$(sed -n 's/^YT_LLVM_CONFIG:[A-Z]*=//p' "$YT_BUILD_DIR/CMakeCache.txt")
version()
{
    cmake "-DROOT=$tree" -DCOMPILER=cc \
        "-DFLAGS=-D_GNU_SOURCE;-isystem;$("$llvm" --includedir)" \
        -P "$module" 2>&1
}

# What the sources of codegen/ include, by their text: another way to the list
# than the module's.
included() # file...
{
    local file
    for file in "$@"; do
        [ -z "${seen[$file]+x}" ] || continue
        seen[$file]=1
        # shellcheck disable=SC2046 # one name a line
        included $(sed -nE 's/^ *# *include "([^"]*)".*/\1/p' "$tree/$file" |
            while read -r name; do
                for at in "$name" "include/$name"; do
                    [ ! -f "$tree/$at" ] || echo "$at"
                done
            done)
    done
}
declare -A seen=()
# shellcheck disable=SC2046
included $(cd "$tree" && find codegen -name '*.c')
[ ${#seen[@]} -gt 30 ] || complain "only ${#seen[@]} files: what was checked?"

before=$(version)
[[ $before =~ ^[0-9a-f]{12}$ ]] || complain "'$before' is not twelve digits"
touch "$tree/codegen/compile.c"
echo 'not a source' >"$tree/codegen/notes.txt"
echo >>"$tree/runtime/pool.c"
[ "$(version)" = "$before" ] || complain "it changed without a reason"
for file in codegen/compile.c codegen/emit.h runtime/problem.c \
    $(printf '%s\n' "${!seen[@]}" | grep -v '^codegen/'); do
    echo >>"$tree/$file"
    after=$(version)
    [ "$after" != "$before" ] || complain "a change to $file keeps $before"
    before=$after
done
mkdir -p "$tree/codegen/new"
echo 'int x;' >"$tree/codegen/new/new.c"
[ "$(version)" != "$before" ] || complain "a new generator keeps it"

# --------------------------------------------- a build that goes on, in small
small=$work/small
mkdir -p "$small/codegen/deep" "$small/runtime" "$small/include"
echo 'const char *yt_codegen_version(void);' >"$small/codegen/codegen.h"
echo '#include "runtime/sizes.h"' >"$small/codegen/deep/a.c"
echo '#include "runtime/sizes.inc"' >"$small/runtime/sizes.h"
echo 'enum { SIZE = 1 };' >"$small/runtime/sizes.inc"
cat >"$small/main.c" <<'C'
#include <stdio.h>
#include "codegen/codegen.h"
int main(void) { return puts(yt_codegen_version()) < 0; }
C
cat >"$small/CMakeLists.txt" <<CMAKE
cmake_minimum_required(VERSION 3.20)
project(small C)
include($module)
yt_generator_version(\${PROJECT_SOURCE_DIR} "-DONE;-DTWO=2" source)
add_executable(small main.c \${source})
target_include_directories(small PRIVATE .)
CMAKE
built() # generator: builds what changed, prints the program's version
{
    cmake --build "$work/$1" >"$work/log" 2>&1 || { cat "$work/log"; return 1; }
    "$work/$1/small"
}
for row in Ninja:ninja 'Unix Makefiles:make'; do
    generator=${row%:*}
    command -v "${row##*:}" >/dev/null || continue
    cmake -S "$small" -B "$work/$generator" -G "$generator" >"$work/log" 2>&1 ||
        { cat "$work/log"; exit 1; }
    before=$(built "$generator")
    [ "$(built "$generator")" = "$before" ] || complain "$generator: restless"
    for file in codegen/deep/a.c runtime/sizes.h runtime/sizes.inc; do
        sleep 1.1 # make compares seconds on some file systems
        echo >>"$small/$file"
        after=$(built "$generator")
        [[ $after =~ ^[0-9a-f]{12}$ && $after != "$before" ]] ||
            complain "$generator: after a change to $file: $after"
        before=$after
    done
    sleep 1.1
    echo '#include "codegen/more.h"' >>"$small/codegen/deep/a.c"
    echo >"$small/codegen/more.h"
    before=$(built "$generator")
    sleep 1.1
    echo >>"$small/codegen/more.h"
    [ "$(built "$generator")" != "$before" ] ||
        complain "$generator: a header that came later is not seen"
done
[ "$failures" -eq 0 ]
