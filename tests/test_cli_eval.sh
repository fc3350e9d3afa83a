#!/bin/bash
# yolotune eval: figures of a real model, results files, broken data sets,
# comparison, the database, bad options.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 eval --conf-thres 2 --iou-thres 0.6 && says 'conf 2: must be'
run 2 eval --iou-thres 7 && says 'iou 7: must be'
run 2 eval && says '--data is missing'
run 2 eval --data x.yaml && says 'either --model or --results'
run 2 eval -d x.yaml -m a.pt --results b.json && says 'either --model or'
run 2 eval -d x.yaml --results b.txt && says 'not a .json file'
run 2 eval -d x.yaml -m a.pt --split all && says 'not train, val or test'
run 2 eval -d x.yaml -m a.pt --nms fast && says 'not ultralytics or exact'
run 2 eval -d x.yaml -m a.pt extra && says 'takes no arguments'
run 2 eval -d x.yaml -m a.pt --conf 2 && says '--conf 2: must be'
run 2 eval -d x.yaml -m a.pt --fit fill && says 'not letterbox or stretch'
run 2 eval -d x.yaml -m a.pt --filter box && says 'not bilinear or nearest'
run 2 eval -d x.yaml -m a.pt --augment --flip && says 'one of the two'
run 3 eval -d "$work/gone.yaml" -m a.pt && says 'gone.yaml: No such file'
run 2 eval -d "$work/data.txt" -m a.pt && says 'a data set is a data.yaml or'

# A results file over pictures made here: two right boxes, one wrong.
mkdir -p "$work/images" "$work/labels"
printf 'P6 100 50 255\n' >"$work/images/1.ppm"
head -c 15000 /dev/zero >>"$work/images/1.ppm"
cp "$work/images/1.ppm" "$work/images/2.ppm"
echo '0 0.5 0.5 0.5 0.5' >"$work/labels/1.txt"
echo '0 0.5 0.5 0.5 0.5' >"$work/labels/2.txt"
printf 'val: images\nnames: [thing, other]\n' >"$work/data.yaml"
box='"category_id": 0, "bbox": [25, 12.5, 50, 25], "score"'
wrong='"category_id": 0, "bbox": [80, 40, 9, 9], "score"'
cat >"$work/found.json" <<EOF
[{"image_id": 1, $box: 0.9}, {"image_id": 2, $wrong: 0.8},
 {"image_id": 2, $box: 0.7}]
EOF
echo "[{\"image_id\": 1, $box: 0.9}]" >"$work/less.json"
run 0 eval -d "$work/data.yaml" --results "$work/found.json" --json
json 'd["images"] == 2 and d["objects"] == 2 and d["left_out"] == 0'
json 'abs(d["map"] - (51 + 50 * 2 / 3) / 101) < 1e-6'
json 'd["map50"] == d["map"] and d["map_small"] is None'
json 'abs(d["ar_1"] - 0.5) < 1e-6 and abs(d["ar_100"] - 1) < 1e-6'
json '[c["objects"] for c in d["per_class"]] == [2, 0]'
json 'd["per_class"][1]["map"] is None and "evaluation" not in d'
run 0 eval -d "$work/data.yaml" --results "$work/found.json" \
    --compare "$work/less.json" --draws 200
says 'less +0\.5050' out
says 'less minus found' out
says 'no difference that these images can show' out
run 0 eval -d "$work/data.yaml" --results "$work/found.json" \
    --compare "$work/less.json" --draws 200 --json
json 'd["difference"]["draws"] == 200 and not d["difference"]["map"]["decided"]'
json 'd["difference"]["map"]["low"] <= d["difference"]["map"]["value"] < 0'
json 'abs(d["compared"]["map"] - 51 / 101) < 1e-6'
run 0 eval -d "$work/data.yaml" --results "$work/found.json" --per-class
says '^thing +2 +2 ' out
run 3 eval -d "$work/data.yaml" --results "$work/gone.json" && says 'gone.json'

# Broken parts are told and left out, each with its sentence.
printf 'not a picture' >"$work/images/3.jpg"
echo '0 0.5 0.5 0.5 0.5' >"$work/labels/3.txt"
cp "$work/images/1.ppm" "$work/images/4.ppm"
printf '0 0.5 0.5 0.5 0.5\n7 1 1 1 1\n' >"$work/labels/4.txt"
run 0 eval -d "$work/data.yaml" --results "$work/found.json" --json
says '4.txt:2: class 7: '
says '3.jpg: '
json 'd["images"] == 2 and d["left_out"] == 2 and len(d["problems"]) == 2'
json 'abs(d["map"] - (51 + 50 * 2 / 3) / 101) < 1e-6'

# A JPEG that only lacks its end marker counts, one that lacks pixels does not.
jpeg=$YT_SOURCE_DIR/fuzz/corpus/image/baseline.jpg
mkdir "$work/ends"
head -c -2 "$jpeg" >"$work/ends/1.jpg"
head -c -60 "$jpeg" >"$work/ends/2.jpg"
echo '0 0.5 0.5 0.5 0.5' | tee "$work/ends/1.txt" >"$work/ends/2.txt"
sed 's/^val:.*/val: ends/' "$work/data.yaml" >"$work/ends.yaml"
run 0 eval -d "$work/ends.yaml" --results "$work/less.json" --json
says 'ends/1.jpg: the file lacks its end marker'
says 'ends/2.jpg: the file is truncated'
json 'd["images"] == 1 and d["left_out"] == 1 and len(d["problems"]) == 2'

rm "$work/images/1.ppm" "$work/images/2.ppm" "$work/images/4.ppm"
run 3 eval -d "$work/data.yaml" --results "$work/found.json"
says 'none of 1 pictures can be used'

model=$(data weights/yolov5n.pt)
truth=$(data coco-val/instances_val2017.json)
pictures=$(data coco-val/images/val2017)
if [ -z "$model" ] || [ -z "$truth" ] || [ -z "$pictures" ]; then
    echo "the real model and pictures are absent: the rest is skipped"
    finish
fi
run 3 eval -d "$work/data.yaml" -m "$model"
says "'thing' of the data set data is none of the model's 80"

# Two dozen real pictures as a list and as a COCO file of them.
find -L "$pictures" -name '*.jpg' | sort | head -24 >"$work/list.txt"
sed "s#^path:.*#path: $work#; s#^val:.*#val: list.txt#; /^train:/d" \
    "$(data coco-val/coco-val.yaml)" >"$work/few.yaml"
python3 - "$truth" "$work/few.json" <<'EOF'
import json, sys
d = json.load(open(sys.argv[1]))
d["images"] = sorted(d["images"], key=lambda i: i["id"])[:24]
kept = {i["id"] for i in d["images"]}
d["annotations"] = [a for a in d["annotations"] if a["image_id"] in kept]
json.dump(d, open(sys.argv[2], "w"))
EOF
run 0 eval -m "$model" -d "$work/few.yaml" --imgsz 320 -t 1 --json
json 'd["images"] == 24 and d["name"] == "yolov5n" and 0.15 < d["map"] < 0.5'
json 'd["map50"] > d["map"] > 0 and d["precision"] > 0.3 and not d["tuned"]'
cp "$work/out" "$work/first"

# Any number of workers finds the same.
run 0 eval -m "$model" -d "$work/few.yaml" --imgsz 320 -t 2 --json
json '{**d, "seconds": 0} ==
      {**json.load(open(sys.argv[1][:-3] + "first")), "seconds": 0}'

# Saved results measure as the run did, with COCO's own category numbers.
coco=(-d "$work/few.json" --images "$pictures")
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --json \
    --save-json "$work/saved.json"
cp "$work/out" "$work/first"
run 0 eval --results "$work/saved.json" "${coco[@]}" --json
json 'all(d[k] == json.load(open(sys.argv[1][:-3] + "first"))[k]
          for k in ("map", "map50", "map75", "map_small", "ar_100", "boxes"))'
python3 - "$work/saved.json" <<'EOF' || complain "category numbers or boxes"
import json, sys
found = json.load(open(sys.argv[1]))
assert max(r["category_id"] for r in found) > 80
assert all(r["bbox"][2] >= 0 and 0.001 < r["score"] <= 1 for r in found)
count = {}
for r in found:
    count[r["image_id"]] = count.get(r["image_id"], 0) + 1
assert len(count) == 24 and max(count.values()) <= 300
EOF

# What products run differs little; fewer boxes cannot be more.
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --nms exact --single-label \
    --json
json 'abs(d["map"] - json.load(open(sys.argv[1][:-3] + "first"))["map"]) < 0.05'
json 'd["labels"] == "single" and d["nms"] == "exact"'
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --conf 0.5 --json
json 'd["boxes"] < json.load(open(sys.argv[1][:-3] + "first"))["boxes"]'

# Other framings and more passes: settings are told, figures stay near. The
# 24 pictures say little about what each is worth.
json_first='json.load(open(sys.argv[1][:-3] + "first"))'
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --json
cp "$work/out" "$work/first"
json 'd["fit"] == "letterbox" and d["filter"] == "bilinear"'
json 'not d["flip"] and not d["augment"] and "max_candidates" not in d'
run 0 eval -m "$model" "${coco[@]}" --imgsz 256x320 --json
json 'd["height"] == 256 and d["width"] == 320'
json "abs(d['map'] - ${json_first}['map']) < 0.1"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --fit stretch \
    --filter nearest --json
json 'd["fit"] == "stretch" and d["filter"] == "nearest"'
json "0 < abs(d['map'] - ${json_first}['map']) < 0.1"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --max-candidates 50 --json
json 'd["max_candidates"] == 50'
json "d['boxes'] < ${json_first}['boxes'] / 4"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --flip --json
json 'd["flip"] and not d["augment"]'
json "0 < abs(d['map'] - ${json_first}['map']) < 0.1"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --augment --json
json 'd["augment"] and d["height"] == 320'
json "0 < abs(d['map'] - ${json_first}['map']) < 0.1"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --augment --nms exact \
    --single-label --json
json "0 < abs(d['map'] - ${json_first}['map']) < 0.1"

# Of the model's classes those count that the data set names.
python3 - "$work/few.json" "$work/people.json" <<'EOF'
import json, sys
d = json.load(open(sys.argv[1]))
d["categories"] = [c for c in d["categories"] if c["name"] == "person"]
d["annotations"] = [a for a in d["annotations"] if a["category_id"] == 1]
json.dump(d, open(sys.argv[2], "w"))
EOF
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 --json
cp "$work/out" "$work/first"
run 0 eval -m "$model" -d "$work/people.json" --images "$pictures" \
    --imgsz 320 --json --save-json "$work/people-found.json"
says "people names 1 of the model's 80 classes"
json "len(d['per_class']) == 1 and d['per_class'][0]['name'] == 'person'"
# Boxes of other classes took places among the most of a picture.
json "0 <= d['map'] - ${json_first}['per_class'][0]['map'] < 0.05"
json "d['map'] == d['per_class'][0]['map'] and
      0 < d['boxes'] < ${json_first}['boxes'] / 2"
cp "$work/out" "$work/first"
run 0 eval --results "$work/people-found.json" -d "$work/people.json" \
    --images "$pictures" --json
json "d['map'] == ${json_first}['map']"

# A plan's accuracy goes into the database once.
run 0 tune -m "$model" --imgsz 320 -t 1 --budget 1s --json
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 -t 1 --json
json 'd["tuned"] and d["evaluation"] > 0'
cp "$work/out" "$work/first"
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 -t 1 --json
json 'd["evaluation"] == json.load(open(sys.argv[1][:-3] + "first"))["evaluation"]'
run 0 eval -m "$model" "${coco[@]}" --imgsz 320 -t 1 --flip --json
json 'd["tuned"] and "evaluation" not in d'
finish
