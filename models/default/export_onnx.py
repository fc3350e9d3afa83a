#!/usr/bin/env python3
"""Writes a trained network as ONNX in half precision, node by node.

    python3 export_onnx.py --checkpoint RUN/checkpoint.pt \\
        --out yolotune-default.onnx

The graph is that of a simplified YOLOv5 export: batch normalisation folded into
the convolutions, SiLU as Sigmoid and Mul, the decode tail with constant grids.
Input "images" [1][3][side][side], RGB in 0..1; output "output0"
[1][boxes][5 + classes]: centre and size in pixels, objectness, class scores.
"""

import argparse

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

from network import ANCHORS, STRIDES, Yolov5n
from shapes import NAMES

OPSET = 17


class Graph:
    """Collects nodes and constants. Methods that add a node return the name of
    its output."""

    def __init__(self):
        self.nodes, self.constants, self.uses = [], [], {}

    def unique(self, name):
        """name, with a number where it was used before."""
        count = self.uses.get(name, 0)
        self.uses[name] = count + 1
        return "%s_%d" % (name, count) if count else name

    def node(self, op, inputs, path, **attributes):
        name = self.unique("/%s/%s" % (path, op))
        self.nodes.append(helper.make_node(op, inputs, [name + "_output_0"],
                                           name, **attributes))
        return name + "_output_0"

    def constant(self, array, name):
        array = np.asarray(array)
        if array.dtype.kind == "f" and array.dtype != np.float32:
            array = array.astype(np.float16)
        name = self.unique(name)
        self.constants.append(numpy_helper.from_array(
            np.ascontiguousarray(array), name))
        return name


def fold(conv, bn):
    """The weights [o][i][r][s] and bias [o], float64, of a convolution that
    does what conv and bn do."""
    w = conv.weight.detach().double().numpy()
    gain, shift, mean, var = (t.detach().double().numpy() for t in (
        bn.weight, bn.bias, bn.running_mean, bn.running_var))
    gain = gain / np.sqrt(var + bn.eps)
    return w * gain[:, None, None, None], shift - mean * gain


class Writer:
    """Translates the modules of network.py. Methods take and return names of
    values; path is a module's name with slashes."""

    def __init__(self):
        self.graph = Graph()

    def convolution(self, x, conv, w, b, path, owner):
        """owner: the module that has the weights, e.g. model.2.cv1.conv"""
        g = self.graph
        py, px = conv.padding
        return g.node("Conv", [x, g.constant(w, owner + ".weight"),
                               g.constant(b, owner + ".bias")], path,
                      dilations=[1, 1], group=1,
                      kernel_shape=list(conv.kernel_size),
                      pads=[py, px, py, px], strides=list(conv.stride))

    def conv(self, x, m, path):
        owner = path.replace("/", ".").replace("m.m.", "m.") + ".conv"
        y = self.convolution(x, m.conv, *fold(m.conv, m.bn), path + "/conv",
                             owner)
        s = self.graph.node("Sigmoid", [y], path + "/act")
        return self.graph.node("Mul", [y, s], path + "/act")

    def c3(self, x, m, path):
        y = self.conv(x, m.cv1, path + "/cv1")
        for i, b in enumerate(m.m):
            inner = "%s/m/m.%d" % (path, i)
            z = self.conv(y, b.cv1, inner + "/cv1")
            z = self.conv(z, b.cv2, inner + "/cv2")
            y = self.graph.node("Add", [y, z], inner) if b.shortcut else z
        z = self.conv(x, m.cv2, path + "/cv2")
        y = self.graph.node("Concat", [y, z], path, axis=1)
        return self.conv(y, m.cv3, path + "/cv3")

    def sppf(self, x, m, path):
        parts = [self.conv(x, m.cv1, path + "/cv1")]
        for _ in range(3):
            parts.append(self.graph.node(
                "MaxPool", [parts[-1]], path + "/m", ceil_mode=0,
                kernel_shape=[5, 5], pads=[2] * 4, strides=[1, 1]))
        y = self.graph.node("Concat", parts, path, axis=1)
        return self.conv(y, m.cv2, path + "/cv2")

    def upsample(self, x, _, path):
        scales = self.graph.constant(np.float32([1, 1, 2, 2]), path + ".scales")
        return self.graph.node(
            "Resize", [x, "", scales], path, mode="nearest",
            nearest_mode="floor", coordinate_transformation_mode="asymmetric")

    def concat(self, parts, _, path):
        return self.graph.node("Concat", parts, path, axis=1)

    def level(self, x, i, side, path):
        """Decodes one head [1][3 * no][h][w] to [1][boxes][no]."""
        g, stride, n = self.graph, STRIDES[i], side // STRIDES[i]
        no = 5 + len(NAMES)
        shape = g.constant(np.int64([1, 3, no, n, n]), path + ".shape")
        y = g.node("Transpose", [g.node("Reshape", [x, shape], path)], path,
                   perm=[0, 1, 3, 4, 2])
        y = g.node("Sigmoid", [y], path)
        parts = g.constant(np.int64([2, 2, no - 4]), path + ".parts")
        name = g.unique("/%s/Split" % path)
        xy, wh, rest = ["%s_output_%d" % (name, k) for k in range(3)]
        g.nodes.append(helper.make_node("Split", [y, parts], [xy, wh, rest],
                                        name, axis=4))
        gy, gx = np.mgrid[:n, :n]
        grid = np.broadcast_to(np.stack((gx, gy), -1) - 0.5, (1, 3, n, n, 2))
        anchors = np.broadcast_to(np.float64(ANCHORS[i])
                                  .reshape(1, 3, 1, 1, 2), (1, 3, n, n, 2))
        two = g.constant(2.0, path + ".two")
        xy = g.node("Mul", [xy, two], path)
        xy = g.node("Add", [xy, g.constant(grid, path + ".grid")], path)
        xy = g.node("Mul", [xy, g.constant(float(stride), path + ".stride")],
                    path)
        wh = g.node("Pow", [g.node("Mul", [wh, two], path), two], path)
        wh = g.node("Mul", [wh, g.constant(anchors, path + ".anchors")], path)
        y = g.node("Concat", [xy, wh, rest], path, axis=4)
        flat = g.constant(np.int64([1, -1, no]), path + ".flat")
        return g.node("Reshape", [y, flat], path)

    def detect(self, features, m, path, side):
        boxes = []
        for i, (x, conv) in enumerate(zip(features, m.m)):
            w, b = (t.detach().numpy().astype(np.float64)
                    for t in (conv.weight, conv.bias))
            y = self.convolution(x, conv, w, b, "%s/m.%d" % (path, i),
                                 "%s.m.%d" % (path, i))
            boxes.append(self.level(y, i, side, path))
        name = self.graph.node("Concat", boxes, path, axis=1)
        self.graph.nodes[-1].output[0] = "output0"
        return name

    def network(self, model, side):
        kinds = {"Conv": self.conv, "C3": self.c3, "SPPF": self.sppf,
                 "Upsample": self.upsample, "Concat": self.concat}
        outs, x = [], "images"
        for i, layer in enumerate(model.model):
            path, reads = "model.%d" % i, model.READS.get(i)
            x = [outs[r] for r in reads] if reads else x
            kind = type(layer).__name__
            x = (self.detect(x, layer, path, side) if kind == "Detect" else
                 kinds[kind](x, layer, path))
            outs.append(x)


def to_onnx(model, side):
    """model: a Yolov5n. Returns an onnx.ModelProto."""
    writer = Writer()
    writer.network(model.eval(), side)
    half = TensorProto.FLOAT16
    boxes = sum(3 * (side // s) ** 2 for s in STRIDES)
    graph = helper.make_graph(
        writer.graph.nodes, "yolotune-default",
        [helper.make_tensor_value_info("images", half, [1, 3, side, side])],
        [helper.make_tensor_value_info("output0", half,
                                       [1, boxes, 5 + len(NAMES)])],
        writer.graph.constants)
    proto = helper.make_model(graph, producer_name="yolotune export_onnx.py",
                              opset_imports=[helper.make_opsetid("", OPSET)],
                              ir_version=8)
    helper.set_model_props(proto, {"stride": str(max(STRIDES)),
                                   "names": str(dict(enumerate(NAMES)))})
    onnx.checker.check_model(proto, full_check=True)
    return proto


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--checkpoint", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--side", type=int, default=640,
                        help="pixels, a multiple of 32 (default: 640)")
    args = parser.parse_args()
    model = Yolov5n(len(NAMES))
    model.load_state_dict(torch.load(args.checkpoint, "cpu")["ema"])
    onnx.save(to_onnx(model, args.side), args.out)


if __name__ == "__main__":
    main()
