"""Do later networks of Ultralytics' package run as they do there?

Each is made by the package's own code from its yaml with seeded random weights
(normalisations that have seen the picture; classes' biases so that some hundred
of its boxes score), saved as .pt and exported as ONNX by the package. What
ONNX Runtime finds in the exported file, decoded by its own tail, is compared
with what yolotune finds by either file: every box over the threshold, none
suppressed, on a picture that needs no resizing.

    python bench/zoo.py --program build/yolotune --picture bus.jpg

Needs ultralytics (pip install ultralytics) beside requirements.txt; nothing of
it is part of yolotune.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import cv2
import numpy
import onnxruntime

import report

SIZE = 640
CONF = 0.25
PIXELS, SCORE = 1e-3 * SIZE, 1e-3
TITLES = ["network", "file", "boxes", "max dx px", "max dscore", "verdict"]


def set_biases(network, detect, image):
    """Let each level score in about a hundred of its cells, and none be so near
    the threshold that rounding decides."""
    import torch

    logits = []
    hooks = [
        branch[-1].register_forward_hook(
            lambda _module, _inputs, output: logits.append(output)
        )
        for branch in detect.cv3
    ]
    with torch.no_grad():
        network(image)
        for branch, level in zip(detect.cv3, logits, strict=True):
            best = level[0].amax(0).flatten().sort(descending=True).values
            spread = float(best.std())
            branch[-1].weight.mul_(1 / spread)
            some = best[50:150]
            gap = int((some[:-1] - some[1:]).argmax())
            middle = float(some[gap : gap + 2].mean()) / spread
            branch[-1].bias.fill_(-1.0986 - middle)
    for hook in hooks:
        hook.remove()


def make(name, folder, seed, picture):
    """NAME.pt and NAME.onnx in FOLDER."""
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    os.environ.setdefault("YOLO_OFFLINE", "true")
    import torch
    from ultralytics import YOLO

    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    network = YOLO(f"{name}.yaml", task="detect")
    detect = network.model.model[-1]
    with torch.no_grad():
        for module in network.model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
                module.weight.uniform_(0.8, 1.4, generator=random)
                module.bias.normal_(0, 0.1, generator=random)
        image = torch.from_numpy(to_input(picture))
        network.model.train()
        network.model(image)
        for branch in detect.cv2:
            branch[-1].weight.normal_(0, 0.3, generator=random)
        for branch in detect.cv3:
            branch[-1].weight.normal_(0, 0.3, generator=random)
            branch[-1].bias.zero_()
    network.model.eval()
    set_biases(network.model, detect, image)
    torch.save({"model": network.model, "ema": None}, folder / f"{name}.pt")
    here = pathlib.Path.cwd()
    os.chdir(folder)
    network.export(format="onnx", imgsz=SIZE, verbose=False)
    os.chdir(here)


def to_input(picture):
    image = picture[:, :, ::-1].transpose(2, 0, 1)[None] / 255
    return numpy.ascontiguousarray(image, numpy.float32)


def expected(onnx_file, picture):
    """x0 y0 x1 y1 score class of every box over the threshold, in SIZE px."""
    session = onnxruntime.InferenceSession(
        str(onnx_file), providers=["CPUExecutionProvider"]
    )
    rows = session.run(
        None, {session.get_inputs()[0].name: to_input(picture)}
    )[0][0].T
    scores = rows[:, 4:].max(1)
    rows = rows[scores > CONF]
    half = rows[:, 2:4] / 2
    corners = numpy.concatenate(
        [rows[:, :2] - half, rows[:, :2] + half], 1
    ).clip(0, SIZE)
    classes = rows[:, 4:].argmax(1)
    return numpy.column_stack([corners, rows[:, 4:].max(1), classes])


def found(program, model, picture_file, options):
    done = subprocess.run(
        [program, "detect", "--model", model, picture_file, "--json",
         "--conf", str(CONF), "--iou", "1", "--max-det", "100000",
         "--db", ":memory:", *options],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(done.stderr.strip())
    boxes = json.loads(done.stdout)["images"][0]["detections"]
    names = ("x0", "y0", "x1", "y1", "score", "class_id")
    return numpy.array([[b[n] for n in names] for b in boxes]).reshape(-1, 6)


def compare(want, got):
    """Largest distances of corners and scores, boxes matched one to one."""
    if len(want) != len(got):
        return float("inf"), float("inf")
    pixels = score = 0.0
    left = list(range(len(got)))
    for box in want:
        # Boxes that the picture's edge cuts may have the same corners.
        corners = numpy.abs(got[left, :4] - box[:4]).max(1)
        scores = numpy.abs(got[left, 4] - box[4])
        near = numpy.maximum(corners / PIXELS, scores / SCORE)
        near[got[left, 5] != box[5]] = numpy.inf
        best = int(near.argmin())
        pixels = max(pixels, float(corners[best]))
        score = max(score, float(scores[best]))
        left.pop(best)
    return pixels, score


def measure(program, name, folder, picture, options):
    picture_file = folder / "picture.png"
    cv2.imwrite(str(picture_file), picture)
    want = expected(folder / f"{name}.onnx", picture)
    for kind in ("onnx", "pt"):
        row = [name, kind]
        try:
            got = found(
                program, folder / f"{name}.{kind}", picture_file, options
            )
            pixels, score = compare(want, got)
            good = pixels <= PIXELS and score <= SCORE
            row += [f"{len(got)} of {len(want)}", f"{pixels:.1e}",
                    f"{score:.1e}", "agrees" if good else "differs"]  # fmt: skip
        except ValueError as why:
            row += ["-", "-", "-", str(why)]
        yield row


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--program", default="build/yolotune")
    parser.add_argument("--picture", required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=pathlib.Path, help="folder of the files")
    parser.add_argument("networks", nargs="*",
                        default=["yolov5n", "yolov8n", "yolo11n"])  # fmt: skip
    parser.add_argument("--option", action="append", default=[],
                        help="further word for yolotune detect")  # fmt: skip
    words = parser.parse_args()
    picture = cv2.resize(cv2.imread(words.picture), (SIZE, SIZE))
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        folder = (words.keep or pathlib.Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        for name in words.networks:
            if not (folder / f"{name}.onnx").exists():
                make(name, folder, words.seed, picture)
            rows += measure(
                words.program, name, folder, picture, words.option
            )
    print(report.table(TITLES, rows))
    return 0 if all(row[-1] == "agrees" for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
