"""Builds the wheel of this export, for `pip install .` and `pip wheel .`:
called by pip as pyproject.toml says (PEP 517). Needs Python alone."""

import base64
import hashlib
import os
import sysconfig
import zipfile

NAME, VERSION = "@NAME@", "@VERSION@"
HERE = os.path.dirname(os.path.abspath(__file__))
INFO = f"{NAME}-{VERSION}.dist-info"


def _tag():
    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    return f"py3-none-{platform}"


def _read(*path):
    with open(os.path.join(HERE, *path), "rb") as file:
        return file.read()


def _metadata():
    return (f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n"
            "Summary: A detection model as yolotune tuned it\n"
            "Requires-Python: >=3.8\n").encode()


def _files():
    yield f"{NAME}/__init__.py", _read(NAME, "__init__.py")
    yield f"{NAME}/py.typed", b""
    yield f"{NAME}/lib{NAME}.so", _read("..", "lib", f"lib{NAME}.so")
    yield f"{INFO}/METADATA", _metadata()
    yield f"{INFO}/WHEEL", (
        "Wheel-Version: 1.0\nGenerator: yolotune " + VERSION +
        "\nRoot-Is-Purelib: false\nTag: " + _tag() + "\n").encode()


def _digest(content):
    digest = hashlib.sha256(content).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _add(wheel, path, content):
    entry = zipfile.ZipInfo(path)  # of 1980: the same bytes each time
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.external_attr = 0o644 << 16
    wheel.writestr(entry, content)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    """Write the wheel into a folder and return its file name."""
    file = f"{NAME}-{VERSION}-{_tag()}.whl"
    record = f"{INFO}/RECORD"
    lines = []
    with zipfile.ZipFile(os.path.join(wheel_directory, file), "w") as wheel:
        for path, content in _files():
            _add(wheel, path, content)
            lines.append(f"{path},{_digest(content)},{len(content)}\n")
        _add(wheel, record, "".join(lines) + f"{record},,\n")
    return file


def build_sdist(sdist_directory, config_settings=None):
    """An export is machine code: there are no sources to pack."""
    raise NotImplementedError("an export has a wheel, and no source archive")
