#!/bin/bash
# yolotune detect on what YOLOv5's detect.py takes and what it writes, on the
# model and the pictures that come along.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
model=$YT_SOURCE_DIR/models/default/yolotune-default.onnx
from=$YT_SOURCE_DIR/models/default/images/val

# lines EXPRESSION: a Python expression over the list L of the last run's
# objects and over K, those of the run that `keep` kept, holds.
lines()
{
    python3 -c '
import json, os, sys
def read(name):
    path = sys.argv[1] + name
    return [json.loads(x) for x in open(path)] if os.path.exists(path) else []
L, K = read("/out"), read("/kept")
found = lambda objects: [o["detections"] for o in objects]
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$work" "$1" ||
        complain "does not hold: $1"
}

keep()
{
    cp "$work/out" "$work/kept"
}

mkdir "$work/in" "$work/empty"
for i in 0 1 2; do
    cp "$from/00000$i.jpg" "$work/in/"
done
try=(detect -m "$model" --imgsz 320 --json-lines)

# Options that do not go together, and sources without a picture.
run 2 "${try[@]}" --json "$work/in" && says 'json-lines: one of them'
run 2 "${try[@]}" --save-txt "$work/in" && says 'save-txt needs --out'
run 2 "${try[@]}" --out d --save-conf "$work/in" && says 'needs --save-txt'
run 2 "${try[@]}" --device 0 "$work/in" && says 'device 0: .* the CPU alone'
run 2 "${try[@]}" --device cuda:1 "$work/in" && says 'device cuda:1'
run 2 "${try[@]}" - - && says 'can be read once'
run 2 "${try[@]}" --dump-heads h "$work/in" && says 'takes one picture'
run 2 "${try[@]}" --img 320 0 "$work/in" && says 'not a size'
run 3 "${try[@]}" "$work/empty" && says 'no picture or video in this folder'
run 3 "${try[@]}" "$work/in/*.png" && says 'no picture or video is called like this'
: >"$work/blank.txt"
run 3 "${try[@]}" "$work/blank.txt" && says 'names no picture'

# A folder, a pattern, a list and standard input show the same.
run 0 "${try[@]}" "$work/in" && keep
lines 'len(L) == 3 and sum(len(d) for d in found(L)) > 5'
lines 'all(o["width"] == 640 and o["file"].endswith(f"{i:06}.jpg")
           for i, o in enumerate(L))'
run 0 "${try[@]}" "$work/in/*.jp?" && lines 'found(L) == found(K)'
printf './in/%06d.jpg\n' 0 1 2 >"$work/list.txt"
run 0 "${try[@]}" --source "$work/list.txt" && lines 'found(L) == found(K)'
"$yolotune" "${try[@]}" - <"$work/in/000001.jpg" >"$work/out" 2>"$work/err" ||
    complain "standard input: $(head -1 "$work/err")"
lines 'found(L) == found(K[1:2]) and L[0]["file"] == "stdin"'
run 3 "${try[@]}" - && says 'stdin: the file is empty'

# YOLOv5's spellings.
run 0 detect --weights "$model" --source "$work/in" --img 320 320 \
    --conf-thres 0.25 --iou-thres 0.45 --device cpu --json-lines
lines 'found(L) == found(K)'
run 0 detect --weights "$model" --img-size 256 320 --source "$work/in" \
    --json-lines
lines 'len(L) == 3 and found(L) != found(K)'

# Classes, by number and name; they go before everything else.
run 0 "${try[@]}" --classes 4 1 --source "$work/in"
lines 'found(L) == [[x for x in d if x["class_id"] in (1, 4)]
                    for d in found(K)]'
lines '0 < sum(len(d) for d in found(L)) < sum(len(d) for d in found(K))'
run 0 "${try[@]}" --classes fish,1 --max-det 1 "$work/in"
lines 'found(L) == [[x for x in d if x["class_id"] in (1, 4)][:1]
                    for d in found(K)]'
run 2 "${try[@]}" --classes unicorn "$work/in" && says 'classes unicorn: not a'
run 2 "${try[@]}" --classes fish,99 "$work/in" && says 'classes 99: not a'
run 0 "${try[@]}" --agnostic-nms --iou-thres 0.1 "$work/in"
lines 'sum(len(d) for d in found(L)) < sum(len(d) for d in found(K))'

# Label files, drawings and COCO results say what standard output says.
run 0 "${try[@]}" --out "$work/drawn" --save-txt --save-conf \
    --save-json "$work/coco.json" "$work/in"
lines 'found(L) == found(K)'
[ "$(find "$work/drawn" -maxdepth 1 -name '*.jpg' | wc -l)" -eq 3 ] ||
    complain "three drawings were wanted"
python3 - "$work" <<'EOF' || complain "labels or results differ"
import json, sys
work = sys.argv[1]
coco = json.load(open(work + "/coco.json"))
for i, line in enumerate(open(work + "/kept")):
    o = json.loads(line)
    labels = [list(map(float, x.split()))
              for x in open(f"{work}/drawn/labels/{i:06}.txt")]
    found = o["detections"]
    assert len(labels) == len(found)
    for d, l in zip(found, reversed(labels)):
        want = [d["class_id"], (d["x0"] + d["x1"]) / 2 / o["width"],
                (d["y0"] + d["y1"]) / 2 / o["height"],
                (d["x1"] - d["x0"]) / o["width"],
                (d["y1"] - d["y0"]) / o["height"], d["score"]]
        assert len(l) == 6
        assert all(abs(a - b) < 2e-5 for a, b in zip(l, want))
    mine = [c for c in coco if c["image_id"] == i]
    assert len(mine) == len(found)
    for d, c in zip(found, mine):
        x, y, w, h = c["bbox"]
        assert c["category_id"] == d["class_id"]
        assert abs(c["score"] - d["score"]) < 1e-6
        assert abs(x - d["x0"]) < 1e-3 and abs(x + w - d["x1"]) < 1e-3
        assert abs(y - d["y0"]) < 1e-3 and abs(y + h - d["y1"]) < 1e-3
EOF
run 0 "${try[@]}" --out "$work/bare" --save-txt --nosave "$work/in"
[ -z "$(find "$work/bare" -name '*.jpg')" ] || complain "--nosave drew"
python3 -c 'import sys; sys.exit(any(len(x.split()) != 5
    for x in open(sys.argv[1])))' "$work/bare/labels/000001.txt" ||
    complain "scores without --save-conf"

# Nothing that people made is written over, nor one picture by another.
mkdir -p "$work/set/images" "$work/set/labels"
cp "$work/in/000001.jpg" "$work/set/images/"
echo '0 0.5 0.5 1 1' >"$work/set/labels/000001.txt"
mkdir "$work/set/images/deep" "$work/links"
ln -s "$work/in/000002.jpg" "$work/set/images/"
ln -s "$work/set/images/000001.jpg" "$work/links/"
ln -s "$work/set/images" "$work/set/labels" "$work/links/"
echo '0 0.5 0.5 1 1' >"$work/set/labels/000002.txt"

# guarded FOLDER OUT SOURCE: run in FOLDER, it would meet its own labels.
guarded()
{
    cd "$work/$1" || exit 1
    run 2 "${try[@]}" --out "$2" --save-txt --nosave "$3"
    says 'its own labels would be overwritten'
    cd "$OLDPWD" || exit 1
    for name in 000001 000002; do
        echo '0 0.5 0.5 1 1' | cmp -s - "$work/set/labels/$name.txt" ||
            complain "in $1: $3: labels were overwritten"
    done
}
guarded . "$work/set" "$work/set/images"
guarded set . images
guarded set/images .. .
guarded set/images/deep ../.. ../000001.jpg
guarded links . images
guarded . set links/000001.jpg
cp "$work/in/000001.jpg" "$work/in/000001.jpeg"
run 2 "${try[@]}" --out "$work/two" --save-txt "$work/in" && says 'one picture'
run 2 "${try[@]}" --save-json "$work/two.json" "$work/in" && says 'one picture'

# One that cannot be read has its line, and the others go on.
printf 'no picture' >"$work/in/000000.jpg"
run 3 "${try[@]}" "$work/in/00000[01].jpg"
lines '"error" in L[0] and found(L[1:]) == found(K[1:2])'
run 1 "${try[@]}" --save-json "$work/no/x.json" "$work/in/000001.jpg"
says 'no/x.json: cannot write'
finish
