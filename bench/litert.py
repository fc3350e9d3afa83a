"""A network cut at its detect convolutions, as a LiteRT model for XNNPACK.

    litert.py MODEL.onnx OUT.tflite

MODEL is what models.py cuts, in fp32, or what quantise.py makes of it for ONNX
Runtime: pairs of QuantizeLinear and DequantizeLinear around every operator, u8
activations, s8 weights with a scale for each channel. The LiteRT model has the
same scales, so both engines run one quantisation. Tensors are NHWC, as XNNPACK
wants them; input and outputs are float.

What LiteRT's rules for 8 bits ask for on top: a sigmoid's output is in steps of
1/256, and what a concat or a pool reads has the steps of what it writes.
"""

import sys

import numpy
import onnx
from ai_edge_litert import schema_py_generated as schema
import flatbuffers

SIGMOID_STEP = 1 / 256


class Quantised:
    """How a tensor's 8-bit values mean numbers: (value - zero) * scale."""

    def __init__(self, scale, zero):
        self.scale = numpy.atleast_1d(numpy.asarray(scale, numpy.float32))
        self.zero = int(zero)

    def same(self, other):
        return self.zero == other.zero and self.scale == other.scale


class Source:
    """An ONNX graph without its pairs of quantisers, their numbers aside."""

    def __init__(self, path):
        model = onnx.load(path)
        self.constants = {
            w.name: onnx.numpy_helper.to_array(w)
            for w in model.graph.initializer
        }
        for node in model.graph.node:
            if node.op_type == "Constant":
                value = onnx.helper.get_attribute_value(node.attribute[0])
                self.constants[node.output[0]] = onnx.numpy_helper.to_array(
                    value
                )
        self.steps = {}  # activation -> Quantised
        self.weights = {}  # dequantised weight -> (values, scales)
        self.alias = {}
        for node in model.graph.node:
            if node.op_type == "QuantizeLinear":
                self.take_steps(node)
            elif node.op_type == "DequantizeLinear":
                self.take_values(node)
        plain = ("QuantizeLinear", "DequantizeLinear", "Constant")
        self.nodes = [n for n in model.graph.node if n.op_type not in plain]
        self.input = model.graph.input[0]
        self.outputs = [self.name(v.name) for v in model.graph.output]
        inferred = onnx.shape_inference.infer_shapes(model).graph
        self.shapes = {
            v.name: [d.dim_value for d in v.type.tensor_type.shape.dim]
            for v in (*inferred.value_info, *inferred.input, *inferred.output)
        }

    def take_steps(self, node):
        scale, zero = (self.constants[name] for name in node.input[1:3])
        # u8 with its zero point becomes s8.
        shift = 128 if zero.dtype == numpy.uint8 else 0
        name = self.name(node.input[0])
        self.steps[name] = Quantised(scale, int(zero) - shift)
        self.alias[node.output[0]] = name

    def take_values(self, node):
        read, made = node.input[0], node.output[0]
        if read not in self.constants:
            self.alias[made] = self.name(read)
            return
        values, scale = self.constants[read], self.constants[node.input[1]]
        shape = [-1] + [1] * (values.ndim - 1) if scale.ndim else []
        self.constants[made] = values * scale.reshape(shape)
        if values.dtype == numpy.int8:
            self.weights[made] = values, scale

    def name(self, name):
        while name in self.alias:
            name = self.alias[name]
        return name

    def settle(self):
        """Give what a concat, a pool or a resize joins the same steps."""
        settled = set()

        def give(name, steps):
            if name not in settled and name in self.steps:
                self.steps[name] = steps
                settled.add(name)

        for node in reversed(self.nodes):
            made = self.name(node.output[0])
            if made not in self.steps:
                continue
            if node.op_type == "Sigmoid":
                self.steps[made] = Quantised(SIGMOID_STEP, -128)
            elif node.op_type in ("Concat", "MaxPool", "Resize"):
                settled.add(made)
                for name in node.input:
                    give(self.name(name), self.steps[made])


def attributes(node):
    return {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}


class Writer:
    """A LiteRT model that grows node by node."""

    def __init__(self, source):
        self.source = source
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]
        self.codes = {}
        self.tensors = {}  # ONNX name -> index

    def buffer(self, values):
        buffer = schema.BufferT()
        buffer.data = numpy.frombuffer(values.tobytes(), numpy.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def tensor(self, shape, kind, steps=None, values=None):
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.graph.tensors)}"
        tensor.shape, tensor.type = list(shape), kind
        tensor.buffer = 0 if values is None else self.buffer(values)
        if steps:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = steps.scale
            tensor.quantization.zeroPoint = numpy.full(
                steps.scale.size, steps.zero, numpy.int64
            )
            tensor.quantization.quantizedDimension = 0
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def activation(self, shape, steps):
        kinds = schema.TensorType
        kind = kinds.INT8 if steps else kinds.FLOAT32
        return self.tensor(shape, kind, steps)

    def operator(self, name, inputs, output, options=None):
        code = getattr(schema.BuiltinOperator, name)
        if name not in self.codes:
            entry = schema.OperatorCodeT()
            entry.builtinCode = code
            entry.deprecatedBuiltinCode = min(code, 127)
            entry.version = 1
            self.codes[name] = len(self.model.operatorCodes)
            self.model.operatorCodes.append(entry)
        made = schema.OperatorT()
        made.opcodeIndex = self.codes[name]
        made.inputs, made.outputs = list(inputs), [output]
        if options:
            made.builtinOptions = options
            kind = type(options).__name__.removesuffix("T")
            made.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        self.graph.operators.append(made)
        return output

    # What a node reads, in the steps that its rules ask for.

    def read(self, name, steps=None):
        name = self.source.name(name)
        index, mine = self.tensors[name], self.source.steps.get(name)
        if steps is None or mine.same(steps):
            return index
        shape = self.graph.tensors[index].shape
        made = self.activation(shape, steps)
        return self.operator("QUANTIZE", [index], made)

    def shape(self, index):
        return list(self.graph.tensors[index].shape)

    def make(self, node, shape):
        """The tensor that a node writes, NHWC."""
        name = self.source.name(node.output[0])
        index = self.activation(shape, self.source.steps.get(name))
        self.tensors[name] = index
        return index

    def conv(self, node):
        source, about = self.source, attributes(node)
        read = self.read(node.input[0])
        weight = source.constants[node.input[1]]
        bias = source.constants[node.input[2]].astype(numpy.float32)
        stride, pads = about["strides"][0], about["pads"]
        outputs, _, window, _ = weight.shape
        height = self.shape(read)[1]
        result = (height + 2 * pads[0] - window) // stride + 1
        missing = max((result - 1) * stride + window - height, 0)
        same = missing // 2 == pads[0] and missing - missing // 2 == pads[0]
        if not same and pads[0]:
            read = self.pad(read, pads[0], source.name(node.input[0]))
        options = schema.Conv2DOptionsT()
        padding = schema.Padding
        options.padding = padding.SAME if same else padding.VALID
        options.strideH = options.strideW = stride
        filters = self.filters(node, weight, bias)
        made = self.make(node, [1, result, result, outputs])
        self.operator("CONV_2D", [read, *filters], made, options)

    def filters(self, node, weight, bias):
        kinds = schema.TensorType
        known = self.source.weights.get(node.input[1])
        if known:
            values, scale = known
            steps = self.source.steps[self.source.name(node.input[0])]
            product = steps.scale.astype(numpy.float64) * scale
            bias = numpy.round(bias / product).astype(numpy.int32)
            weight, kind = values, kinds.INT8
            of_weight = Quantised(scale, 0)
            of_bias = Quantised(product, 0)
        else:
            weight, kind = weight.astype(numpy.float32), kinds.FLOAT32
            of_weight = of_bias = None
        weight = numpy.ascontiguousarray(weight.transpose(0, 2, 3, 1))
        return [
            self.tensor(weight.shape, kind, of_weight, weight),
            self.tensor(
                bias.shape,
                kinds.INT32 if known else kinds.FLOAT32,
                of_bias,
                bias,
            ),
        ]

    def pad(self, read, by, name):
        shape = self.shape(read)
        shape[1] += 2 * by
        shape[2] += 2 * by
        values = numpy.array([[0, 0], [by, by], [by, by], [0, 0]], numpy.int32)
        about = self.tensor([4, 2], schema.TensorType.INT32, None, values)
        made = self.activation(shape, self.source.steps.get(name))
        return self.operator("PAD", [read, about], made, schema.PadOptionsT())

    def pool(self, node):
        window = attributes(node)["kernel_shape"][0]
        options = schema.Pool2DOptionsT()
        options.padding = schema.Padding.SAME
        options.strideH = options.strideW = 1
        options.filterHeight = options.filterWidth = window
        read = self.read(node.input[0], self.steps_of(node))
        made = self.make(node, self.shape(read))
        self.operator("MAX_POOL_2D", [read], made, options)

    def steps_of(self, node):
        return self.source.steps.get(self.source.name(node.output[0]))

    def concat(self, node):
        steps = self.steps_of(node)
        read = [self.read(name, steps) for name in node.input]
        shape = self.shape(read[0])
        shape[3] = sum(self.shape(index)[3] for index in read)
        options = schema.ConcatenationOptionsT()
        options.axis = 3
        made = self.make(node, shape)
        self.operator("CONCATENATION", read, made, options)

    def resize(self, node):
        """Each pixel four times, as concats and reshapes, which XNNPACK has;
        LiteRT's own operator would cut the network in pieces."""
        read = self.read(node.input[0], self.steps_of(node))
        _, height, width, channels = self.shape(read)
        wide = [1, height, width, 2 * channels]
        rows = [1, height, 1, 2 * width * channels]
        tall = [1, height, 2, 2 * width * channels]
        steps = self.steps_of(node)
        read = self.join([read, read], wide, 3, steps)
        read = self.reshape(read, self.activation(rows, steps))
        read = self.join([read, read], tall, 2, steps)
        self.reshape(
            read, self.make(node, [1, 2 * height, 2 * width, channels])
        )

    def join(self, read, shape, axis, steps):
        options = schema.ConcatenationOptionsT()
        options.axis = axis
        made = self.activation(shape, steps)
        return self.operator("CONCATENATION", read, made, options)

    def reshape(self, read, made):
        shape = numpy.array(self.shape(made), numpy.int32)
        about = self.tensor([len(shape)], schema.TensorType.INT32, None, shape)
        options = schema.ReshapeOptionsT()
        options.newShape = shape
        return self.operator("RESHAPE", [read, about], made, options)

    def pointwise(self, node, name, options):
        read = [self.read(x) for x in node.input]
        made = self.make(node, self.shape(read[0]))
        self.operator(name, read, made, options)

    def node(self, node):
        kinds = {
            "Conv": self.conv,
            "Concat": self.concat,
            "MaxPool": self.pool,
            "Resize": self.resize,
            "Add": lambda n: self.pointwise(n, "ADD", schema.AddOptionsT()),
            "Mul": lambda n: self.pointwise(n, "MUL", schema.MulOptionsT()),
            "Sigmoid": lambda n: self.pointwise(n, "LOGISTIC", None),
        }
        if node.op_type not in kinds:
            raise SystemExit(f"litert.py: no {node.op_type} in such networks")
        kinds[node.op_type](node)

    def borders(self, write):
        """Float outside, and whatever the network has inside."""
        source = self.source
        name = source.input.name
        _, channels, height, width = source.shapes[name]
        shape = [1, height, width, channels]
        outside = self.activation(shape, None)
        self.graph.inputs = [outside]
        self.tensors[name] = outside
        if name in source.steps:
            inside = self.activation(shape, source.steps[name])
            self.tensors[name] = self.operator("QUANTIZE", [outside], inside)
        write()
        self.graph.outputs = []
        for name in source.outputs:
            index = self.tensors[name]
            if name in source.steps:
                made = self.activation(self.shape(index), None)
                index = self.operator("DEQUANTIZE", [index], made)
            self.graph.outputs.append(index)

    def bytes(self):
        def write():
            for node in self.source.nodes:
                self.node(node)

        self.borders(write)
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def convert(path, out):
    source = Source(path)
    source.settle()
    with open(out, "wb") as file:
        file.write(Writer(source).bytes())


if __name__ == "__main__":
    convert(*sys.argv[1:3])
