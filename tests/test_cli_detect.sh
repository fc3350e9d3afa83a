#!/bin/bash
# yolotune detect: boxes as text, JSON and drawings; bad pictures and options.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 detect && says '--model is missing'
run 2 detect --model x.pt && says 'no pictures'
run 2 detect --model x.pt --conf 2 a.jpg && says '--conf 2: must be'
run 2 detect --model x.pt --conf none a.jpg && says 'not a number'
run 2 detect --model x.pt --imgsz 0 a.jpg && says '--imgsz 0: not a size'
run 2 detect --model x.pt --max-det 0 a.jpg && says 'must be 1'
run 2 detect --model x.pt --out d a/x.jpg b/x.jpg && says 'the same file'
run 2 detect --model x.pt --fit squeeze a.jpg && says 'not letterbox or stretch'
run 2 detect --model x.pt --filter cubic a.jpg && says 'not bilinear or nearest'
run 2 detect --model x.pt --flip --augment a.jpg && says 'one of the two'
run 2 detect --model x.pt --max-candidates 0 a.jpg && says 'must be 1'
run 3 detect --model /nowhere/x.pt a.jpg && says '/nowhere/x.pt'
printf 'not a model' >"$work/no.pt"
run 3 detect --model "$work/no.pt" a.jpg && says 'no.pt'

model=$(data weights/yolov5n.pt)
bus=$(data images/bus.jpg)
zidane=$(data images/zidane.jpg)
if [ -z "$model" ] || [ -z "$bus" ] || [ -z "$zidane" ]; then
    echo "real models and pictures are absent: detection itself is skipped"
    [ "$failures" -eq 0 ] && exit 77
    finish
fi

run 0 detect --model "$model" "$bus" && says '^  person +0\.[0-9]+ ' out
says 'not tuned'
says 'bus.jpg: 810x1080, [0-9]+ objects' out

# A rectangle as large as the picture needs, as detect.py has it, sees a fourth
# person; the whole input three. What follows compares with those.
run 0 detect -m "$model" --json "$bus"
json 'sum(x["name"] == "person" and x["score"] > 0.5
          for x in d["images"][0]["detections"]) == 4'
run 2 detect -m "$model" --rect --no-rect "$bus" && says 'one of them'
run 2 detect -m "$model" --rect --fit stretch "$bus" && says 'no rectangle'

run 0 detect --model "$model" --no-rect --json "$bus" "$zidane"
json 'd["summary"]["pictures"] == 2 and d["summary"]["networks"] == 1'
json 'len(d["images"]) == 2 and d["model"] == "yolov5n" and not d["tuned"]'
json '{"person", "bus"} <= {x["name"] for x in d["images"][0]["detections"]}'
json '{"person"} <= {x["name"] for x in d["images"][1]["detections"]}'
json 'all(0 <= x["x0"] < x["x1"] <= i["width"] and
          0 <= x["y0"] < x["y1"] <= i["height"] and 0.25 <= x["score"] <= 1
          for i in d["images"] for x in i["detections"])'
json 'all([x["score"] for x in i["detections"]] ==
          sorted([x["score"] for x in i["detections"]], reverse=True)
          for i in d["images"])'

# A higher threshold and a limit leave the best.
cp "$work/out" "$work/all"
run 0 detect -m "$model" --no-rect --json --conf 0.6 --max-det 2 "$bus"
json 'len(d["images"][0]["detections"]) == 2'
json 'd["images"][0]["detections"] ==
      json.load(open(sys.argv[1][:-3] + "all"))["images"][0]["detections"][:2]'

# The same objects however the picture is framed and searched: a wide input,
# stretched, sampled, mirrored, at three sizes. Three people stand in it.
for way in '--imgsz 384x640' '--fit stretch' '--filter nearest' '--flip' \
    '--augment' '--imgsz 384x640 --fit stretch --filter nearest --augment'; do
    # shellcheck disable=SC2086 # several words
    run 0 detect -m "$model" --no-rect --json $way "$bus"
    json 'all(0 <= x["x0"] < x["x1"] <= 810 and 0 <= x["y0"] < x["y1"] <= 1080
              for x in d["images"][0]["detections"])'
    json '(lambda now, before: len(now) == 3 and
           all(abs(a[k] - b[k]) < 40 for k in ("x0", "y0", "x1", "y1")
               for a, b in zip(now, before)))(*[
          [x for x in sorted(i["detections"], key=lambda x: x["x0"])
           if x["name"] == "person" and x["score"] > 0.5]
          for i in (d["images"][0],
                    json.load(open(sys.argv[1][:-3] + "all"))["images"][0])])'
done
run 0 detect -m "$model" --imgsz 320 --augment "$bus"
says 'yolov5n is not tuned for this machine yet'
says 'yolov5n at 288x288 is not tuned'
says 'yolov5n at 224x224 is not tuned'
run 0 detect -m "$model" --json --max-candidates 2 "$bus"
json 'len(d["images"][0]["detections"]) <= 2'

# A bad picture among good ones is reported, and the others go on.
head -c 300 "$bus" >"$work/bad.jpg"
run 3 detect -m "$model" --json "$work/bad.jpg" "$bus"
says "bad.jpg: JPEG: "
json '"error" in d["images"][0] and len(d["images"][1]["detections"]) > 0'

# One that is cut is read as far as it goes, which is said once.
head -c 60000 "$bus" >"$work/cut.jpg"
run 0 detect -m "$model" --json "$work/cut.jpg"
says 'cut.jpg: the file is truncated'
[ "$(grep -c truncated "$work/err")" -eq 1 ] || complain "said more than once"
json 'd["images"][0]["height"] == 1080'

# A name that would steer a terminal steers none.
cp "$bus" "$work/"$'a\e[31m\n.jpg'
run 0 detect -m "$model" "$work/"$'a\e[31m\n.jpg'
says 'a \[31m .jpg: 810x1080' out
head -c 300 "$bus" >"$work/"$'b\e[31m.jpg'
run 3 detect -m "$model" "$work/"$'b\e[31m.jpg'
says 'b \[31m.jpg: JPEG: '
grep -q $'\e' "$work/out" "$work/err" && complain "a name reached the terminal"

# Drawings: the same size, other pixels, and never over the input.
run 0 detect -m "$model" --out "$work/drawn" "$bus"
[ -s "$work/drawn/bus.jpg" ] || complain "no drawing was written"
cp "$bus" "$work/own.jpg"
run 2 detect -m "$model" --out "$work" "$work/own.jpg" && says 'overwrite'
cmp -s "$bus" "$work/own.jpg" || complain "an input was overwritten"
: >"$work/file"
run 1 detect -m "$model" --out "$work/file/x" "$bus" && says 'Not a directory'

# A lower instruction set gives the same objects.
run 0 detect -m "$model" --isa scalar --imgsz 320 --threads 1 --json "$zidane"
json 'd["isa"] == "scalar" and d["threads"] == 1'
json '"person" in {x["name"] for x in d["images"][0]["detections"]}'
run 2 detect -m "$model" --imgsz 333 "$bus" && says '333'
run 2 detect -m "$model" --isa avx3 "$bus" && says 'avx3'
finish
