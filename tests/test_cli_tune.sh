#!/bin/bash
# The main job: its words, its document and its exit codes; cold, warm,
# interrupted and resumed; with pictures and without; limits kept and missed.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
own=$YT_SOURCE_DIR/models/default

run 2 --scenario winning && says 'no scenario'
run 2 tune extra && says 'extra'
run 2 --budget -5s && says 'not a time'
run 2 -m builtin:n --imgsz 65 && says '65'
run 2 -m builtin:n --max-memory lots && says 'max-memory lots: not a size'
run 2 -m builtin:n --min-map 2 && says 'min-map 2: must be 0 to 1'
run 2 -m builtin:n --min-map 0.3 && says 'need --data'
run 2 --min-map 0.3 --max-map-drop 0.1 && says 'one of them'
run 2 -m builtin:n --precision int4 && says 'not auto, fp32'
run 2 -m builtin:n --precision fp32 --calib x && says 'need --precision'
run 3 -m builtin:n --imgsz 64 --precision int8 && says 'with --calib'
run 3 -m builtin:n --imgsz 64 --precision bf16 --isa avx2 && says avx512bf16
run 3 -m builtin:q && says 'built-in'
run 3 --model /nowhere/x.pt && says '/nowhere/x.pt'
run 3 -m builtin:n --data /nowhere/d.yaml && says '/nowhere/d.yaml'
printf 'PK\003\004 not really' >"$work/broken.pt"
run 3 --model "$work/broken.pt" && says 'broken.pt'
run 1 -m builtin:n --imgsz 64 --db /proc/none/x.db && says '/proc/none'

# Stopped soon after it began, by a signal: saved, and told by the exit code.
"$yolotune" -m builtin:n --imgsz 64 --budget 60s --json >"$work/out" \
    2>"$work/err" &
pid=$!
until_caught $pid
sleep 2
kill -TERM $pid
code=0
wait $pid || code=$?
[ $code -eq 130 ] || complain "interrupted: exit $code: $(cat "$work/err")"
if [ -s "$work/out" ]; then
    json 'not d["complete"]'
fi

# Killed outright, once it has stored something: the next run takes it up.
stored()
{
    local rows
    rows=$("$yolotune" db sql 'SELECT (SELECT count(*) FROM measurement) +
        (SELECT count(*) FROM evaluation) AS n' --csv 2>/dev/null | tail -1)
    echo "${rows:-0}"
}
before=$(stored)
"$yolotune" -m builtin:n --imgsz 64 --budget 60s --quiet >/dev/null 2>&1 &
pid=$!
for _ in $(seq 300); do
    [ "$(stored)" -ge $((before + 3)) ] && break
    sleep 0.1
done
kill -KILL $pid
wait $pid 2>/dev/null
run 0 -m builtin:n --imgsz 64 --budget 3s --json
json 'd["configurations_reused"] > 0 or d["reused"] > 0'
json 'd["scenario"] == "realtime" and d["satisfied"] and "dataset" not in d'
json 'd["imgsz"] == 64 and d["precision"] == "f32" and d["plan"] > 0'
json 'd["tuned"]["fps"] > 0 and d["baseline"]["fps"] > 0'
json 'd["tuned"]["map"] is None and
      all(s["strategy"] in ("kernels", "parallelism") for s in d["steps"])'
[ ! -s "$work/err" ] || grep -qv '^yolotune:' "$work/err" ||
    complain "a sentence of failure on stderr: $(cat "$work/err")"

# What was recommended is shown at once, and is the same.
run 0 -m builtin:n --imgsz 64 --json
cp "$work/out" "$work/first"
run 0 -m builtin:n --imgsz 64 --json
json 'd["from_database"]'
python3 - "$work/first" "$work/out" <<'EOF' || complain "recalled otherwise"
import json, sys
a, b = (json.load(open(f)) for f in sys.argv[1:])
sys.exit(a["configuration"] != b["configuration"] or
         a["recommendation"] != b["recommendation"] or
         [s["evaluation"] for s in a["steps"]] !=
         [s["evaluation"] for s in b["steps"]])
EOF

# A library that could not be written is told before the search.
echo >"$work/file"
run 2 -m builtin:n --imgsz 64 --budget 2h --out "$work/file"
says 'file: not a folder'
run 2 -m builtin:n --imgsz 64 --budget 2h --out "$work/product" --name math
[ ! -e "$work/product" ] || complain "a refused export left a folder"

# Text, and a library beside it.
run 0 -m builtin:n --imgsz 64 --budget 2s --out "$work/product"
if grep -E 'peak .* on 1 thread, .* on 1;' "$work/out"; then
    complain "the peak of one thread is told twice"
fi
says '^Recommendation for .realtime.: ' out
says 'seeded weights' out
says 'accuracy was not measured' out
says '^Beyond inference \(advice' out
[ -s "$work/product/lib/libyolov5n.a" ] || complain "no library was written"
grep -q '^configuration yolov5n-64x64-f32-' "$work/product/plan.txt" ||
    complain "plan.txt does not name the configuration"

# An impossible limit: the nearest is shown, and is no recommendation.
run 4 -m builtin:n --imgsz 64 --budget 1s --min-fps 900000 --json
says 'no configuration that was measured keeps the limits: the nearest, yolov5n-64x64.*FPS where 900000'
json 'not d["satisfied"] and "900000" in d["missed"]'

# With pictures: accuracy is measured, and decides. A few of the default set.
if [ -r "$own/yolotune-default.onnx" ] && [ -r "$own/default.yaml" ]; then
    mkdir -p "$work/few/images/val" "$work/few/labels/val"
    for file in $(cd "$own/images/val" && printf '%s\n' * | head -12); do
        cp "$own/images/val/$file" "$work/few/images/val/"
        cp "$own/labels/val/${file%.*}.txt" "$work/few/labels/val/"
    done
    sed "s|^path:.*|path: $work/few|" "$own/default.yaml" >"$work/few.yaml"
    printf 'broken' >"$work/few/images/val/zzz.jpg"
    run 0 -m "$own/yolotune-default.onnx" -d "$work/few.yaml" --budget 12s \
        --json
    json 'd["left_out"] == 1 and d["tuned"]["images"] == 12'
    json 'd["tuned"]["map"] >= d["limits"]["min_map"] > 0'
    json '"--calib" in d["precision_note"] and d["calibrations"] == []'
    json 'abs(d["limits"]["min_map"] - 0.95 * d["baseline"]["map"]) < 1e-6'
    json 'all(s["evaluation"] > 0 for s in d["steps"] + d["rivals"])'
    id=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["recommendation"])' "$work/out")
    cp "$work/out" "$work/told"
    run 0 db show "r$id" --json
    json 'd["recommendation"]["map"] > 0'
    # How many there are, a busy machine decides.
    json 'len(d["steps"]) ==
          len(json.load(open(sys.argv[1][:-3] + "told"))["steps"])'
    # What is asked for is the choice, and its plan holds all of it.
    run 0 -m "$own/yolotune-default.onnx" -d "$work/few.yaml" --budget 8s \
        --precision int8 --calib "$own/images/calib" --calib-images 4 \
        --max-map-drop 1 --json
    json 'd["precision"] == "int8" and d["calibrations"][0]["images"] == 4'
    json 'any(s["strategy"] == "precision" and s["setting"] == "int8"
              for s in d["steps"])'
    json 'all("-int8-" in r["configuration"] for r in d["rivals"])'
    json 'd["tuned"]["size_bytes"] < 0.5 * d["baseline"]["size_bytes"]'
    id=$(python3 -c 'import json, sys
print(json.load(open(sys.argv[1]))["recommendation"])' "$work/out")
    run 0 plan show "r$id" && says '^precision int8-' out
    says '^quant \(' out
    run 0 db list pareto_fronts --json
    json 'len(d["pareto_fronts"]) >= 1'
fi
finish
