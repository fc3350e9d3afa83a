#!/bin/bash
# yolotune train: a few steps on a few pictures, what it writes and says,
# interruptions, bad options, bad data.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 train && says '--model is missing'
run 2 train -m builtin:n && says '--data is missing'
run 2 train -m builtin:n -d x.yaml && says '-o is missing'
few=(train -m builtin:n -d x.yaml -o "$work/o.onnx")
run 2 "${few[@]}" && says 'either --epochs or --budget'
run 2 "${few[@]}" --epochs 0 && says '--epochs 0: must be'
run 2 "${few[@]}" --epochs 1 --optimiser rms && says 'not adam or sgd'
run 2 "${few[@]}" --epochs 1 --labels maybe && says 'not yes or no'
run 2 "${few[@]}" --epochs 1 --labels no && says 'needs a --teacher'
run 2 "${few[@]}" --epochs 1 --rate 0 && says '--rate 0: must be'
run 2 "${few[@]}" --epochs 1 extra && says 'takes no arguments'
run 3 "${few[@]}" --epochs 1 && says 'x.yaml: No such file'

shapes=$YT_BUILD_DIR/yolotune-shapes
[ -x "$shapes" ] || { echo "yolotune-shapes is not built: skipped"; finish; }
"$shapes" "$work/set" --train 12 --val 4 --size 96 --seed 5 ||
    complain "no pictures"
set_yaml=$work/set/shapes.yaml
small=(train -m builtin:n -d "$set_yaml" --imgsz 96 --batch 4
    -o "$work/out.onnx")

# Another set of classes, a file that other commands read, a figure of before
# and after.
run 0 "${small[@]}" --epochs 1 --json
says 'the model.s 80 classes become the 3 of shapes'
says 'step 3 of 3: loss'
json 'd["steps"] == 3 and d["pictures"] == 12 and d["epochs"] == 1'
json 'd["images"] == 4 and 0 <= d["map_before"] <= d["map_after"] <= 1'
json 'd["precision"] == "fp32" and d["loss_before"] > 0'
json 'not d["interrupted"] and not d["resumed"] and d["halved"] == 0'
[ ! -e "$work/out.onnx.ckpt" ] || complain 'the checkpoint was left behind'
run 0 eval -m "$work/out.onnx" -d "$set_yaml" --imgsz 96 --json
json 'd["images"] == 4'
run 0 detect -m "$work/out.onnx" --imgsz 96 "$work"/set/images/val/*.jpg

# What was trained goes on with its own classes, and as integers.
run 0 train -m "$work/out.onnx" -d "$set_yaml" --imgsz 96 --batch 4 \
    --epochs 1 --int8 -o "$work/int8.onnx" --json
grep -q 'classes become' "$work/err" && complain 'classes became others twice'
json 'd["precision"] == "int8" and d["steps"] == 3'

# The ranges it was trained with go along: no pictures to calibrate on.
int8=(--imgsz 96 --precision int8 --db :memory: --json)
run 0 bench -m "$work/int8.onnx" "${int8[@]}"
json 'd["precision"] == "int8"'
run 3 bench -m "$work/out.onnx" "${int8[@]}" && says 'pictures are needed'

# A teacher of the same classes needs no labels; another one cannot teach.
rm -rf "$work/bare" && cp -r "$work/set" "$work/bare" &&
    rm -r "$work/bare/labels/train"
bare=(train -m "$work/out.onnx" -d "$work/bare/shapes.yaml" --imgsz 96
    --batch 4 --epochs 1 -o "$work/taught.onnx")
run 3 "${bare[@]}" && says 'no labels for any of 12 pictures'
run 3 "${bare[@]}" --teacher "$work/int8.onnx" --labels yes &&
    says 'no labels for any of 12 pictures'
run 0 "${bare[@]}" --teacher "$work/int8.onnx" --maps 1
says '^mAP 0\.[0-9]+ before, 0\.[0-9]+ after' out
run 2 "${bare[@]}" --teacher builtin:n && says 'class'

# Ctrl-C keeps the best and what is needed to go on.
"$yolotune" "${small[@]}" --epochs 2000 --seed 3 >"$work/out" 2>"$work/err" &
pid=$!
for _ in $(seq 600); do
    [ -e "$work/out.onnx.ckpt" ] && break
    sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || complain "interrupted, but exit $code"
says 'interrupted' out
says 'out.onnx.ckpt holds what --resume goes on from' out
run 3 "${small[@]}" --epochs 1 --seed 3 --resume && says 'of another training'
echo 'nothing' >"$work/out.onnx.ckpt"
run 3 "${small[@]}" --epochs 2000 --seed 3 --resume && says 'ckpt is cut off'
rm "$work/out.onnx.ckpt"
run 0 "${small[@]}" --epochs 1 --resume --optimiser sgd --no-augment
says '^mAP ' out

# Pictures, budgets and disks that will not do.
run 2 "${small[@]}" --epochs 1 --val-split train && says 'are trained on'
cp "$work"/set/images/train/0.jpg "$work/bare/images/val/copy.jpg" 2>/dev/null ||
    cp "$(find "$work/set/images/train" -type f | head -1)" \
        "$work/bare/images/val/copy.jpg"
cp -r "$work/set/labels/train" "$work/bare/labels/train"
run 2 train -m builtin:n -d "$work/bare/shapes.yaml" --imgsz 96 --epochs 1 \
    -o "$work/o.onnx" && says '1 of the 5 pictures to measure on are trained on'
run 3 "${small[@]}" --epochs 1 --batch 13 && says '12 pictures are too few'
run 2 "${small[@]}" --budget 1ms && says 'is too short'
run 2 "${small[@]}" --epochs 1 --imgsz 65 && says 'multiples of the model'
run 1 "${small[@]}" --epochs 1 --checkpoint "$work/no/folder/c" &&
    says 'cannot be written.*the best weights so far are in'
run 1 train -m builtin:n -d "$set_yaml" --imgsz 96 --batch 4 --epochs 1 \
    --checkpoint "$work/c" -o "$work/no/folder/o.onnx"
run 3 train -m "$work/gone.pt" -d "$set_yaml" --epochs 1 -o "$work/o.onnx" &&
    says 'gone.pt'

finish
