"""Non-maximum suppression side by side: yolotune against torchvision.

The same candidates for everyone, from a fixed seed, in one interleaved run.
What each kept is compared with an exact greedy search in double precision.
"""

import argparse
import json
import os
import pathlib
import sqlite3
import sys
import tempfile

import numpy

import peers
import report
from contender import Contender, Refused

IOU = 0.45
CLASSES = 80
SIZE = 640
# A coordinate is a whole number of these: moved to its class's plane (up to
# 79 x 7680) it is still exact in float32, so class offsets change no overlap.
GRAIN = 1 / 16

TITLES = [
    "boxes",
    "kept",
    "contender",
    "median us",
    "rounds lo-hi",
    "min us",
    "ns a box",
    "vs best torchvision",
    "differs",
]


def candidates(count, seed):
    """COUNT rows (x0, y0, x1, y1, score, class) as a detector makes them.

    Four fifths surround objects: an object draws about 40 overlapping boxes of
    its class, their scores falling with their distance from it. The others are
    scattered, of any class and of low score. Scores are distinct, so every
    correct greedy search keeps the same boxes.
    """
    rng = numpy.random.default_rng(seed)
    clustered = count * 4 // 5
    objects = max(1, clustered // 40)
    owner = rng.integers(0, objects, clustered)
    # COCO's classes are far from equally common.
    common = 1 / numpy.arange(1, CLASSES + 1)
    kind = rng.choice(CLASSES, objects, p=common / common.sum())
    extent = numpy.exp(rng.uniform(numpy.log(12), numpy.log(300), (objects, 2)))
    centre = rng.uniform(0, SIZE, (objects, 2))
    best = rng.uniform(0.3, 0.95, objects)

    shift = rng.normal(0, 0.12, (clustered, 2))
    stretch = numpy.exp(rng.normal(0, 0.15, (clustered, 2)))
    score = best[owner] * numpy.exp(-8 * (shift**2).sum(1))
    score *= rng.uniform(0.6, 1, clustered)

    rest = count - clustered
    centres = numpy.concatenate(
        (centre[owner] + shift * extent[owner], rng.uniform(0, SIZE, (rest, 2)))
    )
    extents = numpy.concatenate(
        (
            extent[owner] * stretch,
            numpy.exp(rng.uniform(numpy.log(8), numpy.log(200), (rest, 2))),
        )
    )
    rows = numpy.empty((count, 6), numpy.float32)
    corners = numpy.concatenate(
        (centres - extents / 2, centres + extents / 2), 1
    )
    rows[:, :4] = numpy.round(numpy.clip(corners, 0, SIZE) / GRAIN) * GRAIN
    rows[:, 2:4] = numpy.maximum(rows[:, 2:4], rows[:, 0:2] + GRAIN)
    rows[:, 4] = numpy.concatenate((score, rng.uniform(0.001, 0.3, rest)))
    rows[:, 5] = numpy.concatenate(
        (kind[owner], rng.integers(0, CLASSES, rest))
    )
    rows = rows[rng.permutation(count)]

    # Make scores distinct: equal ones move to the next float, in order.
    order = numpy.argsort(rows[:, 4], kind="stable")
    sorted_scores = rows[order, 4]
    for i in range(1, count):
        if sorted_scores[i] <= sorted_scores[i - 1]:
            sorted_scores[i] = numpy.nextafter(
                sorted_scores[i - 1], numpy.float32(2)
            )
    rows[order, 4] = sorted_scores
    return rows


def exact(rows):
    """Indices a greedy search keeps, class by class, in double precision."""
    boxes = rows[:, :4].astype(numpy.float64)
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    kept = []
    for kind in numpy.unique(rows[:, 5]):
        alive = numpy.flatnonzero(rows[:, 5] == kind)
        alive = alive[numpy.argsort(-rows[alive, 4], kind="stable")]
        while alive.size:
            first, alive = alive[0], alive[1:]
            kept.append(int(first))
            low = numpy.maximum(boxes[first, :2], boxes[alive, :2])
            high = numpy.minimum(boxes[first, 2:], boxes[alive, 2:])
            overlap = numpy.clip(high - low, 0, None).prod(1)
            union = area[first] + area[alive] - overlap
            alive = alive[overlap <= IOU * union]
    return set(kept)


def parse_arguments():
    parser = argparse.ArgumentParser(description="Time NMS side by side.")
    add = parser.add_argument
    add("--counts", default="1000,10000,30000", help="boxes, by commas")
    add("--threads", type=int, default=1)
    add("--rounds", type=int, default=7)
    add("--runs", type=int, default=10, help="timed runs a round (default 10)")
    add("--seed", type=int, default=1)
    add(
        "--yolotune",
        help="path of the program (default: newest in build*, or on PATH)",
    )
    add("--before", help="another build of yolotune, in the same rounds")
    add(
        "--schedules",
        default="",
        help="ways of NMS to show beside the untuned one, by commas",
    )
    add(
        "--db",
        help="a database of yolotune's: show what was chosen there for as many "
        "boxes, as 'yolotune tuned'",
    )
    add("--json", help="write every sample to this file")
    return parser.parse_args()


def tuned(path):
    """[(candidates, fastest schedule)] of a database, fewest candidates first."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        rows = db.execute(
            "SELECT problem, schedule, min(min_us) FROM measurements"
            " WHERE problem LIKE 'nms-%' AND outcome = 'ok' AND NOT stale"
            " GROUP BY problem"
        ).fetchall()
    return sorted((int(row[0].rpartition("-n")[2]), row[1]) for row in rows)


def choose(contender, count):
    """Have a tuned contender take what a plan has for COUNT candidates."""
    if not contender.choices:
        return
    fitting = [s for n, s in contender.choices if n >= count]
    schedule = fitting[0] if fitting else contender.choices[-1][1]
    if "error" in contender.ask(f"schedule {schedule}"):
        raise Refused(f"{contender.name}: no schedule {schedule}")
    if len(contender.choices) > 1:
        contender.name = f"yolotune tuned ({schedule})"


def own_rows(options):
    """(name, command, choices) of each of yolotune's contenders."""
    program = peers.find_yolotune(options.yolotune)
    rows = []
    if options.before:
        words = peers.serve_words(options.before, nms=True)
        rows.append(("before", words, None))
    if program:
        words = peers.serve_words(program, nms=True)
        rows.append(("yolotune", words, None))
        for schedule in filter(None, options.schedules.split(",")):
            rows.append((f"yolotune {schedule}", words, [(0, schedule)]))
        if options.db:
            rows.append(("yolotune tuned", words, tuned(options.db)))
    return rows


def start(options):
    cpus = sorted(os.sched_getaffinity(0))[: options.threads]
    rows = [
        (
            f"torchvision {label}",
            [sys.executable, peers.HERE / "worker.py", "torchvision", entry]
            + [options.threads, "-"],
            True,
            None,
        )
        for label, entry in (
            ("nms + offset", "offset"),
            ("batched_nms", "batched"),
        )
    ]
    rows += [
        (name, words, False, choices)
        for name, words, choices in own_rows(options)
    ]
    started = []
    for name, command, peer, choices in rows:
        try:
            contender = Contender(name, command, cpus, peer)
            contender.choices = choices
            started.append(contender)
        except Refused as why:
            print(f"{name}: left out: {why}", file=sys.stderr)
    return started


def race(contenders, path, options):
    """Every contender's samples on one file, round robin."""
    for contender in contenders:
        contender.rounds = []
    for number in range(options.rounds):
        shift = number % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            contender.keep(
                *contender.measure(
                    f"nms {path} {options.runs}", f"nms {path} 2"
                )
            )


def summarise(contenders, count, truth):
    rows = []
    for contender in contenders:
        times = [answer["ns"] for answer in contender.rounds]
        median, low, high, least = report.median_of_rounds(times)
        kept = contender.rounds[-1]["kept"]
        rows.append(
            {
                "boxes": count,
                "contender": contender.name,
                "peer": contender.peer,
                "facts": contender.facts,
                "median_us": median / 1e3,
                "low_us": low / 1e3,
                "high_us": high / 1e3,
                "min_us": least / 1e3,
                "kept": len(kept),
                "differs": len(set(kept) ^ truth) + len(kept) - len(set(kept)),
                "rounds": times,
            }
        )
    best = min((r["median_us"] for r in rows if r["peer"]), default=None)
    for row in rows:
        row["ratio"] = best / row["median_us"] if best else None
    return sorted(rows, key=lambda row: row["median_us"])


def main():
    options = parse_arguments()
    contenders = start(options)
    if not contenders:
        raise SystemExit("nms.py: no contender started")
    results = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            for count in map(int, options.counts.split(",")):
                rows = candidates(count, options.seed)
                path = os.path.join(folder, f"{count}.bin")
                rows.tofile(path)
                for contender in contenders:
                    choose(contender, count)
                race(contenders, path, options)
                results += summarise(contenders, count, exact(rows))
    except Refused as why:
        raise SystemExit(f"nms.py: {why}") from why
    finally:
        for contender in contenders:
            contender.close()

    print(f"NMS, IoU {IOU}, {CLASSES} classes, {options.threads} thread(s)\n")
    print(
        report.table(
            TITLES,
            [
                [
                    r["boxes"],
                    r["kept"],
                    r["contender"],
                    f"{r['median_us']:.0f}",
                    f"{r['low_us']:.0f}-{r['high_us']:.0f}",
                    f"{r['min_us']:.0f}",
                    f"{1e3 * r['median_us'] / r['boxes']:.0f}",
                    f"{r['ratio']:.2f}x" if r["ratio"] else "-",
                    r["differs"],
                ]
                for r in results
            ],
        )
    )
    if options.json:
        document = {"host": report.host(), "results": results}
        pathlib.Path(options.json).write_text(json.dumps(document, indent=1))
    wrong = [
        r
        for r in results
        if r["contender"].startswith("yolotune") and r["differs"]
    ]
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
