"""The peers' int8 models, each made as its own project says to make them.

    quantise.py SOURCE SIZE PICTURES CACHE

Calibration pictures are letterboxed and scaled exactly as in inference. The
models lie in the cache folder beside the fp32 ones and are made once; a change
of a quantiser's version makes them anew. This runs in a process of its own, at
low priority, so that nothing it loads or allocates is left when peers are
timed.

    onnxruntime int8        quantize_static: QDQ, u8 activations, s8 weights
                            with a scale for each channel, all operators of the
                            graph cut at the detect convolutions
    onnxruntime int8 conv   the same, convolutions alone
    onnxruntime int8 full   the same on the whole graph, decode included, as a
                            first try has it
    openvino int8           NNCF's post-training quantisation, mixed preset, of
                            the graph cut at the detect convolutions
    openvino int8 full      the same of the whole graph, the decode's nodes
                            ignored
    xnnpack int8            what is in "onnxruntime int8", as a LiteRT model: the
                            same scales (litert.py)
    ncnn int8               ncnn2table's KL method and ncnn2int8's format, with
                            6-bit weights for the 3x3 convolutions that ncnn
                            runs as Winograd in int8
    ncnn int8 direct        thresholds of least squared error, which keep more,
                            8-bit weights throughout, Winograd off
"""

import importlib.metadata
import os
import pathlib
import struct
import subprocess
import sys

import cv2
import numpy

import litert
import models
import yolov5

# A contender's name -> the file it runs, in the network's cache folder.
FILES = {
    "onnxruntime int8": "{}_ort_int8.onnx",
    "onnxruntime int8 conv": "{}_ort_int8_conv.onnx",
    "onnxruntime int8 full": "{}_ort_int8_full.onnx",
    "openvino int8": "{}_nncf_int8.xml",
    "openvino int8 full": "{}_nncf_int8_full.xml",
    "xnnpack int8": "{}_litert_int8.tflite",
    "ncnn int8": "{}_ncnn_int8.param",
    "ncnn int8 direct": "{}_ncnn_int8_direct.param",
}
MAKERS = ("onnxruntime", "nncf", "ncnn")  # whose versions name the folder
NICE = 10

# ncnn's file format and its table tool.
INT8_WEIGHTS, FP32_WEIGHTS = 0x000D4B38, 0
BINS, LEVELS, EPSILON = 2048, 128, 1e-4


def paths_of(network):
    """{contender name: model file}, made or not."""
    versions = [f"{n}{importlib.metadata.version(n)}" for n in MAKERS]
    folder = network.heads.parent / ("int8-" + "-".join(versions))
    return {n: folder / f.format(network.name) for n, f in FILES.items()}


def prepare(network, pictures, cache):
    """{contender name: model file}; makes what is missing, in a child."""
    files = paths_of(network)
    if not network.full:
        files = {n: f for n, f in files.items() if not n.endswith("full")}
    if not network.ncnn:
        files = {n: f for n, f in files.items() if not n.startswith("ncnn")}
    if not all(f.exists() for f in files.values()):
        print(f"{network.name}: making int8 models, some minutes", flush=True)
        subprocess.run(
            [
                sys.executable,
                __file__,
                network.source,
                str(network.size),
                pictures,
                cache,
            ],
            check=True,
            stdout=sys.stderr,
            preexec_fn=step_aside,
        )
    return files


def step_aside():
    """To low priority, unless it is lower already."""
    now = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, max(now, NICE))
    if os.sched_getscheduler(0) != os.SCHED_OTHER:  # a real-time driver's child
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def inputs(pictures, size):
    """The calibration pictures as the network's input, one after the other."""
    for file in sorted(pathlib.Path(pictures).glob("*.jpg")):
        yield yolov5.to_input(yolov5.letterbox(cv2.imread(str(file)), size))


# --------------------------------------------------------- ONNX Runtime


def make_onnxruntime(source, images, operators, out):
    from onnxruntime import quantization

    class Reader(quantization.CalibrationDataReader):
        def __init__(self, name):
            self.rest = ({name: image} for image in images())

        def get_next(self):
            return next(self.rest, None)

    name = models.onnx.load(source, load_external_data=False).graph.input[0]
    quantization.quantize_static(
        str(source),
        str(out),
        Reader(name.name),
        quant_format=quantization.QuantFormat.QDQ,
        activation_type=quantization.QuantType.QUInt8,
        weight_type=quantization.QuantType.QInt8,
        per_channel=True,
        op_types_to_quantize=operators,
    )


# ------------------------------------------------------------- OpenVINO


def make_openvino(source, images, count, ignored, out):
    import nncf
    import openvino

    quantised = nncf.quantize(
        openvino.Core().read_model(str(source)),
        nncf.Dataset(images()),
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=count,
        ignored_scope=nncf.IgnoredScope(patterns=ignored) if ignored else None,
    )
    openvino.save_model(quantised, str(out), compress_to_fp16=False)


# ----------------------------------------------------------------- ncnn
# The wheel of ncnn lacks its tools ncnn2table and ncnn2int8. What they do is
# short enough to be done here with the same engine's own fp32 activations.


def ncnn_layers(param):
    """(lines of the header, layers as words, the convolutions among them)."""
    lines = param.read_text(encoding="ascii").splitlines()
    layers = [line.split() for line in lines[2:]]
    return lines[:2], layers, [w for w in layers if w[0] == "Convolution"]


def argument(words, key, default=None):
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name == str(key):
            return int(value)
    return default


def each_activation(param, images, names):
    """Runs ncnn in fp32; for each picture [(values of the blob NAME)]."""
    import ncnn

    net = ncnn.Net()
    for name in dir(net.opt):
        if name.startswith(("use_fp16_", "use_bf16_", "use_int8_")):
            setattr(net.opt, name, False)
    if net.load_param(str(param)) or net.load_model(
        str(param.with_suffix(".bin"))
    ):
        raise SystemExit(f"ncnn cannot load {param}")
    for image in images():
        extractor = net.create_extractor()
        extractor.set_light_mode(False)
        extractor.input("in0", ncnn.Mat(image[0]).clone())
        for place, name in enumerate(names):
            status, value = extractor.extract(name)
            if status:
                raise SystemExit(f"ncnn cannot compute {name}")
            yield place, numpy.abs(numpy.asarray(value.numpy())).ravel()


def divergence(histogram, limit):
    """KL of HISTOGRAM cut at LIMIT bins from its form in 128 levels.

    As ncnn2table has it: of a bin that lies in two levels, the share of the
    lower one is left out, except between the first two. That matters: put
    right, the input would be clipped at half its range.
    """
    cut = histogram[:limit].copy()
    cut[-1] += histogram[limit:].sum()
    edges = numpy.linspace(0, limit, LEVELS + 1)
    total = numpy.concatenate(([0.0], numpy.cumsum(histogram[:limit])))
    levels = numpy.interp(edges, numpy.arange(limit + 1), total)
    coarse = numpy.diff(numpy.interp(numpy.arange(limit + 1), edges, levels))
    inner = edges[2:-1]
    whole = numpy.floor(inner).astype(int)
    density = numpy.diff(levels)[1:-1] * LEVELS / limit
    coarse[whole] -= (inner - whole) * density
    cut, coarse = cut + EPSILON, coarse + EPSILON
    return float((cut * numpy.log(cut / coarse)).sum())


def squared_error(histogram, limit):
    """Of bins rounded to 127 steps up to LIMIT, and clipped there."""
    centres = numpy.arange(BINS) + 0.5
    step = limit / 127
    rounded = numpy.minimum(numpy.rint(centres / step), 127) * step
    return float((histogram * (centres - rounded) ** 2).sum())


def thresholds(largest, counts, loss):
    """Of each activation, where LOSS is least."""
    found = []
    for top, histogram in zip(largest, counts, strict=True):
        histogram = histogram / histogram.sum()
        best = min(
            range(LEVELS, BINS), key=lambda limit: loss(histogram, limit)
        )
        found.append((best + 0.5) * top / BINS)
    return numpy.array(found)


def ncnn_statistics(param, images, names, kept):
    """(largest magnitudes, histograms below them) of NAMES; KEPT in a file."""
    if kept.exists():
        with numpy.load(kept) as file:
            return file["largest"], file["counts"]
    largest = numpy.zeros(len(names))
    for place, values in each_activation(param, images, names):
        largest[place] = max(largest[place], values.max())
    counts = numpy.zeros((len(names), BINS))
    for place, values in each_activation(param, images, names):
        bins = (values * numpy.float32(BINS / largest[place])).astype(
            numpy.int32
        )
        counts[place] += numpy.bincount(
            numpy.minimum(bins, BINS - 1)[values > 0], minlength=BINS
        )
    numpy.savez(kept, largest=largest, counts=counts)
    return largest, counts


def quantised_weights(weights, levels):
    """(s8 [outputs][rest], scale of each output) with LEVELS at most."""
    scales = levels / numpy.abs(weights).max(1)
    steps = weights * scales[:, None]
    away = numpy.trunc(steps + numpy.copysign(0.5, steps))  # as ncnn rounds
    return numpy.clip(away, -127, 127).astype(numpy.int8), scales


def make_ncnn(param, images, tool, direct):
    """TOOL: as ncnn's tools do it. DIRECT: as it keeps more accuracy."""
    header, layers, convolutions = ncnn_layers(param)
    names = [words[4] for words in convolutions]
    kept = direct.with_name(direct.stem + "_statistics.npz")
    statistics = ncnn_statistics(param, images, names, kept)
    for out, loss in ((tool, divergence), (direct, squared_error)):
        scales = 127 / thresholds(*statistics, loss)
        write_ncnn(param, header, layers, scales, out == tool, out)


def write_ncnn(param, header, layers, scales, winograd, out):
    """The int8 model: weights tagged, then biases, then both scales."""
    blob = param.with_suffix(".bin").read_bytes()
    at, parts, text = 0, [], []
    scales = iter(scales)
    for words in layers:
        if words[0] == "Convolution":
            count, outputs = argument(words, 6), argument(words, 0)
            (tag,) = struct.unpack_from("<I", blob, at)
            if tag != FP32_WEIGHTS or argument(words, 5) != 1:
                raise SystemExit(f"{param}: {words[1]} is not fp32 with bias")
            weights = numpy.frombuffer(blob, "<f4", count, at + 4)
            bias = numpy.frombuffer(blob, "<f4", outputs, at + 4 + 4 * count)
            at += 4 + 4 * (count + outputs)
            six = winograd and argument(words, 1) == 3
            six = six and argument(words, 3, 1) == 1
            whole, scale = quantised_weights(
                weights.reshape(outputs, -1), 31 if six else 127
            )
            raw = whole.tobytes()
            parts += [
                struct.pack("<I", INT8_WEIGHTS),
                raw + bytes(-len(raw) % 4),
                bias.tobytes(),
                scale.astype("<f4").tobytes(),
                struct.pack("<f", next(scales)),
            ]
            words = [*words, "8=2"]
        text.append(" ".join(words))
    if at != len(blob):
        raise SystemExit(f"{param}: {len(blob) - at} bytes of weights left")
    out.with_suffix(".bin").write_bytes(b"".join(parts))
    out.write_text("\n".join([*header, *text]) + "\n", encoding="ascii")


# ----------------------------------------------------------------- all


def make(source, size, pictures, cache):
    network = models.prepare(source, size, cache)
    paths = paths_of(network)
    for path in paths.values():
        path.parent.mkdir(parents=True, exist_ok=True)

    def images():
        return inputs(pictures, size)

    count = sum(1 for _ in pathlib.Path(pictures).glob("*.jpg"))
    if not count:
        raise SystemExit(f"{pictures} holds no pictures to calibrate with")

    def missing(contender):
        return not paths[contender].exists()

    for contender, operators, graph in (
        ("onnxruntime int8", None, network.heads),
        ("onnxruntime int8 conv", ["Conv"], network.heads),
        ("onnxruntime int8 full", None, network.full),
    ):
        if graph and missing(contender):
            make_onnxruntime(graph, images, operators, paths[contender])
    if missing("xnnpack int8"):
        litert.convert(paths["onnxruntime int8"], paths["xnnpack int8"])
    # Everything of the detect module but its convolutions m.0 to m.2.
    decode = [r".*/model\.24/(?!m\.\d/Conv).*"]
    for contender, ignored, graph in (
        ("openvino int8", None, network.heads),
        ("openvino int8 full", decode, network.full),
    ):
        if graph and missing(contender):
            make_openvino(graph, images, count, ignored, paths[contender])
    if network.ncnn and missing("ncnn int8 direct"):
        make_ncnn(
            network.ncnn,
            images,
            paths["ncnn int8"],
            paths["ncnn int8 direct"],
        )


if __name__ == "__main__":
    make(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
