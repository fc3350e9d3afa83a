"""Are yolotune's losses and gradients those of PyTorch?

Random heads and objects from a seed, for 80 classes, for 3 and for 1, go
through both:

    labels    YOLOv5 v7.0's loss (utils/loss.py, ComputeLoss; the overlap is
              bbox_iou of utils/metrics.py; gains of hyp.scratch-low.yaml as
              train.py scales them), written here once more with torch's
              operators and differentiated by autograd
    teacher   the same for a teacher's heads, see train/loss/distill.h

A loss may differ by 1e-4 of itself; of a gradient the whole by 1e-4 of its
norm, and no value by more than 1e-4 of itself and of the largest one together.
"""

import argparse
import math
import os
import pathlib
import subprocess

import numpy
import torch
from torch.nn import functional

import peers
import report

SAME = 1e-4
STRIDES = [8, 16, 32]
ANCHORS = [
    [[10, 13], [16, 30], [33, 23]],
    [[30, 61], [62, 45], [59, 119]],
    [[116, 90], [156, 198], [373, 326]],
]
BALANCE = [4.0, 1.0, 0.4]
RATIO = 4.0
SEEN = 0.01
TITLES = ["case", "part", "PyTorch", "yolotune", "differs", "verdict"]


class Batch:
    """Heads as leaves of autograd, (image, anchor, channel, row, column)."""

    def __init__(self, classes, seed, batch, height, width, objects):
        self.shape = batch, height, width
        self.classes = classes
        random = numpy.random.default_rng(seed)
        self.heads = [self.noise(random, s, 2.0) for s in STRIDES]
        self.teacher = [self.noise(random, s, 3.0) for s in STRIDES]
        self.image = random.integers(0, batch, objects)
        self.kind = random.integers(0, classes, objects)
        # Every eighth object lies on the borders of cells.
        centre = random.uniform(0, 1, (objects, 2))
        centre[::8] = numpy.round(centre[::8] * 10) / 10
        size = numpy.exp(random.uniform(-4, -0.1, (objects, 2)))
        self.boxes = numpy.hstack([centre, size]).astype(numpy.float32)

    def noise(self, random, stride, scale):
        batch, height, width = self.shape
        size = (batch, 3, 5 + self.classes, height // stride, width // stride)
        values = torch.from_numpy(random.normal(0, scale, size))
        return values.float().requires_grad_()

    def gains(self):
        """Of box, objectness and classes."""
        _, height, width = self.shape
        scale = 3 / len(STRIDES)
        return (
            0.05 * scale,
            scale * height * width / 640**2,
            0.5 * scale * self.classes / 80,
        )

    def words(self, by_teacher):
        """What yolotune-losses reads."""
        batch, height, width = self.shape
        count = 0 if by_teacher else len(self.image)
        header = [int(by_teacher), batch, height, width, len(STRIDES), 3]
        out = numpy.int32([*header, self.classes, count]).tobytes()
        for stride, anchors in zip(STRIDES, ANCHORS):
            out += numpy.int32(stride).tobytes()
            out += numpy.float32(anchors).tobytes()
        for head in self.heads + (self.teacher if by_teacher else []):
            out += head.detach().numpy().tobytes()
        if not by_teacher:
            rows = numpy.zeros(count, "i4, i4, 4f4")
            rows["f0"], rows["f1"], rows["f2"] = self.image, self.kind, self.boxes
            out += rows.tobytes()
        return out


def overlap(boxes, aims):
    """CIoU of rows (x, y, w, h); the factor of the shapes is a constant."""
    eps = 1e-7
    low = torch.maximum(boxes[:, :2] - boxes[:, 2:] / 2, aims[:, :2] - aims[:, 2:] / 2)
    high = torch.minimum(boxes[:, :2] + boxes[:, 2:] / 2, aims[:, :2] + aims[:, 2:] / 2)
    inter = (high - low).clamp(0).prod(1)
    iou = inter / (boxes[:, 2:].prod(1) + aims[:, 2:].prod(1) - inter + eps)
    first = torch.minimum(
        boxes[:, :2] - boxes[:, 2:] / 2, aims[:, :2] - aims[:, 2:] / 2
    )
    last = torch.maximum(boxes[:, :2] + boxes[:, 2:] / 2, aims[:, :2] + aims[:, 2:] / 2)
    diagonal = (last - first).square().sum(1) + eps
    distance = (boxes[:, :2] - aims[:, :2]).square().sum(1)
    angles = torch.atan(aims[:, 2] / aims[:, 3]) - torch.atan(boxes[:, 2] / boxes[:, 3])
    shape = 4 / math.pi**2 * angles.square()
    factor = (shape / (shape - iou + 1 + eps)).detach()
    return iou - distance / diagonal - shape * factor


def boxes_of(rows, anchors):
    """Rows of logits as boxes in cells, from the corner of their own."""
    said = rows[:, :4].sigmoid() * 2
    return torch.cat([said[:, :2] - 0.5, said[:, 2:].square() * anchors], 1)


def matches(batch, level):
    """(image, anchor, row, column, class, aim) of each, in YOLOv5's order."""
    rows, columns = batch.heads[level].shape[3:]
    size = torch.tensor([columns, rows, columns, rows], dtype=torch.float32)
    boxes = torch.from_numpy(batch.boxes) * size
    anchors = torch.tensor(ANCHORS[level], dtype=torch.float32) / STRIDES[level]
    found = []
    # The cell itself, then its neighbours to the left, above, right, below.
    for step in [(0, 0), (-1, 0), (0, -1), (1, 0), (0, 1)]:
        for a, anchor in enumerate(anchors):
            for i, box in enumerate(boxes):
                ratio = box[2:] / anchor
                if torch.maximum(ratio, 1 / ratio).max() >= RATIO:
                    continue
                axis = 0 if step[0] else 1
                at = box[axis] if min(step) < 0 else size[axis] - box[axis]
                if step != (0, 0) and not (at > 1 and at % 1 < 0.5):
                    continue
                cell = (box[:2] + torch.tensor(step) * 0.5).long()
                x = min(max(int(cell[0]), 0), columns - 1)
                y = min(max(int(cell[1]), 0), rows - 1)
                aim = torch.cat([box[:2] - torch.tensor([x, y]), box[2:]])
                found.append(
                    (int(batch.image[i]), a, y, x, int(batch.kind[i]), aim, anchor)
                )
    return found


def entropy(logits, aims):
    return functional.binary_cross_entropy_with_logits(logits, aims)


def by_labels(batch):
    """The parts by name, the total last."""
    box = objectness = classes = torch.zeros(())
    for level, head in enumerate(batch.heads):
        aims = torch.zeros(head.shape[:2] + head.shape[3:])
        found = matches(batch, level)
        if found:
            image, anchor, y, x, kind = (list(c) for c in list(zip(*found))[:5])
            rows = head[image, anchor, :, y, x]
            iou = overlap(
                boxes_of(rows, torch.stack([m[6] for m in found])),
                torch.stack([m[5] for m in found]),
            )
            box = box + (1 - iou).mean()
            for place, value in zip(zip(image, anchor, y, x), iou.detach()):
                aims[place] = value.clamp(0)
            if batch.classes > 1:
                hot = functional.one_hot(torch.tensor(kind), batch.classes)
                classes = classes + entropy(rows[:, 5:], hot.float())
        objectness = objectness + BALANCE[level] * entropy(head[:, :, 4], aims)
    gains = batch.gains()
    parts = [g * p for g, p in zip(gains, (box, objectness, classes))]
    return dict(
        zip(
            ("box", "objectness", "classes", "total"),
            [*parts, sum(parts) * batch.shape[0]],
        )
    )


def relative(student, teacher):
    """Cross entropies with what a teacher says, less its own."""
    aims = teacher.sigmoid()
    own = functional.binary_cross_entropy_with_logits
    return own(student, aims, reduction="none") - own(teacher, aims, reduction="none")


def by_teacher(batch):
    objectness = box = classes = weights = 0
    for level, (head, teacher) in enumerate(zip(batch.heads, batch.teacher)):
        teacher = teacher.detach()
        differences = relative(head[:, :, 4], teacher[:, :, 4])
        objectness = objectness + BALANCE[level] * differences.mean()
        anchors = torch.tensor(ANCHORS[level], dtype=torch.float32) / STRIDES[level]
        weight = teacher[:, :, 4].sigmoid()
        image, anchor, y, x = (weight >= SEEN).nonzero(as_tuple=True)
        weight = weight[image, anchor, y, x]
        said, aim = head[image, anchor, :, y, x], teacher[image, anchor, :, y, x]
        anchors = anchors[anchor]
        distance = 1 - overlap(boxes_of(said, anchors), boxes_of(aim, anchors))
        box = box + (weight * distance).sum()
        classes = (
            classes + (weight * relative(said[:, 5:], aim[:, 5:]).mean(1)).sum()
        )
        weights = weights + weight.sum()
    gains = batch.gains()
    mean = len(STRIDES) / weights
    total = gains[1] * objectness + mean * (gains[0] * box + gains[2] * classes)
    return {"total": total * batch.shape[0]}


def ask(program, batch, teacher, names):
    """yolotune's parts by name, and the gradient of all heads in a row."""
    done = subprocess.run(
        [program], input=batch.words(teacher), stdout=subprocess.PIPE, check=True
    )
    parts = numpy.frombuffer(done.stdout[: 8 * len(names)], numpy.float64)
    values = numpy.frombuffer(done.stdout[8 * len(names) :], numpy.float32)
    return dict(zip(names, parts)), values


def compare(program, name, batch, teacher):
    """Rows of the table, and whether all is the same."""
    for head in batch.heads:
        head.grad = None
    wanted = by_teacher(batch) if teacher else by_labels(batch)
    wanted["total"].backward()
    parts, gradient = ask(program, batch, teacher, list(wanted))
    rows = []

    def add(part, theirs, ours, differs):
        good = differs <= SAME
        verdict = "same" if good else "DIFFERS"
        figures = f"{theirs:.7g}", f"{ours:.7g}", f"{differs:.1e}"
        rows.append((name, part, *figures, verdict))
        return good

    good = True
    for part, value in wanted.items():
        theirs, ours = float(value.detach()), float(parts[part])
        differs = abs(ours - theirs) / abs(theirs) if theirs else abs(ours)
        good &= add(part, theirs, ours, differs)
    theirs = numpy.concatenate([head.grad.numpy().ravel() for head in batch.heads])
    theirs, gradient = theirs.astype(float), gradient.astype(float)
    error = numpy.abs(gradient - theirs)
    norms = [float(numpy.linalg.norm(g)) for g in (theirs, gradient, error)]
    good &= add("gradient's norm", *norms[:2], norms[2] / norms[0])
    shares = error / (numpy.abs(theirs) + numpy.abs(theirs).max())
    at = shares.argmax()
    good &= add("its worst value", theirs[at], gradient[at], shares[at])
    return rows, good


def find_losses(path):
    if path:
        return path
    beside = peers.find_yolotune(None)
    program = pathlib.Path(beside or "").with_name("yolotune-losses")
    if not os.access(program, os.X_OK):
        raise SystemExit("there is no yolotune-losses in build*: give --losses")
    return str(program)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--losses", help="the program yolotune-losses (default: the newest built)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--objects", type=int, default=300)
    options = parser.parse_args()
    program = find_losses(options.losses)
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {program}")
    rows, good = [], True
    for classes in (80, 3, 1):
        batch = Batch(classes, options.seed, 4, 256, 320, options.objects)
        for teacher in (False, True):
            by, ending = "teacher" if teacher else "labels", "es" * (classes > 1)
            name = f"{by}, {classes} class{ending}"
            more, same = compare(program, name, batch, teacher)
            rows += more
            good &= same
    print(report.table(TITLES, rows))
    raise SystemExit(0 if good else 1)


if __name__ == "__main__":
    main()
