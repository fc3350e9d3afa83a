#!/bin/bash
# An export as a Python package: its wheel holds what it says, its structs are
# those of the header, and its boxes are those of detect.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"
model=$YT_SOURCE_DIR/models/default/yolotune-default.onnx
if [ ! -r "$model" ]; then
    echo "no default model: skipped"
    exit 77
fi
run 0 export -m "$model" --imgsz 96 --threads 2 --name drawn \
    --out "$work/tuned" || { finish; exit; }

# Discs on squares, which the default model takes for things it knows.
python3 - "$work/a.ppm" <<'EOF'
import sys
W, H = 160, 120
rows = bytearray(b"\xe6\xe1\xd2" * (W * H))
for i, (cx, cy, r, colour) in enumerate([
        (40, 40, 30, (200, 40, 40)), (110, 35, 25, (30, 60, 180)),
        (60, 90, 22, (40, 150, 60)), (125, 85, 30, (220, 170, 20))]):
    for y in range(cy - r, cy + r):
        for x in range(cx - r, cx + r):
            d = (x - cx) ** 2 + (y - cy) ** 2
            if 0 <= x < W and 0 <= y < H and (
                    d < r * r and d > (r // 3) ** 2 or i % 2):
                at = 3 * (y * W + x)
                rows[at:at + 3] = bytes(
                    colour if d > (r // 2) ** 2 else (90, 90, 90))
with open(sys.argv[1], "wb") as f:
    f.write(b"P6\n%d %d\n255\n" % (W, H) + rows)
EOF
run 0 detect -m "$model" --imgsz 96 --threads 2 --conf 0.01 --json \
    "$work/a.ppm"
cp "$work/out" "$work/boxes.json"

# The structs as C has them, under the names that the module gives them.
{
    printf '#include <stdio.h>\n#include "drawn.h"\nint main(void)\n{\n'
    python3 - "$work/tuned/python/drawn/__init__.py" <<'EOF'
import ast, re, sys
for node in ast.parse(open(sys.argv[1]).read()).body:
    if isinstance(node, ast.ClassDef) and \
            [ast.unparse(b) for b in node.bases] == ["ctypes.Structure"]:
        c = "struct yt" + re.sub("([A-Z])", r"_\1", node.name[1:]).lower()
        print(f'    printf("{node.name} %zu\\n", sizeof({c}));')
        for field in node.body[0].value.elts:
            name = field.elts[0].value
            print(f'    printf("{node.name}.{name} %zu %zu\\n", '
                  f'offsetof({c}, {name}), sizeof((({c} *)0)->{name}));')
EOF
    printf '}\n'
} >"$work/layout.c"
"${CC:-cc}" "$work/layout.c" -I"$work/tuned/include" -o "$work/layout" &&
    "$work/layout" >"$work/layout.txt" || complain "no layout"

check() # folder of the package
{
    PYTHONDONTWRITEBYTECODE=1 python3 "$YT_SOURCE_DIR/tests/python_export.py" \
        "$1" drawn "$work/a.ppm" "$work/boxes.json" "$work/layout.txt" ||
        complain "the module in $1"
}

# In place, and from the wheel that pip would build.
check "$work/tuned/python"
mkdir "$work/wheels" "$work/site"
python3 - "$work/tuned" "$work/wheels" "$work/site" <<'EOF' ||
import base64, csv, hashlib, io, re, sys, zipfile
export, folder, site = sys.argv[1:]
project = open(f"{export}/pyproject.toml").read()
backend = re.search('build-backend = "(.*)"', project)[1]
sys.path.insert(0, f"{export}/" + re.search(r'backend-path = \["(.*)"\]',
                                            project)[1])
sys.dont_write_bytecode = True
build = __import__(backend).build_wheel
file = build(folder)
first = open(f"{folder}/{file}", "rb").read()
assert build(folder) == file and open(f"{folder}/{file}", "rb").read() == first
assert re.fullmatch(r"drawn-[0-9.]+-py3-none-linux_\w+\.whl", file), file
wheel = zipfile.ZipFile(f"{folder}/{file}")
names = set(wheel.namelist())
record = next(n for n in names if n.endswith(".dist-info/RECORD"))
for path, digest, size in csv.reader(io.StringIO(wheel.read(record).decode())):
    names.remove(path)
    if path != record:
        content = wheel.read(path)
        want = base64.urlsafe_b64encode(hashlib.sha256(content).digest())
        assert digest == "sha256=" + want.decode().rstrip("=")
        assert int(size) == len(content)
assert not names, names
wheel.extractall(site)
EOF
    complain "the wheel"
check "$work/site"
finish
