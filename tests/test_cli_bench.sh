#!/bin/bash
# yolotune bench: figures of a built-in model, as text and as JSON.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 bench -m builtin:n --frames 0 && says 'must be 1'
run 2 bench -m builtin:n --budget soon && says 'not a time'
run 2 bench -m builtin:n extra && says 'extra'
run 3 bench --model /nowhere/x.onnx && says '/nowhere/x.onnx'
run 3 bench -m builtin:n --image /nowhere/x.jpg && says '/nowhere/x.jpg'

run 0 bench -m builtin:n --imgsz 64 --frames 5
says '^baseline: [0-9.]+ frames/s over 5 frames' out
says '^network +' out
says 'not tuned' out
run 0 bench -m builtin:n --imgsz 64x128 --frames 5 --threads 1 --json
json 'd["imgsz"] == 128 and d["height"] == 64 and d["width"] == 128'
json 'd["threads"] == 1 and d["precision"] == "f32" and d["builtin"]'
json 'not d["tuned"] and d["baseline"]["fps"] == d["fps"] and d["frames"] == 5'
json 'all(d[k]["min"] <= d[k]["median"] <= d[k]["p95"] <= d[k]["p99"]
          for k in ("preprocess_ms", "network_ms", "postprocess_ms",
                    "total_ms"))'
json 'd["network_ms"]["min"] < d["total_ms"]["min"]'

# Arrangements of the threads.
for mode in fast throughput:2 throughput:2x1x1 throughput:0x1 latency:1x2 all: ''; do
    run 2 bench -m builtin:n --parallel "$mode" && says '--parallel'
done
run 2 bench -m builtin:n --background-load -1 && says 'background-load'
run 0 bench -m builtin:n --imgsz 64 --frames 5 --threads 2 --parallel all
says '^throughput +2 x 1 ' out
says '^pipeline +2 x 1 ' out
run 0 bench -m builtin:n --imgsz 64 --frames 5 --threads 2 --parallel all --json
json '[(p["mode"], p["instances"], p["stages"], p["threads"])
       for p in d["parallel"]] == [
          ("latency", 1, 1, 1), ("latency", 1, 1, 2), ("throughput", 2, 1, 1),
          ("pipeline", 1, 2, 1)]'
json 'all(p["frames"] == 5 and p["fps"] > 0 and p["workspace_bytes"] > 0
          and not p["pin"] and p["background_load"] == 0
          for p in d["parallel"])'
json 'all(p["latency_ms"]["min"] <= p["latency_ms"]["median"]
          <= p["latency_ms"]["p95"] <= p["latency_ms"]["p99"]
          for p in d["parallel"])'
run 0 bench -m builtin:n --imgsz 64 --budget 100ms --parallel pipeline:3x1 \
    --background-load 1 --json
json 'len(d["parallel"]) == 1 and d["parallel"][0]["stages"] == 3'
json 'd["parallel"][0]["background_load"] == 1 and "fps" not in d'
run 0 bench -m builtin:n --imgsz 64 --frames 5 --parallel latency --json
json '"parallel" not in d and d["frames"] == 5'
run 0 bench -m builtin:n --imgsz 64 --frames 5 --threads 1 --pin --json
json 'd["parallel"][0]["pin"] and d["parallel"][0]["mode"] == "latency"'

# A signal before anything was measured leaves nothing to print.
"$yolotune" bench --imgsz 64 --frames 1000000 --json >"$work/out" 2>"$work/err" &
pid=$!
until_caught $pid
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
