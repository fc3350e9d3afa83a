#!/bin/bash
# The report of what was measured: as a page and as text, of a database with
# everything, with a part, with nothing.
set -u
# shellcheck source=tests/cli_helpers.sh
. "$YT_SOURCE_DIR/tests/cli_helpers.sh"

# page FILE EXPRESSION: its tags close each other, nothing is fetched, and a
# Python expression over its texts t, tags' ids and the figures d holds.
page()
{
    python3 - "$1" "$2" <<'EOF' || complain "$1: does not hold: $2"
import html.parser, json, re, sys

VOID = {"meta", "br", "img", "link", "input"}
OPTIONAL = {"th"}

class Page(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.open, self.ids, self.texts, self.json = [], [], [], ""

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            assert name not in ("src", "href", "background", "action"), name
            assert not name.startswith("on"), name
            if name == "id":
                assert value not in self.ids, value
                self.ids.append(value)
        if tag in OPTIONAL and self.open[-1] == tag:
            self.open.pop()
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        while self.open[-1] in OPTIONAL and self.open[-1] != tag:
            self.open.pop()
        assert self.open.pop() == tag, (tag, self.getpos())

    def handle_data(self, data):
        if self.open[-1:] != ["script"]:
            self.texts.append(data)
        elif not self.json:
            self.json = data

source = open(sys.argv[1], encoding="utf-8").read()
page = Page()
page.feed(source)
page.close()
assert not page.open, page.open
assert not re.search(r"url\(|@import|https?://", source)
t, ids, d = " ".join(page.texts), page.ids, json.loads(page.json)
sys.exit(0 if eval("(" + sys.argv[2] + ")") else 1)
EOF
}

# sql FILE STATEMENTS: change a database as a stranger could.
sql()
{
    python3 -c 'import sqlite3, sys
d = sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.close()' \
        "$1" "$2"
}

run 2 report r0 && says 'r0: not the id'
run 2 report r1 r2 && says 'only one ID'
run 3 report && says 'results.db'
run 0 report --help && says 'report.html' out

# A search that was short.
db=$work/results.db
run 0 -m builtin:n --imgsz 64 --threads 1 --budget 5s --quiet --db "$db"
run 0 report --db "$db" -o "$work/a.html"
[ -s "$work/out" ] && complain "a page, and something on stdout"
sections='{"way", "front", "layers", "search", "latency", "host"}'
page "$work/a.html" "$sections <= set(ids)"
page "$work/a.html" 'd["recommendation"]["id"] == "r1" and
    len(d["layers"]) > 40 and d["host"]["id"] == "h1"'
page "$work/a.html" '"Its accuracy was not measured." in t and
    "Not measured: there is no configuration whose accuracy" in t'
page "$work/a.html" '"%.1f" % d["choice"]["fps"] in t and
    "model.24" in t and "yolov5n-64x64-f32" in t'
page "$work/a.html" 'all(l["command"].startswith("yolotune bench --model "
    "builtin:n --imgsz 64x64 --threads 1") for l in d["latency"])'
run 0 report --db "$db" && says '^On this .*yolov5n runs best at 64x64' out &&
    says '^recommendation$' out
run 0 report r1 --db "$db" -o "$work/a.txt"
grep -q '^On this ' "$work/a.txt" || complain "no text in a.txt"
run 3 report r7 --db "$db" && says 'there is no r7'

# Names are texts.
cp "$db" "$work/odd.db"
sql "$work/odd.db" "UPDATE model SET name = '</script><script>x=\"&';
    UPDATE plan_layer SET name = '<img src=y onerror=x>'"
run 0 report --db "$work/odd.db" -o "$work/odd.html"
page "$work/odd.html" '"</script><script>x=\"&" in t and
    "<img src=y onerror=x>" in t and
    d["choice"]["model"] == "</script><script>x=\"&"'

# Nothing, or no recommendation.
cp "$db" "$work/plans.db"
sql "$work/plans.db" 'DELETE FROM recommendation_step;
    DELETE FROM recommendation_rival; DELETE FROM recommendation'
run 0 report --db "$work/plans.db" -o "$work/plans.html"
page "$work/plans.html" '"Nothing was recommended yet" in t and
    "layers" in ids and "way" not in ids and d["layers"]'
sql "$work/plans.db" 'DELETE FROM evaluation; DELETE FROM plan_layer;
    DELETE FROM plan; DELETE FROM host_peak; DELETE FROM measurement;
    DELETE FROM host'
run 0 report --db "$work/plans.db" -o "$work/empty.htm"
page "$work/empty.htm" '"Nothing was measured yet." in t and "layers" not in ids'
run 0 report --db "$work/plans.db" && says '^Nothing was measured yet.$' out

# A file that cannot be written stays what it was.
run 1 report --db "$db" -o "$work/none/a.html" && says 'none/a.html: cannot be'
run 2 report --db "$db" -o "$db" && says 'would overwrite the database'
ln -s "$db" "$work/link.html"
run 2 report --db "$db" -o "$work/link.html" && says 'overwrite the database'
mkdir "$work/folder.html"
run 1 report --db "$db" -o "$work/folder.html" && says 'no ordinary file'
echo before >"$work/full.html"
(
    trap '' XFSZ
    ulimit -f 8
    "$yolotune" report --db "$db" -o "$work/full.html" 2>"$work/err"
) && complain "a file was written that is too large"
says 'full.html: cannot be written: File too large'
[ "$(cat "$work/full.html")" = before ] || complain "full.html was changed"
[ -e "$work/full.html.part" ] && complain "full.html.part was left"
finish
