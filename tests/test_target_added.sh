#!/bin/bash
# A target is added as docs/HACKING.md says, to a copy of the tree: 64-bit Arm in
# the file tests/toy_target.c. Kernels of every operator are generated for it,
# and no file was touched but those that the page lists.
set -eu
cache=$YT_BUILD_DIR/CMakeCache.txt
llvm=$(sed -n 's/^YT_LLVM_CONFIG:[A-Z]*=//p' "$cache")
cc=$(sed -n 's/^CMAKE_C_COMPILER:[A-Z]*=//p' "$cache")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$YT_SOURCE_DIR"
mkdir "$work/tree"
cp -r base codegen runtime include "$work/tree"

cp tests/toy_target.c "$work/tree/codegen/target/toy.c"
echo 'YT_TARGET(toy)' >>"$work/tree/codegen/target/targets.inc"
cat >>"$work/tree/runtime/isa.inc" <<'ROW'
YT_ISA(TOY, "toy", "aarch64", 4, 32, YT_CAN_FMA, 0, "generic", "+neon")
ROW

# What was touched, and what the page says. One more is the target's test.
touched=$(for folder in base codegen runtime include; do
    diff -qr "$folder" "$work/tree/$folder" || true
done | sed -E 's/^Files ([^ ]*) and .*/\1/; s/^Only in .*tree\/(.*): (.*)/\1\/\2/' |
    sed 's/toy\.c$/NAME.c/' | sort)
stated=$(sed -n '/^```files target$/,/^```$/p' docs/HACKING.md |
    grep -v '^```' | awk '{print $1}' | sort)
if [ "$(printf '%s\n' "$touched" tests/test_NAME.c)" != "$stated" ]; then
    printf 'touched:\n%s\n\ndocs/HACKING.md lists:\n%s\n' "$touched" "$stated" >&2
    exit 1
fi

cd "$work/tree"
mkdir objects
find base codegen runtime -name '*.c' | while read -r source; do
    echo "$source objects/${source//\//_}.o"
done | xargs -P2 -L1 "$(command -v sh)" -c \
    '"$0" -std=gnu11 -D_GNU_SOURCE -I. \
        -Iinclude -isystem "$1" -c "$2" -o "$3"' "$cc" "$("$llvm" --includedir)"
"$cc" -std=gnu11 -D_GNU_SOURCE -I. -Iinclude \
    "$YT_SOURCE_DIR/tests/toy_target_main.c" objects/*.o -o main \
    -L"$("$llvm" --libdir)" "$("$llvm" --libs --link-shared)" -lpthread -lm
./main
