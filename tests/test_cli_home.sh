#!/bin/bash
# Where results cannot be kept: no HOME, a HOME that is no folder, one that is
# read-only. Commands that only read say nothing; those that store keep results
# in memory, and say so.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
unset XDG_DATA_HOME
own=$YT_SOURCE_DIR/models/default
mkdir -p "$work/few/images/val" "$work/few/labels/val" "$work/home"
for name in 000000 000001; do
    cp "$own/images/val/$name.jpg" "$work/few/images/val/"
    cp "$own/labels/val/$name.txt" "$work/few/labels/val/"
done
sed "s|^path:.*|path: $work/few|" "$own/default.yaml" >"$work/few.yaml"

everything_runs() # what is said of the place
{
    run 0 eval -m "$own/yolotune-default.onnx" -d "$work/few.yaml" \
        --imgsz 64 --quiet --json
    json 'd["images"] == 2'
    run 0 bench -m builtin:n --imgsz 64 --frames 2
    run 0 analyze -m builtin:n --imgsz 64
    run 0 tune -m builtin:n --imgsz 64 --budget 1s --quiet --json
    says "^yolotune: results are kept in memory only, .*$1"
    [ "$(grep -c 'kept in memory' "$work/err")" -eq 1 ] ||
        complain "said more than once"
    json 'd["tuned"]["fps"] > 0'
    # A place that was named is meant.
    run 1 tune -m builtin:n --imgsz 64 --budget 1s --db /dev/null/x.db
}

unset HOME
everything_runs 'neither XDG_DATA_HOME nor HOME is set'
run 3 db list plans && says 'neither XDG_DATA_HOME nor HOME is set'
export HOME=/dev/null/nowhere
everything_runs 'Not a directory'

run 0 tune -m builtin:n --imgsz 64 --budget 1s --quiet --db :memory:
[ ! -s "$work/err" ] || complain "asked for, and told all the same"
if compgen -G ':memory:*' >/dev/null; then
    complain "memory became a file"
fi

# A read-only folder is none to root.
export HOME=$work/home
chmod 0555 "$HOME"
if [ "$(id -u)" -ne 0 ]; then
    everything_runs 'the folder cannot be made'
elif command -v setpriv >/dev/null; then
    chmod 0755 "$work"
    real=$yolotune
    printf '#!/bin/sh\nexec setpriv --reuid 65534 --clear-groups "%s" "$@"\n' \
        "$real" >"$work/as_nobody"
    chmod 0755 "$work/as_nobody"
    if setpriv --reuid 65534 --clear-groups test -x "$real" -a \
        -r "$own/yolotune-default.onnx"; then
        yolotune=$work/as_nobody
        everything_runs 'the folder cannot be made'
    fi
fi
finish
