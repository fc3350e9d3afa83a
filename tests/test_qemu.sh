#!/bin/bash
# Other CPUs, as qemu-user plays them: exports, detect, workers and what is said
# of the CPU, in scalar, SSE4.2 and AVX2. What a CPU has gives the boxes of this
# machine bit for bit, what it lacks one sentence; never a signal.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
if ! command -v qemu-x86_64 >/dev/null || [ "$(uname -m)" != x86_64 ]; then
    echo "there is no qemu-x86_64 for this machine: skipped"
    exit 77
fi
if grep -qE '__(asan|tsan)_init' "$yolotune"; then
    echo "sanitizers and qemu want the same addresses: skipped"
    exit 77
fi
model=$YT_SOURCE_DIR/models/default/yolotune-default.onnx
picture=$YT_SOURCE_DIR/models/default/images/val/000000.jpg

# CPU: the last of its instruction sets, and all of them.
declare -A best=([Nehalem]=sse4.2 [Haswell]=avx2 [max]=avx2)
declare -A sets=([Nehalem]='scalar sse4.2' [Haswell]='scalar sse4.2 avx2'
    [max]='scalar sse4.2 avx2')

# on CPU PROGRAM ARG...: its exit status; output in $work/out and $work/err.
on()
{
    timeout 300 qemu-x86_64 -cpu "$@" >"$work/out" 2>"$work/err" </dev/null
}

# refused CODE WHAT: it said what the CPU lacks, and ended by itself.
refused()
{
    [ "$1" -ne 0 ] && [ "$1" -lt 124 ] || complain "$2: exit $1"
    says "lacks (SSE|AVX)"
}

has()
{
    case " ${sets[$1]} " in *" $2 "*) return 0 ;; esac
    return 1
}

# -------------------------------------------------------------------- the CPU
for cpu in "${!best[@]}"; do
    on "$cpu" "$yolotune" cpu --json || complain "$cpu: cpu: exit $?"
    json "d['isa'] == '${best[$cpu]}'"
    json "[i['name'] for i in d['isas'] if i['usable']] ==
          '${sets[$cpu]}'.split()"
    # LLVM, which asks the CPU itself, agrees.
    on "$cpu" "$YT_BUILD_DIR/tests/test_host_features" ||
        complain "$cpu: LLVM differs: $(tail -3 "$work/err")"
done

# -------------------------------------------------------------------- exports
# A star of the default model's ten classes, 128 pixels wide.
python3 - >"$work/star.ppm" <<'EOF'
import math, sys

def inside(x, y, p):
    odd = False
    for (ax, ay), (bx, by) in zip(p, p[1:] + p[:1]):
        if (ay > y) != (by > y) and x < (bx - ax) * (y - ay) / (by - ay) + ax:
            odd = not odd
    return odd

star = [(64 + r * math.sin(i * math.pi / 5), 64 - r * math.cos(i * math.pi / 5))
        for i in range(10) for r in [(40, 17)[i % 2]]]
sys.stdout.buffer.write(b"P6\n128 128\n255\n" + bytes(
    v for y in range(128) for x in range(128)
    for v in ((240, 200, 40) if inside(x, y, star) else (90, 110, 140))))
EOF

export_of() # isa: the program $work/star-ISA and its boxes here
{
    run 0 export -m "$model" --imgsz 128 --isa "$1" -t 2 -n star \
        -o "$work/export-$1" || return 1
    cc -std=c11 -O2 -DMODEL=star -I"$work/export-$1/include" \
        "$YT_SOURCE_DIR/examples/detect_image/main.c" \
        "$work/export-$1/lib/libstar.a" -pthread -o "$work/star-$1" || return 1
    "$work/star-$1" "$work/star.ppm" >"$work/boxes-$1"
    grep -q ': star 0\.[5-9]' "$work/boxes-$1" ||
        complain "$1: no star here: $(cat "$work/boxes-$1")"
}

for isa in scalar sse4.2 avx2; do
    if ! "$yolotune" cpu --json | grep -A4 "\"$isa\"" | grep -q 'usable": true'; then
        echo "this CPU has no $isa to compare with: left out"
        continue
    fi
    export_of "$isa" || { complain "no export for $isa"; continue; }
    for cpu in "${!best[@]}"; do
        on "$cpu" "$work/star-$isa" "$work/star.ppm"
        code=$?
        if ! has "$cpu" "$isa"; then
            refused "$code" "export for $isa on $cpu"
            continue
        fi
        [ "$code" -eq 0 ] || complain "export for $isa on $cpu: exit $code"
        cmp -s "$work/out" "$work/boxes-$isa" ||
            complain "export for $isa on $cpu: $(cat "$work/out")"
    done
done

# --------------------------------------------------------------------- detect
without_times()
{
    sed '/"summary":/,$d; /_ms":/d' "$work/out"
}

# Kernels are generated on the CPU that is played; by default for all it has.
detect_on() # cpu isa [option...]
{
    local cpu=$1 isa=$2
    shift 2
    local arguments=(detect -m "$model" --imgsz 64 --conf 0.1 --json "$picture")
    on "$cpu" "$yolotune" "${arguments[@]}" "$@" ||
        complain "detect $* on $cpu: exit $?: $(tail -3 "$work/err")"
    json "d['isa'] == '$isa' and len(d['images'][0]['detections']) > 0"
    without_times >"$work/there"
    run 0 "${arguments[@]}" --isa "$isa"
    without_times | cmp -s - "$work/there" ||
        complain "detect for $isa on $cpu gives other boxes"
}

detect_on Nehalem sse4.2
detect_on max scalar --isa scalar
if [ -e "$work/star-avx2" ]; then
    detect_on Haswell avx2
fi
on Nehalem "$yolotune" detect -m "$model" --imgsz 64 --isa avx2 "$picture"
refused $? "detect --isa avx2 on Nehalem"

# ----------------------------------- candidates in forked workers; they return
on Haswell "$YT_BUILD_DIR/tests/test_worker" ||
    complain "workers on Haswell: exit $?: $(tail -3 "$work/err")"
finish
