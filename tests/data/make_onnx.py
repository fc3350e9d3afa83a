#!/usr/bin/env python3
"""Writes tests/data/onnx: tiny YOLOv5-like models in every form the importer
accepts (NAME.onnx, with NAME.out, what ONNX Runtime computes), and one broken
or foreign model for each reason to refuse (bad_NAME.onnx).

Needs the packages onnx, onnxruntime and numpy. The output is reproducible:
weights come from a seeded generator.

    python3 tests/data/make_onnx.py

NAME.out holds float32, little-endian: for each level in ascending stride, for
each anchor, row and column, 5 + classes numbers; decoded boxes where the model
has a decode tail, raw head outputs (no sigmoid) otherwise. The image is 64x64,
channel c, row y, column x having the value ((c*64 + y)*64 + x)*37 % 256 / 255.
"""

import os
import numpy as np
import onnx
from onnx import TensorProto, helper

from onnx_model import SIZE, Model


def run(proto, half, batch=1):
    import onnxruntime as ort
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(proto.SerializeToString(), options,
                                   providers=["CPUExecutionProvider"])
    index = np.arange(3 * SIZE * SIZE)
    image = (index * 37 % 256 / 255).astype(np.float16 if half else np.float32)
    image = image.reshape(1, 3, SIZE, SIZE).repeat(batch, 0)
    return [out[:1] for out in session.run(None, {"images": image})]


def save_good(folder, name, model, na=3):
    proto = model.proto()
    if model.opset >= 12:
        onnx.checker.check_model(proto)
    outs = run(proto, model.half, model.batch)
    if outs[0].ndim == 3:
        flat = outs[0].reshape(-1)
    else:
        levels = []
        for out in outs:
            if out.ndim == 4:
                _, c, h, w = out.shape
                out = out.reshape(1, na, c // na, h, w).transpose(0, 1, 3, 4, 2)
            levels.append(out.reshape(-1))
        flat = np.concatenate(levels)
    save(folder, name, proto)
    flat.astype("<f4").tofile(os.path.join(folder, name + ".out"))


def save(folder, name, proto):
    with open(os.path.join(folder, name + ".onnx"), "wb") as f:
        f.write(proto.SerializeToString(deterministic=True))


def good_forms(folder):
    """One network the way different exporters write it."""
    m = Model()
    m.decode(m.body())
    save_good(folder, "split", m)

    m = Model(opset=12, names="number")
    m.meta = {}  # v6.0 wrote no metadata
    m.decode(m.body(resize="sizes"), "slice", raw=True)
    save_good(folder, "slice_and_raw", m)

    m = Model(opset=13, constants="identity", names="none")
    m.decode(m.body(), "square")
    save_good(folder, "unsimplified", m)

    m = Model(constants=True)
    m.decode(m.body(resize="sizes"), "dynamic")
    dims = m.inputs[0].type.tensor_type.shape.dim
    for d, label in ((0, "batch"), (2, "height"), (3, "width")):
        dims[d].ClearField("dim_value")
        dims[d].dim_param = label
    save_good(folder, "dynamic", m)

    m = Model(half=True)
    m.decode(m.body())
    save_good(folder, "half", m)

    m = Model(half=True, store="list", opset=12)
    m.decode(m.body())
    save_good(folder, "half_list", m)

    # A convolution of which only the shape is used: not part of the network.
    m = Model()
    convs = m.body()
    m.decode(convs, batch_of=m.conv("images", 3, 4, 3, "model.30"))
    save_good(folder, "only_its_shape", m)

    m = Model(store="list")
    m.decode(m.body(), "slice")
    save_good(folder, "float_list", m)


def good_inputs(folder):
    """Several images, or one that is no square."""
    # Four images at a time, which is written down in shapes.
    for name, form in (("batch", "scales"), ("batch_sizes", "fixed")):
        m = Model(batch=4)
        m.decode(m.body(resize=form))
        save_good(folder, name, m)

    # Wider than it is high; heads as they are.
    m = Model()
    m.inputs[0].type.tensor_type.shape.dim[3].dim_value = 96
    for conv in m.body():
        m.output(conv, [1, 21, None, None])
    save(folder, "oblong", m.proto())


def good_windows(folder):
    """Windows that are not square and centred."""
    # 3x3 filters by 2 padded at one end, others dilated along one axis, with a
    # Pad.
    m = Model()
    m.decode(m.body())
    for conv in [n for n in m.nodes if n.op_type == "Conv"]:
        attrs = {a.name: a.ints for a in conv.attribute}
        if list(attrs["kernel_shape"]) != [3, 3]:
            continue
        if attrs["strides"][0] == 2:
            attrs["pads"][:] = [0, 1, 1, 0]
            continue
        attrs["pads"][:] = [1, 0, 0, 1]
        attrs["dilations"][:] = [2, 1]
        y = m.node("Pad", [conv.input[0],
                           m.ints(0, 0, 1, 1, 0, 0, 2, 0)], "model.9")
        conv.input[0] = y
        pad = m.nodes.pop()
        m.nodes.insert(m.nodes.index(conv), pad)
    save_good(folder, "windows", m)

    # No pixel in the middle, and other zeros before than behind.
    m = Model()
    m.decode(m.body(shuffle=True))
    shapes = [dict(kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1),
              dict(kernel_shape=[2, 2], strides=[1, 1], pads=[0, 0, 1, 1]),
              dict(kernel_shape=[4, 4], strides=[1, 1], pads=[1, 1, 2, 2]),
              dict(kernel_shape=[2, 2], strides=[1, 1], auto_pad="SAME_UPPER")]
    for pool in [n for n in m.nodes if n.op_type == "MaxPool"]:
        new = helper.make_node("MaxPool", pool.input, pool.output, pool.name,
                               **shapes.pop(0))
        pool.CopyFrom(new)
    save_good(folder, "pools", m)


def good_ages(folder):
    """Other backbones than that of v6.0."""
    # YOLOv5 before v4.0: Focus, BottleneckCSP, SPP, Hardswish.
    m = Model(opset=12, names="number", swish="hard")
    m.decode(m.body(spp=True, old=True), "slice")
    save_good(folder, "version3", m)

    # Depth-wise where there are two channels, in groups where four.
    m = Model()
    m.decode(m.body(group=2))
    save_good(folder, "grouped", m)

    # A block of ShuffleNet: half of the channels go round, then all change
    # places in two groups; and pools with a stride.
    m = Model()
    convs = m.body(shuffle=True)
    m.decode(convs)
    save_good(folder, "shuffle", m)

    # A normalisation behind what is no convolution.
    m = Model()
    convs = m.body()
    stats = [m.rng.uniform(0.5, 1.5, 4) for _ in range(4)]
    x = m.batch_norm(m.pool(m.nodes[2].output[0], 3, "model.3"), stats,
                     "model.3")
    m.nodes[3].input[0] = x
    norm = [m.nodes.pop(), m.nodes.pop()]
    m.nodes[3:3] = reversed(norm)
    m.decode(convs)
    save_good(folder, "norm_alone", m)


def good_networks(folder):
    """Other blocks, levels and outputs, and an order of its own."""
    m = Model(norm=True)
    m.decode(m.body())
    save_good(folder, "batchnorm", m)

    m = Model(bias=False)
    m.decode(m.body(spp=True))
    save_good(folder, "spp_no_bias", m)

    m = Model()
    for conv in m.body():
        m.output(conv, [1, 21, None, None])
    save_good(folder, "heads", m)

    m = Model()
    sides = (8, 4, 2)
    for conv, side in zip(m.body(), sides):
        m.output(m.moved(conv, side, 7, 3), [1, 3, side, side, 7])
    m.outputs.reverse()  # the importer sorts levels by stride
    proto = m.proto()
    save(folder, "heads_moved", proto)
    outs = run(proto, False)
    np.concatenate([o.reshape(-1) for o in reversed(outs)]).astype("<f4") \
        .tofile(os.path.join(folder, "heads_moved.out"))

    m = Model()
    m.meta["anchors"] = "[[10,13, 33,23], [62,45.5, 156,198]]"
    m.meta["stride"] = "16"
    for conv in m.body(levels=2, na=2):
        m.output(conv, [1, 14, None, None])
    save_good(folder, "heads_anchors", m, na=2)

    m = Model()
    m.meta["stride"] = "64"
    m.decode(m.body(levels=4))
    save_good(folder, "p6", m)

    m = Model()
    m.meta["names"] = "['only']"
    m.decode(m.body(levels=2, no=6, na=2), no=6, na=2)
    save_good(folder, "two_levels_one_class", m)

    m = Model()
    m.decode(m.body())
    proto = m.proto()
    nodes = list(proto.graph.node)
    del proto.graph.node[:]
    proto.graph.node.extend(reversed(nodes))
    save(folder, "reversed", proto)
    run(Model_sorted(proto, nodes), False)[0].astype("<f4").tofile(
        os.path.join(folder, "reversed.out"))


def Model_sorted(proto, nodes):
    copy = onnx.ModelProto()
    copy.CopyFrom(proto)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    return copy


def small(**kwargs):
    """One level and three convolutions: a base to break."""
    m = Model(size=32, **kwargs)
    x = m.conv("images", 3, 2, 6, "model.0", 2)
    x = m.conv(x, 2, 2, 3, "model.1", 2)
    x = m.conv(x, 2, 2, 3, "model.2", 2)
    return m, x


def finish_small(m, x, **kwargs):
    conv = m.conv(x, 2, 21, 1, "model.24/m.0", act=False)
    m.decode([conv], anchors=[[10, 13, 16, 30, 33, 23]], size=32, **kwargs)
    return m


def put_bad(folder, name, model):
    proto = model if isinstance(model, onnx.ModelProto) else model.proto()
    save(folder, "bad_" + name, proto)


def base():
    return finish_small(*small()).proto()


def swap(path_end, op):
    proto = base()
    for node in proto.graph.node:
        if node.name.endswith(path_end):
            node.op_type = op
    return proto


def initializer(name):
    proto = base()
    return proto, next(t for t in proto.graph.initializer if t.name == name)


def bad_nodes(folder):
    """Operators and edges."""
    put_bad(folder, "activation", swap("model.1/act/Mul", "Gelu"))
    put_bad(folder, "operator", swap("model.1/act/Mul", "Frobnicate"))
    proto = base()
    proto.graph.node[3].domain = "com.example"
    put_bad(folder, "domain", proto)

    proto = base()
    proto.graph.node[0].input[0] = proto.graph.node[5].output[0]
    put_bad(folder, "cycle", proto)
    proto = base()
    proto.graph.node[1].input[0] = proto.graph.node[1].output[0]
    put_bad(folder, "self_cycle", proto)
    proto = base()
    proto.graph.node[4].output[0] = proto.graph.node[1].output[0]
    put_bad(folder, "twice", proto)
    proto = base()
    proto.graph.node[3].input[1] = "absent"
    put_bad(folder, "missing", proto)
    proto = base()
    del proto.graph.node[3].input[1:]
    put_bad(folder, "no_weights", proto)


def bad_tensors(folder):
    """Weights that are not what they claim."""
    proto, t = initializer("model.1.conv.weight")
    t.dims[1] = -2
    put_bad(folder, "negative_dim", proto)
    proto, t = initializer("model.1.conv.weight")
    t.dims[:] = [1 << 31, 1 << 31, 1 << 31, 1 << 31]
    put_bad(folder, "huge_dims", proto)
    proto, t = initializer("model.1.conv.weight")
    t.raw_data = t.raw_data[:-4]
    put_bad(folder, "short_data", proto)
    proto, t = initializer("model.1.conv.weight")
    t.dims[:] = [2, 2, 9]
    put_bad(folder, "weight_rank", proto)
    proto, t = initializer("model.1.conv.weight")
    t.dims[:] = [1, 4, 3, 3]
    put_bad(folder, "channels", proto)
    proto, t = initializer("model.1.conv.weight")
    t.data_type = TensorProto.STRING
    put_bad(folder, "weight_type", proto)
    proto, t = initializer("model.1.conv.bias")
    t.data_location = TensorProto.EXTERNAL
    entry = t.external_data.add()
    entry.key, entry.value = "location", "weights.bin"
    t.ClearField("raw_data")
    put_bad(folder, "external", proto)
    proto, t = initializer("model.1.conv.bias")
    t.raw_data = np.array([np.nan, 1], np.float32).tobytes()
    put_bad(folder, "nan", proto)


def bad_layers(folder):
    """Operators with attributes or operands that no kernel is for."""
    m, x = small()
    x = m.conv(x, 2, 2, 3, "model.3")
    m.nodes[-3].attribute[1].i = 3  # group
    put_bad(folder, "grouped", finish_small(m, x))
    m, x = small()
    x = m.node("Resize", [x, "", m.const(np.array([1, 1, 2, 2], np.float32))],
               "model.3", mode="linear")
    put_bad(folder, "bilinear", finish_small(m, x))
    m, x = small()
    x = m.node("Resize", [x, "", m.const(np.array([1, 1, 3, 3], np.float32))],
               "model.3", mode="nearest", nearest_mode="floor",
               coordinate_transformation_mode="asymmetric")
    put_bad(folder, "times_three", finish_small(m, x))
    m, x = small()
    x = m.node("Add", [x, m.conv(x, 2, 2, 3, "model.3", 2)], "model.4")
    put_bad(folder, "add_shapes", finish_small(m, x))
    m, x = small()
    x = m.node("MaxPool", [x], "model.3", kernel_shape=[3, 2], strides=[2, 2])
    put_bad(folder, "pool", finish_small(m, x))
    # Not Focus: the last quarter is the first again.
    m = Model(size=32)
    quarters = []
    for dy in (0, 1):
        for dx in (0, 1):
            start = m.ints(dy, dx) if dy + dx < 2 else m.ints(0, 0)
            y = m.node("Slice", ["images", start, m.ints(32, 32),
                                 m.ints(2, 3), m.ints(2, 2)], "model.0")
            quarters.append(y)
    x = m.node("Concat", quarters, "model.0", axis=1)
    x = m.conv(x, 12, 2, 3, "model.0/conv", 4)
    put_bad(folder, "focus", finish_small(m, x))


def bad_outputs(folder):
    """Decode tails and outputs of something else than a detector."""
    for wrong in ("cell", "anchor", "stride", "linear"):
        put_bad(folder, "tail_" + wrong, finish_small(*small(), wrong=wrong))
    m, x = small()
    m.output(m.node("Flatten", [m.node("GlobalAveragePool", [x], "model.9")],
                    "model.9"), [1, 2])
    put_bad(folder, "classify", m)
    m, x = small()
    finish_small(m, x)
    m.output(x, [1, 2, 4, 4])
    put_bad(folder, "segment", m)
    m, x = small()
    m.output(m.conv(x, 2, 21, 1, "model.24/m.0", act=False), [1, 21, 4, 4])
    put_bad(folder, "no_anchors", m)
    m, x = small()
    finish_small(m, x)
    m.outputs.clear()
    put_bad(folder, "no_output", m)
    m, x = small()
    finish_small(m, x)
    m.outputs[0].name = "elsewhere"
    put_bad(folder, "output_name", m)


def bad_inputs(folder):
    """Inputs, opsets and metadata."""
    put_bad(folder, "gray", finish_small(*small(channels=1)))
    m, x = small()
    m.inputs[0] = helper.make_tensor_value_info("images", TensorProto.UINT8,
                                                [1, 3, 32, 32])
    put_bad(folder, "bytes_in", finish_small(m, x))
    m, x = small()
    m.inputs.append(helper.make_tensor_value_info("mask", TensorProto.FLOAT,
                                                  [1]))
    put_bad(folder, "two_inputs", finish_small(m, x))
    m = finish_small(*small())
    m.opset = 7
    put_bad(folder, "opset", m)
    proto = base()
    del proto.opset_import[:]
    put_bad(folder, "no_opset", proto)
    for key, value, name in (("names", "['cat', 'dog', 'cow']", "names_count"),
                             ("names", "{0: 'cat', 1: open('x')}", "names"),
                             ("stride", "4", "meta_stride")):
        m = finish_small(*small())
        m.meta[key] = value
        put_bad(folder, name, m)
    proto = base()
    proto.ClearField("graph")
    put_bad(folder, "no_graph", proto)


def bad_sizes(folder):
    """Graphs that would grow without end."""
    # Formulas that double at every level, and one as deep as the file is long.
    m, x = small()
    y = m.node("Reshape", [m.conv(x, 2, 21, 1, "model.24/m.0", act=False),
                           m.ints(1, 48, 7)])
    for _ in range(40):
        y = m.node("Mul", [y, y])
    m.output(y, [1, 48, 7])
    put_bad(folder, "exponential", m)
    m, x = small()
    y = m.node("Reshape", [m.conv(x, 2, 21, 1, "model.24/m.0", act=False),
                           m.ints(1, 48, 7)])
    for _ in range(300):
        y = m.node("Neg", [y])
    m.output(y, [1, 48, 7])
    put_bad(folder, "deep", m)
    # Upsampled until the sides overflow.
    m, x = small()
    for _ in range(64):
        x = m.upsample(x, "model.3")
    put_bad(folder, "overflow", finish_small(m, x))


def main():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "onnx")
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith((".onnx", ".out")):
            os.remove(os.path.join(folder, name))
    for save_some in (good_forms, good_inputs, good_windows, good_ages,
                      good_networks, bad_nodes, bad_tensors, bad_layers,
                      bad_outputs, bad_inputs, bad_sizes):
        save_some(folder)


if __name__ == "__main__":
    main()
