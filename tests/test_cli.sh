#!/bin/bash
# The program as a whole: commands and pages, option rules, exit codes, and
# the completion that reads them.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 0 version && says '^yolotune [0-9.]+, LLVM 19\.' out
run 0 --version
run 0 help && says '^  cpu ' out
run 0 --help
run 0 help --help && says '^  cpu ' out
run 2 frobnicate && says 'frobnicate is not a command'
run 2 help frobnicate

# Each command of the overview has a manual page and the common manners.
mapfile -t commands < <("$yolotune" help |
    sed -nE 's/^  ([a-z]+) .*/\1/p' | grep -vE '^(help|version)$')
[ ${#commands[@]} -gt 0 ] || complain "help lists no commands"
for command in "${commands[@]}"; do
    for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS'; do
        run 0 "$command" --help && says "^$section\$" out
    done
    awk 'length > 80 {print; bad = 1} END {exit bad}' "$work/out" ||
        complain "$command --help: a line is longer than a screen"
    cp "$work/out" "$work/page"
    run 0 help "$command"
    cmp -s "$work/out" "$work/page" ||
        complain "help $command is not $command --help"
    run 2 "$command" --no-such-option && says 'no-such-option'
    run 2 "$command" -Z
done

# What the environment changes stands where it matters.
run 0 detect --help && says '^    YT_DUMP=ir,asm$' out
says '^    YT_PERF=1$' out
run 0 cpu --help && ! grep -q ENVIRONMENT "$work/out" ||
    complain "cpu --help: it neither compiles nor stores"

# Networks of which versions are read, as docs/MODELS.md has it.
for command in tune analyze; do
    run 0 "$command" --help && says 'YOLOv5 v1\.0-v7\.0, YOLOv5u or YOLOv8' out
done

# Values.
run 2 cpu extra && says 'extra'
run 2 cpu --json=yes && says '--json=yes: takes no value'
run 0 cpu && says '^scalar' out
run 0 cpu --json && json 'd["isa"] in [i["name"] for i in d["isas"]]'
json 'all(i["usable"] in (True, False) for i in d["isas"])'

# A reader that left, and a full disk, are failures that are told.
if [ -w /dev/full ]; then
    code=0
    "$yolotune" help >/dev/full 2>"$work/err" || code=$?
    [ $code -eq 1 ] || complain "help to a full disk: exit $code"
    says 'cannot write'
fi

# Completion: the second word offers commands, a dash offers options.
complete_words() # line words...
{
    bash -c '
        . "$1"; shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        _yolotune 2>/dev/null
        printf "%s\n" "${COMPREPLY[@]}"' \
        bash "$YT_SOURCE_DIR/scripts/completion/yolotune.bash" "$@"
}
complete_words "$yolotune" '' >"$work/out"
for command in "${commands[@]}" help version; do
    says "^$command\$" out
done
complete_words "$yolotune" cpu -- >"$work/out" && says '^--json$' out
complete_words "$yolotune" cpu --j >"$work/out" && says '^--json$' out
complete_words "$yolotune" cpu --isa av >"$work/out" && says '^avx2$' out
complete_words "$yolotune" --sc >"$work/out" && says '^--scenario$' out
complete_words "$yolotune" --scenario r >"$work/out" && says '^realtime$' out
complete_words "$yolotune" db '' >"$work/out" && says '^merge$' out
finish
