#!/bin/sh
# Run the libFuzzer targets, each for some time, on copies of their corpora.
#
#   fuzz/run.sh BUILD [SECONDS [TARGET...]]     10 minutes and all by default
#
# Of 0 seconds, each target runs over its corpus and no further.
#
# BUILD is the folder of the preset `fuzz` (README.md). Inputs that a target
# fails on are kept in BUILD/fuzz/found/TARGET and named at the end; what
# reaches new code is kept in BUILD/fuzz/grown/TARGET for the next run. The exit
# code is 1 when something was found.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
[ $# -ge 1 ] || {
    sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p;}' "$0" >&2
    exit 2
}
build=$(CDPATH='' cd -- "$1" && pwd)
seconds=${2:-600}
shift
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
    for source in "$here"/fuzz_*.c; do
        name=${source##*/fuzz_}
        set -- "$@" "${name%.c}"
    done
fi

corpus_of() {
    case $1 in
    bmp | gif | tiff | webp) echo image ;;
    *) echo "$1" ;;
    esac
}

# Files that are written for each input need no disk.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
limit=-max_total_time=$seconds
[ "$seconds" != 0 ] || limit=-runs=0
bad=0
for target in "$@"; do
    program=$build/fuzz/fuzz_$target
    [ -x "$program" ] || {
        echo "run.sh: $program is not built" >&2
        exit 2
    }
    grown=$build/fuzz/grown/$target
    found=$build/fuzz/found/$target
    mkdir -p "$grown" "$found"
    status=0
    # Libraries that keep what they allocated until the end are not ours, but a
    # run's own leaks are: libFuzzer tells them apart by running inputs twice.
    "$program" "$limit" -timeout=300 -rss_limit_mb=4096 \
        -max_len=65536 -print_final_stats=1 -artifact_prefix="$found/" \
        "$grown" "$here/corpus/$(corpus_of "$target")" \
        >"$found.log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$found.log")
    echo "$target: ${runs:-?} runs in $seconds s, exit code $status"
    if [ "$status" -ne 0 ]; then
        bad=1
        ls "$found"
        tail -n 30 "$found.log"
    fi
done
exit $bad
