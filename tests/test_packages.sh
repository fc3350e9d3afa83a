#!/bin/bash
# Manual pages say what --help says, the shells' completions offer the same
# values, and cpack's packages hold what they should, each file in one.
set -u
build=$YT_BUILD_DIR
yolotune=$build/yolotune
if [ ! -x "$yolotune" ]; then
    echo "yolotune is not built: skipped"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
complain()
{
    echo "FAILED: $*"
    failed=1
}

# ------------------------------------------------------------------- pages
"$YT_SOURCE_DIR/scripts/man.sh" "$yolotune" "$work/man" ||
    complain "no pages were written"
[ ! -e "$work/man/yolotune.1.gz" ] || gunzip "$work"/man/*.gz
commands=$("$yolotune" --help | sed -n 's/^  \([a-z]\{1,\}\) .*/\1/p' |
    grep -vxE 'help|version')
[ "$(echo "$commands" | wc -l)" -ge 11 ] || complain "commands: $commands"
words() { tr -s '[:space:]' '\n' | sed '/^$/d'; }
for command in $commands; do
    page=$work/man/yolotune-$command.1
    [ -s "$page" ] || { complain "no page of $command"; continue; }
    head -1 "$page" | grep -q '^\.TH YOLOTUNE-.* 1 "" "yolotune [0-9.]*"' ||
        complain "$command: $(head -1 "$page")"
    # Word by word the same, once requests and escapes are taken away.
    sed -e '/^\.TH/d; /^\.\(nf\|fi\|PP\|TP\|IP\)$/d; s/^\.\(SH\|B\) //' \
        -e 's/^\\&//; s/\\-/-/g; s/\\e/\\/g' "$page" | words >"$work/page"
    "$yolotune" help "$command" |
        sed "s/^    yolotune $command - /    yolotune-$command - /" |
        words >"$work/help"
    diff "$work/help" "$work/page" >"$work/diff" ||
        complain "$command: $(head -5 "$work/diff")"
done
grep -q '^detect ' "$work/man/yolotune.1" || complain "yolotune.1: no detect"

# ------------------------------------------------------------- completions
# "option words" of each shell, of options that have a list of values.
of_bash()
{
    sed -n '/case $prev/,/^    esac/p' \
        "$YT_SOURCE_DIR/scripts/completion/yolotune.bash" | tr '\n' ' ' |
        sed "s/' *words+='//g; s/;;/\n/g" | sed 's/case $prev in//' |
        sed -n "s/^ *\(--.*\)) *words='\(.*\)' *$/\1|\2/p"
    echo '--parallel|latency throughput pipeline all'
}
of_zsh()
{
    tr '\n' ' ' <"$YT_SOURCE_DIR/scripts/completion/_yolotune" |
        sed 's/.*CURRENT - 1\]} in//; s/esac.*//; s/;;/\n/g' |
        sed -n 's/^ *\(--.*\)) *found=(\(.*\)) *$/\1|\2/p'
}
of_fish()
{
    sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba}' \
        -e 's/^for name in /__yolotune_values /' \
        "$YT_SOURCE_DIR/scripts/completion/yolotune.fish" |
        sed -n '/^__yolotune_values split/{N;s/\n.*name \(.*\)/ = \1/};
                s/^__yolotune_values //p' |
        sed 's/\(.*\) = \(.*\)/\1|\2/; t; s/ /|/' |
        sed 's/split val-split test-split/--split | --val-split | --test-split/;
             t; s/^/--/'
}
for shell in bash zsh fish; do
    "of_$shell" | sed 's/  */ /g' | sort >"$work/$shell"
done
[ "$(wc -l <"$work/bash")" -ge 12 ] || complain "values of bash's completion"
diff "$work/bash" "$work/zsh" || complain "zsh offers other values than bash"
diff "$work/bash" "$work/fish" || complain "fish offers other values than bash"

# ---------------------------------------------------------------- packages
if grep -q '^YT_SANITIZE:BOOL=ON' "$build/CMakeCache.txt"; then
    echo "a program for tests is in no package"
elif command -v cpack >/dev/null && command -v dpkg-deb >/dev/null &&
    command -v dpkg-shlibdeps >/dev/null && command -v file >/dev/null; then
    (cd "$build" && cpack -B "$work/packages") >"$work/log" 2>&1 ||
        complain "cpack: $(tail -5 "$work/log")"
    version=$("$yolotune" version | sed 's/^yolotune \([0-9.]*\),.*/\1/')
    : >"$work/files"
    for name in yolotune libyolotune-runtime-dev yolotune-doc; do
        deb=$(ls "$work/packages/${name}_${version}_"*.deb) || continue
        [ "$(dpkg-deb -f "$deb" Version)" = "$version" ] ||
            complain "$name: another version"
        (cd "$work/packages" && sha256sum --quiet -c "$(basename "$deb").sha256") ||
            complain "$name: another checksum"
        dpkg-deb -c "$deb" | awk '$1 !~ /^d/ {print $6}' |
            tee "$work/$name" >>"$work/files"
        grep -qx "./usr/share/doc/$name/copyright" "$work/$name" ||
            complain "$name: no copyright"
    done
    sort "$work/files" | uniq -d | grep . && complain "files in two packages"
    for file in ./usr/bin/yolotune ./usr/share/man/man1/yolotune-tune.1.gz \
        ./usr/share/yolotune/default/yolotune-default.onnx; do
        grep -qx "$file" "$work/yolotune" || complain "no $file"
    done
    grep -qx './usr/lib/yolotune/libyt_runtime.a' \
        "$work/libyolotune-runtime-dev" || complain "no runtime"
    dpkg-deb -f "$work"/packages/yolotune_*.deb Depends |
        grep -q libllvm19 || complain "dependencies"
else
    echo "no cpack, dpkg-dev or file: packages were not made"
fi
exit $failed
