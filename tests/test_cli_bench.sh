#!/bin/bash
# yolotune bench: figures of a built-in model, as text and as JSON.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 bench --frames 0 && says 'must be 1'
run 2 bench --budget soon && says 'not a time'
run 2 bench extra && says 'extra'
run 3 bench --model /nowhere/x.onnx && says '/nowhere/x.onnx'
run 3 bench --image /nowhere/x.jpg && says '/nowhere/x.jpg'

run 0 bench --imgsz 64 --frames 5
says '^baseline: [0-9.]+ frames/s over 5 frames' out
says '^network +' out
says 'not tuned' out
run 0 bench --imgsz 64x128 --frames 5 --threads 1 --json
json 'd["imgsz"] == 128 and d["height"] == 64 and d["width"] == 128'
json 'd["threads"] == 1 and d["precision"] == "f32" and d["builtin"]'
json 'not d["tuned"] and d["baseline"]["fps"] == d["fps"] and d["frames"] == 5'
json 'all(d[k]["min"] <= d[k]["median"] <= d[k]["p95"] <= d[k]["p99"]
          for k in ("preprocess_ms", "network_ms", "postprocess_ms",
                    "total_ms"))'
json 'd["network_ms"]["min"] < d["total_ms"]["min"]'

# A signal before anything was measured leaves nothing to print.
"$yolotune" bench --imgsz 64 --frames 1000000 --json >"$work/out" 2>"$work/err" &
pid=$!
sleep 3
kill -TERM $pid
code=0
wait $pid || code=$?
case $code in
0) json 'd["frames"] < 1000000' ;;
130) says 'stopped' ;;
*) complain "interrupted: exit $code" ;;
esac
finish
