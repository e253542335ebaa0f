"""Shapes and types of stored arrays, read from the beginning of their files. Nothing is loaded."""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import IO, Any

from ..api.transfer.unpack import BoundedReader
from ..formatting.text import sanitize

MAX_ARRAYS = 1000
"""Number of arrays of a file that are described."""

_MAX_HEADER_BYTES = 1 << 20
_MAX_NAME_CHARS = 200
_NPY_MAGIC = b"\x93NUMPY"
_MAX_NPY_HEADER_BYTES = 10_000  # as numpy itself accepts
_NPY_TYPE = re.compile(r"'descr': '([<>|=]?[A-Za-z][0-9]{0,5})'")
_NPY_SHAPE = re.compile(r"'shape': \(([0-9, ]{0,500})\)")
_DAMAGED = (OSError, ValueError, RecursionError, struct.error, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


@dataclass(frozen=True)
class ArrayInfo:
    """Description of a stored array.

    Attributes
    ----------
    name
        Its name in the file; empty if the file holds a single array.
    shape
        Its shape; ``()`` is a single number.
    dtype
        Its type as the file names it: ``float64``, ``<f8``, ``BF16``.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        shape = " × ".join(map(str, self.shape)) or "a number"
        return f"{self.name}: {shape} {self.dtype}" if self.name else f"{shape} {self.dtype}"


def read_npy_header(path: Path) -> tuple[ArrayInfo, ...]:
    """Return what a ``.npy`` file holds; nothing if that cannot be told."""
    return _read(lambda: _describe_npy_file(path))


def read_npz_headers(path: Path) -> tuple[ArrayInfo, ...]:
    """Return what a ``.npz`` file holds; nothing if that cannot be told."""
    return _read(lambda: _describe_npz_file(path))


def read_safetensors_header(path: Path) -> tuple[ArrayInfo, ...]:
    """Return what a ``.safetensors`` file holds; nothing if that cannot be told."""
    return _read(lambda: _describe_safetensors_file(path))


def _read(describe: Callable[[], tuple[ArrayInfo, ...]]) -> tuple[ArrayInfo, ...]:
    try:
        return describe()
    except _DAMAGED:
        return ()


def _describe_npy_file(path: Path) -> tuple[ArrayInfo, ...]:
    with path.open("rb") as file:
        return _describe_npy(file, "")


def _describe_npz_file(path: Path) -> tuple[ArrayInfo, ...]:
    found: list[ArrayInfo] = []
    with BoundedReader(FileIO(path)) as raw, zipfile.ZipFile(raw) as archive:
        for member in archive.infolist()[:MAX_ARRAYS]:
            if member.filename.endswith(".npy"):
                with archive.open(member) as file:
                    found += _describe_npy(file, member.filename.removesuffix(".npy"))
    return tuple(found)


def _describe_npy(file: IO[bytes], name: str) -> tuple[ArrayInfo, ...]:
    start = file.read(8)
    if not start.startswith(_NPY_MAGIC) or len(start) < 8:
        return ()
    form = "<H" if start[6] == 1 else "<I"
    (size,) = struct.unpack(form, file.read(struct.calcsize(form)))
    if size > _MAX_NPY_HEADER_BYTES:
        return ()
    header = file.read(size).decode("latin-1")
    dtype, shape = _NPY_TYPE.search(header), _NPY_SHAPE.search(header)
    if shape is None:
        return ()
    lengths = tuple(int(length) for length in shape[1].split(",") if length.strip())
    return (ArrayInfo(sanitize(name, _MAX_NAME_CHARS), lengths, _name_type(dtype[1]) if dtype else "several fields"),)


def _name_type(code: str) -> str:
    """Return numpy's name of a type: ``float64`` for ``<f8``; types without a plain name as they stand."""
    kinds = {"f": "float", "i": "int", "u": "uint", "c": "complex"}
    kind, size = code.lstrip("<>|=")[:1], code.lstrip("<>|=")[1:]
    if kind == "b":
        return "bool"
    return f"{kinds[kind]}{int(size) * 8}" if kind in kinds and size else code


def _describe_safetensors_file(path: Path) -> tuple[ArrayInfo, ...]:
    with path.open("rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        if size > _MAX_HEADER_BYTES:
            return ()
        header = json.loads(file.read(size))
    if not isinstance(header, dict):
        return ()
    found = [_describe_tensor(name, entry) for name, entry in header.items() if name != "__metadata__"]
    return tuple(info for info in found if info is not None)[:MAX_ARRAYS]


def _describe_tensor(name: str, entry: Any) -> ArrayInfo | None:
    if not isinstance(entry, dict):
        return None
    shape, dtype = entry.get("shape"), entry.get("dtype")
    if not isinstance(dtype, str) or not isinstance(shape, list):
        return None
    if not all(isinstance(length, int) and not isinstance(length, bool) and length >= 0 for length in shape):
        return None
    return ArrayInfo(sanitize(name, _MAX_NAME_CHARS), tuple(shape), sanitize(dtype, 20))
