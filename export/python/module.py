"""@MODEL@ in @PRECISION@, tuned for @ISA@ by yolotune @VERSION@.

    from @NAME@ import Model

    model = Model()
    for box in model(image):  # numpy, [height][width][3], uint8
        print(box.name, box.score, box.x0, box.y0, box.x1, box.y1)

Pictures are RGB unless format says otherwise: what OpenCV reads is "bgr". Only
ctypes is needed; a call lets other Python threads run.
"""

import ctypes
import os
import threading
import types
from typing import Any, List, NamedTuple, Optional, Sequence, Tuple

__all__ = ["Batch", "Box", "Error", "Model"]
__version__ = "@VERSION@"

_FORMATS = {"rgb": (0, 3), "bgr": (1, 3), "rgba": (2, 4), "bgra": (3, 4)}
_FITS = {"letterbox": 0, "stretch": 1}
_FILTERS = {"bilinear": 0, "nearest": 1}
_MAX_DET = 300


class Error(RuntimeError):
    """What the library refused, in one sentence."""


class Box(NamedTuple):
    """One detection, in pixels of the picture, origin at its top left."""

    x0: float
    y0: float
    x1: float
    y1: float
    score: float
    class_id: int
    name: str


# The types of yolotune/runtime.h.
class _Box(ctypes.Structure):
    _fields_ = [("x0", ctypes.c_float), ("y0", ctypes.c_float),
                ("x1", ctypes.c_float), ("y1", ctypes.c_float),
                ("score", ctypes.c_float), ("class_id", ctypes.c_int32)]


class _Image(ctypes.Structure):
    _fields_ = [("pixels", ctypes.c_void_p), ("width", ctypes.c_int32),
                ("height", ctypes.c_int32), ("stride_bytes", ctypes.c_int64),
                ("format", ctypes.c_int)]


class _OpenOptions(ctypes.Structure):
    _fields_ = [("threads", ctypes.c_int32), ("pin", ctypes.c_int32)]


class _DetectOptions(ctypes.Structure):
    _fields_ = [("conf", ctypes.c_float), ("iou", ctypes.c_float),
                ("max_det", ctypes.c_int32), ("class_agnostic", ctypes.c_int32),
                ("fit", ctypes.c_int), ("filter", ctypes.c_int),
                ("candidates", ctypes.c_int32), ("flip", ctypes.c_int32),
                ("only_classes", ctypes.c_char_p)]


class _ModelInfo(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("input_width", ctypes.c_int32),
                ("input_height", ctypes.c_int32), ("classes", ctypes.c_int32),
                ("class_names", ctypes.POINTER(ctypes.c_char_p)),
                ("isa", ctypes.c_char_p), ("threads", ctypes.c_int32),
                ("workspace_bytes", ctypes.c_size_t),
                ("flip_workspace_bytes", ctypes.c_size_t)]


class _BatchOptions(ctypes.Structure):
    _fields_ = [("instances", ctypes.c_int32), ("threads", ctypes.c_int32),
                ("stages", ctypes.c_int32), ("pin", ctypes.c_int32),
                ("step_costs", ctypes.c_void_p),
                ("step_cost_count", ctypes.c_int32)]


def _load() -> types.SimpleNamespace:
    """Functions of the library beside this file, or of the export around it."""
    here = os.path.dirname(os.path.abspath(__file__))
    place = os.path.join(here, "lib@NAME@.so")
    if not os.path.exists(place):
        place = os.path.join(here, "..", "..", "lib", "lib@NAME@.so")
    library = ctypes.CDLL(place)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    functions = types.SimpleNamespace()
    for name, result, arguments in (
            ("error", ctypes.c_char_p, []),
            ("open", ctypes.c_int, [pointer] * 2),
            ("info", None, [pointer] * 2),
            ("detect", ctypes.c_int,
             [pointer] * 4 + [size, pointer, size, pointer, pointer]),
            ("close", None, [pointer]),
            ("batch_open", ctypes.c_int, [pointer] * 2),
            ("batch_detect", ctypes.c_int,
             [pointer] * 2 + [size] + [pointer] * 2 + [size] + [pointer] * 2),
            ("batch_close", None, [pointer])):
        function = getattr(library, "@NAME@_" + name)
        function.restype, function.argtypes = result, arguments
        setattr(functions, name, function)
    return functions


_lib = _load()


def _check(status: int) -> None:
    if status:
        raise Error(_lib.error().decode(errors="replace"))


def _int32(value: int, what: str) -> int:
    """What ctypes would cut to 32 bits without a word."""
    if not -2**31 <= value < 2**31:
        raise ValueError(f"{what}={value} is out of range")
    return int(value)


def _one_of(table: dict, value: str, what: str) -> Any:
    if value not in table:
        raise ValueError(f"{what} {value!r} is not one of {', '.join(table)}")
    return table[value]


def _describe(image: Any, format: Optional[str]) -> Tuple[_Image, Any]:
    """The image for C, and what must live as long as it does."""
    try:
        facts = image.__array_interface__
    except AttributeError:
        raise TypeError("an image is a numpy array, or has its "
                        "__array_interface__") from None
    shape = facts["shape"]
    if facts["typestr"] != "|u1" or len(shape) != 3 or shape[2] not in (3, 4):
        raise ValueError("an image is uint8 of [height][width][3 or 4], not "
                         f"{facts['typestr']} of {list(shape)}")
    height, width, channels = shape
    code, needed = _one_of(_FORMATS, format or ("rgb", "rgba")[channels - 3],
                           "format")
    if needed != channels:
        raise ValueError(f"{format} has {needed} channels, the image {channels}")
    strides = facts.get("strides") or (width * channels, channels, 1)
    if strides[1:] != (channels, 1) or strides[0] < width * channels:
        return _describe(image.copy(order="C"), format)
    data = facts.get("data")
    if isinstance(data, bytes):  # as of PIL's images
        if len(data) < strides[0] * (height - 1) + width * channels:
            raise ValueError("an image has fewer bytes than its shape")
        address = ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p).value
    elif isinstance(data, tuple):
        address = data[0]
    else:
        raise TypeError("an image's __array_interface__ has no address")
    return _Image(address, width, height, strides[0], code), (image, data)


class _Names:
    """Class names, and how calls ask for some of them."""

    def __init__(self, info: _ModelInfo) -> None:
        self.names = [info.class_names[i].decode(errors="replace")
                      for i in range(info.classes)]

    def boxes(self, found: Any, count: int) -> List[Box]:
        names = self.names
        return [Box(b.x0, b.y0, b.x1, b.y1, b.score, b.class_id,
                    names[b.class_id]) for b in found[:count]]

    def options(self, conf: float = 0.25, iou: float = 0.45,
                max_det: int = _MAX_DET, agnostic: bool = False,
                fit: str = "letterbox", filter: str = "bilinear",
                candidates: int = 0, flip: bool = False,
                classes: Optional[Sequence[Any]] = None) -> _DetectOptions:
        only = None
        if classes is not None:
            wanted = bytearray(len(self.names))
            for each in classes:
                wanted[self.names.index(each) if isinstance(each, str)
                       else range(len(self.names))[each]] = 1
            only = bytes(wanted)
        if conf <= 0 or iou <= 0 or max_det <= 0:
            raise ValueError("conf, iou and max_det must be over 0")
        return _DetectOptions(conf, iou, _int32(max_det, "max_det"), agnostic,
                              _one_of(_FITS, fit, "fit"),
                              _one_of(_FILTERS, filter, "filter"),
                              _int32(candidates, "candidates"), flip, only)


def _class_names() -> _Names:
    """Those of the model, for which one is opened."""
    model, info = ctypes.c_void_p(), _ModelInfo()
    _check(_lib.open(ctypes.byref(_OpenOptions(1, 0)),
                            ctypes.byref(model)))
    _lib.info(model, ctypes.byref(info))
    names = _Names(info)
    _lib.close(model)
    return names


class _Opened:
    """What the library opened, and _release() closes, once."""

    def __init__(self, release: Any) -> None:
        self._handle = ctypes.c_void_p()
        self._release = release

    def close(self) -> None:
        """Release it; no call on it may be in progress."""
        handle, self._handle = self._handle, ctypes.c_void_p()
        self._release(handle)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *unused: Any) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise TypeError("what the library opened cannot be copied or pickled")

    def __del__(self) -> None:
        if getattr(self, "_handle", None):
            self.close()


class Model(_Opened):
    """The model, opened. With threads=1 any number of Python threads may call
    it at once; with more it has a pool, and calls wait for each other."""

    def __init__(self, threads: int = 0, pin: bool = False) -> None:
        """threads: of the model's own pool; 0: as tuned. pin: keep each to a
        CPU. Error when this CPU lacks an instruction of @ISA@."""
        super().__init__(_lib.close)
        wanted = _OpenOptions(_int32(threads, "threads"), pin)
        _check(_lib.open(ctypes.byref(wanted), ctypes.byref(self._handle)))
        self._info = _ModelInfo()
        _lib.info(self._handle, ctypes.byref(self._info))
        self._names = _Names(self._info)
        self._lock = threading.Lock() if self._info.threads > 1 else None
        self._own = threading.local()
        self.names: List[str] = self._names.names
        self.input_size: Tuple[int, int] = (self._info.input_height,
                                            self._info.input_width)
        self.threads: int = self._info.threads

    def _workspace(self, size: int) -> int:
        """Memory of this Python thread, aligned to 64 bytes."""
        own = self._own
        if getattr(own, "size", 0) < size:
            own.memory = ctypes.create_string_buffer(size + 63)
            own.size = size
        return (ctypes.addressof(own.memory) + 63) & ~63

    def __call__(self, image: Any, format: Optional[str] = None,
                 **options: Any) -> List[Box]:
        """Detect objects in one image, best score first.

        image: numpy, uint8, [height][width][3 or 4]; strided views are fine.
        format: rgb (default), bgr, rgba (default of 4) or bgra.
        options: conf (0.25), iou (0.45), max_det (300), agnostic (False), fit
        ("letterbox" or "stretch"), filter ("bilinear" or "nearest"),
        candidates (0: all), flip (False), classes (None: all; or numbers and
        names).
        """
        if not self._handle:
            raise Error("the model is closed")
        picture, kept = _describe(image, format)
        wanted = self._names.options(**options)
        found = (_Box * wanted.max_det)()
        count = ctypes.c_size_t()
        info = self._info
        size = (info.flip_workspace_bytes if wanted.flip
                else info.workspace_bytes)
        arguments = (self._handle, ctypes.byref(picture), ctypes.byref(wanted),
                     self._workspace(size), size, found, wanted.max_det,
                     ctypes.byref(count), None)
        if self._lock:
            with self._lock:
                status = _lib.detect(*arguments)
        else:
            status = _lib.detect(*arguments)
        del kept
        _check(status)
        return self._names.boxes(found, count.value)


class Batch(_Opened):
    """Several images at the same time, on groups of threads. Calls wait for
    each other."""

    def __init__(self, instances: int = 0, threads: int = 0, stages: int = 0,
                 pin: bool = False) -> None:
        """instances: images at the same time, 0: as many as there are CPUs.
        threads: of each. stages: over 1, cut the layers into so many. See
        yolotune/runtime.h, yt_batch_options."""
        self._names = _class_names()
        super().__init__(_lib.batch_close)
        options = _BatchOptions(_int32(instances, "instances"),
                                _int32(threads, "threads"),
                                _int32(stages, "stages"), pin, None, 0)
        _check(_lib.batch_open(ctypes.byref(options),
                                      ctypes.byref(self._handle)))
        self._lock = threading.Lock()
        self.names: List[str] = self._names.names

    def __call__(self, images: Sequence[Any], format: Optional[str] = None,
                 **options: Any) -> List[List[Box]]:
        """The boxes of each image, as Model finds them; same options, without
        flip."""
        if not self._handle:
            raise Error("the batch is closed")
        described = [_describe(image, format) for image in images]
        wanted = self._names.options(**options)
        count, room = len(described), wanted.max_det
        pictures = (_Image * count)(*(picture for picture, _ in described))
        found = (_Box * (count * room))()
        counts = (ctypes.c_size_t * count)()
        with self._lock:
            status = _lib.batch_detect(
                self._handle, pictures, count, ctypes.byref(wanted), found, room,
                counts, None)
        _check(status)
        return [self._names.boxes(found[i * room:(i + 1) * room], counts[i])
                for i in range(count)]
