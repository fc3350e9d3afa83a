"""yolotune and its peers side by side: one interleaved run, one table.

See README.md for how it is measured and what the columns mean.
"""

import argparse
import json
import os
import pathlib
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

import numpy

import models
import quantise
import report
import yolov5
from contender import (
    DRIVER_PRIORITY,
    Contender,
    Refused,
    realtime_priority,
    wait_for_calm,
)

HERE = pathlib.Path(__file__).resolve().parent
VENV = pathlib.Path(sys.prefix)

PEAK_SAMPLES = 3
CALM_ATTEMPTS = 5

TITLES = [
    "contender",
    "threads",
    "median ms",
    "rounds lo-hi",
    "min ms",
    "GFLOP/s",
    "% of peak",
    "vs best peer",
    "paired lo-hi",
    "head error",
    "others",
]
# Pictures, in the data folder, that everybody calibrates on.
CALIBRATION = "coco128/images/train2017"

# Quantised together with its decode, which leaves it no boxes: shown, but never
# the peer to compare with.
BLIND = "onnxruntime int8 full"

ACCURACY_TITLES = ["mAP", "mAP@.5", "weights MB"]


def add_measuring(add):
    """What is timed, and how."""
    add("--models", default="yolov5n,yolov5s", help="names, and builtin:m, by commas")
    add("--imgsz", type=int, default=640)
    cpus = len(os.sched_getaffinity(0))
    add("--threads", default=",".join(map(str, sorted({1, cpus}))))
    add("--rounds", type=int, default=7)
    add("--runs", type=int, default=20, help="timed runs a round (default 20)")
    add("--warmup", type=int, default=5, help="untimed runs before each round")
    add(
        "--calm",
        type=float,
        default=1,
        metavar="SHARE",
        help="wait for other processes to use at most this share of the CPUs",
    )
    add(
        "--realtime",
        action="store_true",
        help="run the contenders at real-time priority (SCHED_RR; needs root)",
    )


def add_contenders(add):
    """Who takes part, and as what."""
    add("--only", help="contenders whose name contains one of these, by commas")
    add("--data", help="data folder (default: $YOLOTUNE_TEST_DATA)")
    add(
        "--yolotune",
        help="path of the program (default: newest in build*, or on PATH)",
    )
    add(
        "--before",
        metavar="PROGRAM",
        help="another build of yolotune, measured in the same rounds as 'before'",
    )
    add("--isa", action="append", help="another yolotune row with --isa ISA")
    add("--db", help="yolotune's database, passed on as --db")
    add(
        "--vector-bits",
        type=int,
        default=0,
        help="of the peak (default widest)",
    )
    add(
        "--precisions",
        help="of fp32, bf16, int8, int16, auto, by commas: yolotune with "
        "--precision, and the peers that have it (default: peers in fp32, "
        "yolotune without the option)",
    )


def add_judging(add):
    """What is demanded of the figures, and where they go."""
    add(
        "--goal",
        action="append",
        default=[],
        metavar="MODEL[:PRECISION]=RATIO",
        help="exit with 1 unless yolotune, at the most threads, is RATIO times "
        "as fast as the best peer",
    )
    add(
        "--accuracy",
        metavar="FILE",
        help="what peer_map.py --json wrote: adds mAP, and peers that lose too "
        "much of it do not count as best",
    )
    add(
        "--max-loss",
        type=float,
        default=0.03,
        help="mAP below a model's fp32 peers that is too much (default 0.03)",
    )
    add("--json", help="write every sample and fact to this file")


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Time yolotune and its peers in one interleaved run."
    )
    add_measuring(parser.add_argument)
    add_contenders(parser.add_argument)
    add_judging(parser.add_argument)
    return parser.parse_args()


def find_data(path):
    """The folder with onnx/, weights/ and images/, as the tests look for it."""
    path = path or os.environ.get("YOLOTUNE_TEST_DATA")
    data = pathlib.Path(path or HERE.parent.parent / "shared" / "data")
    if not (data / "onnx").is_dir():
        raise SystemExit(
            f"{data} has no onnx/: give --data or set YOLOTUNE_TEST_DATA"
        )
    return data


def find_yolotune(path):
    """The program to measure, or None: the peers can run without it."""
    if path:
        return path
    built = sorted(
        HERE.parent.glob("build*/**/yolotune"), key=lambda p: p.stat().st_mtime
    )
    built = [p for p in built if p.is_file() and os.access(p, os.X_OK)]
    return str(built[-1]) if built else shutil.which("yolotune")


def source_of(name, size, data, program):
    """The fp32 ONNX file of a network, and what yolotune calls the network.

    Of builtin:m and its like, graphs with seeded weights, yolotune writes one.
    """
    if not name.startswith("builtin:"):
        model = data / "weights" / f"{name}.pt"
        return data / "onnx" / f"{name}_fp32.onnx", model
    if not program:
        raise SystemExit(f"{name}: yolotune is not built, nobody else knows it")
    folder = VENV / "models" / "builtin"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"yolov5{name.removeprefix('builtin:')}_fp32.onnx"
    writer = pathlib.Path(program).with_name("yolotune-onnx")
    subprocess.run([writer, name, file, "--imgsz", str(size)], check=True)
    return file, name


def serve_words(program, nms=False):
    """How PROGRAM's build serves: by yolotune-serve beside it, or as older ones did."""
    beside = pathlib.Path(program).with_name("yolotune-serve")
    if beside.is_file():
        return [str(beside), "--nms"] if nms else [str(beside)]
    return [program, "bench", "--serve-nms" if nms else "--serve"]


class Peer:
    """A peer's engine on one model file in one precision."""

    def __init__(self, name, kind, model, precision="fp32"):
        self.name = name
        self.kind = kind  # of worker.py
        self.model = model
        self.precision = precision  # of worker.py

    def command(self, threads, image):
        return [
            sys.executable,
            HERE / "worker.py",
            self.kind,
            self.model,
            threads,
            image,
            self.precision,
        ]


def peers_of(network, precisions, data, cache):
    """Every peer that runs this network in one of the PRECISIONS."""
    rows = []
    if "fp32" in precisions:
        rows.append(Peer("onnxruntime", "onnxruntime", network.heads))
        rows.append(Peer("openvino", "openvino", network.heads))
        if network.ncnn:
            rows.append(Peer("ncnn", "ncnn", network.ncnn))
        rows.append(Peer("xnnpack", "xnnpack", network.litert))
        if network.full:
            rows.append(Peer("onnxruntime full", "onnxruntime", network.full))
            rows.append(Peer("openvino full", "openvino", network.full))
    if "bf16" in precisions:
        rows.append(Peer("openvino bf16", "openvino", network.heads, "bf16"))
        if network.ncnn:
            rows.append(Peer("ncnn bf16", "ncnn", network.ncnn, "bf16"))
    if "int8" in precisions:
        files = quantise.prepare(network, data / CALIBRATION, cache)
        for name, file in files.items():
            precision = "int8-direct" if name.endswith("direct") else "int8"
            rows.append(Peer(name, name.split()[0], file, precision))
    return rows


def precision_words(precision, data):
    """yolotune's options: it calibrates on the peers' pictures."""
    words = ["--precision", precision]
    if precision in ("int8", "int16"):
        words += ["--calib", data / CALIBRATION]
    return words


def own_commands(options, data, network, threads, program, title):
    """The rows of one build of yolotune, named after the title."""
    base = [*serve_words(program), "--model", network.model]
    base += ["--imgsz", network.size, "--threads", threads]
    if options.db:
        base += ["--db", options.db]
    given = (options.precisions or "").split(",")
    rows = []
    for precision in [word for word in given if word] or [None]:
        name, command = title, base
        if precision:
            name = f"{title} {precision}"
            command = [*base, *precision_words(precision, data)]
        # The peers compute the heads whole; yolotune need not, and shows both.
        rows.append(
            (f"{name} dense heads", [*command, "--dense-heads"], False)
        )
        rows.append((name, command, False))
        for isa in options.isa or []:
            rows.append((f"{name} {isa}", [*command, "--isa", isa], False))
    return rows


def commands(options, data, network, threads, image):
    """(name, command, is a peer) of every contender, the peak meter first."""
    peak = [VENV / "bin" / "yt-limits", threads, options.vector_bits]
    rows = [("peak", peak, False)]
    given = (options.precisions or "").split(",")
    given = [word for word in given if word]
    for peer in peers_of(network, given or ["fp32"], data, VENV / "models"):
        rows.append((peer.name, peer.command(threads, image), True))

    for program, title in (
        (options.before, "before"),
        (options.yolotune, "yolotune"),
    ):
        if program:
            rows += own_commands(
                options, data, network, threads, program, title
            )
    if options.only:
        wanted = options.only.split(",")
        rows = rows[:1] + [
            r for r in rows[1:] if any(w in r[0] for w in wanted)
        ]
    return rows


def start(rows, cpus, realtime=False):
    """Start them all; one that refuses is reported and left out."""
    started = []
    for name, command, peer in rows:
        try:
            started.append(
                Contender(name, command, cpus, peer, realtime=realtime)
            )
        except Refused as why:
            print(f"{name}: left out: {why}", file=sys.stderr)
    return started


def check_heads(contenders, network, folder):
    """Largest difference from ONNX Runtime's heads over their largest value.

    True fp32 stays near 1e-6, and Winograd near 1e-5; bf16 would show as 1e-2.
    """
    count = sum(int(numpy.prod(shape)) for shape in network.head_shapes)
    errors, reference = {}, None
    for contender in contenders:
        if not contender.peer or "full" in contender.name:
            continue
        path = os.path.join(folder, "heads.bin")
        contender.ask(f"heads {path}")
        heads = numpy.fromfile(path, numpy.float32)
        if heads.size != count:
            raise Refused(f"{contender.name}: {heads.size} values, not {count}")
        if reference is None:
            reference = heads
        scale = numpy.abs(reference).max()
        errors[contender.name] = float(
            numpy.abs(heads - reference).max() / scale
        )
    return errors


def turn(contender, options):
    """One contender's answer in one round, and how much others disturbed it."""
    run, warmup = f"run {options.runs}", f"run {options.warmup}"
    if contender.name == "peak":
        run, warmup = f"run {PEAK_SAMPLES}", None
    for _ in range(CALM_ATTEMPTS):
        if options.calm < 1:
            wait_for_calm(options.calm)
        answer, others = contender.measure(run, warmup)
        if others <= options.calm:
            break
    return answer, others


def race(contenders, options):
    """Round robin; each round starts with another contender.

    With --calm a turn that others disturbed is taken again, a few times. What
    decides is the CPU time of others and never the time that was measured.
    """
    for number in range(options.rounds):
        shift = number % len(contenders)
        for contender in contenders[shift:] + contenders[:shift]:
            try:
                contender.keep(*turn(contender, options))
            except Refused as why:
                print(f"{contender.name}: dropped: {why}", file=sys.stderr)
                contenders.remove(contender)


def samples(contender):
    return [answer["network_ns"] for answer in contender.rounds]


def accuracies(path, network):
    """{contender: its row of peer_map.py} of this model and size."""
    if not path:
        return {}
    rows = json.loads(pathlib.Path(path).read_text())
    return {
        row["contender"]: row
        for row in rows
        if (row["model"], row["imgsz"]) == (network.name, network.size)
    }


def best_peer(peers, known, max_loss):
    """The fastest peer, of those known to be accurate where that is known."""
    fp32 = [r["map"] for r in known.values() if r["precision"] == "fp32"]
    floor = max(fp32, default=0) - max_loss

    def good(peer):
        accuracy = known.get(peer.name, {}).get("map", floor)
        return peer.name != BLIND and accuracy >= floor

    return min(
        filter(good, peers),
        key=lambda c: report.median_of_rounds(samples(c))[0],
        default=None,
    )


def summarise(contenders, network, threads, errors, options):
    """One dictionary a contender, and the peak's median in GFLOP/s."""
    peak = None
    for contender in contenders:
        if contender.name == "peak":
            peak = statistics.median(
                statistics.median(answer["gflops"])
                for answer in contender.rounds
            )
    runners = [c for c in contenders if c.name != "peak"]
    peers = [c for c in runners if c.peer]
    known = accuracies(options.accuracy, network)
    best = best_peer(peers, known, options.max_loss)
    results = []
    for contender in runners:
        median, low, high, least = report.median_of_rounds(samples(contender))
        gflops = network.flops / median
        row = {
            "contender": contender.name,
            "model": network.name,
            "imgsz": network.size,
            "threads": threads,
            "median_ms": median / 1e6,
            "low_ms": low / 1e6,
            "high_ms": high / 1e6,
            "min_ms": least / 1e6,
            "gflops": gflops,
            "share_of_peak": gflops / peak if peak else None,
            "head_error": errors.get(contender.name),
            "others": statistics.median(contender.others),
            "facts": contender.facts,
            "rounds": contender.rounds,
        }
        # Heads are computed where they are read or everywhere: the same boxes.
        accuracy = known.get(contender.name.removesuffix(" dense heads"), {})
        for key in ("map", "map50", "weight_bytes"):
            row[key] = accuracy.get(key)
        if best:
            pairs = report.paired_ratios(samples(best), samples(contender))
            row["best_peer"] = best.name
            row["ratio"] = report.median_of_rounds(samples(best))[0] / median
            row["paired"] = pairs
        results.append(row)
    return sorted(results, key=lambda row: row["median_ms"]), peak


def error_text(error):
    if error is None:
        return "-"
    return f"{error:.0e}" if error else "reference"


def accuracy_cells(row):
    def cell(key, form, scale=1):
        return format(row[key] * scale, form) if row[key] is not None else "-"

    return [
        cell("map", ".3f"),
        cell("map50", ".3f"),
        cell("weight_bytes", ".2f", 1e-6),
    ]


def show(results, network, threads, peak, options):
    rows = []
    titles = TITLES + (ACCURACY_TITLES if options.accuracy else [])
    for r in results:
        share = r["share_of_peak"]
        error = r["head_error"]
        pairs = r.get("paired")
        rows.append(
            [
                r["contender"],
                threads,
                f"{r['median_ms']:.2f}",
                f"{r['low_ms']:.2f}-{r['high_ms']:.2f}",
                f"{r['min_ms']:.2f}",
                f"{r['gflops']:.0f}",
                f"{100 * share:.0f} %" if share else "-",
                f"{r['ratio']:.2f}x" if pairs else "-",
                f"{min(pairs):.2f}-{max(pairs):.2f}" if pairs else "-",
                error_text(error),
                f"{100 * r['others']:.0f} %",
                *(accuracy_cells(r) if options.accuracy else []),
            ]
        )
    limit = f"; peak measured alongside {peak:.0f} GFLOP/s fp32" if peak else ""
    print(
        f"\n{network.name} {network.size}x{network.size}, batch 1, "
        f"{options.precisions or 'fp32'}, "
        f"{network.flops / 1e9:.3f} GFLOP, {threads} "
        f"thread{'s' if threads > 1 else ''}{limit}\n"
    )
    print(report.table(titles, rows), flush=True)


def verdicts(goals, results, threads):
    """Say of each goal whether it was met; True when all were."""
    met = True
    for goal in goals:
        name, _, wanted = goal.partition("=")
        model, _, precision = name.partition(":")
        contender = f"yolotune {precision}" if precision else "yolotune"
        for row in results:
            if row["model"] != model or row["contender"] != contender:
                continue
            if row["threads"] != threads or "ratio" not in row:
                continue
            good = row["ratio"] >= float(wanted)
            met = met and good
            print(
                f"{name}, {threads} threads: {row['ratio']:.3f}x as fast as "
                f"{row['best_peer']}, goal {wanted}x: "
                f"{'met' if good else 'missed'}"
            )
    return met


def measure(options, data, network, threads, folder):
    """One model at one thread count: start, check, race, summarise."""
    image = os.path.join(folder, f"input-{network.size}.npy")
    yolov5.save_input(data / "images" / "bus.jpg", network.size, image)
    cpus = sorted(os.sched_getaffinity(0))[:threads]
    if len(cpus) < threads:
        raise SystemExit(
            f"--threads {threads}: only {len(cpus)} CPUs to run on"
        )

    contenders = start(
        commands(options, data, network, threads, image),
        cpus,
        options.realtime,
    )
    try:
        errors = check_heads(contenders, network, folder)
        race(contenders, options)
        results, peak = summarise(
            contenders, network, threads, errors, options
        )
    finally:
        for contender in contenders:
            contender.close()
    show(results, network, threads, peak, options)
    return results, peak


def main():
    options = parse_arguments()
    data = find_data(options.data)
    threads = [int(word) for word in options.threads.split(",")]
    facts = report.host()
    if options.realtime:
        realtime_priority(DRIVER_PRIORITY)
    print(f"{facts['cpu']}, CPUs {facts['cpus']}, {' '.join(facts['flags'])}")
    options.yolotune = find_yolotune(options.yolotune)
    print(f"yolotune: {options.yolotune or 'not built, the peers run alone'}")
    document = {
        "host": facts,
        "options": vars(options),
        "peaks": [],
        "results": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models.split(","):
            source, model = source_of(
                name, options.imgsz, data, options.yolotune
            )
            network = models.prepare(source, options.imgsz, VENV / "models")
            network.model = model
            for count in threads:
                results, peak = measure(options, data, network, count, folder)
                document["results"] += results
                document["peaks"].append({"threads": count, "gflops": peak})
                document["load_after"] = os.getloadavg()
                if options.json:  # as it grows: a long run may be cut short
                    text = json.dumps(document, indent=1)
                    pathlib.Path(options.json).write_text(text)
    versions = {
        r["facts"]["name"]: r["facts"]["version"]
        for r in document["results"]
        if "version" in r["facts"]
    }
    print(
        "\n" + ", ".join(f"{name} {v}" for name, v in sorted(versions.items()))
    )
    return 0 if verdicts(options.goal, document["results"], max(threads)) else 1


if __name__ == "__main__":
    # Leave through the `finally` clauses that end the contenders.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except Refused as refusal:
        sys.exit(f"peers.py: {refusal}")
