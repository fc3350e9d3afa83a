#!/bin/bash
# yolotune cpu: what it says of this machine is what the kernel says of it.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

run 0 cpu && says '^scalar +4 +16 +yes' out
says '^threads +[0-9]+ by default' out
run 0 cpu --help && says 'CPUID' out
run 0 cpu --json
json 'all(i["usable"] == (i["obstacle"] == "") for i in d["isas"])'
json 'd["isas"][0]["name"] == "scalar" and d["isas"][0]["usable"]'
json 'd["isa"] == [i["name"] for i in d["isas"] if i["usable"]][-1]'
json 'd["threads"] <= d["allowed_cpus"]'
cp "$work/out" "$work/cpu.json"

# A CPU fewer: the affinity is seen.
first=$(taskset -cp $$ | sed -E 's/.*: ([0-9]+).*/\1/')
taskset -c "$first" "$yolotune" cpu --json >"$work/out"
json 'd["allowed_cpus"] == 1 and d["threads"] == 1'

# A real cgroup, of either version, where one can be made: half a CPU more than
# one is one thread. The one who makes it takes it away.
for mount in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
    group=$mount/yt-cli-$$
    mkdir "$group" 2>/dev/null || continue
    if { echo 150000 >"$group/cpu.cfs_quota_us" ||
        echo '150000 100000' >"$group/cpu.max"; } 2>/dev/null &&
        bash -c 'echo $$ >"$1/cgroup.procs" && exec "$2" cpu --json' - \
            "$group" "$yolotune" >"$work/out" 2>/dev/null; then
        json 'd["quota_cpus"] == 1.5 and d["threads"] == 1'
        seen=1
    fi
    rmdir "$group"
    [ -n "${seen:-}" ] && break
done
[ -n "${seen:-}" ] || echo "no cgroup can be made here: not tried"

if ! grep -q '^flags' /proc/cpuinfo 2>/dev/null; then
    echo "the kernel lists no flags: skipped"
    [ "$failures" -eq 0 ] && exit 77
    finish
fi
# Each flag of an instruction set, here and there; and of each set all or some
# are missing. Linux drops what is not to be used from its list, too.
python3 - "$YT_SOURCE_DIR/runtime/cpu.inc" "$work/cpu.json" <<'EOF' ||
import json, re, sys

rows = re.findall(r'YT_FEATURE\("(\w+)",.*?(\w+)\)\n', open(sys.argv[1]).read())
host = json.load(open(sys.argv[2]))
flags = next(line for line in open("/proc/cpuinfo")
             if line.startswith("flags")).split()
needed = [(name, group) for name, group in rows if group != "0"]
assert len(needed) > 20, needed
bad = [name for name, group in needed
       if (name in flags) != (name in host["features"].split())]

# By the rows of runtime/isa.inc: what each needs, in Linux's names.
isas = open(sys.argv[1].replace("cpu.inc", "isa.inc")).read()
macros = dict(re.findall(r"#define (YT_CPU_\w+) \(([^)]*)\)", isas))
for name, needs in re.findall(
        r'YT_ISA\(\w+, "([\w.]+)", \d+, \d+, [01],\s*([^"]*?),\s*"', isas):
    for macro in sorted(macros, key=len, reverse=True) * 2:
        needs = needs.replace(macro, macros[macro]) \
            if re.search(macro + r"\b", needs) else needs
    groups = set(re.findall(r"YT_CPU_\w+", needs))
    want = all(flag in flags for flag, group in needed if group in groups)
    said = next(i["usable"] for i in host["isas"] if i["name"] == name)
    if want != said:
        bad.append(name)
print("differ:", bad) if bad else None
sys.exit(bool(bad))
EOF
    complain "yolotune cpu and /proc/cpuinfo differ"
finish
