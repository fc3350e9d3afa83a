"""Does yolotune see what YOLOv5 sees? Boxes, scores and raw heads compared.

The outside world is ONNX Runtime on the full fp32 graph with YOLOv5's own pre-
and post-processing (yolov5.py). Three comparisons for each model file:

    boxes          detect IMAGE --json, matched one to one, within half a pixel
                   and 1e-3 in score
    heads          --dump-heads on the photograph: decoding, letterbox, network
    heads, square  --dump-heads on the letterboxed picture as a PNG that needs
                   no resizing: the network alone

Heads are within 1e-3 of the largest absolute reference value.
"""

import argparse
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy
import onnxruntime

import models
import peers
import report
import yolov5

SIZE = 640
CONF, IOU = 0.25, 0.45
PIXELS, SCORE, HEADS = 0.5, 1e-3, 1e-3

TITLES = [
    "model file",
    "image",
    "boxes",
    "max dx px",
    "max dscore",
    "heads",
    "heads, square",
    "verdict",
]


def session(path):
    return onnxruntime.InferenceSession(
        str(path), providers=["CPUExecutionProvider"]
    )


def run(network, image):
    return network.run(None, {network.get_inputs()[0].name: image})


def expected_boxes(onnx_file, image_file, cache):
    """YOLOv5's detections, kept in CACHE for as long as nothing changed."""
    key = hashlib.sha256()
    for part in (onnx_file, image_file, pathlib.Path(yolov5.__file__)):
        key.update(part.read_bytes())
    key.update(
        f"{onnxruntime.__version__} {cv2.__version__} {CONF} {IOU}".encode()
    )
    kept = (
        cache
        / f"{onnx_file.stem}-{image_file.stem}-{key.hexdigest()[:12]}.json"
    )
    if kept.exists():
        return json.loads(kept.read_text())
    picture = cv2.imread(str(image_file))
    image = yolov5.to_input(yolov5.letterbox(picture, SIZE))
    output = run(session(onnx_file), image)[0][0]
    rows = yolov5.detections(output, SIZE, picture.shape, CONF, IOU).tolist()
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(json.dumps(rows, indent=1))
    return rows


def ask(program, *words):
    """Run yolotune; return its output or raise its error line."""
    done = subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ValueError(done.stderr.strip() or f"status {done.returncode}")
    return done.stdout


def detected(program, model, image_file):
    said = ask(
        program, "detect", "--model", model, image_file, "--json", "--no-rect",
        "--conf", CONF, "--iou", IOU,
    )  # fmt: skip
    return [
        [d["x0"], d["y0"], d["x1"], d["y1"], d["score"], d["class_id"]]
        for d in json.loads(said)["images"][0]["detections"]
    ]


def match(expected, found):
    """(largest corner distance, largest score distance), matched one to one.

    Pairs of one class are taken nearest first. Anything left over makes the
    distance infinite: a missing box is not a small error.
    """
    pairs = sorted(
        (max(abs(a - b) for a, b in zip(e[:4], f[:4], strict=True)), i, j)
        for i, e in enumerate(expected)
        for j, f in enumerate(found)
        if e[5] == f[5]
    )
    left, right = set(range(len(expected))), set(range(len(found)))
    pixels = score = 0.0
    for distance, i, j in pairs:
        if i in left and j in right:
            left.remove(i)
            right.remove(j)
            pixels = max(pixels, distance)
            score = max(score, abs(expected[i][4] - found[j][4]))
    if left or right:
        return float("inf"), float("inf")
    return pixels, score


def heads_error(program, model, picture, reference, folder):
    """Largest difference of the raw heads over the largest reference value."""
    dump = pathlib.Path(folder) / "heads.bin"
    dump.unlink(missing_ok=True)
    ask(
        program, "detect", "--model", model, picture, "--no-rect",
        "--dump-heads", dump,
    )  # fmt: skip
    heads = numpy.fromfile(dump, numpy.float32)
    if heads.size != reference.size:
        raise ValueError(f"{heads.size} head values, not {reference.size}")
    return float(
        numpy.abs(heads - reference).max() / numpy.abs(reference).max()
    )


def compare(program, model, onnx_file, image_file, folder):
    """One row of the table, as a dictionary."""
    row = {"model": model.name, "image": image_file.name, "good": False}
    expected = expected_boxes(onnx_file, image_file, models_cache())
    row["expected"] = expected
    if not program:
        return row
    network = models.prepare(onnx_file, SIZE, peers.VENV / "models")
    square = yolov5.letterbox(cv2.imread(str(image_file)), SIZE)
    square_file = pathlib.Path(folder) / f"{image_file.stem}-square.png"
    cv2.imwrite(str(square_file), square)
    heads = run(session(network.heads), yolov5.to_input(square))
    reference = numpy.concatenate([head.ravel() for head in heads])
    try:
        row["found"] = detected(program, model, image_file)
        row["pixels"], row["score"] = match(expected, row["found"])
        row["heads"] = heads_error(
            program, model, image_file, reference, folder
        )
        row["square"] = heads_error(
            program, model, square_file, reference, folder
        )
    except (ValueError, KeyError, OSError) as why:
        row["why"] = str(why)
        return row
    row["good"] = (
        row["pixels"] <= PIXELS
        and row["score"] <= SCORE
        and row["heads"] <= HEADS
        and row["square"] <= HEADS
    )
    return row


def models_cache():
    return peers.VENV / "expected"


def show(rows):
    def cell(row, name, form):
        return format(row[name], form) if name in row else "-"

    print(
        report.table(
            TITLES,
            [
                [
                    r["model"],
                    r["image"],
                    f"{len(r['found']) if 'found' in r else '-'}"
                    f" of {len(r['expected'])}",
                    cell(r, "pixels", ".3f"),
                    cell(r, "score", ".1e"),
                    cell(r, "heads", ".1e"),
                    cell(r, "square", ".1e"),
                    "agrees" if r["good"] else r.get("why", "differs"),
                ]
                for r in rows
            ],
        )
    )


def show_expected(rows):
    for row in rows:
        print(f"{row['model']} {row['image']}")
        for x0, y0, x1, y1, score, kind in row["expected"]:
            print(
                f"  {x0:8.2f} {y0:8.2f} {x1:8.2f} {y1:8.2f}  {score:.4f}  class"
                f" {kind:.0f}"
            )


def main():
    parser = argparse.ArgumentParser(
        description="Compare yolotune's boxes and heads with ONNX Runtime's."
    )
    parser.add_argument("--models", default="yolov5n,yolov5s", help="by commas")
    parser.add_argument(
        "--images", default="bus.jpg,zidane.jpg", help="by commas"
    )
    parser.add_argument(
        "--data", help="data folder (default: $YOLOTUNE_TEST_DATA)"
    )
    parser.add_argument("--yolotune", help="path of the program")
    parser.add_argument("--json", help="write everything compared to this file")
    parser.add_argument(
        "--expect-only", action="store_true", help="print what YOLOv5 detects"
    )
    options = parser.parse_args()
    data = peers.find_data(options.data)
    program = (
        None if options.expect_only else peers.find_yolotune(options.yolotune)
    )
    if not program and not options.expect_only:
        raise SystemExit("agree.py: yolotune is not built; give --yolotune")

    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name in options.models.split(","):
            onnx_file = data / "onnx" / f"{name}_fp32.onnx"
            files = [data / "weights" / f"{name}.pt", onnx_file]
            for model in files[:1] if options.expect_only else files:
                for image in options.images.split(","):
                    image_file = data / "images" / image
                    rows.append(
                        compare(program, model, onnx_file, image_file, folder)
                    )
    (show_expected if options.expect_only else show)(rows)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
    return 0 if options.expect_only or all(row["good"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
