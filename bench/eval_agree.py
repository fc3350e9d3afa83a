"""Is yolotune's accuracy the one that YOLOv5 and COCO would measure?

For each model, over a data set with COCO annotations:

    evaluator   pycocotools on the boxes that `yolotune eval --save-json` wrote,
                against what yolotune computed from them: all 12 figures and
                every class within 1e-6
    pipeline    ONNX Runtime on the fp32 graph with YOLOv5's letterbox, and
                val.py's candidates and suppression by torchvision, measured by
                pycocotools: mAP and mAP@.5 within 0.002
    same boxes  pycocotools and `yolotune eval --results` on ONNX Runtime's
                boxes: within 1e-6

val.py's rectangular batches are left aside: every picture is a square here, as
in inference.
"""

import argparse
import contextlib
import io
import json
import pathlib
import sys
import tempfile

import cv2
import numpy
import onnxruntime
import torch
import torchvision
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

import agree
import peers
import report
import yolov5

SIZE = 640
CONF, IOU = 0.001, 0.6
SAME, CLOSE = 1e-6, 0.002

# COCOeval.stats in its order, and yolotune's names for them.
FIGURES = [
    "map", "map50", "map75", "map_small", "map_medium", "map_large",
    "ar_1", "ar_10", "ar_100", "ar_small", "ar_medium", "ar_large",
]  # fmt: skip

TITLES = [
    "model",
    "boxes",
    "mAP",
    "mAP@.5",
    "pycocotools differs",
    "ONNX Runtime boxes",
    "mAP",
    "mAP@.5",
    "differs",
    "same boxes differ",
    "verdict",
]


def multi_label(output, image_shape):
    """val.py's boxes: rows (x0, y0, x1, y1, score, class) of the image.

    As yolov5.detections(), but every class over the threshold is a candidate.
    """
    rows = torch.from_numpy(numpy.ascontiguousarray(output))
    rows = rows[rows[:, 4] > CONF]
    scores = rows[:, 5:] * rows[:, 4:5]
    half = rows[:, 2:4] / 2
    boxes = torch.cat((rows[:, :2] - half, rows[:, :2] + half), 1)
    cell, kind = (scores > CONF).nonzero(as_tuple=True)
    boxes, scores, kind = boxes[cell], scores[cell, kind], kind.float()

    order = scores.argsort(descending=True, stable=True)
    order = order[: yolov5.MAX_CANDIDATES]
    boxes, scores, kind = boxes[order], scores[order], kind[order]
    kept = torchvision.ops.nms(
        boxes + kind[:, None] * yolov5.CLASS_STEP, scores, IOU
    )
    kept = kept[: yolov5.MAX_DETECTIONS]
    boxes = boxes[kept].clone()

    height, width = image_shape[:2]
    gain = min(SIZE / height, SIZE / width)
    boxes[:, 0::2] -= (SIZE - width * gain) / 2
    boxes[:, 1::2] -= (SIZE - height * gain) / 2
    boxes /= gain
    boxes[:, 0::2] = boxes[:, 0::2].clamp(0, width)
    boxes[:, 1::2] = boxes[:, 1::2].clamp(0, height)
    return torch.cat((boxes, scores[kept, None], kind[kept, None]), 1).tolist()


def reference_results(onnx_file, truth, pictures, threads):
    """ONNX Runtime's boxes for every image, in COCO's results format."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    network = onnxruntime.InferenceSession(
        str(onnx_file), options, providers=["CPUExecutionProvider"]
    )
    categories = sorted(truth.getCatIds())
    results = []
    for number in sorted(truth.getImgIds()):
        file = pictures / truth.imgs[number]["file_name"]
        picture = cv2.imread(str(file))
        image = yolov5.to_input(yolov5.letterbox(picture, SIZE))
        output = agree.run(network, image)[0][0]
        for x0, y0, x1, y1, score, kind in multi_label(output, picture.shape):
            results.append(
                {
                    "image_id": number,
                    "category_id": categories[int(kind)],
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "score": score,
                }
            )
    return results


def measure(truth, results):
    """pycocotools' figures by name, and the AP of each category."""
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    figures = dict(zip(FIGURES, evaluation.stats.tolist(), strict=True))
    classes = {}
    precision = evaluation.eval["precision"][:, :, :, 0, 2]
    for place, category in enumerate(evaluation.params.catIds):
        reached = precision[:, :, place]
        reached = reached[reached > -1]
        classes[category] = float(reached.mean()) if reached.size else None
    return figures, classes


def largest_difference(said, figures, classes):
    """Between a document of `eval --json` and pycocotools."""
    pairs = [
        (-1 if said[name] is None else said[name], value)
        for name, value in figures.items()
    ]
    for row in said["per_class"]:
        mine, theirs = row["map"], classes[row["category_id"]]
        if (mine is None) != (theirs is None):
            return float("inf")
        if mine is not None:
            pairs.append((mine, theirs))
    return max(abs(mine - theirs) for mine, theirs in pairs)


def compare(program, name, data, options, folder):
    truth_file = data / options.truth
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(truth_file))
    pictures = data / options.pictures
    common = [
        "--data", truth_file, "--images", pictures, "--conf", CONF,
        "--iou", IOU, "--threads", options.threads, "--quiet", "--json",
    ]  # fmt: skip

    own = folder / f"{name}-yolotune.json"
    said = json.loads(
        agree.ask(
            program, "eval", "--model", data / "weights" / f"{name}.pt",
            "--save-json", own, *common,
        )
    )  # fmt: skip
    figures, classes = measure(truth, json.loads(own.read_text()))
    evaluator = largest_difference(said, figures, classes)

    theirs = folder / f"{name}-onnxruntime.json"
    results = reference_results(
        data / "onnx" / f"{name}_fp32.onnx", truth, pictures, options.threads
    )
    theirs.write_text(json.dumps(results))
    reference, reference_classes = measure(truth, results)
    again = json.loads(
        agree.ask(program, "eval", "--results", theirs, *common[:4],
                  "--quiet", "--json")
    )  # fmt: skip
    same = largest_difference(again, reference, reference_classes)
    pipeline = max(
        abs(said[key] - reference[key]) for key in ("map", "map50")
    )
    return {
        "model": name,
        "yolotune": {key: said[key] for key in ["boxes", *FIGURES]},
        "pycocotools": figures,
        "evaluator": evaluator,
        "onnxruntime": {"boxes": len(results), **reference},
        "pipeline": pipeline,
        "same_boxes": same,
        "good": evaluator <= SAME and same <= SAME and pipeline <= CLOSE,
    }


def show(rows):
    print(
        report.table(
            TITLES,
            [
                [
                    r["model"],
                    r["yolotune"]["boxes"],
                    f"{r['yolotune']['map']:.5f}",
                    f"{r['yolotune']['map50']:.5f}",
                    f"{r['evaluator']:.1e}",
                    r["onnxruntime"]["boxes"],
                    f"{r['onnxruntime']['map']:.5f}",
                    f"{r['onnxruntime']['map50']:.5f}",
                    f"{r['pipeline']:.1e}",
                    f"{r['same_boxes']:.1e}",
                    "agrees" if r["good"] else "differs",
                ]
                for r in rows
            ],
        )
    )


def parse_arguments():
    parser = argparse.ArgumentParser(
        description="Compare accuracy with pycocotools and ONNX Runtime."
    )
    add = parser.add_argument
    add("--models", default="yolov5n,yolov5s", help="by commas")
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
    add("--threads", type=int, default=1)
    add("--keep", help="keep the boxes of both in this folder")
    add("--json", help="write everything compared to this file")
    return parser.parse_args()


def main():
    options = parse_arguments()
    data = peers.find_data(options.data)
    program = peers.find_yolotune(options.yolotune)
    if not program:
        raise SystemExit("eval_agree.py: yolotune is not built")
    torch.set_num_threads(options.threads)
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(options.keep or scratch)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [
            compare(program, name, data, options, folder)
            for name in options.models.split(",")
        ]
    show(rows)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))
    return 0 if all(row["good"] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
