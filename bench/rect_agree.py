"""Does detect see what YOLOv5's detect.py sees, picture for picture?

detect.py gives a .pt model the smallest rectangle that holds the picture, so
each shape is a network of its own. The outside world is ONNX Runtime on the
network up to the detect convolutions, whose input takes any shape, with
YOLOv5's own letterbox and decoding around it (yolov5.py), NMS by torchvision,
and detect.py's defaults: conf 0.25, iou 0.45, 1000 boxes at most.

A picture agrees when all boxes match one to one by class, within half a pixel
and 1e-3 in score. The program's exit status is 1 if --at-least pictures do not.
"""

import argparse
import collections
import json
import pathlib
import sys
import tempfile

import cv2
import onnx
import onnxruntime

import agree
import models
import peers
import yolov5

SIZE, STRIDE = 640, 32
CONF, IOU, MOST = 0.25, 0.45, 1000


def any_shape(source, to):
    """SOURCE up to its heads, for inputs of any multiple of the stride."""
    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    cut = onnx.utils.Extractor(model).extract_model(
        [model.graph.input[0].name], models.head_tensors(model.graph)
    )
    shape = cut.graph.input[0].type.tensor_type.shape
    shape.dim[2].dim_param, shape.dim[3].dim_param = "rows", "columns"
    del cut.graph.value_info[:]
    for output in cut.graph.output:
        output.type.tensor_type.ClearField("shape")
    onnx.save(cut, to)


def expected(network, file):
    """(boxes, shape of the network's input) as detect.py has them."""
    picture = cv2.imread(str(file))
    inside = yolov5.letterbox(picture, SIZE, STRIDE)
    heads = agree.run(network, yolov5.to_input(inside))
    rows, columns = inside.shape[:2]
    output = yolov5.decode(heads, rows)
    boxes = yolov5.detections(
        output, (rows, columns), picture.shape, CONF, IOU, MOST
    )
    return boxes.tolist(), (rows, columns)


def found(program, model, files):
    said = agree.ask(
        program, "detect", "--model", model, *files, "--json", "-q",
        "--conf", CONF, "--iou", IOU, "--max-det", MOST,
    )  # fmt: skip
    return [
        [
            [d["x0"], d["y0"], d["x1"], d["y1"], d["score"], d["class_id"]]
            for d in image["detections"]
        ]
        for image in json.loads(said)["images"]
    ]


def why(want, have, pixels, score):
    """What differs, in words."""
    if pixels != float("inf"):
        return f"same boxes, {pixels:.2f} px and {score:.1e} in score apart"
    left = list(have)
    alone = []
    for box in want:
        near = [
            b
            for b in left
            if b[5] == box[5]
            and max(abs(p - q) for p, q in zip(b[:4], box[:4], strict=True)) < 2
        ]
        if near:
            left.remove(near[0])
        else:
            alone.append(f"detect.py's alone: {box[4]:.4f} class {box[5]:.0f}")
    alone += [f"detect's alone: {b[4]:.4f} class {b[5]:.0f}" for b in left]
    return "; ".join(alone)


def main():
    parser = argparse.ArgumentParser(
        description="Compare detect's boxes with detect.py's at its shapes."
    )
    parser.add_argument("--model", default="yolov5n")
    parser.add_argument(
        "--data", help="data folder (default: $YOLOTUNE_TEST_DATA)"
    )
    parser.add_argument("--yolotune", help="path of the program")
    parser.add_argument("--at-least", type=int, default=0, metavar="N")
    options = parser.parse_args()
    data = peers.find_data(options.data)
    program = peers.find_yolotune(options.yolotune)
    files = sorted(
        [
            *(data / "images").glob("*.jpg"),
            *(data / "coco128").rglob("*.jpg"),
        ]
    )
    model = data / "weights" / f"{options.model}.pt"
    have = found(program, model, files)
    shapes, good, boxes = collections.Counter(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        heads = pathlib.Path(folder) / "heads.onnx"
        any_shape(data / "onnx" / f"{options.model}_fp32.onnx", heads)
        network = agree.session(heads)
        for file, mine in zip(files, have, strict=True):
            want, shape = expected(network, file)
            shapes[shape] += 1
            boxes += len(want)
            pixels, score = agree.match(want, mine)
            if pixels <= agree.PIXELS and score <= agree.SCORE:
                good += 1
            else:
                print(f"{file.name}: {why(want, mine, pixels, score)}")
    print(
        f"{good} of {len(files)} pictures agree: {boxes} boxes, {len(shapes)}"
        f" shapes, {options.model}"
    )
    return 0 if good >= options.at_least else 1


if __name__ == "__main__":
    sys.exit(main())
