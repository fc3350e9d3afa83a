"""Builds tiny YOLOv5-like models node by node, in every form that exports have:
what tests/data/make_onnx.py makes its files of. Needs onnx and numpy."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SIZE = 64
NAMES = "{0: 'cat', 1: \"dog's\"}"
ANCHORS = {
    2: [[10, 13, 33, 23], [62, 45, 156, 198]],
    3: [[10, 13, 16, 30, 33, 23], [30, 61, 62, 45, 59, 119],
        [116, 90, 156, 198, 373, 326]],
    4: [[19, 27, 44, 40, 38, 94], [96, 68, 86, 152, 180, 137],
        [140, 301, 303, 264, 238, 542], [436, 615, 739, 380, 925, 792]],
}


class Model:
    """Collects nodes; each op method returns the name of its output."""

    def __init__(self, opset=17, half=False, size=SIZE, channels=3, batch=1,
                 constants=False, names="path", store="raw", norm=False,
                 bias=True, swish="sigmoid"):
        self.opset, self.half, self.constants = opset, half, constants
        self.names, self.store, self.norm, self.bias = names, store, norm, bias
        self.swish, self.batch = swish, batch
        self.ftype = np.float16 if half else np.float32
        self.etype = TensorProto.FLOAT16 if half else TensorProto.FLOAT
        self.rng = np.random.default_rng(7)
        self.nodes, self.inits, self.outputs = [], [], []
        self.count = 0
        self.inputs = [helper.make_tensor_value_info(
            "images", self.etype, [batch, channels, size, size])]
        self.meta = {"stride": "32", "names": NAMES}

    def node(self, op, inputs, path="", outputs=1, **attrs):
        self.count += 1
        if self.names == "path":
            name = "/%s/%s" % (path or "model.99", op)
            if any(n.name == name for n in self.nodes):
                name += "_%d" % self.count
        else:
            name = "%s_%d" % (op, self.count) if self.names == "number" else ""
        outs = ["%s_%d_%d" % (op.lower(), self.count, i)
                for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, outs, name, **attrs))
        return outs[0] if outputs == 1 else outs

    def const(self, array, name=None):
        """A constant, as an initializer or as a Constant node and an Identity
        after it, the way unsimplified exports have them."""
        array = np.asarray(array)
        if array.dtype == np.float64:
            array = array.astype(self.ftype)
        self.count += 1
        name = name or "const_%d" % self.count
        if self.constants:
            tensor = numpy_helper.from_array(array, "")
            out = self.node("Constant", [], value=tensor)
            return (self.node("Identity", [out])
                    if self.constants == "identity" else out)
        if self.store == "list" and array.dtype == np.float32:
            tensor = helper.make_tensor(name, TensorProto.FLOAT, array.shape,
                                        array.ravel().tolist())
        elif self.store == "list" and array.dtype == np.float16:
            tensor = helper.make_tensor(name, TensorProto.FLOAT16, array.shape,
                                        array.ravel().tolist())
        else:
            tensor = numpy_helper.from_array(array, name)
        self.inits.append(tensor)
        return name

    def ints(self, *values):
        return self.const(np.array(values, np.int64))

    def conv(self, x, cin, cout, r, path, stride=1, act=True, group=1, **attrs):
        gain = 1.6 / np.sqrt(cin * r * r)
        pad = r // 2 if r != 6 else 2
        w = self.rng.normal(0, gain, (cout, cin // group, r, r))
        b = self.rng.normal(0, 0.3, cout)
        owner = path.replace("/m/m.", ".m.").replace("/", ".")
        owner += ".conv" if act else ""
        inputs = [x, self.const(w, owner + ".weight")]
        if not self.norm or not act:
            if self.bias:
                inputs.append(self.const(b, owner + ".bias"))
        attrs = dict(dict(dilations=[1, 1], group=group, kernel_shape=[r, r],
                          pads=[pad] * 4, strides=[stride, stride]), **attrs)
        y = self.node("Conv", inputs, path + "/conv" if act else path, **attrs)
        if not act:
            return y
        if self.norm:
            stats = [self.rng.uniform(0.5, 1.5, cout), b,
                     self.rng.normal(0, 0.2, cout),
                     self.rng.uniform(0.01, 1.0, cout)]
            y = self.batch_norm(y, stats, path)
        if self.swish == "hard":  # x * hardtanh(x + 3, 0, 6) / 6
            s = self.node("Add", [y, self.const(3.0)], path + "/act")
            s = self.node("Clip", [s, self.const(0.0), self.const(6.0)],
                          path + "/act")
            s = self.node("Mul", [y, s], path + "/act")
            return self.node("Div", [s, self.const(6.0)], path + "/act")
        s = self.node("Sigmoid", [y], path + "/act")
        swap = self.count % 2  # either order of the factors is a SiLU
        return self.node("Mul", [s, y] if swap else [y, s], path + "/act")

    def batch_norm(self, y, stats, path):
        return self.node("BatchNormalization",
                         [y] + [self.const(s) for s in stats], path + "/bn",
                         epsilon=1e-3, momentum=0.97)

    def focus(self, x, path):
        """Quarters of the pixels as channels, one axis sliced at a time."""
        quarters = []
        for dy, dx in ((0, 0), (1, 0), (0, 1), (1, 1)):
            y = x
            for start, axis in ((dy, 2), (dx, 3)):
                y = self.node("Slice", [
                    y, self.ints(start), self.ints(np.iinfo(np.int64).max),
                    self.ints(axis), self.ints(2)], path)
            quarters.append(y)
        return self.node("Concat", quarters, path, axis=1)

    def csp(self, x, path):
        """4 to 4 channels; the normalisation is behind the concat."""
        a = self.conv(x, 4, 2, 1, path + "/cv1")
        a = self.conv(a, 2, 2, 3, path + "/m/m.0/cv1")
        a = self.conv(a, 2, 3, 1, path + "/cv3", act=False)
        b = self.conv(x, 4, 1, 1, path + "/cv2", act=False)
        y = self.node("Concat", [a, b], path, axis=1)
        y = self.batch_norm(y, [self.rng.uniform(0.5, 1.5, 4),
                                self.rng.normal(0, 0.3, 4),
                                self.rng.normal(0, 0.2, 4),
                                self.rng.uniform(0.01, 1.0, 4)], path)
        y = self.node("LeakyRelu", [y], path + "/act", alpha=0.1)
        return self.conv(y, 4, 4, 1, path + "/cv4")

    def pool(self, x, r, path):
        return self.node("MaxPool", [x], path, kernel_shape=[r, r],
                         pads=[r // 2] * 4, strides=[1, 1], ceil_mode=0)

    def upsample(self, x, path, form="scales", side=0, c=4):
        attrs = dict(mode="nearest", nearest_mode="floor",
                     coordinate_transformation_mode="asymmetric")
        if form == "fixed":  # c and sides as the exporter saw them
            sizes = self.ints(self.batch, c, 2 * side, 2 * side)
            return self.node("Resize", [x, self.absent(), self.absent(), sizes],
                             path, **attrs)
        if form == "scales":
            scales = self.const(np.array([1, 1, 2, 2], np.float32))
            return self.node("Resize", [x, self.absent(), scales], path,
                             **attrs)
        shape = self.node("Shape", [x])
        sides = []
        for d in (2, 3):
            side = self.node("Gather", [shape, self.const(np.int64(d))])
            side = self.node("Cast", [side], to=TensorProto.FLOAT)
            side = self.node("Mul", [side, self.const(np.float32(2))])
            side = self.node("Floor", [side])
            side = self.node("Cast", [side], to=TensorProto.INT64)
            sides.append(self.unsqueeze(side, [0]))
        head = self.slice(shape, 0, 2, 0)
        sizes = self.node("Concat", [head] + sides, axis=0)
        return self.node("Resize", [x, self.absent(), self.absent(), sizes],
                         path, **attrs)

    def absent(self):
        """Resize's region and scales could not be left out before opset 13."""
        return "" if self.opset >= 13 else self.const(np.zeros(0, np.float32))

    def unsqueeze(self, x, axes):
        if self.opset < 13:
            return self.node("Unsqueeze", [x], axes=axes)
        return self.node("Unsqueeze", [x, self.ints(*axes)])

    def slice(self, x, start, end, axis):
        return self.node("Slice", [x, self.ints(start), self.ints(end),
                                   self.ints(axis), self.ints(1)])

    def split(self, x, sizes, axis):
        if self.opset < 13:
            return self.node("Split", [x], outputs=len(sizes), axis=axis,
                             split=sizes)
        return self.node("Split", [x, self.ints(*sizes)], outputs=len(sizes),
                         axis=axis)

    def body(self, levels=3, no=7, na=3, spp=False, resize="scales",
             old=False, group=1, shuffle=False):
        """Backbone, SPPF, neck; returns the head convolutions' outputs."""
        if shuffle:
            x = self.conv("images", 3, 4, 3, "model.0")
            x = self.node("MaxPool", [x], "model.0", kernel_shape=[3, 3],
                          pads=[1] * 4, strides=[2, 2])
            x = self.node("AveragePool", [x], "model.0", kernel_shape=[3, 3],
                          pads=[1] * 4, strides=[1, 1], count_include_pad=1)
        elif old:
            x = self.focus("images", "model.0")
            x = self.conv(x, 12, 4, 3, "model.0/conv")
        else:
            x = self.conv("images", 3, 4, 6, "model.0", 2)
        x = self.conv(x, 4, 4, 3, "model.1", 2, group=group)
        x = (self.csp(x, "model.2") if old else
             self.shuffled(x, 16) if shuffle else self.c3(x, group))
        return self.neck(x, levels, no, na, spp, resize)

    def shuffled(self, x, side):
        a, b = self.split(x, [2, 2], 1)
        b = self.conv(b, 2, 2, 3, "model.2/branch", group=2)
        x = self.node("Concat", [a, b], "model.2", axis=1)
        x = self.node("Reshape", [x, self.ints(1, 2, 2, side, side)],
                      "model.2")
        x = self.node("Transpose", [x], "model.2", perm=[0, 2, 1, 3, 4])
        return self.node("Reshape", [x, self.ints(1, -1, side, side)],
                         "model.2")

    def c3(self, x, group):
        """One bottleneck."""
        a = self.conv(x, 4, 2, 1, "model.2/cv1")
        m = self.conv(a, 2, 2, 1, "model.2/m/m.0/cv1")
        m = self.conv(m, 2, 2, 3, "model.2/m/m.0/cv2", group=group)
        a = self.node("Add", [a, m], "model.2/m/m.0")
        b = self.conv(x, 4, 2, 1, "model.2/cv2")
        x = self.node("Concat", [a, b], "model.2", axis=1)
        return self.conv(x, 4, 4, 1, "model.2/cv3")

    def neck(self, x, levels, no, na, spp, resize):
        stages = []
        for i in range(levels):
            x = self.conv(x, 4, 4, 3, "model.%d" % (3 + i), 2)
            stages.append(x)
        # SPPF, or the older SPP with parallel windows.
        x = self.conv(x, 4, 2, 1, "model.9/cv1")
        pools = [x]
        for r in (5, 9, 13):
            if spp:
                pools.append(self.pool(x, r, "model.9/m"))
            else:
                pools.append(self.pool(pools[-1], 5, "model.9/m"))
        x = self.node("Concat", pools, "model.9", axis=1)
        x = self.conv(x, 8, 4, 1, "model.9/cv2")
        stages[-1] = x
        for i in reversed(range(levels - 1)):
            x = self.upsample(x, "model.%d" % (11 + 4 * i), resize,
                              SIZE // (16 << i))
            x = self.node("Concat", [x, stages[i]], "model.%d" % (12 + 4 * i),
                          axis=-3 if i else 1)
            x = self.conv(x, 8, 4, 1, "model.%d" % (13 + 4 * i))
            stages[i] = x
        return [self.conv(s, 4, na * no, 1, "model.24/m.%d" % i, act=False)
                for i, s in enumerate(stages)]

    def moved(self, x, side, no, na, five=True):
        """[1][na*no][h][w] to [1][na][h][w][no]"""
        x = self.node("Reshape", [x, self.ints(self.batch, na, no, side, side)],
                      "model.24")
        return self.node("Transpose", [x], "model.24", perm=[0, 1, 3, 4, 2])

    def decode(self, convs, form="split", no=7, na=3, anchors=None, raw=False,
               size=SIZE, wrong=None, batch_of=None):
        anchors = anchors or ANCHORS[len(convs)]
        boxes, raws = [], []
        for i, conv in enumerate(convs):
            stride = 8 << i
            n = size // stride
            gy, gx = np.meshgrid(np.arange(n), np.arange(n), indexing="ij")
            grid = np.broadcast_to(np.stack([gx, gy], -1),
                                   (1, na, n, n, 2)).astype(float)
            wh = np.broadcast_to(np.array(anchors[i], float)
                                 .reshape(1, na, 1, 1, 2), (1, na, n, n, 2))
            if wrong == "cell" and i == 0:
                grid = grid.copy()
                grid[0, 1, n - 1, n - 1, 0] += 1
            if wrong == "anchor" and i == 0:
                wh = wh.copy()
                wh[0, 1, 2, 3, 1] *= 1.1
            if form == "dynamic":
                boxes.append(self.decode_dynamic(conv, stride, no, na, wh))
                continue
            x = self.moved(conv, n, no, na)
            raws.append(x)
            y = self.node("Sigmoid", [x], "model.24")
            two = self.const(2.0)
            if form == "split":
                xy, s, rest = self.split(y, [2, 2, no - 4], 4)
                xy = self.node("Mul", [xy, two])
                xy = self.node("Add", [xy, self.const(grid - 0.5)])
            else:
                xy = self.slice(y, 0, 2, 4)
                s = self.slice(y, 2, 4, -1)
                rest = self.slice(y, 4, np.iinfo(np.int64).max, 4)
                xy = self.node("Mul", [xy, two])
                xy = self.node("Sub", [xy, self.const(0.5)])
                xy = self.node("Add", [xy, self.const(grid)])
            xy = self.node("Mul", [xy, self.const(
                float(stride + (wrong == "stride")))])
            s = self.node("Mul", [s, two])
            if wrong != "linear":
                s = (self.node("Pow", [s, two]) if form != "square" else
                     self.node("Mul", [s, s]))
            s = self.node("Mul", [s, self.const(wh)])
            y = self.node("Concat", [xy, s, rest], "model.24", axis=4)
            dims = self.ints(self.batch, -1, no)
            if batch_of:
                batch = self.slice(self.node("Shape", [batch_of]), 0, 1, 0)
                dims = self.node("Concat", [batch, self.ints(-1, no)], axis=0)
            boxes.append(self.node("Reshape", [y, dims]))
        out = (self.node("Concat", boxes, "model.24", axis=1)
               if len(boxes) > 1 else boxes[0])
        self.output(out, [self.batch, None, no])
        if raw:
            for x in raws:
                self.output(x, [self.batch, na, None, None, no])

    def expand(self, x, dims):
        """Tensor.expand() as torch.onnx writes it: -1 means "as it is"."""
        wanted = self.node("Concat", dims, axis=0)
        ones = self.node("ConstantOfShape", [self.ints(len(dims))],
                         value=helper.make_tensor("", TensorProto.INT64, [1],
                                                  [1]))
        minus = self.node("Mul", [ones, self.const(np.int64(-1))])
        equal = self.node("Equal", [wanted, minus])
        return self.node("Expand", [x, self.node("Where",
                                                 [equal, ones, wanted])])

    def decode_dynamic(self, conv, stride, no, na, wh):
        """The tail of a --dynamic export: the grid follows from Shape."""
        shape = self.node("Shape", [conv])
        bs, ny, nx = [self.node("Gather", [shape, self.const(np.int64(d))],
                                axis=0) for d in (0, 2, 3)]
        bs1, ny1, nx1 = [self.unsqueeze(v, [0]) for v in (bs, ny, nx)]
        dims = self.node("Concat", [bs1, self.ints(na), self.ints(no), ny1,
                                    nx1], axis=0)
        x = self.node("Reshape", [conv, dims], "model.24")
        x = self.node("Transpose", [x], "model.24", perm=[0, 1, 3, 4, 2])
        y = self.node("Sigmoid", [x], "model.24")
        xy, s, rest = self.split(y, [2, 2, no - 4], 4)
        zero, one = self.const(np.int64(0)), self.const(np.int64(1))
        planes = []
        for side, axis in ((nx, 0), (ny, 1)):
            line = self.node("Range", [zero, side, one])
            line = self.node("Cast", [line], to=self.etype)
            line = self.unsqueeze(line, [axis])
            plane = self.node("Expand", [line, self.node(
                "Concat", [ny1, nx1], axis=0)])
            planes.append(self.unsqueeze(plane, [2]))
        grid = self.node("Concat", planes, axis=2)
        grid = self.unsqueeze(grid, [0, 1])
        grid = self.expand(grid, [self.ints(1), self.ints(na), ny1, nx1,
                                  self.ints(2)])
        grid = self.node("Sub", [grid, self.const(0.5)])
        sizes = self.expand(self.const(wh[:, :, :1, :1, :].copy()),
                            [self.ints(1), self.ints(na), ny1, nx1,
                             self.ints(2)])
        two = self.const(2.0)
        xy = self.node("Mul", [self.node("Add", [self.node(
            "Mul", [xy, two]), grid]), self.const(float(stride))])
        s = self.node("Mul", [self.node("Pow", [self.node(
            "Mul", [s, two]), two]), sizes])
        y = self.node("Concat", [xy, s, rest], "model.24", axis=4)
        count = self.node("Mul", [self.node("Mul", [nx, ny]),
                                  self.const(np.int64(na))])
        dims = self.node("Concat", [bs1, self.unsqueeze(count, [0]),
                                    self.ints(no)], axis=0)
        return self.node("Reshape", [y, dims], "model.24")

    def output(self, name, shape):
        self.outputs.append(helper.make_tensor_value_info(name, self.etype,
                                                          shape))

    def proto(self):
        graph = helper.make_graph(self.nodes, "main_graph", self.inputs,
                                  self.outputs, self.inits)
        model = helper.make_model(
            graph, producer_name="make_onnx",
            opset_imports=[helper.make_opsetid("", self.opset)],
            ir_version=8)
        for key, value in self.meta.items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        return model
