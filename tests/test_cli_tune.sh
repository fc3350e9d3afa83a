#!/bin/bash
# The main job on a small built-in model: cold, warm, interrupted and resumed;
# its words, its document and its exit codes.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 --scenario winning && says 'no scenario'
run 2 tune extra && says 'extra'
run 2 --budget -5s && says 'not a time'
run 2 --imgsz 65 && says '65'
run 3 --model /nowhere/x.pt && says '/nowhere/x.pt'
printf 'PK\003\004 not really' >"$work/broken.pt"
run 3 --model "$work/broken.pt" && says 'broken.pt'
run 1 --imgsz 64 --db /proc/none/x.db && says '/proc/none'

# Stopped soon after it began, by a signal: saved, and told by the exit code.
"$yolotune" --imgsz 64 --budget 60s --json >"$work/out" 2>"$work/err" &
pid=$!
sleep 2
kill -TERM $pid
code=0
wait $pid || code=$?
[ $code -eq 130 ] || complain "interrupted: exit $code: $(cat "$work/err")"
if [ -s "$work/out" ]; then
    json 'not d["complete"]'
fi

# Killed outright: the next run takes up what was measured.
"$yolotune" --imgsz 64 --budget 60s --quiet >/dev/null 2>&1 &
pid=$!
sleep 3
kill -KILL $pid
wait $pid 2>/dev/null
run 0 --imgsz 64 --budget 3s --json
json 'd["reused"] > 0 and d["scenario"] == "realtime"'
json 'd["imgsz"] == 64 and d["precision"] == "f32" and d["plan"] > 0'
json 'd["tuned"]["fps"] > 0 and d["baseline"]["fps"] > 0'
[ ! -s "$work/err" ] || grep -qv '^yolotune:' "$work/err" ||
    complain "a sentence of failure on stderr: $(cat "$work/err")"

# Text, and a library beside it.
run 0 --imgsz 64 --budget 2s --out "$work/product"
says '^Recommendation for .realtime.: ' out
says 'seeded weights' out
[ -s "$work/product/lib/libyolov5n.a" ] || complain "no library was written"
finish
