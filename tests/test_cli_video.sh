#!/bin/bash
# yolotune detect on videos: frames, strides, labels, drawings, broken files and
# interrupted runs; and what is told of sources that are not there.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
model=$YT_SOURCE_DIR/models/default/yolotune-default.onnx
from=$YT_SOURCE_DIR/models/default/images/val
try=(detect -m "$model" --imgsz 320 --json-lines)

run 3 "${try[@]}" screen && says 'screen: a screen is not looked at'
run 2 "${try[@]}" --vid-stride 0 x.mp4 && says 'vid-stride 0: must be'
run 2 "${try[@]}" --out d a/x.mp4 b/x.avi && says 'the same file'
run 2 "${try[@]}" --dump-heads h x.mp4 && says 'takes one picture'

"$YT_BUILD_DIR/tests/make_video" "$work/v.mp4" 20 "$from"/00000[0-3].jpg
made=$?
if [ "$made" -eq 77 ]; then
    run 3 "${try[@]}" v.mp4 && says 'v.mp4: .*built without video'
    [ "$failures" -eq 0 ] && exit 77
    finish
fi
[ "$made" -eq 0 ] || complain "no video could be made"

# lines EXPRESSION: a Python expression over the list L of the last run's
# objects holds.
lines()
{
    python3 -c '
import json, sys
L = [json.loads(x) for x in open(sys.argv[1])]
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)' "$work/out" "$1" ||
        complain "does not hold: $1"
}

# frames FILE: how many frames a video has.
frames()
{
    "$yolotune" "${try[@]}" -q --conf 0.999 "$1" 2>"$work/err" | wc -l
}

# Every frame, its number and its time; the folder of both kinds.
run 0 "${try[@]}" --out "$work/drawn" --save-txt --save-conf \
    --save-json "$work/coco.json" "$work/v.mp4"
says '0 pictures and 20 frames in '
says 'drawing and writing'
lines '[o["frame"] for o in L] == list(range(1, 21))'
lines 'all(abs(o["seconds"] - i / 25) < 0.01 for i, o in enumerate(L))'
lines 'all(o["width"] == 640 and o["detections"] for o in L)'
[ "$(frames "$work/drawn/v.mp4")" -eq 20 ] || complain "20 frames were wanted"
python3 - "$work" <<'EOP' || complain "labels or results differ"
import json, sys
work = sys.argv[1]
coco = json.load(open(work + "/coco.json"))
for o in map(json.loads, open(work + "/out")):
    labels = open(f"{work}/drawn/labels/v_{o['frame']}.txt").readlines()
    assert len(labels) == len(o["detections"])
    mine = [c for c in coco if c["image_id"] == f"v_{o['frame']}"]
    assert len(mine) == len(labels)
EOP
cp "$work/out" "$work/all"

# A stride shows every third frame, counted as YOLOv5 counts.
run 0 "${try[@]}" --vid-stride 3 --out "$work/third" --save-txt "$work/v.mp4"
lines '[o["frame"] for o in L] == [1, 2, 3, 4, 5, 6]'
lines '[o["detections"] for o in L] ==
       [json.loads(x)["detections"]
        for x in open(sys.argv[1][:-3] + "all")][2::3]'
[ -e "$work/third/labels/v_6.txt" ] || complain "no labels of the sixth"
[ "$(frames "$work/third/v.mp4")" -eq 6 ] || complain "6 frames were wanted"

# Pictures and videos of a folder; one document.
mkdir "$work/in"
cp "$from/000000.jpg" "$work/in/a.jpg"
cp "$work/v.mp4" "$work/in/b.mp4"
run 0 detect -m "$model" --imgsz 320 -q --json "$work/in"
json 'len(d["images"]) == 21 and "frame" not in d["images"][0]'
json 'd["summary"]["frames"] == 20 and d["summary"]["pictures"] == 1'
json 'd["summary"]["fps"] > 0 and d["summary"]["dropped"] == 0'
[ -s "$work/err" ] && grep -q 'end to end' "$work/err" &&
    complain "--quiet told the rate"
printf '%s\n' "$work/in/b.mp4" >"$work/all.streams"
run 0 "${try[@]}" "$work/all.streams" && lines 'len(L) == 20'

# Nothing is drawn over its own source.
run 2 "${try[@]}" --out "$work" "$work/v.mp4" && says 'overwrite'
says 'overwrite' && [ "$(grep -c overwrite "$work/err")" -eq 1 ] ||
    complain "said for every frame"
[ "$(frames "$work/v.mp4")" -eq 20 ] || complain "an input was overwritten"

# A file that is cut off is told in a sentence; the others go on.
head -c 9000 "$work/v.mp4" >"$work/in/b.mp4"
run 3 "${try[@]}" "$work/in" && says 'b.mp4: '
[ "$(grep -c '^yolotune: .*b.mp4' "$work/err")" -eq 1 ] ||
    complain "more than a sentence"
lines 'len(L) == 2 and L[0]["detections"] and "error" in L[1]'
run 3 "${try[@]}" "$work/gone.mp4" && says 'gone.mp4: No such file'
run 3 "${try[@]}" /dev/video99 && says '/dev/video99: '
run 1 "${try[@]}" http://127.0.0.1:1/a.mp4 && says '127.0.0.1:1/a.mp4: '

# An interrupted run leaves whole files.
"$YT_BUILD_DIR/tests/make_video" "$work/long.mp4" 300 "$from"/00000[0-3].jpg
"$yolotune" "${try[@]}" --out "$work/part" "$work/long.mp4" >"$work/out" \
    2>"$work/err" &
pid=$!
until_caught "$pid"
for _ in $(seq 600); do
    [ "$(wc -l <"$work/out")" -ge 3 ] && break
    sleep 0.1
done
kill -TERM "$pid"
wait "$pid"
code=$?
[ "$code" -eq 130 ] || complain "exit $code when interrupted"
says 'interrupted'
shown=$(wc -l <"$work/out")
[ "$shown" -ge 3 ] && [ "$shown" -lt 300 ] || complain "$shown frames"
[ "$(frames "$work/part/long.mp4")" -eq "$shown" ] ||
    complain "the drawing has not the $shown frames that were told"
finish
