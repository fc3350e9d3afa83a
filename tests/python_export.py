"""What an export's Python module finds, against the same boxes from detect.

    python3 python_export.py FOLDER NAME PICTURE.ppm BOXES.json LAYOUT

LAYOUT has a line "struct.field offset size" for each field of
yolotune/runtime.h, and "struct size". Pictures need no numpy: an object with
__array_interface__ does.
"""

import copy
import ctypes
import importlib
import json
import sys
import threading

folder, name, picture, boxes, layout = sys.argv[1:]
sys.path.insert(0, folder)
module = importlib.import_module(name)


class Array:
    """Of a numpy array what the module asks for."""

    copies = 0

    def __init__(self, memory, shape, strides=None, offset=0):
        self.memory = (ctypes.c_uint8 * len(memory)).from_buffer(memory)
        self.bytes, self.offset = memory, offset
        self.__array_interface__ = {
            "shape": shape, "typestr": "|u1", "strides": strides, "version": 3,
            "data": (ctypes.addressof(self.memory) + offset, False)}

    def copy(self, order):
        assert order == "C"
        Array.copies += 1
        height, width, channels = shape = self.__array_interface__["shape"]
        rows, columns, samples = self.__array_interface__["strides"]
        packed = bytearray(
            self.bytes[self.offset + y * rows + x * columns + c * samples]
            for y in range(height) for x in range(width)
            for c in range(channels))
        return Array(packed, shape)


def read_ppm(path):
    with open(path, "rb") as file:
        kind, size, most = (file.readline() for _ in range(3))
        assert kind == b"P6\n" and most == b"255\n"
        width, height = map(int, size.split())
        return bytearray(file.read()), height, width


def check_layout():
    """The structs of ctypes are those of C."""
    seen = 0
    for line in open(layout):
        what, *numbers = line.split()
        struct, _, field = what.partition(".")
        mirror = getattr(module, struct)
        if not field:
            assert ctypes.sizeof(mirror) == int(numbers[0]), line
            continue
        found = getattr(mirror, field)
        assert [found.offset, found.size] == list(map(int, numbers)), line
        seen += 1
    fields = sum(len(s._fields_) for s in vars(module).values()
                 if isinstance(s, type) and issubclass(s, ctypes.Structure))
    assert seen == fields > 30, (seen, fields)


def raises(kind, text, call, *arguments, **options):
    try:
        call(*arguments, **options)
    except kind as error:
        assert text in str(error), str(error)
        return
    raise AssertionError(f"no {kind.__name__}: {text}")


def check_boxes(model, image, wanted):
    found = model(image, conf=0.01)
    assert len(found) == len(wanted) > 3, (len(found), len(wanted))
    for box, want in zip(found, wanted):
        for key, value in want.items():
            got = getattr(box, key)
            assert (got == value if isinstance(value, (str, int)) else
                    abs(got - value) < 1e-3), (box, want)
        assert box.name == model.names[box.class_id]
    return found


def check_formats(model, pixels, height, width, found):
    """The same picture in other orders, strides and views."""
    swapped = bytearray(pixels)
    swapped[0::3], swapped[2::3] = pixels[2::3], pixels[0::3]
    assert model(Array(swapped, (height, width, 3)), "bgr", conf=0.01) == found
    four = bytearray(b"\7" * (4 * width * height))
    for c in range(3):
        four[c::4] = pixels[c::3]
    assert model(Array(four, (height, width, 4)), conf=0.01) == found
    row = 3 * width + 5
    wide = bytearray(b"".join(pixels[3 * width * y:3 * width * (y + 1)] +
                              b"12345" for y in range(height)))
    assert model(Array(wide, (height, width, 3), (row, 3, 1)),
                 conf=0.01) == found
    assert Array.copies == 0
    view = Array(swapped, (height, width, 3), (3 * width, 3, -1), offset=2)
    assert model(view, conf=0.01) == found
    assert Array.copies == 1
    held = Array(pixels, (height, width, 3))
    held.__array_interface__["data"] = bytes(pixels)
    assert model(held, conf=0.01) == found


def check_refusals(model, image):
    raises(TypeError, "numpy array", model, 3)
    raises(ValueError, "uint8", model, Array(bytearray(6), (2, 3)))
    raises(ValueError, "4 channels", model, image, "rgba")
    raises(ValueError, "not one of", model, image, fit="tight")
    raises(ValueError, "over 0", model, image, iou=0)
    raises(ValueError, "not in list", model, image, classes=["zebra crossing"])
    raises(module.Error, "conf=2", model, image, conf=2)
    raises(ValueError, "max_det=4294967296", model, image, max_det=2**32)
    raises(ValueError, "candidates=", model, image, candidates=2**32)
    raises(ValueError, "threads=", module.Model, threads=2**32 + 1)
    raises(TypeError, "copied", copy.copy, model)
    short = Array(bytearray(18), (2, 3, 3))
    short.__array_interface__["data"] = bytes(17)
    raises(ValueError, "fewer bytes", model, short)
    short.__array_interface__["data"] = None
    raises(TypeError, "no address", model, short)


def check_threads(image, found):
    """A model of one thread, called from several at once."""
    results = [None] * 4
    with module.Model(threads=1) as model:
        def run(i):
            results[i] = [model(image, conf=0.01) for _ in range(3)]
        threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert all(result == [found] * 3 for result in results)
    raises(module.Error, "closed", model, image)


def main():
    check_layout()
    pixels, height, width = read_ppm(picture)
    image = Array(pixels, (height, width, 3))
    wanted = json.load(open(boxes))["images"][0]["detections"]
    model = module.Model()
    assert model.threads >= 1 and model.input_size == (96, 96)
    found = check_boxes(model, image, wanted)
    check_formats(model, pixels, height, width, found)
    check_refusals(model, image)
    first = found[0].name
    only = model(image, conf=0.01, classes=[first])
    assert only and only == model(image, conf=0.01,
                                  classes=[found[0].class_id])
    assert all(box.name == first for box in only)
    assert len(model(image, conf=0.01, max_det=2)) == 2
    model(image, flip=True)
    check_threads(image, found)
    with module.Batch(instances=2) as batch:
        assert batch([image] * 5, conf=0.01) == [found] * 5
        assert batch([]) == []


main()
