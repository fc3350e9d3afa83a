#!/bin/bash
# --precision: what every command that runs a network says and does with it.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

small=(-m builtin:n --imgsz 64 -t 1)
mkdir -p "$work/train" "$work/val" "$work/labels"
python3 - "$work" <<'EOF'
import random, sys
random.seed(1)
for name in ("train/1", "train/2", "val/3"):
    with open(f"{sys.argv[1]}/{name}.ppm", "wb") as f:
        f.write(b"P6 64 48 255\n" + random.randbytes(64 * 48 * 3))
EOF
for command in bench analyze "export --out $work/tuned"; do
    # shellcheck disable=SC2086 # words of a command
    run 2 $command "${small[@]}" --precision int4 && says 'not auto, fp32'
done
run 2 detect -m builtin:n --precision half x.jpg && says 'not auto, fp32'
run 2 eval -d x.yaml -m builtin:n --precision f32 && says 'not auto, fp32'
run 2 bench "${small[@]}" --keep-fp32 model.0 && says 'needs --precision'
run 2 bench "${small[@]}" --calib "$work" && says 'need --precision'
run 2 bench "${small[@]}" --precision bf16 --calib-method kl && says 'int16'
run 2 bench "${small[@]}" --precision int8 --calib-method best && says 'mse'
run 2 bench "${small[@]}" --precision int8 --calib-images 0 && says 'must be 1'
run 3 bench "${small[@]}" --precision int8 && says 'with --calib'
run 3 bench "${small[@]}" --precision int8 --calib /nowhere && says '/nowhere'
run 2 bench "${small[@]}" --precision int8 --calib "$work/train" \
    --keep-fp32 model.0,model.77
says "no convolution 'model.77'"

# Calibrated once, then taken from the database.
run 0 analyze "${small[@]}" --precision int8 --calib "$work/train" --json
says 'calibrated on 2 pictures of'
json 'd["precision"] == "int8" and d["weight_bytes"] < d["parameter_bytes"] / 3'
json '[t["type"] for t in d["by_type"]] == ["u8s8"]'
json 'd["layers"][0]["type"] == "u8s8"'
json 'all(l["output_type"] == "f32" for l in d["layers"]
          if l["name"].startswith("model.24"))'
run 0 analyze "${small[@]}" --precision int8 --keep-fp32 model.24,model.0 --json
grep -q calibrated "$work/err" && complain 'calibrated again'
json 'd["precision"] == "mixed"'
json '{l["type"] for l in d["layers"] if l["name"].startswith("model.24")}
      == {"f32"}'
json 'd["layers"][1]["type"] == "u8s8" or d["layers"][2]["type"] == "u8s8"'
json 'abs(sum(t["flops_share"] for t in d["by_type"]) - 1) < 1e-6'
run 0 db list quantisations --json
json 'len(d["quantisations"]) == 1 and d["quantisations"][0]["images"] == 2'
run 0 db show q1 && says '^quantisation' out

run 0 bench "${small[@]}" --precision int8 --frames 3
says '64x64, .*, int8' out
run 0 bench "${small[@]}" --precision int16 --frames 3 --json
json 'd["precision"] == "int16" and d["frames"] == 3'
run 0 bench "${small[@]}" --frames 3 --json && json 'd["precision"] == "f32"'
run 3 bench "${small[@]}" --precision bf16 --isa avx2 && says 'avx512bf16'
run 0 detect "${small[@]}" --precision int8 "$work/val/3.ppm" --json
json 'd["precision"] == "int8" and len(d["images"]) == 1'
run 0 detect "${small[@]}" --augment --precision int8 "$work/val/3.ppm"

# Never the pictures that are measured on.
printf 'path: .\ntrain: train\nval: val\nnc: 80\n' >"$work/data.yaml"
printf 'path: .\nval: val\nnc: 80\n' >"$work/bare.yaml"
printf 'path: .\ntrain: val\nval: val\nnc: 80\n' >"$work/same.yaml"
mkdir -p "$work/images" && mv "$work/train" "$work/val" "$work/images"
mkdir -p "$work/labels/val" && echo '0 0.5 0.5 1 1' >"$work/labels/val/3.txt"
sed -i 's#: train#: images/train#; s#: val#: images/val#' "$work"/*.yaml
run 3 eval "${small[@]}" -d "$work/bare.yaml" --precision int8
says "no 'train' that names pictures" && says 'with --calib'
run 2 eval "${small[@]}" -d "$work/same.yaml" --precision int8
says '1 of its pictures are about to be measured on'
run 2 eval "${small[@]}" -d "$work/data.yaml" --precision int8 \
    --calib "$work/images"
says '1 of its pictures'
run 0 eval "${small[@]}" -d "$work/data.yaml" --precision int8 --json
json 'd["precision_of_network"] == "int8" and d["images"] == 1'
run 0 eval "${small[@]}" -d "$work/bare.yaml" --precision int8 \
    --calib "$work/images/train"
says '64x64, .*, int8, not tuned' out

# An applied plan brings its quantisation along, into another database.
run 0 export "${small[@]}" --precision int8 --name net --out "$work/tuned" --json
json 'd["precision"] == "int8" and d["weight_bytes"] > 0'
run 0 plan show "$work/tuned/plan.txt"
says '^precision int8-[0-9a-f]{16}$' out && says '^quant \([0-9]+ lines\)' out
other=(--db "$work/other.db")
run 0 plan apply "$work/tuned/plan.txt" -m builtin:n "${other[@]}"
says ', int8, 1 thread' out
run 0 bench "${small[@]}" "${other[@]}" --frames 3 --json
json 'd["precision"] == "int8" and d["tuned"]'
run 0 bench "${small[@]}" "${other[@]}" --frames 3 --precision int8 --json
json 'd["precision"] == "int8" and d["tuned"]'
run 0 bench "${small[@]}" "${other[@]}" --frames 3 --precision fp32 --json
json 'd["precision"] == "f32" and not d["tuned"]'
run 0 db list plans "${other[@]}" --json
json 'd["plans"][0]["precision"].startswith("int8-")'
run 0 db show p1 "${other[@]}" && says 'quant \.\.\.' out
finish
