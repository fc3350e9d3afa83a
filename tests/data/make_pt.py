#!/usr/bin/env python3
"""Write the tiny checkpoints in tests/data/pt/ and the seeds in fuzz/corpus/pt/.

Needs Python's standard library only: classes of YOLOv5's and torch's names and
attributes are made up here, pickled with persistent ids as torch.save does, and
zipped. Running it again gives the same bytes.

    python3 tests/data/make_pt.py
"""

import io
import math
import os
import pathlib
import pickle
import random
import struct
import sys
import types
import zipfile
from collections import OrderedDict

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "pt"
SEEDS = HERE.parent.parent / "fuzz" / "corpus" / "pt"
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
    are the same number in every storage format."""

    def __init__(self, fmt="f16", fused=False, channels_last=False, seed=5):
        self.fmt, self.fused, self.channels_last = fmt, fused, channels_last
        self.random = random.Random(seed)

    def values(self, count, low=-16, high=16):
        return [self.random.randint(low, high) / 16 for _ in range(count)]

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

    def conv2d(self, c, k, r=1, s=1, p=0, w=None, b=None, **attrs):
        w = self.values(k * c * r * r) if w is None else w
        b = None if b is None else Parameter(self.tensor(b, (k,)))
        settings = dict(in_channels=c, out_channels=k, kernel_size=(r, r),
                        stride=(s, s), padding=(p, p), dilation=(1, 1),
                        groups=1, padding_mode="zeros", transposed=False)
        settings.update(attrs)
        return self.module(
            "torch.nn.modules.conv.Conv2d",
            parameters=[("weight", Parameter(self.filter(w, k, c, r))),
                        ("bias", b)], **settings)

    def conv(self, c, k, r=1, s=1, p=None, act="activation.SiLU", **attrs):
        p = r // 2 if p is None else p
        w = self.values(k * c * r * r)
        gamma, beta = self.values(k, 8, 16), self.values(k)
        mean, var = self.values(k), self.values(k, 1, 16)
        act = self.module("torch.nn.modules." + act, inplace=True)
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
        bn = self.module(
            "torch.nn.modules.batchnorm.BatchNorm2d",
            parameters=[("weight", Parameter(self.tensor(gamma, (k,)))),
                        ("bias", Parameter(self.tensor(beta, (k,))))],
            buffers=[("running_mean", self.tensor(mean, (k,))),
                     ("running_var", self.tensor(var, (k,))),
                     ("num_batches_tracked",
                      self.tensor([3], (), fmt="i64"))],
            num_features=k, eps=EPS, momentum=0.03, affine=True,
            track_running_stats=True)
        return self.module("models.common.Conv", [
            ("conv", self.conv2d(c, k, r, s, p, w, **attrs)), ("bn", bn),
            ("act", act)])

    def container(self, kind, modules):
        return self.module("torch.nn.modules.container." + kind,
                           [(str(i), m) for i, m in enumerate(modules)])

    def bottleneck(self, c, add):
        return self.module("models.common.Bottleneck", [
            ("cv1", self.conv(c, c)), ("cv2", self.conv(c, c, 3))], add=add)

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


def micro(maker, first=None, second=None, **detect):
    """The least that passes: one Conv, one level. Bad files start from it."""
    m = maker
    layers = [(-1, first or m.conv(3, 2, 3, 2))]
    if second:
        layers.append((-1, second))
    layers.append(([-1], m.detect([2], [2], **{"nc": 1, "na": 1, **detect})))
    return m.model(layers, ["a"])


# ---- files ----

class Pickler(pickle._Pickler):  # the Python one: it can write deep trees
    def __init__(self, file, protocol):
        super().__init__(file, protocol)
        self.storages = []

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        if not any(s is obj for s in self.storages):
            self.storages.append(obj)
        key = next(i for i, s in enumerate(self.storages) if s is obj)
        return ("storage", FORMATS[obj.fmt][0], str(key), "cpu", obj.elems)


def archive(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, data)
    return file.getvalue()


def dump(root, protocol=2):
    file = io.BytesIO()
    pickler = Pickler(file, protocol)
    pickler.dump(root)
    return file.getvalue(), pickler.storages


def entries_of(root, protocol=2, folder="archive"):
    data, storages = dump(root, protocol)
    entries = {f"{folder}/data.pkl": data}
    for i, s in enumerate(storages):
        entries[f"{folder}/data/{i}"] = s.encode()
    entries[f"{folder}/version"] = b"3\n"
    return entries


def checkpoint(model, ema=None):
    return {"epoch": -1, "best_fitness": None, "model": model, "ema": ema,
            "updates": None, "optimizer": None, "date": "2022-02-08"}


def write(name, data):
    (OUT / name).write_bytes(data)


def save(name, model, method=zipfile.ZIP_DEFLATED):
    write(name, archive(entries_of(checkpoint(model)), method))


def good():
    names = ["cat", "dog"]
    stored = zipfile.ZIP_STORED
    save("tiny.pt", tiny(Maker(), names), stored)
    save("fused_f32.pt",
         tiny(Maker("f32", fused=True), {0: "cat", 1: "d\u00f6g"}), stored)
    write("ema_bf16_deflated.pt", archive(
        {**entries_of(checkpoint(
            micro(Maker(), Maker().module("models.common.Focus")),
            ema=tiny(Maker("bf16"), names)), protocol=4, folder="last"),
         "last/byteorder": b"little"}, zipfile.ZIP_DEFLATED))
    save("p6.pt", p6(Maker()))
    save("p6_f64_channels_last.pt", p6(Maker("f64", channels_last=True)))
    save("micro.pt", micro(Maker()), stored)


def bad_modules():
    m = Maker()
    for name, path in (("focus", "models.common.Focus"),
                       ("bottleneckcsp", "models.common.BottleneckCSP"),
                       ("c3tr", "models.common.C3TR"),
                       ("dwconv", "models.common.DWConv"),
                       ("v8", "ultralytics.nn.modules.conv.Conv")):
        save(f"bad_{name}.pt", micro(m, m.module(path)))
    segment = m.module("models.yolo.Segment")
    save("bad_segment.pt", m.model([(-1, m.conv(3, 2)), ([-1], segment)], []))
    save("bad_no_detect.pt", m.model([(-1, m.conv(3, 2))], []))
    save("bad_hardswish.pt",
         micro(m, m.conv(3, 2, 3, 2, act="activation.Hardswish")))
    save("bad_groups.pt", micro(m, m.conv(3, 2, 3, 2, groups=3)))
    save("bad_dilation.pt", micro(m, m.conv(3, 2, 3, 2, dilation=(2, 2))))
    save("bad_stride.pt", micro(m, m.conv(3, 2, 3, stride=(1, 2))))
    save("bad_padding_same.pt", micro(m, m.conv(3, 2, 3, 2, padding="same")))
    save("bad_channels.pt", micro(m, m.conv(4, 2, 3, 2)))
    save("bad_from.pt", m.model([(7, m.conv(3, 2))], []))
    save("bad_from_self.pt", m.model([(0, m.conv(3, 2))], []))
    up = m.upsample()
    up.mode = "bilinear"
    save("bad_upsample.pt", micro(m, second=up))
    pool = m.sppf(2, 2)
    pool._modules["m"].kernel_size = 4
    save("bad_pool.pt", micro(m, second=pool))
    loop = m.container("Sequential", [])
    loop._modules.update({"0": loop, "1": loop})
    save("bad_cycle.pt", micro(m, second=loop))
    deep = m.conv(2, 2)
    for _ in range(40):
        deep = m.container("Sequential", [deep])
    save("bad_deep_modules.pt", micro(m, second=deep))
    one = m.conv(2, 2)
    wide = m.container("Sequential", [one] * 9000)
    save("bad_wide_modules.pt", micro(m, second=wide))
    model = micro(m)
    model._modules["model"]._modules = {}
    save("bad_no_modules.pt", model)
    model = micro(m)
    model._modules = OrderedDict(model=model)
    save("bad_model_in_model.pt", model)


def bad_detect():
    m = Maker()
    save("bad_nc.pt", changed_detect(m, nc=7))
    save("bad_level_count.pt", changed_detect(m, nl=3))
    save("bad_levels_many.pt", changed_detect(m, nl=1 << 40))
    save("bad_anchor_count.pt", changed_detect(m, na=-1))
    save("bad_stride_claim.pt", changed_detect(
        m, stride=m.tensor([4.0], (1,), "f32")))
    save("bad_stride_nan.pt", changed_detect(
        m, stride=m.tensor([math.nan], (1,), "f32")))
    model = micro(m)
    last(model)._buffers["anchors"] = m.tensor([1.0, -1.0], (1, 1, 2))
    save("bad_anchor.pt", model)
    model = micro(m)
    model.names = ["\x1b[31mred"]
    save("bad_name_escape.pt", model)
    model = micro(m)
    model.names = [("a",)]
    save("bad_name_kind.pt", model)


def last(model):
    return list(model._modules["model"]._modules.values())[-1]


def changed_detect(m, **attrs):
    model = micro(m)
    last(model).__dict__.update(attrs)
    return model


def first_conv(model):
    return model._modules["model"]._modules["0"]._modules["conv"]


def bad_tensors():
    m = Maker()

    def with_weight(name, tensor):
        model = micro(m)
        first_conv(model)._parameters["weight"] = Parameter(tensor)
        save(name, model)

    values = m.values(54)
    storage = Storage("f16", values)
    with_weight("bad_shape_huge.pt",
                Tensor(storage, (1 << 40, 3, 3, 3), (27, 9, 3, 1)))
    with_weight("bad_shape_overflow.pt",
                Tensor(storage, (1 << 31, 1 << 31, 3, 3), (0, 0, 0, 0)))
    with_weight("bad_shape_expanded.pt",
                Tensor(storage, (1 << 14, 3, 9, 9), (0, 0, 0, 0)))
    with_weight("bad_shape_negative.pt",
                Tensor(storage, (-2, 3, 3, 3), (27, 9, 3, 1)))
    with_weight("bad_shape_zero.pt",
                Tensor(storage, (0, 3, 3, 3), (27, 9, 3, 1)))
    with_weight("bad_shape_oblong.pt", Tensor(storage, (2, 3, 9, 1)))
    with_weight("bad_rank.pt", Tensor(storage, (54,)))
    with_weight("bad_rank_many.pt", Tensor(storage, (1,) * 50))
    with_weight("bad_step_negative.pt",
                Tensor(storage, (2, 3, 3, 3), (-27, 9, 3, 1), 27))
    with_weight("bad_step_huge.pt",
                Tensor(storage, (2, 3, 3, 3), ((1 << 62) + 5, 9, 3, 1)))
    with_weight("bad_offset.pt", Tensor(storage, (2, 3, 3, 3), None, 1))
    with_weight("bad_offset_negative.pt",
                Tensor(storage, (2, 3, 3, 3), None, -1))
    with_weight("bad_storage_short.pt",
                Tensor(Storage("f16", values[:50], 54), (2, 3, 3, 3)))
    with_weight("bad_storage_long.pt",
                Tensor(Storage("f16", values + [0.0], 54), (2, 3, 3, 3)))
    with_weight("bad_storage_huge.pt",
                Tensor(Storage("f16", values, 1 << 62), (2, 3, 3, 3)))
    with_weight("bad_storage_negative.pt",
                Tensor(Storage("f16", values, -54), (2, 3, 3, 3)))
    with_weight("bad_storage_i64.pt",
                Tensor(Storage("i64", [1] * 54), (2, 3, 3, 3)))
    with_weight("bad_infinite.pt",
                Tensor(Storage("f16", [math.inf] + values[1:]), (2, 3, 3, 3)))
    with_weight("bad_tensor_call.pt", Call(named_function("torch.load"), "x"))

    model = micro(m)
    first_conv(model)._parameters["weight"] = None
    save("bad_no_weight.pt", model)
    model = micro(m)
    bn = model._modules["model"]._modules["0"]._modules["bn"]
    bn._buffers["running_var"] = m.tensor([-1.0, 1.0], (2,))
    save("bad_variance.pt", model)
    model = micro(m)
    bn = model._modules["model"]._modules["0"]._modules["bn"]
    bn._buffers["running_mean"] = m.tensor([0.0] * 3, (3,))
    save("bad_bn_size.pt", model)
    entries = entries_of(checkpoint(micro(m)))
    del entries["archive/data/0"]
    write("bad_storage_missing.pt", archive(entries))


def bad_pickles():
    def raw(name, data, **options):
        write(name, archive({"archive/data.pkl": data}, **options))

    raw("bad_opcode.pt", b"\x80\x02}\xff.")
    raw("bad_opcode_inst.pt", b"\x80\x02(ios\nsystem\n.")
    raw("bad_protocol.pt", b"\x80\x63}.")
    raw("bad_no_stop.pt", b"\x80\x02}")
    raw("bad_empty_pickle.pt", b"")
    raw("bad_stop_early.pt", b"\x80\x02.")
    raw("bad_stop_late.pt", b"\x80\x02}}.")
    raw("bad_mark.pt", b"\x80\x02}u.")
    raw("bad_underflow.pt", b"\x80\x02}(R.")
    raw("bad_odd_items.pt", b"\x80\x02}(K\x01u.")
    raw("bad_append.pt", b"\x80\x02}K\x01a.")
    raw("bad_memo.pt", b"\x80\x02h\x09.")
    raw("bad_memo_huge.pt", b"\x80\x02}r\xff\xff\xff\xff.")
    raw("bad_text.pt", b"\x80\x02X\xff\xff\xff\x7fabc.")
    raw("bad_text8.pt", b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\xffabc.")
    raw("bad_long4.pt", b"\x80\x02\x8b\xff\xff\xff\xff.")
    raw("bad_global.pt", b"\x80\x02cos\nsystem")
    raw("bad_global_long.pt", b"\x80\x02c" + b"a" * 600 + b"\nb\n.")
    raw("bad_global_number.pt", b"\x80\x04K\x01K\x02\x93.")
    raw("bad_build.pt", b"\x80\x02}}b.")
    raw("bad_args.pt", b"\x80\x02cos\nsystem\n}R.")
    raw("bad_root.pt", b"\x80\x02K\x01.")
    raw("bad_state_dict.pt", b"\x80\x02}X\x05\x00\x00\x00modelccollections\n"
        b"OrderedDict\n)Rs.")
    raw("bad_os_system.pt",
        b"\x80\x02cos\nsystem\nX\x14\x00\x00\x00touch yolotune-owned\x85R.")
    # A list that holds itself, and one nested 200,000 deep.
    raw("bad_list_in_itself.pt", b"\x80\x02]q\x00h\x00a.")
    raw("bad_deep.pt", b"\x80\x02" + b"]" * 200000 + b"a" * 199999 + b".",
        method=zipfile.ZIP_DEFLATED)
    # 100 lists, each twice in the next: 2^100 when unfolded.
    raw("bad_laughs.pt", b"\x80\x02]q\x00" + b"".join(
        b"](h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1])
        for i in range(100)) + b"0" * 100 + b".")
    raw("bad_marks.pt", b"\x80\x02" + b"(" * 2000000,
        method=zipfile.ZIP_DEFLATED)
    raw("bad_values.pt", b"\x80\x02" + b"}0" * 3000000,
        method=zipfile.ZIP_DEFLATED)
    raw("bad_stack.pt", b"\x80\x02" + b"N" + b"2" * 2000000,
        method=zipfile.ZIP_DEFLATED)


def bad_archives():
    m = Maker()
    entries = entries_of(checkpoint(micro(m)))
    data = archive(entries)
    write("bad_no_pickle.pt", archive({"archive/version": b"3\n"}))
    write("bad_script.pt", archive({**entries, "archive/constants.pkl": b"."}))
    write("bad_big_endian.pt", archive({**entries, "archive/byteorder": b"big"}))
    write("bad_legacy.pt", bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
          + b".\x80\x02M\xe9\x03.")
    # Claims in the central directory against what is there.
    packed = archive(entries, zipfile.ZIP_DEFLATED)
    size = len(entries["archive/data.pkl"])
    claim = struct.pack("<I", size)
    at = packed.index(b"PK\x01\x02")  # the first entry's, data.pkl's
    for name, value in (("bad_claim_bomb.pt", 0xf0000000),
                        ("bad_claim_less.pt", size - 100),
                        ("bad_claim_more.pt", size + 100)):
        forged = bytearray(packed)
        assert forged[at + 24:at + 28] == claim
        forged[at + 24:at + 28] = struct.pack("<I", value)
        write(name, bytes(forged))
    # A real bomb: 65 MiB of zeros.
    write("bad_bomb.pt", archive({"archive/data.pkl": bytes(65 << 20)},
                                 zipfile.ZIP_DEFLATED))
    # One byte of a stored entry changed: its checksum tells.
    at = data.index(b"best_fitness")
    write("bad_checksum.pt", data[:at] + b"B" + data[at + 1:])
    write("bad_method.pt", archive(entries, zipfile.ZIP_BZIP2))


def inert():
    """A model beside things that a real unpickler would run."""
    root = checkpoint(micro(Maker()))
    root["run"] = Call(os.system, "touch yolotune-owned")
    write("inert_call.pt", archive(entries_of(root)))


def seeds():
    """Pickles for the fuzzer: it adds the zip, and one storage "0" for all
    tensors: eight strides from 2 up, then ones (fuzz/pt_one.h)."""
    for name, build in (("micro", micro), ("tiny", lambda m: tiny(m, ["a"])),
                        ("p6", p6)):
        for protocol in (2, 4):
            maker = Maker()
            shared = Storage("f16", [0.0] * 2048)
            maker.tensor = lambda values, dims, fmt=None: Tensor(
                shared, dims,
                offset=int(math.log2(values[0])) - 1 if fmt == "f32" else 8)
            data, _ = dump({"model": build(maker)}, protocol)
            (SEEDS / f"{name}_{protocol}.pkl").write_bytes(data)
    for name in ("micro.pt", "bad_claim_less.pt", "bad_method.pt"):
        (SEEDS / name).write_bytes((OUT / name).read_bytes())


def main():
    OUT.mkdir(exist_ok=True)
    SEEDS.mkdir(parents=True, exist_ok=True)
    sys.setrecursionlimit(100000)
    for write_some in (good, bad_modules, bad_detect, bad_tensors, bad_pickles,
                       bad_archives, inert, seeds):
        write_some()


if __name__ == "__main__":
    main()
