"""A pruned YOLOv5 beside DeepSparse, an engine for sparse networks.

    sparse_peer.py --peer-python VENV/bin/python [--model yolov5s] [--imgsz 640]

Of an fp32 export some weights become zeros, drawn from a seed: of each
convolution of 32 channels or more on both sides, blocks of 1 input x 16 outputs
at one tap, as `yolotune compress --prune blocks` leaves them, or single weights,
as DeepSparse asks for. Every network runs in both engines on the same input,
heads only, in one interleaved run. It says how fast such networks are, not what
they find.

DeepSparse pins an older numpy and onnx than requirements.txt has, so it has a
virtual environment of its own:

    python3.11 -m venv VENV && VENV/bin/pip install deepsparse==1.8.0
"""

import argparse
import os
import pathlib
import signal
import statistics
import sys
import tempfile

import numpy
import onnx
import onnx.numpy_helper

import models
import peers
import report
import yolov5
from contender import (
    DRIVER_PRIORITY,
    Contender,
    Refused,
    realtime_priority,
)

HERE = pathlib.Path(__file__).resolve().parent
CHANNELS_MIN = 32
BLOCK = 16  # outputs
DENSITIES = (0.5, 0.3)
SEED = 11

TITLES = [
    "kept of filters",
    "yolotune ms",
    "of dense",
    "DeepSparse ms",
    "of dense",
    "DeepSparse / yolotune",
    "paired lo-hi",
]


def thinned(weights, density, blocks, random):
    """Weights [k][c][h][w] with that share kept."""
    k, c, h, w = weights.shape
    rows = (k + BLOCK - 1) // BLOCK if blocks else k
    kept = random.random((rows, c, h, w)) < density
    if blocks:
        kept = numpy.repeat(kept, BLOCK, axis=0)[:k]
    return weights * kept


def prune(source, target, density, blocks):
    """Write a copy of an ONNX file with that share of its weights kept.

    What goes depends on a filter's name, so two files of a network agree.
    """
    model = onnx.load(source)
    filters = {n.input[1] for n in model.graph.node if n.op_type == "Conv"}
    for tensor in model.graph.initializer:
        if tensor.name not in filters or min(tensor.dims[:2]) < CHANNELS_MIN:
            continue
        random = numpy.random.default_rng([SEED, *tensor.name.encode()])
        weights = onnx.numpy_helper.to_array(tensor)
        thin = thinned(weights, density, blocks, random).astype(weights.dtype)
        tensor.CopyFrom(onnx.numpy_helper.from_array(thin, tensor.name))
    onnx.save(model, target)


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Time pruned networks in yolotune and in DeepSparse."
    )
    add = parser.add_argument
    add("--peer-python", required=True, help="python that has deepsparse")
    add("--model", default="yolov5s")
    add("--imgsz", type=int, default=640)
    add("--threads", type=int, default=1)
    add("--rounds", type=int, default=7)
    add("--runs", type=int, default=10)
    add(
        "--realtime",
        action="store_true",
        help="run both at real-time priority (SCHED_RR; needs root)",
    )
    add("--data", help="data folder (default: $YOLOTUNE_TEST_DATA)")
    add("--yolotune", help="path of the program (default: newest in build*)")
    return parser.parse_args()


def pair_of(options, network, density, blocks, folder, image):
    """(name, yolotune, DeepSparse) on one network."""
    kind = "blocks" if blocks else "single weights"
    name = f"{kind}, {100 * density:.0f} %" if density < 1 else "dense"
    cpus = sorted(os.sched_getaffinity(0))[: options.threads]
    full = folder / f"full-{blocks}-{density}.onnx"
    heads = folder / f"heads-{blocks}-{density}.onnx"
    prune(network.source, full, density, blocks)
    prune(network.heads, heads, density, blocks)
    own = [*peers.serve_words(options.yolotune), "--model", full]
    own += ["--imgsz", options.imgsz, "--threads", options.threads]
    own += ["--dense-heads"]
    other = [options.peer_python, HERE / "worker.py", "deepsparse", heads]
    other += [options.threads, image]
    return (
        name,
        Contender(name, own, cpus, realtime=options.realtime),
        Contender(name, other, cpus, realtime=options.realtime),
    )


def table(pairs):
    """Medians, and the median of ratios taken round by round."""
    base = peers.samples(pairs[0][1]), peers.samples(pairs[0][2])
    rows = []
    for name, own, other in pairs:
        a, b = peers.samples(own), peers.samples(other)
        ratios = report.paired_ratios(b, a)
        cells = [name]
        for times, dense in ((a, base[0]), (b, base[1])):
            cells.append(f"{report.median_of_rounds(times)[0] / 1e6:.2f}")
            share = statistics.median(report.paired_ratios(times, dense))
            cells.append(f"{share:.2f}")
        cells.append(f"{statistics.median(ratios):.2f}x")
        cells.append(f"{min(ratios):.2f}-{max(ratios):.2f}")
        rows.append(cells)
    return report.table(TITLES, rows)


def main():
    options = parse_arguments()
    data = peers.find_data(options.data)
    if options.realtime:
        realtime_priority(DRIVER_PRIORITY)
    options.yolotune = peers.find_yolotune(options.yolotune)
    source = data / "onnx" / f"{options.model}_fp32.onnx"
    network = models.prepare(source, options.imgsz, peers.VENV / "models")
    cases = [(1.0, True)]
    cases += [(d, blocks) for blocks in (True, False) for d in DENSITIES]
    pairs = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        image = folder / "input.npy"
        yolov5.save_input(data / "images" / "bus.jpg", options.imgsz, image)
        try:
            for density, blocks in cases:
                pairs.append(
                    pair_of(options, network, density, blocks, folder, image)
                )
            options.calm, options.warmup = 1, 5
            peers.race([c for p in pairs for c in p[1:]], options)
            print(f"{report.host()['cpu']}, {options.threads} threads, fp32")
            print(table(pairs))
            print(pairs[0][2].facts)
        finally:
            for _, own, other in pairs:
                own.close()
                other.close()
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except Refused as refusal:
        sys.exit(f"sparse_peer.py: {refusal}")
