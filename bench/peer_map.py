"""What accuracy does each contender's precision keep? One table of mAP.

Every contender gets the same letterboxed pictures, and the same decode,
val.py's candidates and suppression, and pycocotools follow its raw heads
(eval_agree.py does it for the fp32 graph alone). `full` contenders decode by
themselves. yolotune, whose heads do not leave it, is asked for its boxes
(`yolotune eval --save-json`), which pycocotools measures as well; that its
steps around the network are the same is what eval_agree.py checks.

Nothing here is timed. `peers.py --accuracy` takes what --json writes.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile

import cv2
import numpy
import torch
from pycocotools.coco import COCO

import agree
import eval_agree
import models
import peers
import quantise
import report
import yolov5
from contender import Contender, Refused

TITLES = [
    "model",
    "contender",
    "mAP",
    "mAP@.5",
    "mAP lost",
    "boxes",
    "weights MB",
]


def outputs(contender, network, folder):
    """The decode tail's rows of the picture that the contender was fed."""
    path = os.path.join(folder, "heads.bin")
    contender.ask(f"heads {path}")
    values = numpy.fromfile(path, numpy.float32)
    classes = network.head_shapes[0][1] // len(yolov5.ANCHORS[0])
    if "full" in contender.name:
        return values.reshape(-1, classes)
    heads, at = [], 0
    for shape in network.head_shapes:
        count = int(numpy.prod(shape))
        heads.append(values[at : at + count].reshape(shape))
        at += count
    if at != values.size:
        raise Refused(f"{contender.name}: {values.size} values, not {at}")
    return yolov5.decode(heads, network.size)


def peer_results(peer, network, truth, pictures, folder, threads):
    """The peer's boxes for every picture, in COCO's results format."""
    image = os.path.join(folder, "input.npy")
    categories = sorted(truth.getCatIds())
    results, contender = [], None
    cpus = os.sched_getaffinity(0)
    try:
        for number in sorted(truth.getImgIds()):
            file = pictures / truth.imgs[number]["file_name"]
            picture = cv2.imread(str(file))
            square = yolov5.letterbox(picture, network.size)
            numpy.save(image, yolov5.to_input(square))
            if not contender:
                command = peer.command(threads, image)
                contender = Contender(peer.name, command, cpus)
            contender.ask(f"input {image}")
            rows = eval_agree.multi_label(
                outputs(contender, network, folder), picture.shape
            )
            for x0, y0, x1, y1, score, kind in rows:
                results.append(
                    {
                        "image_id": number,
                        "category_id": categories[int(kind)],
                        "bbox": [x0, y0, x1 - x0, y1 - y0],
                        "score": score,
                    }
                )
    finally:
        if contender:
            contender.close()
    return results


def yolotune_results(options, precision, network, data, folder):
    """(boxes as above, bytes of weights or None)."""
    own = pathlib.Path(folder) / "yolotune.json"
    own.unlink(missing_ok=True)
    words = [
        "eval", "--model", data / "weights" / f"{network.name}.pt",
        "--data", data / options.truth, "--images", data / options.pictures,
        "--imgsz", network.size, "--conf", eval_agree.CONF,
        "--iou", eval_agree.IOU, "--threads", options.threads,
        "--save-json", own, "--quiet", "--json",
    ]  # fmt: skip
    if precision:
        words += peers.precision_words(precision, data)
    if options.db:
        words += ["--db", options.db]
    said = json.loads(agree.ask(options.yolotune, *words))
    return json.loads(own.read_text()), said.get("weight_bytes")


def row_of(contender, precision, network, truth, results, weights):
    figures = dict.fromkeys(eval_agree.FIGURES, 0.0)
    if results:  # pycocotools takes no empty list
        figures, _ = eval_agree.measure(truth, results)
    row = {
        "model": network.name,
        "imgsz": network.size,
        "contender": contender,
        "precision": precision,
        "boxes": len(results),
        "weight_bytes": weights,
        **figures,
    }
    print(
        f"{network.name} {contender}: {row['map']:.4f} {row['map50']:.4f}",
        file=sys.stderr,
    )
    return row


def measure(options, data, network, truth, folder):
    """Yields a row a contender; one that refuses is reported and left out."""
    precisions = options.precisions.split(",")
    pictures = data / options.pictures
    cache = peers.VENV / "models"
    for peer in peers.peers_of(network, precisions, data, cache):
        if options.only and not any(
            word in peer.name for word in options.only.split(",")
        ):
            continue
        try:
            results = peer_results(
                peer, network, truth, pictures, folder, options.threads
            )
        except Refused as why:
            print(f"{peer.name}: left out: {why}", file=sys.stderr)
            continue
        weights = models.weight_bytes(peer.model)
        precision = peer.precision.partition("-")[0]
        yield row_of(peer.name, precision, network, truth, results, weights)
    for precision in precisions if options.yolotune else []:
        name = f"yolotune {precision}"
        if options.only and "yolotune" not in options.only.split(","):
            continue
        try:
            results, weights = yolotune_results(
                options, precision, network, data, folder
            )
        except ValueError as why:
            print(f"{name}: left out: {why}", file=sys.stderr)
            continue
        yield row_of(name, precision, network, truth, results, weights)


def show(rows):
    best = {}  # fp32 mAP of each model
    for row in rows:
        if row["precision"] == "fp32":
            best.setdefault(row["model"], row["map"])

    def lost(row):
        fp32 = best.get(row["model"])
        return "-" if fp32 is None else f"{fp32 - row['map']:+.4f}"

    def weights(row):
        size = row["weight_bytes"]
        return "-" if size is None else f"{size / 1e6:.2f}"

    print(
        report.table(
            TITLES,
            [
                [
                    r["model"],
                    r["contender"],
                    f"{r['map']:.4f}",
                    f"{r['map50']:.4f}",
                    lost(r),
                    r["boxes"],
                    weights(r),
                ]
                for r in rows
            ],
        )
    )


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="mAP of yolotune and its peers in several precisions."
    )
    add = parser.add_argument
    add("--models", default="yolov5n,yolov5s", help="by commas")
    add("--imgsz", type=int, default=640)
    add(
        "--precisions",
        default="fp32,bf16,int8",
        help="of fp32, bf16, int8, int16, auto, by commas",
    )
    add("--only", help="contenders whose name contains one of these, by commas")
    add("--data", help="data folder (default: $YOLOTUNE_TEST_DATA)")
    add(
        "--truth",
        default="coco-val/instances_val2017.json",
        help="COCO annotations, in the data folder",
    )
    add(
        "--pictures",
        default="coco-val/images/val2017",
        help="their pictures, in the data folder",
    )
    add("--yolotune", help="path of the program")
    add("--db", help="yolotune's database, passed on as --db")
    add("--threads", type=int, default=1)
    add(
        "--json",
        help="write the rows to this file; rows of other contenders stay",
    )
    return parser.parse_args()


def merged(path, rows):
    """ROWS, and those that the file at PATH has of other contenders."""
    path = pathlib.Path(path)
    old = json.loads(path.read_text()) if path.exists() else []

    def key(row):
        return row["model"], row["imgsz"], row["contender"]

    new = {key(row) for row in rows}
    return [row for row in old if key(row) not in new] + rows


def main():
    options = parse_arguments()
    options.yolotune = peers.find_yolotune(options.yolotune)
    data = peers.find_data(options.data)
    quantise.step_aside()
    torch.set_num_threads(options.threads)
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(data / options.truth))
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models.split(","):
            network = models.prepare(
                data / "onnx" / f"{name}_fp32.onnx",
                options.imgsz,
                peers.VENV / "models",
            )
            for row in measure(options, data, network, truth, folder):
                rows.append(row)
                if options.json:  # as it grows: it may be cut short
                    text = json.dumps(merged(options.json, rows), indent=1)
                    pathlib.Path(options.json).write_text(text)
    show(merged(options.json, rows) if options.json else rows)


if __name__ == "__main__":
    try:
        main()
    except Refused as refusal:
        sys.exit(f"peer_map.py: {refusal}")
