#!/bin/sh
# Make the benchmark's own virtual environment and build its peak meter.
#
#   bench/setup.sh            into .venv-bench beside this folder
#   YT_BENCH_VENV=DIR PYTHON=python3.12 CC=clang bench/setup.sh
#
# Run again after a change of requirements.txt or limits.c: it updates in place.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
venv=${YT_BENCH_VENV:-$(dirname -- "$here")/.venv-bench}
python=${PYTHON:-python3}

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "setup.sh: $python is older than Python 3.11, which the pinned" \
        "numpy needs; set PYTHON" >&2
    exit 1
}

[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    -r "$here/requirements.txt"

# The chains must become FMA instructions in any C mode, and clang halves
# 512-bit vectors on cores it tunes for 256 unless told otherwise.
case $(uname -m) in
x86_64) wide=-mprefer-vector-width=512 ;;
*) wide= ;;
esac
"${CC:-cc}" -O2 -march=native -ffp-contract=fast $wide -Wall -Wextra \
    -o "$venv/bin/yt-limits" "$here/limits.c" -pthread

"$venv/bin/python" - <<'EOF'
from importlib.metadata import version

for name in ("onnxruntime", "openvino", "nncf", "ncnn", "ai-edge-litert", "torch",
             "torchvision"):
    print(f"{name} {version(name)}")
EOF
echo "ready: $venv/bin/python bench/peers.py --help"
