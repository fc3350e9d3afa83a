#!/bin/bash
# The generator's version follows from the sources that decide what code a
# kernel becomes: any change to them, and nothing else, changes it.
set -u
if ! command -v cmake >/dev/null; then
    echo "cmake is not installed: skipped"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
complain()
{
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}
version()
{
    cmake -DROOT="$1" -P "$YT_SOURCE_DIR/cmake/generator_version.cmake" 2>&1
}

cp -r "$YT_SOURCE_DIR/codegen" "$YT_SOURCE_DIR/runtime" "$work"
before=$(version "$work")
[[ $before =~ ^[0-9a-f]{12}$ ]] || complain "'$before' is not twelve digits"
touch "$work/codegen/emit.c"
echo 'not a source' >"$work/codegen/notes.txt"
[ "$(version "$work")" = "$before" ] || complain "it changed without a reason"
for file in codegen/emit.c codegen/emit.h codegen/knobs.inc \
            codegen/algo/direct.c codegen/target/x86.c \
            codegen/target/targets.inc runtime/kernel.h runtime/isa.inc \
            runtime/problem.h; do
    echo >>"$work/$file"
    after=$(version "$work")
    [ "$after" != "$before" ] || complain "a change to $file keeps $before"
    before=$after
done
echo 'int x;' >"$work/codegen/algo/new.c"
[ "$(version "$work")" != "$before" ] || complain "a new generator keeps it"
[ "$failures" -eq 0 ]
