#!/bin/bash
# A network whose heads have no anchors, in every command that takes one: what
# runs, and what is refused by a sentence.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

net=$YT_SOURCE_DIR/tests/data/onnx/bins_late.onnx
mkdir -p "$work"/set/images/{train,val} "$work"/set/labels/{train,val}
python3 - "$work/set" <<'EOF'
import random, sys
random.seed(1)
for name in ("train/1", "train/2", "val/3", "val/4"):
    with open(f"{sys.argv[1]}/images/{name}.ppm", "wb") as f:
        f.write(b"P6 64 48 255\n" + random.randbytes(64 * 48 * 3))
    with open(f"{sys.argv[1]}/labels/{name}.txt", "w") as f:
        f.write("1 0.5 0.5 0.4 0.4\n")
EOF
printf 'path: .\ntrain: images/train\nval: images/val\nnames: [a, b, c]\n' \
    >"$work/set/set.yaml"
picture=$work/set/images/val/3.ppm
small=(-m "$net" --imgsz 64 -t 1)

run 0 analyze "${small[@]}" --json
json 'any(l["name"] == "model.2.cv1.0+2" for l in d["layers"])'
run 0 detect "${small[@]}" "$picture" --conf 0.6 --json
json 'len(d["images"][0]["detections"]) > 5'
json 'all(0.6 < b["score"] < 1 for b in d["images"][0]["detections"])'
run 0 detect "${small[@]}" "$picture" --augment --conf 0.6
run 0 detect "${small[@]}" "$picture" --dump-heads "$work/heads"
# (64 + 3 channels) x (16 x 16 + 8 x 8 cells) of f32
[ "$(stat -c %s "$work/heads")" -eq $((67 * 320 * 4)) ] ||
    complain 'heads of another size'
run 0 eval "${small[@]}" -d "$work/set/set.yaml" --json
json 'd["images"] == 2 and 0 <= d["map"] <= 1'
run 0 bench "${small[@]}" --frames 3
run 0 eval "${small[@]}" -d "$work/set/set.yaml" --precision int8 --json
json 'd["precision_of_network"] in ("int8", "mixed")'
run 0 analyze "${small[@]}" --precision int8 --json
json 'all(l["output_type"] == "f32" for l in d["layers"]
          if l["name"].startswith("model.22") and l["name"].endswith(".1"))'

run 3 train "${small[@]:0:4}" -d "$work/set/set.yaml" --epochs 1 \
    -o "$work/o.onnx" && says 'training is for heads with anchors'
run 3 compress "${small[@]:0:4}" -d "$work/set/set.yaml" -o "$work/o.onnx" \
    --budget 5s && says 'is for heads with anchors'
finish
