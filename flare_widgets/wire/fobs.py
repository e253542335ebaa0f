"""FOBS: nvflare's serialized objects, as plain data.

nvflare writes objects of its classes as maps that name the class. This decoder returns the data and never loads
a class by name, so that nothing a peer sends can run code here. The encoder writes the three classes an admin
client must send. Source: ``fuel/utils/fobs/lobs.py`` and ``fobs.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import msgpack

from ..errors import ProtocolError
from ..formatting.secret import SecretBytes
from .safe_msgpack import unpack

HEADERS = "__headers__"
"""Key under which a Shareable stores its headers."""

_SECTION_HEADER = struct.Struct(">BBQ")
_MAIN, _TEXT, _BLOB, _FILE = 100, 101, 102, 103
_BIN_32 = struct.Struct(">BI")  # of msgpack: bytes, and their number
_PACKER = msgpack.Packer()
_ID_SIZE = 16
_MAX_DEPTH = 64

_TYPE, _DATA, _DECOMPOSER = "__fobs_type__", "__fobs_data__", "__fobs_dc__"
_DATUM_REF = "nvflare.fuel.utils.fobs.datum.DatumRef"


def make_shareable(data: Mapping[str, Any], headers: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return `data` marked as a FLARE ``Shareable``, the dict with headers that FLARE's peers exchange."""
    return _tag_with_class(
        "nvflare.apis.shareable.Shareable",
        {**data, HEADERS: dict(headers or {})},
        "nvflare.fuel.utils.fobs.decomposer.DictDecomposer",
    )


def make_fl_context(identity: str) -> dict[str, Any]:
    """Return an ``FLContext`` that contains only the sender's identity."""
    return _tag_with_class(
        "nvflare.apis.fl_context.FLContext",
        [None, {"__identity_name__": {"value": identity, "mask": 0}}],
        "nvflare.apis.utils.decomposers.flare_decomposers.ContextDecomposer",
    )


class Pieces:
    """Bytes in pieces, which are one value in a message: so a large one is sent without a copy of all of it.

    Parameters
    ----------
    pieces
        The pieces, in order.
    """

    def __init__(self, pieces: Sequence[bytes | memoryview]) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return sum(map(len, self.pieces))


def encode(value: Any) -> bytes:
    """Return `value` as FOBS bytes; `value` is plain data or from :func:`make_shareable` or :func:`make_fl_context`.

    Values are never moved to separate sections (FLARE does that from 10 MB on; we send at most 6 MiB).
    """
    return SecretBytes(b"".join(encode_pieces(value)))


def encode_pieces(value: Any) -> list[bytes | memoryview]:
    """Return the same as :func:`encode` in pieces, in which those of :class:`Pieces` are not copied."""
    body: list[bytes | memoryview] = []
    _encode_value(value, body)
    return [_SECTION_HEADER.pack(_MAIN, 0, sum(map(len, body))), *body]


def _encode_value(value: Any, body: list[bytes | memoryview]) -> None:
    if isinstance(value, Pieces):
        body += [_BIN_32.pack(0xC6, len(value)), *value.pieces]
    elif isinstance(value, dict) and any(isinstance(each, (dict, Pieces)) for each in value.values()):
        body.append(_PACKER.pack_map_header(len(value)))
        for key, each in value.items():
            body.append(msgpack.packb(key))
            _encode_value(each, body)
    else:
        body.append(SecretBytes(msgpack.packb(value)))  # with the session's token, mostly


def decode(data: bytes | bytearray | memoryview) -> Any:
    """Return the plain data in FOBS bytes: an object becomes its data, a reference to a section its contents.

    Raises
    ------
    ProtocolError
        The bytes are not FOBS.
    """
    data = memoryview(data)  # so that a large section is not copied
    body: memoryview | None = None
    datums: dict[str, str | bytes] = {}
    offset = 0
    while offset < len(data):
        if len(data) - offset < _SECTION_HEADER.size:
            raise ProtocolError("FOBS: a section is shorter than its header")
        marker, _, size = _SECTION_HEADER.unpack_from(data, offset)
        offset += _SECTION_HEADER.size
        if size > len(data) - offset:
            raise ProtocolError(f"FOBS: a section says it has {size} bytes, {len(data) - offset} are left")
        section = data[offset : offset + size]
        offset += size
        if body is None:
            if marker != _MAIN:
                raise ProtocolError(f"FOBS: the first section has marker {marker}, not {_MAIN}")
            body = section
        elif marker in (_TEXT, _BLOB, _FILE) and size >= _ID_SIZE:
            content = bytes(section[_ID_SIZE:])
            datums[str(uuid.UUID(bytes=bytes(section[:_ID_SIZE])))] = (
                _decode_utf8(content) if marker == _TEXT else content
            )
        else:
            raise ProtocolError(f"FOBS: a section has marker {marker} and {size} bytes")
    if body is None:
        raise ProtocolError("FOBS: no bytes")
    return _to_plain(unpack(body), datums, 0)


def _tag_with_class(name: str, data: Any, decomposer: str) -> dict[str, Any]:
    return {_TYPE: name, _DATA: data, _DECOMPOSER: decomposer}


def _decode_utf8(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise ProtocolError("FOBS: a text section is not UTF-8") from None


def _to_plain(value: Any, datums: dict[str, str | bytes], depth: int) -> Any:
    if depth > _MAX_DEPTH:
        raise ProtocolError(f"FOBS: more than {_MAX_DEPTH} levels")
    if isinstance(value, dict):
        if _TYPE in value:
            inner = _to_plain(value.get(_DATA), datums, depth + 1)
            if value[_TYPE] == _DATUM_REF and isinstance(inner, dict):
                fields = inner.get("data", inner)
                ref = str(fields.get("datum_id")) if isinstance(fields, dict) else ""
                if ref not in datums:
                    raise ProtocolError("FOBS: a reference to a section that is not there")
                return datums[ref]
            return inner
        return {k: _to_plain(v, datums, depth + 1) for k, v in value.items()}
    if isinstance(value, list):
        return [_to_plain(v, datums, depth + 1) for v in value]
    return value
