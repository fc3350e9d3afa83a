#!/usr/bin/env python3
"""Writes to tests/data/onnx networks whose heads have no anchors, as YOLOv8 and
what came after, with tails in the forms that exports have (bins_NAME.onnx, with
bins_NAME.out, what ONNX Runtime computes), and some that do something else
(bad_bins_NAME.onnx). Needs what make_onnx.py needs.

    python3 tests/data/make_bins.py

NAME.out holds float32, little-endian: [4 + classes][boxes], centres, sizes and
scores. The image is that of make_onnx.py.
"""

import os

import numpy as np
from onnx import TensorProto, helper

from make_onnx import run, save
from onnx_model import SIZE, Model

CLASSES = 3
STRIDES = (4, 8)
HEAD = "model.22"


class Later(Model):
    def __init__(self, bins=16, **options):
        super().__init__(**options)
        self.bins = bins
        self.meta = {"stride": "8", "task": "detect",
                     "names": "{0: 'a', 1: 'b', 2: 'c'}"}

    def halves(self, x, form):
        if form == "slice":
            return self.slice(x, 0, 2, 1), self.slice(x, 2, 4, 1)
        return self.split(x, [2, 2], 1)

    def c2f(self, x, form):
        a, b = self.halves(self.conv(x, 4, 4, 1, "model.2/cv1"), form)
        m = self.conv(b, 2, 2, 3, "model.2/m/m.0/cv1")
        m = self.conv(m, 2, 2, 3, "model.2/m/m.0/cv2")
        m = self.node("Add", [b, m], "model.2/m/m.0")
        x = self.node("Concat", [a, b, m], "model.2", axis=1)
        return self.conv(x, 6, 4, 1, "model.2/cv2")

    def levels(self, form="split"):
        """For each level what its convolutions of sides and of classes make."""
        x = self.conv("images", 3, 4, 3, "model.0", 2)
        x = self.conv(x, 4, 4, 3, "model.1", 2)
        x = self.c2f(x, form)
        stages = [x, self.conv(x, 4, 4, 3, "model.3", 2)]
        made = []
        for name, count in (("cv2", 4 * self.bins), ("cv3", CLASSES)):
            for i, stage in enumerate(stages):
                path = f"{HEAD}/{name}.{i}/{name}.{i}"
                y = self.conv(stage, 4, 6, 3, path + ".0")
                made.append(self.conv(y, 6, count, 1, path + ".1", act=False))
        return list(zip(made[:2], made[2:]))

    def flat(self, x, channels, stride):
        side = SIZE // stride
        return self.node("Reshape",
                         [x, self.ints(1, channels, side * side)], HEAD)

    def join(self, levels, form):
        sides, scores = [], []
        for (side, score), stride in zip(levels, STRIDES):
            if form == "early":  # both halves at first
                c = 4 * self.bins + CLASSES
                x = self.node("Concat", [side, score], HEAD, axis=1)
                sides.append(self.flat(x, c, stride))
            else:
                sides.append(self.flat(side, 4 * self.bins, stride))
                scores.append(self.flat(score, CLASSES, stride))
        x = self.node("Concat", sides, HEAD, axis=-1)
        if form == "early":
            return self.split(x, [4 * self.bins, CLASSES], 1)
        return x, self.node("Concat", scores, HEAD, axis=-1)

    def means(self, x, boxes, form, numbers):
        x = self.node("Reshape", [x, self.ints(1, 4, self.bins, boxes)],
                      HEAD + "/dfl")
        if form == "last":  # as exporters wrote it before opset 13
            x = self.node("Transpose", [x], HEAD + "/dfl", perm=[0, 3, 1, 2])
            x = self.node("Softmax", [x], HEAD + "/dfl", axis=3)
            x = self.node("Transpose", [x], HEAD + "/dfl", perm=[0, 3, 2, 1])
        else:
            x = self.node("Transpose", [x], HEAD + "/dfl", perm=[0, 2, 1, 3])
            x = self.node("Softmax", [x], HEAD + "/dfl", axis=1)
        numbers = np.arange(self.bins) if numbers is None else numbers
        weights = self.const(np.reshape(numbers, (1, -1, 1, 1)) * 1.0)
        x = self.node("Conv", [x, weights], HEAD + "/dfl/conv")
        return self.node("Reshape", [x, self.ints(1, 4, boxes)], HEAD + "/dfl")

    def points(self, wrong):
        middles, strides = [], []
        for stride in STRIDES:
            side = SIZE // stride
            y, x = np.meshgrid(np.arange(side), np.arange(side), indexing="ij")
            if wrong == "middle":
                x = x + 0.25
            middles.append(np.stack([x.ravel() + 0.5, y.ravel() + 0.5]))
            strides.append(np.full(side * side, stride * 1.0))
        if wrong == "stride":
            strides[1][7] = 9
        return (self.const(np.concatenate(middles, 1)[None]),
                self.const(np.concatenate(strides)[None]))

    def tail(self, levels, form="late", numbers=None, wrong=None):
        boxes = sum((SIZE // stride) ** 2 for stride in STRIDES)
        sides, scores = self.join(levels, form)
        means = self.means(sides, boxes, form, numbers)
        low, high = self.split(means, [2, 2], 1)
        middles, strides = self.points(wrong)
        low = self.node("Sub", [middles, low], HEAD)
        high = self.node("Add", [middles, high], HEAD)
        centre = self.node("Add", [low, high], HEAD)
        centre = self.node("Div", [centre, self.const(2.0)], HEAD)
        size = self.node("Sub", [high, low], HEAD)
        pair = [low, high] if wrong == "corners" else [centre, size]
        box = self.node("Concat", pair, HEAD, axis=1)
        box = self.node("Mul", [box, strides], HEAD)
        if wrong == "raw":
            score = self.node("Tanh", [scores], HEAD)
        elif wrong == "other":  # of the box before
            score = self.node("Concat", [self.slice(scores, boxes - 1, boxes, 2),
                                         self.slice(scores, 0, boxes - 1, 2)],
                              HEAD, axis=2)
            score = self.node("Sigmoid", [score], HEAD)
        else:
            score = self.node("Sigmoid", [scores], HEAD)
        out = self.node("Concat", [box, score], HEAD, axis=1)
        self.outputs.append(helper.make_tensor_value_info(
            out, TensorProto.FLOAT, [1, 4 + CLASSES, boxes]))


def build(form="late", split="split", numbers=None, wrong=None, **options):
    m = Later(**options)
    m.tail(m.levels(split), form, numbers, wrong)
    return m


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx")
    for name, model in (
            ("late", build()),
            ("early", build("early", "slice")),
            ("last", build("last", opset=11)),
            ("wide", build(bins=32, constants=True))):
        proto = model.proto()
        save(folder, "bins_" + name, proto)
        run(proto, False)[0].astype("<f4").tofile(
            os.path.join(folder, f"bins_{name}.out"))
    for name, model in (
            ("axis", build(opset=11)),
            ("few", build(bins=8)),
            ("numbers", build(numbers=np.arange(16)[::-1])),
            ("long", build(numbers=np.zeros(512), bins=512)),
            *((wrong, build(wrong=wrong))
              for wrong in ("middle", "stride", "corners", "raw", "other"))):
        save(folder, "bad_bins_" + name, model.proto())
    model = build()
    model.meta["task"] = "segment"
    save(folder, "bad_bins_task", model.proto())


if __name__ == "__main__":
    main()
