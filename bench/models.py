"""Prepare the models that the peers run: heads-only ONNX, other sizes, ncnn,
LiteRT.

Everything is derived from an fp32 export of YOLOv5 and kept in a cache folder,
one set of files for each (source file, size), so that a benchmark run starts
at once. Nothing here is timed.
"""

import hashlib
import math
import os
import pathlib
import subprocess
import sys

import onnx
import onnx.shape_inference

import litert


class Prepared:
    """One network at one size: its files and its nominal work."""

    def __init__(
        self, name, source, size, heads, full, ncnn, litert, flops, head_shapes
    ):
        self.name = name
        self.source = source  # the fp32 export
        self.model = None  # what yolotune calls it
        self.size = size
        self.heads = heads  # ONNX that ends at the three detect convolutions
        self.full = full  # ONNX with the decode tail; None at other sizes
        self.ncnn = ncnn  # ncnn .param, its .bin beside it; None if refused
        self.litert = litert  # LiteRT's model, for XNNPACK
        self.flops = flops  # two per multiply-add, convolutions only
        self.head_shapes = head_shapes


def head_tensors(graph):
    """Names of the detect convolutions' outputs, finest level first.

    They are the convolutions whose value goes to a Reshape and nowhere else:
    every other convolution of YOLOv5 feeds a SiLU.
    """
    readers = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node.op_type)
    heads = [
        node.output[0]
        for node in graph.node
        if node.op_type == "Conv" and readers.get(node.output[0]) == ["Reshape"]
    ]
    if len(heads) < 3:
        raise SystemExit(f"found {len(heads)} detect convolutions, not 3 or 4")
    return heads


def dims(value):
    return [d.dim_value for d in value.type.tensor_type.shape.dim]


def resized(model, size):
    """The same graph for another input size, all shapes inferred afresh."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    shape = copy.graph.input[0].type.tensor_type.shape
    shape.dim[2].dim_value = shape.dim[3].dim_value = size
    del copy.graph.value_info[:]
    for output in copy.graph.output:
        output.type.tensor_type.ClearField("shape")
    return onnx.shape_inference.infer_shapes(copy, strict_mode=True)


def weight_bytes(path):
    """Bytes of all constants in a model file of any of the peers."""
    path = pathlib.Path(path)
    if path.suffix == ".tflite":  # next to nothing else is in it
        return path.stat().st_size
    if path.suffix != ".onnx":
        return path.with_suffix(".bin").stat().st_size
    total = 0
    for tensor in onnx.load(path).graph.initializer:
        item = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        total += math.prod(tensor.dims) * item
    return total


def conv_flops(model):
    """Two flops for each multiply-add of each convolution."""
    shapes = {v.name: dims(v) for v in model.graph.value_info}
    shapes.update({v.name: dims(v) for v in model.graph.output})
    weights = {w.name: list(w.dims) for w in model.graph.initializer}
    return sum(
        2
        * math.prod(shapes[node.output[0]])
        * math.prod(weights[node.input[1]][1:])
        for node in model.graph.node
        if node.op_type == "Conv"
    )


def fuse_swish(param):
    """Rewrite x -> Split -> Sigmoid, Mul as ncnn's own Swish layer.

    pnnx does so itself except where the product is added to a shortcut, seven
    times in yolov5n. ncnn deserves its own best form.
    """
    lines = param.read_text(encoding="ascii").splitlines()
    layers = [line.split() for line in lines[2:]]
    ends = {}  # layer index -> (its inputs, its outputs)
    for i, words in enumerate(layers):
        inputs, outputs = int(words[2]), int(words[3])
        blobs = words[4 : 4 + inputs + outputs]
        ends[i] = blobs[:inputs], blobs[inputs:]
    writer = {blob: i for i, (_, outputs) in ends.items() for blob in outputs}
    reader = {blob: i for i, (inputs, _) in ends.items() for blob in inputs}

    gone = set()
    for i, words in enumerate(layers):
        if words[0] != "Sigmoid":
            continue
        split = writer[ends[i][0][0]]
        mul = reader[ends[i][1][0]]
        both = set(ends[split][1]) == {ends[i][0][0], *ends[mul][0]} - {
            ends[i][1][0]
        }
        product = layers[mul][0] == "BinaryOp" and layers[mul][-1] == "0=2"
        if layers[split][0] == "Split" and product and both:
            source, result = ends[split][0][0], ends[mul][1][0]
            layers[mul] = ["Swish", f"swish_{mul}", "1", "1", source, result]
            gone |= {split, i}
    kept = [words for i, words in enumerate(layers) if i not in gone]
    blobs = sum(int(words[3]) for words in kept)
    text = [
        lines[0],
        f"{len(kept)} {blobs}",
        *(" ".join(words) for words in kept),
    ]
    param.write_text("\n".join(text) + "\n", encoding="ascii")


def convert_to_ncnn(heads, folder):
    """Run pnnx on the heads-only ONNX; its default of fp16 weights is off."""
    pnnx = os.path.join(os.path.dirname(sys.executable), "pnnx")
    shape = dims(onnx.load(heads, load_external_data=False).graph.input[0])
    param = folder / (heads.stem + ".ncnn.param")
    done = subprocess.run(
        [
            pnnx,
            heads.name,
            "inputshape=[" + ",".join(map(str, shape)) + "]",
            "fp16=0",
        ],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if not param.exists():
        print(
            f"pnnx refused {heads.name}: {done.stdout[-400:]}", file=sys.stderr
        )
        return None
    fuse_swish(param)
    return param


def prepare(source, size, cache):
    """Derive what a run needs from SOURCE, reusing what an earlier run left."""
    source = pathlib.Path(source)
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:12]
    name = source.stem.removesuffix("_fp32")
    folder = pathlib.Path(cache) / f"{name}-{digest}-{size}"
    folder.mkdir(parents=True, exist_ok=True)
    heads = folder / f"{name}_{size}_heads.onnx"
    param = folder / f"{name}_{size}_heads.ncnn.param"

    model = onnx.shape_inference.infer_shapes(onnx.load(source))
    native = dims(model.graph.input[0])[2]
    if not heads.exists():
        extractor = onnx.utils.Extractor(model)
        cut = extractor.extract_model(
            [model.graph.input[0].name], head_tensors(model.graph)
        )
        onnx.save(resized(cut, size), heads)
    cut = onnx.load(heads)
    if not param.exists():
        param = convert_to_ncnn(heads, folder)
    tflite = folder / f"{name}_{size}_heads.tflite"
    if not tflite.exists():
        litert.convert(heads, tflite)
    return Prepared(
        name,
        source,
        size,
        heads,
        source if size == native else None,  # the tail's grids fix its size
        param,
        tflite,
        conv_flops(cut),
        [dims(output) for output in cut.graph.output],
    )
