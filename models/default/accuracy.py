"""Mean average precision for the log of train.py only: the README's figures
are yolotune's."""

import numpy as np
import torch

from batches import GREY, to_input
from network import decode
from shapes import NAMES


def iou_matrix(a, b):
    """Overlaps [m][k] of corner boxes [m][4] and [k][4]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    overlap = (high - low).clip(0).prod(2)
    area_a = (a[:, 2:] - a[:, :2]).prod(1)
    area_b = (b[:, 2:] - b[:, :2]).prod(1)
    return overlap / (area_a[:, None] + area_b[None] - overlap + 1e-9)


def suppress(boxes, scores, kinds, threshold=0.6, most=300):
    """Indices of the boxes that stay, best first."""
    order = np.argsort(-scores, kind="stable")[:1000]
    apart = boxes[order] + kinds[order, None] * 4096.0
    overlaps = iou_matrix(apart, apart) > threshold
    alive, kept = np.ones(len(order), bool), []
    for i in range(len(order)):
        if alive[i]:
            kept.append(order[i])
            alive[i + 1:] &= ~overlaps[i, i + 1:]
    return np.array(kept[:most], int)


def detect(model, picture, side, device):
    """Boxes [k][4] as corners in the letterboxed picture, scores [k], classes
    [k], and the letterbox's scale and offsets."""
    scale = side / max(picture.image.shape[:2])
    small, _ = picture.scaled(scale)
    x, y = (side - small.shape[1]) // 2, (side - small.shape[0]) // 2
    canvas = np.full((side, side, 3), GREY, np.uint8)
    canvas[y:y + small.shape[0], x:x + small.shape[1]] = small
    with torch.no_grad():
        heads = model(to_input([canvas]).to(device))
        found = decode(heads, model.model[-1].anchors)[0].cpu().numpy()
    scores = found[:, 4:5] * found[:, 5:]
    row, kind = np.nonzero(scores > 0.005)
    half = found[row, 2:4] / 2
    boxes = np.concatenate((found[row, :2] - half, found[row, :2] + half), 1)
    scores = scores[row, kind]
    kept = suppress(boxes, scores, kind)
    return boxes[kept], scores[kept], kind[kept], (scale, x, y)


def matches(boxes, kinds, truth, thresholds):
    """Whether each found box, best first, is right at each overlap: bool
    [k][thresholds]. truth [k][5] as of load()."""
    right = np.zeros((len(boxes), len(thresholds)), bool)
    overlaps = iou_matrix(boxes, truth[:, 1:])
    overlaps[kinds[:, None] != truth[None, :, 0]] = 0
    for j, threshold in enumerate(thresholds):
        free = np.ones(len(truth), bool)
        for i in range(len(boxes)):
            row = np.where(free, overlaps[i], 0)
            best = row.argmax() if len(row) else 0
            if len(row) and row[best] >= threshold:
                right[i, j], free[best] = True, False
    return right


def average_precision(right, scores, total):
    """Area under the precision at 101 recalls. right [k] bool, scores [k]."""
    right = right[np.argsort(-scores, kind="stable")]
    hits = np.cumsum(right)
    recall = hits / total
    precision = hits / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101))
    return np.append(precision, 0)[np.minimum(at, len(precision))].mean()


def mean_ap(model, pictures, side, device):
    """(mAP@[.5:.95], mAP@.5) over pictures at side x side."""
    thresholds = np.linspace(0.5, 0.95, 10)
    right, scores, kinds = [], [], []
    totals = np.zeros(len(NAMES))
    for picture in pictures:
        b, s, k, (scale, x, y) = detect(model, picture, side, device)
        placed = picture.boxes * np.float32([1, scale, scale, scale, scale])
        placed += np.float32([0, x, y, x, y])
        right.append(matches(b, k, placed, thresholds))
        scores.append(s)
        kinds.append(k)
        totals += np.bincount(placed[:, 0].astype(int), minlength=len(NAMES))
    right, scores = np.concatenate(right), np.concatenate(scores)
    kinds = np.concatenate(kinds)
    table = np.array([[average_precision(right[kinds == c, j],
                                         scores[kinds == c], totals[c])
                       for j in range(len(thresholds))]
                      for c in range(len(NAMES)) if totals[c]])
    return float(table.mean()), float(table[:, 0].mean())
