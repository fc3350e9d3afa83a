#!/bin/bash
# What comments and pages cite exists: files of this tree by their paths,
# functions by their names. No comment is wider than the page, since
# clang-format is told to leave lists and tables in comments alone, and each
# parameter is described on its own.
set -u
export LC_ALL=C.UTF-8
cd "$YT_SOURCE_DIR" || exit 1
failures=0
complain()
{
    echo "$*" >&2
    failures=$((failures + 1))
}

# A copy of the tree need not be a git checkout. One test makes a tree of its
# own, and names its files.
ours()
{
    find [a-zA-Z]* -type f -not -path 'build*' \( "$@" \) |
        grep -v '^tests/test_generator_version\.sh$' | sort
}
mapfile -t sources < <(ours -name '*.c' -o -name '*.h' -o -name '*.inc')
mapfile -t pages < <(ours -name '*.md' -o -name '*.sh' -o -name '*.py' \
    -o -name '*.cmake' -o -name '*.txt')
[ "${#sources[@]}" -gt 100 ] || { complain "no sources found"; exit 1; }

# A function is cited by its name and "()"; whatever has parameters, or "void"
# for them, somewhere is there.
known=$(mktemp)
trap 'rm -f "$known"' EXIT
grep -ohE '\byt_[a-z0-9_]+\([^)]' "${sources[@]}" | sed 's/(.*//' |
    sort -u >"$known"
grep -ohE '\b(yt_[a-z0-9_]+)\($' "${sources[@]}" | sed 's/(.*//' >>"$known"
functions=0
while IFS=: read -r file line name; do
    functions=$((functions + 1))
    grep -qxF -- "${name%%(*}" "$known" ||
        complain "$file:$line: there is no $name"
done < <(grep -noE '\byt_[a-z0-9_]*[a-z0-9]\(\)' "${sources[@]}" "${pages[@]}")

# A path begins with a folder of the tree; NAME and the like are placeholders.
folders='base|bench|cli|cmake|codegen|compress|db|docs|eval|examples|export|fuzz|model|page|runtime|scripts|strategies|tests|train|tuner'
paths=0
while IFS=: read -r file line path; do
    path=${path#[^a-z]}
    paths=$((paths + 1))
    [ -e "$path" ] || complain "$file:$line: there is no $path"
done < <(grep -noE "(^|[^A-Za-z0-9_/.\$}-])($folders)/[a-z0-9_/]+\.(c|h|inc|md|sh|py|cmake)\b" \
    "${sources[@]}" "${pages[@]}")
[ "$functions" -gt 100 ] && [ "$paths" -gt 100 ] ||
    complain "only $functions functions and $paths paths: what was checked?"

while read -r wide; do
    complain "$wide is wider than 80 columns"
done < <(grep -nE '^.{81,}$' "${sources[@]}" |
    grep -E '^[^:]*:[0-9]+:[[:blank:]]*/?\*' | cut -d: -f1,2)

# A parameter has a line of its own: clang's -Wdocumentation takes "h," for one.
while read -r several; do
    complain "$several: one @param for each parameter"
done < <(grep -nE '@param(\[[a-z,]+\])? +[a-z_]+,' "${sources[@]}" |
    cut -d: -f1,2)

[ "$failures" -eq 0 ] || { echo "$failures things cited wrongly" >&2; exit 1; }
echo "$functions functions and $paths paths cited: all there"
