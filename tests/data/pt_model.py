"""Modules as a checkpoint of YOLOv5 has them, by the standard library alone:
classes, functions and tensors of torch's and YOLOv5's names, and small networks
of them. What tests/data/make_pt.py pickles."""

import math
import random
import struct
import sys
import types
from collections import OrderedDict

EPS = 1e-3


# ---- classes and functions that exist by name only ----

def package(path):
    parent = None
    for i in range(1, path.count(".") + 2):
        name = ".".join(path.split(".")[:i])
        if name not in sys.modules:
            sys.modules[name] = types.ModuleType(name)
            if parent is not None:
                setattr(parent, name.rsplit(".", 1)[1], sys.modules[name])
        parent = sys.modules[name]
    return parent


def named_class(path):
    module, name = path.rsplit(".", 1)
    home = package(module)
    if not hasattr(home, name):
        setattr(home, name, type(name, (), {"__module__": module}))
    return getattr(home, name)


def named_function(path):
    module, name = path.rsplit(".", 1)
    home = package(module)

    def function(*args):
        raise RuntimeError("only a name")

    function.__module__, function.__name__ = module, name
    function.__qualname__ = name
    setattr(home, name, function)
    return function


REBUILD_TENSOR = named_function("torch._utils._rebuild_tensor_v2")
REBUILD_PARAMETER = named_function("torch._utils._rebuild_parameter")
FORMATS = {  # storage class, struct code
    "f16": (named_class("torch.HalfStorage"), "e"),
    "bf16": (named_class("torch.BFloat16Storage"), None),
    "f32": (named_class("torch.FloatStorage"), "f"),
    "f64": (named_class("torch.DoubleStorage"), "d"),
    "i64": (named_class("torch.LongStorage"), "q"),
}


class Storage:
    def __init__(self, fmt, values, elems=None):
        self.fmt, self.values = fmt, values
        self.elems = len(values) if elems is None else elems

    def encode(self):
        code = FORMATS[self.fmt][1]
        if code is None:  # bf16: the upper half of an f32
            return b"".join(struct.pack("<f", v)[2:] for v in self.values)
        return struct.pack(f"<{len(self.values)}{code}", *self.values)


class Tensor:
    def __init__(self, storage, dims, strides=None, offset=0):
        if strides is None:
            strides, step = [], 1
            for d in reversed(dims):
                strides.insert(0, step)
                step *= d
        self.args = (storage, offset, tuple(dims), tuple(strides), False,
                     OrderedDict())

    def __reduce__(self):
        return REBUILD_TENSOR, self.args


class Parameter:
    def __init__(self, tensor):
        self.tensor = tensor

    def __reduce__(self):
        return REBUILD_PARAMETER, (self.tensor, False, OrderedDict())


class Call:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


# ---- modules ----

class Maker:
    """Modules of one checkpoint. Values are multiples of 1/16 up to 1, so they
    are the same number in every storage format; weights may be made smaller, by
    a power of two, where what they make of an image matters."""

    def __init__(self, fmt="f16", fused=False, channels_last=False, seed=5,
                 shrink=1):
        self.shrink = shrink
        self.fmt, self.fused, self.channels_last = fmt, fused, channels_last
        self.random = random.Random(seed)

    def values(self, count, low=-16, high=16):
        return [self.random.randint(low, high) / 16 for _ in range(count)]

    def weights(self, count):
        return [v / self.shrink for v in self.values(count)]

    def tensor(self, values, dims, fmt=None):
        return Tensor(Storage(fmt or self.fmt, values), dims)

    def filter(self, values, k, c, r):
        if not self.channels_last:
            return self.tensor(values, (k, c, r, r))
        moved = [values[((o * c + i) * r + y) * r + x] for o in range(k)
                 for y in range(r) for x in range(r) for i in range(c)]
        return Tensor(Storage(self.fmt, moved), (k, c, r, r),
                      (c * r * r, 1, r * c, c))

    def module(self, path, children=(), parameters=(), buffers=(), **attrs):
        m = named_class(path)()
        m.__dict__.update(
            training=False,
            _parameters=OrderedDict(parameters),
            _buffers=OrderedDict(buffers),
            _non_persistent_buffers_set=set(),
            _forward_hooks=OrderedDict(),
            _modules=OrderedDict(children),
        )
        m.__dict__.update(attrs)
        return m

    def conv2d(self, c, k, r=1, s=1, p=0, w=None, b=None, groups=1, **attrs):
        share = c // groups if c % groups == 0 else c
        w = self.weights(k * share * r * r) if w is None else w
        b = None if b is None else Parameter(self.tensor(b, (k,)))
        settings = dict(in_channels=c, out_channels=k, kernel_size=(r, r),
                        stride=(s, s), padding=(p, p), dilation=(1, 1),
                        groups=groups, padding_mode="zeros", transposed=False)
        settings.update(attrs)
        return self.module(
            "torch.nn.modules.conv.Conv2d",
            parameters=[("weight", Parameter(self.filter(w, k, share, r))),
                        ("bias", b)], **settings)

    def activation(self, name):
        extra = {"negative_slope": 0.1} if name.endswith("LeakyReLU") else {}
        return self.module("torch.nn.modules." + name, inplace=True, **extra)

    def norm(self, k, gamma, beta, mean, var):
        return self.module(
            "torch.nn.modules.batchnorm.BatchNorm2d",
            parameters=[("weight", Parameter(self.tensor(gamma, (k,)))),
                        ("bias", Parameter(self.tensor(beta, (k,))))],
            buffers=[("running_mean", self.tensor(mean, (k,))),
                     ("running_var", self.tensor(var, (k,))),
                     ("num_batches_tracked",
                      self.tensor([3], (), fmt="i64"))],
            num_features=k, eps=EPS, momentum=0.03, affine=True,
            track_running_stats=True)

    def conv(self, c, k, r=1, s=1, p=None, act="activation.SiLU",
             kind="Conv", groups=1, **attrs):
        p = r // 2 if p is None else p
        attrs["groups"] = groups
        w = self.weights(k * (c // groups or c) * r * r)
        gamma, beta = self.values(k, 8, 16), self.values(k)
        mean, var = self.values(k), self.values(k, 1, 16)
        act = self.activation(act)
        if self.fused:
            scale = [g / math.sqrt(v + EPS) for g, v in zip(gamma, var)]
            n = c * r * r
            w = [w[i] * scale[i // n] for i in range(k * n)]
            b = [beta[i] - mean[i] * scale[i] for i in range(k)]
            m = self.module("models.common.Conv", [
                ("conv", self.conv2d(c, k, r, s, p, w, b)), ("act", act)])
            # model.fuse() leaves a bound method behind: a cycle.
            m.forward = Call(getattr, m, "forward_fuse")
            return m
        bn = self.norm(k, gamma, beta, mean, var)
        return self.module("models.common." + kind, [
            ("conv", self.conv2d(c, k, r, s, p, w, **attrs)), ("bn", bn),
            ("act", act)])

    def container(self, kind, modules):
        return self.module("torch.nn.modules.container." + kind,
                           [(str(i), m) for i, m in enumerate(modules)])

    def bottleneck(self, c, add, act="activation.SiLU"):
        return self.module("models.common.Bottleneck", [
            ("cv1", self.conv(c, c, act=act)),
            ("cv2", self.conv(c, c, 3, act=act))], add=add)

    def focus(self, c, k, r, act):
        return self.module("models.common.Focus", [
            ("conv", self.conv(4 * c, k, r, act=act))])

    def csp(self, c, k, n, add, act):
        h = k // 2
        return self.module("models.common.BottleneckCSP", [
            ("cv1", self.conv(c, h, act=act)), ("cv2", self.conv2d(c, h)),
            ("cv3", self.conv2d(h, h)), ("cv4", self.conv(2 * h, k, act=act)),
            ("bn", self.norm(2 * h, self.values(2 * h, 8, 16),
                             self.values(2 * h), self.values(2 * h),
                             self.values(2 * h, 1, 16))),
            ("act", self.activation("activation.LeakyReLU")),
            ("m", self.container("Sequential", [
                self.bottleneck(h, add, act) for _ in range(n)]))])

    def c3(self, c, k, n, add):
        h = k // 2
        return self.module("models.common.C3", [
            ("cv1", self.conv(c, h)), ("cv2", self.conv(c, h)),
            ("cv3", self.conv(2 * h, k)),
            ("m", self.container(
                "Sequential", [self.bottleneck(h, add) for _ in range(n)]))])

    def pool(self, r):
        return self.module("torch.nn.modules.pooling.MaxPool2d",
                           kernel_size=r, stride=1, padding=r // 2, dilation=1,
                           return_indices=False, ceil_mode=False)

    def sppf(self, c, k):
        return self.module("models.common.SPPF", [
            ("cv1", self.conv(c, c // 2)), ("cv2", self.conv(c * 2, k)),
            ("m", self.pool(5))])

    def spp(self, c, k):
        return self.module("models.common.SPP", [
            ("cv1", self.conv(c, c // 2)), ("cv2", self.conv(c * 2, k)),
            ("m", self.container("ModuleList",
                                 [self.pool(r) for r in (5, 9, 13)]))])

    def upsample(self):
        return self.module("torch.nn.modules.upsampling.Upsample", size=None,
                           scale_factor=2.0, mode="nearest",
                           align_corners=None)

    def concat(self):
        return self.module("models.common.Concat", d=1)

    def detect(self, channels, strides, nc, na, **attrs):
        levels = len(channels)
        cells = [1 + i / 4 for i in range(levels * na * 2)]
        settings = dict(
            nc=nc, no=nc + 5, nl=levels, na=na, inplace=True,
            stride=self.tensor([float(s) for s in strides], (levels,), "f32"))
        settings.update(attrs)
        heads = [self.conv2d(c, na * (5 + nc), b=self.values(na * (5 + nc)))
                 for c in channels]
        return self.module("models.yolo.Detect",
                           [("m", self.container("ModuleList", heads))],
                           buffers=[("anchors",
                                     self.tensor(cells, (levels, na, 2)))],
                           **settings)

    def model(self, layers, names, **attrs):
        """layers: (from, module), in order."""
        for i, (f, m) in enumerate(layers):
            m.__dict__.update(i=i, f=f, type="", np=0)
        return self.module(
            "models.yolo.Model",
            [("model", self.container("Sequential", [m for _, m in layers]))],
            names=names, **attrs)


def tiny(maker, names):
    m = maker
    return m.model([
        (-1, m.conv(3, 4, 6, 2, 2)),
        (-1, m.conv(4, 8, 3, 2)),
        (-1, m.c3(8, 8, 1, True)),
        (-1, m.conv(8, 8, 3, 2)),
        (-1, m.sppf(8, 8)),
        (-1, m.conv(8, 4)),
        (-1, m.upsample()),
        ([-1, 2], m.concat()),
        (-1, m.c3(12, 8, 1, False)),
        ([8, 5], m.detect([8, 4], [4, 8], nc=2, na=2)),
    ], names)


def p6(maker):
    m = maker
    return m.model(
        [(-1, m.conv(3 if i == 0 else 2, 2, 3, 2)) for i in range(6)]
        + [(-1, m.spp(2, 2)),
           ([2, 3, 4, 6], m.detect([2] * 4, [8, 16, 32, 64], nc=1, na=3))],
        ["thing"])


def version3(maker):
    """The modules of YOLOv5 v3, in small."""
    m, act = maker, "activation.Hardswish"
    return m.model([
        (-1, m.focus(3, 4, 3, act)),
        (-1, m.conv(4, 6, 3, 2, act=act)),
        (-1, m.csp(6, 6, 1, True, act)),
        (-1, m.conv(6, 8, 3, 2, act=act)),
        (-1, m.spp(8, 8)),
        (-1, m.csp(8, 8, 1, False, act)),
        (-1, m.upsample()),
        ([-1, 2], m.concat()),
        (-1, m.csp(14, 6, 1, False, act)),
        ([8, 5], m.detect([6, 8], [4, 8], nc=2, na=2)),
    ], ["cat", "dog"])


def ghosts(maker):
    """The modules of yolov5s-ghost.yaml, in small, and a convolution in two
    groups."""
    m = maker
    plain = "linear.Identity"

    def ghost(c, k, r=1, s=1, act="activation.SiLU"):
        return m.module("models.common.GhostConv", [
            ("cv1", m.conv(c, k // 2, r, s, act=act)),
            ("cv2", m.conv(k // 2, k // 2, 5, act=act, groups=k // 2))])

    def depthwise(c, s):
        return m.conv(c, c, 3, s, act=plain, kind="DWConv", groups=c)

    def bottleneck(c, k, s):
        nothing = m.module("torch.nn.modules.linear.Identity")
        return m.module("models.common.GhostBottleneck", [
            ("conv", m.container("Sequential", [
                ghost(c, k // 2), depthwise(k // 2, s) if s == 2 else nothing,
                ghost(k // 2, k, act=plain)])),
            ("shortcut", m.container("Sequential", [
                depthwise(c, s), m.conv(c, k, act=plain)])
             if s == 2 else nothing)])

    c3 = m.module("models.common.C3Ghost", [
        ("cv1", m.conv(8, 4)), ("cv2", m.conv(8, 4)), ("cv3", m.conv(8, 8)),
        ("m", m.container("Sequential", [bottleneck(4, 4, 1)]))])
    return m.model([
        (-1, m.conv(3, 4, 6, 2, 2)),
        (-1, ghost(4, 8, 3, 2)),
        (-1, c3),
        (-1, bottleneck(8, 12, 2)),
        (-1, m.conv(12, 6, 3, groups=2)),
        ([2, 4], m.detect([8, 6], [4, 8], nc=1, na=1)),
    ], ["a"])


def activations(maker):
    """One Conv for each activation."""
    m = maker
    names = ["SiLU", "ReLU", "LeakyReLU", "Hardswish", "Hardsigmoid", "ReLU6",
             "Mish", "Sigmoid"]
    layers = [(-1, m.conv(3, 4, 3, 2, act="linear.Identity"))]
    layers += [(-1, m.conv(4, 4, 3, act="activation." + n)) for n in names]
    return m.model(layers + [([-1], m.detect([4], [2], nc=1, na=1))], ["a"])


def micro(maker, first=None, second=None, **detect):
    """The least that passes: one Conv, one level. Bad files start from it."""
    m = maker
    layers = [(-1, first or m.conv(3, 2, 3, 2))]
    if second:
        layers.append((-1, second))
    layers.append(([-1], m.detect([2], [2], **{"nc": 1, "na": 1, **detect})))
    return m.model(layers, ["a"])
