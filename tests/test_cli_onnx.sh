#!/bin/bash
# What an ONNX file says of its input is what it runs at, and one of a batch of
# images is said to run on one.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

onnx=$YT_SOURCE_DIR/tests/data/onnx

run 0 analyze -m "$onnx/oblong.onnx" -t 1 --json
json 'd["height"] == 64 and d["width"] == 96 and d["imgsz"] == 96'
run 0 analyze -m "$onnx/oblong.onnx" -t 1 --imgsz 64 --json
json 'd["height"] == 64 and d["width"] == 64'
run 0 analyze -m "$onnx/dynamic.onnx" -t 1 --json
json 'd["height"] == 640 and d["width"] == 640'

python3 - "$work/picture.ppm" <<'PYTHON'
import random, sys
random.seed(1)
with open(sys.argv[1], "wb") as f:
    f.write(b"P6 64 64 255\n" + random.randbytes(64 * 64 * 3))
PYTHON
run 0 detect -m "$onnx/split.onnx" -t 1 --conf 0.3 "$work/picture.ppm" --json
python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["images"][0]["detections"])' \
    "$work/out" >"$work/one"
! grep -q 'images at a time' "$work/err" || complain 'that of a batch'
run 0 detect -m "$onnx/batch.onnx" -t 1 --conf 0.3 "$work/picture.ppm" --json
says '^yolotune: batch is made for 4 images at a time, and runs on one$'
json 'len(d["images"][0]["detections"]) > 0'
json 'str(d["images"][0]["detections"]) == open("'"$work/one"'").read().strip()'
finish
