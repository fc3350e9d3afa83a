#!/bin/bash
# docs/HACKING.md is true: what its lists of files name is there, with the
# example put in place of NAME, and no other source names the example's row.
set -u
cd "$YT_SOURCE_DIR" || exit 1
failures=0
complain()
{
    echo "$*" >&2
    failures=$((failures + 1))
}

# The lists: "example file" lines; the example stands behind ```files.
lists=$(awk '/^```files/ { inside = 1; example = $2; next }
             /^```/ { inside = 0 }
             inside && NF { print (example ? example : "-"), $1 }' \
    docs/HACKING.md)
[ -n "$lists" ] || complain "docs/HACKING.md lists no files"
while read -r example file; do
    [[ $file == *NAME* && $example == - ]] &&
        complain "$file: the list has no example"
    [ -f "${file//NAME/$example}" ] ||
        complain "$file: there is no ${file//NAME/$example}"
done <<<"$lists"

# An algorithm is named by its own files and its line alone.
example=$(awk '/codegen\/algo\/NAME\.c/ { print last; exit } /^```files/ { last = $2 }' \
    docs/HACKING.md)
id=$(sed -nE "s/^YT_ALGO\((.*), $example\)$/\1/p" codegen/algos.inc)
[ -n "$id" ] || complain "codegen/algos.inc has no '$example'"
while read -r file; do
    grep -qxF -- "$example ${file//$example/NAME}" <<<"$lists" ||
        complain "$file names the algorithm $example"
done < <(grep -rlwE --include='*.[ch]' --include='*.inc' \
    --exclude-dir='build*' "yt_algo_$example|YT_ALGO_$id|YT_ALGO\($id, $example\)" .  |
    sed 's|^\./||')

# Nor do those in the search that any algorithm may come to.
while read -r file; do
    complain "$file names an algorithm"
done < <(grep -rlE 'YT_ALGO_[A-Z]' tuner db strategies export cli compress |
    xargs -r grep -lE "YT_ALGO_($(sed -nE 's/^YT_ALGO\((.*),.*/\1/p' \
        codegen/algos.inc | paste -sd'|'))\b")

# An operator likewise, by the files of its list. Tests name what they test.
example=$(awk '/runtime\/op\/NAME\.c/ { print last; exit } /^```files/ { last = $2 }' \
    docs/HACKING.md)
id=$(sed -nE "s/^YT_OP\(([A-Z0-9_]+), $example\).*/\1/p" runtime/ops.inc)
[ -n "$id" ] || complain "runtime/ops.inc has no '$example'"
while read -r file; do
    grep -qxF -- "$example ${file//$example/NAME}" <<<"$lists" ||
        complain "$file names the operator $example"
done < <(grep -rlwE --include='*.[ch]' --include='*.inc' --exclude-dir='build*' \
    --exclude-dir=tests "yt_op_$example|YT_OP_$id" . | sed 's|^\./||')

# Each row of the list is in the folder, and each there is in the list.
listed=$(sed -nE 's/^YT_OP\([A-Z0-9_]+, ([a-z0-9_]+)\).*/\1/p' runtime/ops.inc |
    sort)
defined=$(sed -nE 's/^const struct yt_op_row yt_op_([a-z0-9_]+) = \{.*/\1/p' \
    runtime/op/*.c | sort)
[ -n "$listed" ] || complain "runtime/ops.inc: no rows"
[ "$listed" = "$defined" ] ||
    complain "runtime/ops.inc and runtime/op/ differ: $(
        comm -3 <(echo "$listed") <(echo "$defined"))"

# A strategy by its member of the configuration.
while read -r file; do
    grep -qxF -- "augmentation ${file//augmentation/NAME}" <<<"$lists" ||
        complain "$file names the strategy augmentation"
done < <(grep -rlE --include='*.[ch]' '(->|\.)augment\b|yt_strategy_augmentation' \
    strategies)

[ "$failures" -eq 0 ] || { echo "$failures of docs/HACKING.md are off" >&2; exit 1; }
