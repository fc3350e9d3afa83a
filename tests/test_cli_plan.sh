#!/bin/bash
# Plans as files: shown, exported, applied; the same file gives the same bytes.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 2 plan && says 'an action and one plan'
run 2 plan sing p1 && says 'sing: not show'
run 2 plan export plan.txt && says 'no plan: p, e or r'
run 3 plan show "$work/none.plan" && says 'none.plan'
run 3 plan show p1 && says 'results.db'
run 0 -m builtin:n --imgsz 64 --threads 1 --budget 3s --quiet --json
json 'd["recommendation"] == 1'
run 3 plan show p999 && says 'there is no p999'
run 0 plan show r1 && says '^configuration yolov5n-64x64-f32-(tuned|default)-latency-1x1(-bands)?$' out
run 0 plan show r1 --json
json 'd["model"] == "yolov5n" and d["width"] == 64 and len(d["steps"]) > 40'
json 'all(s["schedule"].startswith(s["algorithm"] + "-") for s in d["steps"])'
json 'd["frame"][0]["name"] == "letterbox" and
      d["frame"][-1]["problem"].startswith("nms-")'
json 'd["steps"][0]["knobs"]["mr"] > 0 and "tune" in d["steps"][0]["knobs"]'
run 0 plan export r1 --out "$work/a.plan"
run 1 plan export r1 --out "$work/none/a.plan" && says 'none/a.plan'

run 2 plan apply "$work/a.plan" && says '--model is missing'
run 0 plan apply "$work/a.plan" -m builtin:n --db "$work/other.db" \
    --out "$work/one"
says 'is the plan of yolov5n at 64x64' out
run 0 plan apply "$work/a.plan" -m builtin:n --db "$work/third.db" \
    --out "$work/two"
cmp "$work/one/lib/libyolov5n.a" "$work/two/lib/libyolov5n.a" ||
    complain "the same plan gave other bytes"
cmp "$work/one/plan.txt" "$work/a.plan" || complain "plan.txt differs"
run 0 bench -m builtin:n --imgsz 64 --threads 1 --db "$work/other.db" --frames 3 --json
json 'd["tuned"]'

# What is off is said, with file and line.
sed 's/^isa .*/isa vax/' "$work/a.plan" >"$work/b.plan"
run 2 plan apply "$work/b.plan" -m builtin:n && says "b.plan.*'vax'"
sed 's/^step model.1 .*/step model.1 soup/' "$work/a.plan" >"$work/b.plan"
run 3 plan apply "$work/b.plan" -m builtin:n && says 'b.plan: plan: line'
head -8 "$work/a.plan" >"$work/b.plan"
run 3 plan apply "$work/b.plan" -m builtin:n && says 'b.plan: plan: has'
run 3 plan apply "$work/a.plan" -m builtin:s && says 'made for the model yolov5n'
printf 'hello' >"$work/b.plan"
run 3 plan show "$work/b.plan" && says "line 1 is not"
finish
