#!/bin/bash
# yolotune analyze: totals of the official files, orders, and the measured
# columns once a model was tuned.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 analyze -m builtin:n extra && says 'extra'
run 2 analyze -m builtin:n --imgsz 64 --sort beauty && says 'not one of execution'
run 2 analyze -m builtin:n --imgsz 64 --sort time && says 'nothing was measured'
run 2 analyze -m builtin:n --imgsz 100 && says '100'
run 3 analyze --model /nowhere/x.pt && says '/nowhere/x.pt'

# The built-in YOLOv5n has the official model's size.
run 0 analyze -m builtin:n --imgsz 640
says '^parameters +1,867,405$' out
says '^model.0 +conv 6x6 s2 +f32 +16x320x320 +1,744 ' out
says 'Not tuned' out
run 0 analyze -m builtin:n --imgsz 640 --json
json 'd["parameters"] == 1867405 == sum(l["parameters"] for l in d["layers"])'
json '4.4e9 < d["flops"] < 4.55e9'
json 'd["flops"] == sum(l["flops"] for l in d["layers"])'
json 'd["arena_bytes"] < d["feature_bytes"] and not d["tuned"]'
json 'd["floor_bytes"] <= d["arena_bytes"] <= 1.3 * d["floor_bytes"]'
json '[p["boxes"] for p in d["nms"]] == [100, 1000, 10000, 30000]'
json 'all(p["ms"] > 0 and 0 < p["kept"] <= 300 for p in d["nms"])'
json 'all({"name", "kind", "input", "output"} <= l.keys() for l in d["layers"])'
json 'all("ms" not in l for l in d["layers"])'
for key in flops parameters intensity; do
    run 0 analyze -m builtin:n --imgsz 64 --sort $key --json
    json "[l['$key'] for l in d['layers']] ==
          sorted([l['$key'] for l in d['layers']],
                 reverse='$key' != 'intensity')"
done

# The official files.
for case in weights/yolov5n.pt:1867405:4.5 weights/yolov5s.pt:7225885:16.5 \
    onnx/yolov5n_fp16.onnx:1867405:4.5 onnx/yolov5n_fp32.onnx:1867405:4.5 \
    onnx/yolov5s_fp32.onnx:7225885:16.5; do
    IFS=: read -r name parameters gflops <<<"$case"
    path=$(data "$name")
    if [ -z "$path" ]; then
        echo "$name is absent: skipped"
        continue
    fi
    run 0 analyze --model "$path" --json
    json "d['parameters'] == $parameters"
    json "round(d['published_flops'] / 1e9, 1) == $gflops"
done

# Tuned, if only for a moment: every layer has a time and a bound.
run 0 tune -m builtin:n --imgsz 64 --budget 2s --quiet
run 0 analyze -m builtin:n --imgsz 64 --json
json 'd["tuned"] and d["measured"]["peak_gflops"]["f32"] > 0'
json 'all(l["ms"] > 0 and l["bound"] in ("memory", "compute") and
          l["gflops"] >= 0 for l in d["layers"])'
json '0 < sum(l["frame_share"] for l in d["layers"]) <= 1.000001'
run 0 analyze -m builtin:n --imgsz 64 --sort time --json
json '[l["ms"] for l in d["layers"]] ==
      sorted([l["ms"] for l in d["layers"]], reverse=True)'
run 0 analyze -m builtin:n --imgsz 64 && says ' (memory|compute) +[a-z]' out
says '^layers measured on ' out

# Where the time of frames goes: each step's parts are all of its time.
run 2 analyze -m builtin:n --imgsz 64 --profile 0 && says 'profile'
run 0 analyze -m builtin:n --imgsz 64 --profile 5 --threads 2 --json
json 'd["profile"]["frames"] == 5 and d["profile"]["threads"] <= 2'
json '[s["name"] for s in d["profile"]["steps"]] ==
      [l["name"] for l in d["layers"]]'
json 'all(0 < s["kernel_ms"] <= s["wall_ms"] and s["tail_ms"] >= 0 and
          1 <= s["calls"] <= d["profile"]["threads"] and s["peak_share"] >= 0
          for s in d["profile"]["steps"])'
json '0 < d["profile"]["peak_share"] and d["profile"]["frame_ms"] >
      sum(s["kernel_ms"] for s in d["profile"]["steps"]) / 2'
run 0 analyze -m builtin:n --imgsz 64 --profile 2
says '^the network runs at .* of the peak' out
says '^network  ' out
finish
