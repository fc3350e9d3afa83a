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
import struct
import sys
import zipfile
from collections import OrderedDict

from pt_model import (FORMATS, Call, Maker, Parameter, Storage, Tensor,
                      activations, ghosts, micro, named_function, p6, tiny, version3)
from pt_later import Later, micro_bins, version8, version11
from pt_run import heads

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "pt"
SEEDS = HERE.parent.parent / "fuzz" / "corpus" / "pt"


# ---- files ----

class Pickler(pickle._Pickler):  # the Python one: it can write deep trees
    def __init__(self, file, protocol, more=()):
        super().__init__(file, protocol)
        self.storages, self.more = [], more

    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        if not any(s is obj for s in self.storages):
            self.storages.append(obj)
        key = next(i for i, s in enumerate(self.storages) if s is obj)
        return ("storage", FORMATS[obj.fmt][0], str(key), "cpu",
                obj.elems) + self.more


def archive(entries, method=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as z:
        for name, data in entries.items():
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            z.writestr(info, data)
    return file.getvalue()


def dump(root, protocol=2, more=()):
    file = io.BytesIO()
    pickler = Pickler(file, protocol, more)
    pickler.dump(root)
    return file.getvalue(), pickler.storages


def entries_of(root, protocol=2, folder="archive"):
    data, storages = dump(root, protocol)
    entries = {f"{folder}/data.pkl": data}
    for i, s in enumerate(storages):
        entries[f"{folder}/data/{i}"] = s.encode()
    entries[f"{folder}/version"] = b"3\n"
    return entries


def legacy(root, protocol=1001, little=True, keys=None, more=(None,), cut=0,
           elems=None):
    """As torch.save wrote it before PyTorch 1.6."""
    data, storages = dump(root, 2, more)
    parts = [0x1950a86a20f9469cfc6c, protocol,
             {"protocol_version": 1001, "little_endian": little,
              "type_sizes": {"short": 2, "int": 4, "long": 4}}]
    names = sorted(str(i) for i in range(len(storages)))
    out = b"".join(pickle.dumps(part, 2) for part in parts) + data
    out += pickle.dumps(names if keys is None else keys(names), 2)
    for name in names:
        storage = storages[int(name)]
        count = len(storage.values) if elems is None else elems
        out += struct.pack("<q", count) + storage.encode()
    return out[:len(out) - cut]


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
    write("legacy.pt", legacy(checkpoint(tiny(Maker(), names))))
    save_run("version3.pt", version3(Maker(shrink=4)))
    save_run("activations.pt", activations(Maker(shrink=2)))
    save_run("ghosts.pt", ghosts(Maker(shrink=2)))
    save_run("version8.pt", version8(Later(shrink=4)))
    save_run("version11.pt", version11(Later(shrink=4)))
    early = Later()
    early.old = True
    save("early8.pt", micro_bins(early))
    wrapped()


# What the C test feeds: 16 x 16 pixels, the same formula.
SIDE = 16


def image():
    return [[[((c * SIDE + y) * SIDE + x) * 37 % 256 / 255
              for x in range(SIDE)] for y in range(SIDE)] for c in range(3)]


def save_run(name, model):
    """The file, and beside it its raw heads as f32, level after level."""
    save(name, model)
    values = [v for level in heads(model, image())
              for plane in level for row in plane for v in row]
    write(name.replace(".pt", ".out"), struct.pack(f"<{len(values)}f", *values))


def wrapped():
    """What the model is found in when it was saved together with its helper."""
    m = Maker()
    for name, path, child in (
            ("parallel", "torch.nn.parallel.data_parallel.DataParallel",
             "module"),
            ("autoshape", "models.common.AutoShape", "model")):
        save(f"{name}.pt", m.module(path, [(child, micro(Maker()))]))
    backend = m.module("models.common.DetectMultiBackend",
                       [("model", micro(Maker()))])
    write("backend.pt", archive(entries_of(
        m.module("models.common.AutoShape", [("model", backend)]))))


def bad_modules():
    m = Maker()
    for name, path in (("c3tr", "models.common.C3TR"),
                       ("c2psa", "ultralytics.nn.modules.block.C2PSA")):
        save(f"bad_{name}.pt", micro(m, m.module(path)))
    segment = m.module("models.yolo.Segment")
    save("bad_segment.pt", m.model([(-1, m.conv(3, 2)), ([-1], segment)], []))
    save("bad_no_detect.pt", m.model([(-1, m.conv(3, 2))], []))
    save("bad_gelu.pt", micro(m, m.conv(3, 2, 3, 2, act="activation.GELU")))
    leaky = m.conv(3, 2, 3, 2, act="activation.LeakyReLU")
    leaky._modules["act"].negative_slope = 1.5
    save("bad_slope.pt", micro(m, leaky))
    csp = m.csp(2, 4, 1, True, "activation.SiLU")
    csp._modules.update(cv2=m.conv2d(2, 3), cv3=m.conv2d(2, 3),
                        bn=m.norm(5, *[m.values(5, 8, 16) for _ in range(4)]))
    save("bad_csp.pt", micro(m, second=csp))
    csp = m.csp(2, 4, 1, True, "activation.SiLU")
    del csp._modules["bn"]
    save("bad_csp_norm.pt", micro(m, second=csp))
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


def bad_bins():
    m = Later()
    save("broken_bins_count.pt", micro_bins(m, reg_max=8))
    save("broken_bins_many.pt", micro_bins(m, reg_max=1 << 40))
    save("broken_bins_levels.pt", micro_bins(m, nl=2))
    save("broken_bins_classes.pt", micro_bins(m, nc=7))
    model = micro_bins(m)
    last(model)._modules["dfl"] = m.dfl(numbers=[1.0] * 16)
    save("broken_bins_numbers.pt", model)
    model = micro_bins(m)
    last(model)._modules["dfl"] = m.dfl(bins=15)
    save("broken_bins_fewer.pt", model)
    model = micro_bins(m)
    last(model)._modules["one2one_cv2"] = m.container("ModuleList", [])
    save("broken_one2one.pt", model)
    model = micro_bins(m)
    last(model)._modules["cv3"] = m.container("ModuleList", [])
    save("broken_bins_branches.pt", model)
    model = micro_bins(m)
    last(model)._modules["cv2"] = m.container(
        "ModuleList", [m.container("Sequential", [])])
    save("broken_bins_branch.pt", model)
    save("broken_c2f_odd.pt", micro_bins(m, m.module(
        "ultralytics.nn.modules.block.C2f",
        [("cv1", m.conv(2, 3)), ("cv2", m.conv(3, 2)),
         ("m", m.container("ModuleList", []))])))
    save("broken_c2f_blocks.pt", micro_bins(
        m, m.c2f(2, 2, [m.block(1, True) for _ in range(7)])))
    many = m.sppf(2, 2)
    many.n = 9
    save("broken_sppf_count.pt", micro_bins(m, many))
    pose = m.module("ultralytics.nn.modules.head.Pose")
    save("broken_pose.pt", m.model([(-1, m.conv(3, 2)), ([-1], pose)], []))


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
    write("broken_legacy.pt", bytes.fromhex("80028a0a6cfc9c46f9206aa85019")
          + b".\x80\x02M\xe9\x03.")
    write("bad_bare_pickle.pt", pickle.dumps({"model": None}, 2))
    bad_legacy()
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


def bad_legacy():
    root = checkpoint(micro(Maker()))
    for name, options in (
            ("protocol", {"protocol": 1000}), ("big", {"little": False}),
            ("cut", {"cut": 3}), ("many", {"elems": 1 << 61}),
            ("no_keys", {"keys": lambda names: {}}),
            ("foreign", {"keys": lambda names: ["x"] + names}),
            ("twice", {"keys": lambda names: names[:1] * 2}),
            ("fewer", {"keys": lambda names: names[:3]}),
            ("view", {"more": (("0", 0, 4),)})):
        write(f"broken_legacy_{name}.pt", legacy(root, **options))


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
    for write_some in (good, bad_modules, bad_detect, bad_bins, bad_tensors,
                       bad_pickles, bad_archives, inert, seeds):
        write_some()


if __name__ == "__main__":
    main()
