#!/bin/bash
# yolotune compress: a small network pruned, recovered, written, kept as a row.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

# Pictures of a bright square on noise, and where it is.
python3 - "$work" <<'EOP'
import os, random, sys
random.seed(1)
root = sys.argv[1]
for split, count in (("train", 12), ("val", 4)):
    os.makedirs(f"{root}/images/{split}")
    os.makedirs(f"{root}/labels/{split}")
    for i in range(count):
        pixels = bytearray(random.randbytes(64 * 64 * 3))
        x, y, side = random.randrange(32), random.randrange(32), 24
        for row in range(y, y + side):
            at = (row * 64 + x) * 3
            pixels[at:at + 3 * side] = b"\xff\xff\x10" * side
        with open(f"{root}/images/{split}/{i}.ppm", "wb") as f:
            f.write(b"P6 64 64 255\n" + pixels)
        with open(f"{root}/labels/{split}/{i}.txt", "w") as f:
            f.write(f"0 {(x + 12) / 64} {(y + 12) / 64} 0.375 0.375\n")
names = "\n".join(f"  {i}: class{i}" for i in range(80))
with open(f"{root}/data.yaml", "w") as f:
    f.write(f"path: {root}\ntrain: images/train\nval: images/val\n"
            f"names:\n{names}\n")
with open(f"{root}/two.yaml", "w") as f:
    f.write(f"path: {root}\ntrain: images/train\nval: images/val\n"
            "names: [class0, class1]\n")
with open(f"{root}/same.yaml", "w") as f:
    f.write(f"path: {root}\ntrain: images/train\nval: images/again\n"
            f"names:\n{names}\n")
EOP
mkdir -p "$work/images/again" "$work/labels/again"
cp "$work/images/train/3.ppm" "$work/images/again/other.ppm"
cp "$work/labels/train/3.txt" "$work/labels/again/other.txt"
data=(-d "$work/data.yaml")
small=(-m builtin:n --imgsz 64 -t 1 --batch 2)
out=(-o "$work/small.onnx")

# Words that are off.
run 2 compress "${data[@]}" "${out[@]}" && says 'model is missing'
run 2 compress -m builtin:n "${out[@]}" && says 'data is missing'
run 2 compress -m builtin:n "${data[@]}" && says 'o is missing'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --prune rows
says 'not channels, blocks, auto or none'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --precision bf16
says 'not auto, fp32 or int8'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --min-fps 5 \
    --max-map-drop 0.1
says 'give one of them'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --imgsz 64,64
says 'not a size'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --qat && says 'int8'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --budget 0.1s
says 'at least 1s'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --budget 5s --epochs 2
says 'give one of them'
run 2 compress "${small[@]}" "${data[@]}" "${out[@]}" --labels some
says 'not yes or no'

# Inputs that are off: before anything is measured.
run 3 compress -m /nowhere.pt "${data[@]}" "${out[@]}" && says 'nowhere'
run 3 compress "${small[@]}" -d "$work/two.yaml" "${out[@]}"
says '2 classes'
run 3 compress "${small[@]}" -d "$work/same.yaml" "${out[@]}"
says 'other.ppm is among the pictures to train on'
run 2 compress "${small[@]}" --imgsz 50 "${data[@]}" "${out[@]}"
says 'multiple of the model'

# A whole run. Of seeded weights nothing is found, so nothing is lost.
run 0 compress "${small[@]}" "${data[@]}" "${out[@]}" --prune channels \
    --precision fp32 --epochs 1 --json
json 'd["kind"] == "channels" and 0 < d["gone"] < 1'
json 'd["kept"] and d["after"]["parameters"] < d["before"]["parameters"]'
json 'all(g["after"] <= g["before"] for g in d["groups"])'
json 'any(g["after"] < g["before"] for g in d["groups"])'
json 'len(d["rivals"]) >= 1 and d["verdict"] != ""'
json 'd["candidates"][0]["ms"] > 0 and d["train_pictures"] > 0'
[ -d "$work/small.onnx.work" ] && complain 'the folder of work is left'
run 0 analyze -m "$work/small.onnx" --imgsz 64 --json
json 'd["parameters"] > 0'
run 0 db list compressions --json
json 'len(d["compressions"]) == 1'
json 'd["compressions"][0]["kind"] == "channels"'
run 0 db show c1 && says '^groups' out

# Nothing goes: trained at two sizes, in floats and then as integers compute.
run 0 compress "${small[@]}" --imgsz 32 "${data[@]}" "${out[@]}" --prune none \
    --precision int8 --qat --epochs 1 --json
json 'd["train_pictures"] == 48 and d["kind"] == "none"'
json 'd["before"]["parameters"] == d["after"]["parameters"]'
json 'all(c["name"].endswith("-whole") for c in d["candidates"])'
json 'sum(r["name"].endswith("-whole") for r in d["rivals"]) == 1'
finish
