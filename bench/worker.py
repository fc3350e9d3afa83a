"""One peer in a process of its own: load once, then run on request.

    worker.py KIND MODEL THREADS INPUT [PRECISION]

INPUT is a .npy of the network's input, float32 1x3xHxW. It speaks the protocol
of contender.py on standard input and output; each KIND is a class below, with
the settings that make it run at its best on THREADS threads in PRECISION:

    fp32            true fp32 throughout (default)
    bf16            an fp32 model, in bf16 where the engine can
    int8            a quantised model, and whatever the engine prefers between
                    its quantised operators
    int8-direct     the same without Winograd (ncnn)

A run is timed from the input lying ready in the peer's own tensor to the
outputs lying ready in the peer's own tensors: no image work, no NMS.
"""

import gc
import json
import os
import sys
import time


class OnnxRuntime:
    """All graph optimisations, sequential, outputs bound to kept buffers."""

    def __init__(self, model, threads, image, precision):
        import onnxruntime as ort

        if precision == "bf16":
            raise SystemExit("ONNX Runtime has no bf16 kernels for CPUs")

        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
        options.graph_optimization_level = (
            ort.GraphOptimizationLevel.ORT_ENABLE_ALL
        )
        self.session = ort.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self.binding = self.session.io_binding()
        self.binding.bind_ortvalue_input(
            self.session.get_inputs()[0].name,
            ort.OrtValue.ortvalue_from_numpy(image),
        )
        self.outputs = []
        for output in self.session.get_outputs():
            value = ort.OrtValue.ortvalue_from_shape_and_type(
                output.shape, image.dtype, "cpu"
            )
            self.binding.bind_ortvalue_output(output.name, value)
            self.outputs.append(value)
        self.facts = {"version": ort.__version__, "precision": precision}

    def feed(self, image):
        self.binding.bind_cpu_input(self.session.get_inputs()[0].name, image)

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def heads(self):
        return [value.numpy() for value in self.outputs]


class OpenVino:
    """Latency hint, and the f32 hint or a CPU with bf16 or AMX uses that.

    A quantised model gets no hint: between its int8 operators OpenVINO takes
    what it holds to be fastest here.
    """

    def __init__(self, model, threads, image, precision):
        import openvino as ov

        core = ov.Core()
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": 1,
        }
        hints = {"fp32": "f32", "bf16": "bf16"}
        if precision in hints:
            settings["INFERENCE_PRECISION_HINT"] = hints[precision]
        self.ov = ov
        self.compiled = core.compile_model(model, "CPU", settings)
        self.request = self.compiled.create_infer_request()
        self.image = image  # shared with the tensor, not copied
        self.request.set_input_tensor(ov.Tensor(image, shared_memory=True))
        precisions, kernels = {}, {}
        for op in self.compiled.get_runtime_model().get_ops():
            facts = op.get_rt_info()
            if facts["layerType"].astype(str) == "Convolution":
                precision = facts["runtimePrecision"].astype(str)
                kernel = facts["primitiveType"].astype(str)
                precisions[precision] = precisions.get(precision, 0) + 1
                kernels[kernel] = kernels.get(kernel, 0) + 1
        self.facts = {
            "version": ov.get_version(),
            "precision": "+".join(sorted(precisions)),
            "hint": self.compiled.get_property(
                "INFERENCE_PRECISION_HINT"
            ).get_type_name(),
            "threads": self.compiled.get_property("INFERENCE_NUM_THREADS"),
            "convolutions": precisions,
            "kernels": kernels,
        }

    def feed(self, image):
        self.image = image
        self.request.set_input_tensor(
            self.ov.Tensor(image, shared_memory=True)
        )

    def run(self):
        self.request.infer(share_inputs=True, share_outputs=True)

    def heads(self):
        return [
            self.request.get_output_tensor(i).data
            for i in range(len(self.compiled.outputs))
        ]


class Ncnn:
    """Only the 8-bit or 16-bit options of its precision; Winograd, GEMM and
    packing on."""

    def __init__(self, model, threads, image, precision):
        import ncnn

        self.ncnn = ncnn
        ncnn.set_omp_dynamic(0)
        ncnn.set_omp_num_threads(threads)
        # The pools that ncnn's own benchmark uses: no malloc in a run.
        self.blobs = ncnn.UnlockedPoolAllocator()
        self.workspace = ncnn.PoolAllocator()
        self.net = ncnn.Net()
        option = self.net.opt
        option.num_threads = threads
        option.use_vulkan_compute = False
        wanted = {"bf16": "use_bf16_", "int8": "use_int8_"}
        wanted = wanted.get(precision.partition("-")[0], "none")
        for name in dir(option):
            if name.startswith(("use_fp16_", "use_bf16_", "use_int8_")):
                setattr(option, name, name.startswith(wanted))
        option.use_winograd_convolution = precision != "int8-direct"
        option.use_sgemm_convolution = True
        option.use_packing_layout = True
        option.blob_allocator = self.blobs
        option.workspace_allocator = self.workspace
        if self.net.load_param(model) or self.net.load_model(
            model.removesuffix(".param") + ".bin"
        ):
            raise SystemExit(f"ncnn cannot load {model}")
        self.input = ncnn.Mat(image[0]).clone()
        self.names = sorted(self.net.output_names())
        self.outputs = []
        self.facts = {
            "version": ncnn.__version__,
            "precision": precision,
            "options": {
                name: getattr(option, name)
                for name in dir(option)
                if name.startswith("use_")
            },
        }

    def feed(self, image):
        self.input = self.ncnn.Mat(image[0]).clone()

    def run(self):
        self.outputs = []  # back to the pool, as at the end of a frame
        extractor = self.net.create_extractor()
        extractor.input("in0", self.input)
        for name in self.names:
            status, value = extractor.extract(name)
            if status:
                raise SystemExit(f"ncnn cannot compute {name}")
            self.outputs.append(value)

    def heads(self):
        return [value.numpy()[None] for value in self.outputs]


class Xnnpack:
    """XNNPACK through LiteRT, whose default it is on CPUs; NHWC inside."""

    def __init__(self, model, threads, image, precision):
        from importlib.metadata import version

        from ai_edge_litert.interpreter import Interpreter

        self.engine = Interpreter(model_path=model, num_threads=threads)
        self.engine.allocate_tensors()
        self.input = self.engine.get_input_details()[0]["index"]
        self.outputs = [d["index"] for d in self.engine.get_output_details()]
        self.feed(image)
        # What the delegate took is listed as one more operator, behind all.
        found = [o["op_name"] for o in self.engine._get_ops_details()]
        self.facts = {
            "version": version("ai-edge-litert"),
            "precision": precision,
            "delegates": found.count("DELEGATE"),
        }
        if not self.facts["delegates"]:
            raise SystemExit("LiteRT did not hand the network to XNNPACK")

    def feed(self, image):
        self.engine.set_tensor(self.input, image.transpose(0, 2, 3, 1))

    def run(self):
        self.engine.invoke()

    def heads(self):
        tensors = map(self.engine.get_tensor, self.outputs)
        return [tensor.transpose(0, 3, 1, 2) for tensor in tensors]


class DeepSparse:
    """Sparse fp32 convolutions; one stream on so many cores."""

    def __init__(self, model, threads, image, _precision):
        import deepsparse

        self.engine = deepsparse.compile_model(
            model, batch_size=1, num_cores=threads
        )
        self.image = [image]
        self.outputs = []
        self.facts = {
            "version": deepsparse.__version__,
            "arch": str(deepsparse.cpu.cpu_architecture().isa),
        }

    def feed(self, image):
        self.image = [image]

    def run(self):
        self.outputs = self.engine.run(self.image, val_inp=False)

    def heads(self):
        return self.outputs


class TorchvisionNms:
    """torchvision.ops.nms and batched_nms over rows of candidates."""

    IOU = 0.45
    CLASS_STEP = 7680  # YOLOv5's max_wh: moves each class to its own plane

    def __init__(self, model, threads, _image, _precision):
        import torch
        import torchvision

        torch.set_num_threads(threads)
        torch.set_grad_enabled(False)
        self.torch, self.ops = torch, torchvision.ops
        self.entry = getattr(self, model)
        self.facts = {
            "version": torchvision.__version__,
            "torch": torch.__version__,
        }

    def offset(self, boxes, scores, classes):
        moved = boxes + classes[:, None] * self.CLASS_STEP
        return self.ops.nms(moved, scores, self.IOU)

    def batched(self, boxes, scores, classes):
        return self.ops.batched_nms(boxes, scores, classes, self.IOU)

    def nms(self, path, count):
        import numpy

        rows = self.torch.from_numpy(
            numpy.fromfile(path, numpy.float32).reshape(-1, 6)
        )
        boxes, scores = rows[:, :4].contiguous(), rows[:, 4].contiguous()
        classes = rows[:, 5].contiguous()
        kept = None
        times = []
        for _ in range(count):
            begin = time.perf_counter_ns()
            kept = self.entry(boxes, scores, classes)
            times.append(time.perf_counter_ns() - begin)
        return {"ns": times, "kept": kept.tolist()}


KINDS = {
    "onnxruntime": OnnxRuntime,
    "openvino": OpenVino,
    "ncnn": Ncnn,
    "xnnpack": Xnnpack,
    "deepsparse": DeepSparse,
    "torchvision": TorchvisionNms,
}


def load(path):
    import numpy

    return numpy.ascontiguousarray(numpy.load(path))


def answer(peer, line):
    """The JSON value that one request line asks for."""
    words = line.split()
    if words[0] == "run":
        times = []
        for _ in range(int(words[1])):
            begin = time.perf_counter_ns()
            peer.run()
            times.append(time.perf_counter_ns() - begin)
        return {"network_ns": times}
    if words[0] == "input":
        peer.feed(load(words[1]))
        return {"input": words[1]}
    if words[0] == "heads":
        import numpy

        peer.run()
        with open(words[1], "wb") as out:
            for head in peer.heads():
                out.write(
                    numpy.ascontiguousarray(head, numpy.float32).tobytes()
                )
        return {"heads": len(peer.heads())}
    if words[0] == "nms":
        return peer.nms(words[1], int(words[2]))
    raise SystemExit(f"worker.py: what is '{line.strip()}'?")


def main():
    kind, model, threads, path = sys.argv[1:5]
    precision = sys.argv[5] if len(sys.argv) > 5 else "fp32"
    # Libraries print on standard output what they please: keep it from the
    # protocol by moving the protocol to a descriptor of its own.
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    image = None if path == "-" else load(path)
    peer = KINDS[kind](model, int(threads), image, precision)
    gc.disable()
    replies.write("ready " + json.dumps({"name": kind, **peer.facts}) + "\n")
    for line in sys.stdin:
        replies.write(json.dumps(answer(peer, line)) + "\n")


if __name__ == "__main__":
    main()
