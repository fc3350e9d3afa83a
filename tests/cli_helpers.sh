# Sourced by tests/test_cli*.sh: run the program, compare what it says.
# shellcheck shell=bash
yolotune=$YT_BUILD_DIR/yolotune
if [ ! -x "$yolotune" ]; then
    echo "yolotune is not built: skipped"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export XDG_DATA_HOME=$work/data # nobody's own database is touched
failures=0

complain()
{
    echo "FAILED: $*" >&2
    failures=$((failures + 1))
}

# run CODE ARG...: the program ends with CODE; its output is in $work/out and
# $work/err. A failure prints one line on stderr that begins with its name.
run()
{
    local want=$1 code=0
    shift
    "$yolotune" "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
    if [ "$code" -ne "$want" ]; then
        complain "yolotune $*: exit $code, not $want: $(head -3 "$work/err")"
        return 1
    fi
    if [ "$want" -ne 0 ] && ! grep -q '^yolotune: ' "$work/err"; then
        complain "yolotune $*: no sentence on stderr: $(head -3 "$work/err")"
    fi
    return 0
}

# says PATTERN [out]: the last run's stderr (or stdout) has it.
says()
{
    grep -qE -- "$1" "$work/${2:-err}" ||
        complain "not said: $1; but: $(head -5 "$work/${2:-err}")"
}

# json EXPRESSION: a Python expression over the last run's document d holds.
json()
{
    python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$work/out" "$1" ||
        complain "does not hold: $1"
}

# data NAME: the path of a test file, or nothing.
data()
{
    local path=${YOLOTUNE_TEST_DATA:-$YT_SOURCE_DIR/../shared/data}/$1
    [ -r "$path" ] && echo "$path"
}

# until_caught PID: wait until the program has its handler of SIGTERM, on the
# busiest machine.
until_caught()
{
    local caught
    for _ in $(seq 300); do
        caught=$(sed -n 's/^SigCgt:[[:space:]]*/0x/p' "/proc/$1/status")
        ((caught & 1 << 14)) && return
        sleep 0.1
    done
    complain "no handler of SIGTERM in 30 seconds"
}

finish()
{
    [ "$failures" -eq 0 ] || { echo "$failures failed" >&2; exit 1; }
    exit 0
}
