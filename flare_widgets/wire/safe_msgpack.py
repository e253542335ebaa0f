"""Msgpack values from a peer, measured before they are created.

A few bytes can announce a value that fills the memory: lists are allocated with the length they announce, nested a
thousand deep. So the bytes are scanned first, which allocates nothing. Source: the msgpack specification.
"""

from __future__ import annotations

import struct
from typing import Any

import msgpack

from ..errors import ProtocolError

MAX_VALUES = 100_000
"""Values in one message. FLARE's answers to an admin have a few dozen; most of their size is one text or one blob."""

MIN_VIEW_BYTES = 1 << 20
"""Bytes from which on a value of bytes is not copied."""

MAX_DEPTH = 128
"""Nesting depth of values."""

# By first byte: bytes of a length field, extra bytes, and values for each unit of the length.
_FIXED_WIDTHS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_FIXED_WIDTHS |= {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_LENGTH_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION_WIDTHS = {0xC7: 1, 0xC8: 2, 0xC9: 4} | dict.fromkeys(range(0xD4, 0xD9), 0)
_BYTES_32, _BYTES_32_HEADER_SIZE = 0xC6, 5
_VIEW = struct.Struct(">BBI")  # an extension of four bytes, and its type: stands for a view, since peers send none
_FIXED_EXTENSION_4, _VIEW_TYPE = 0xD6, 1
_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def unpack(data: bytes | memoryview, max_values: int = MAX_VALUES) -> Any:
    """Return the msgpack value that `data` holds exactly; extension types are rejected.

    In it, bytes of at least `MIN_VIEW_BYTES` are views of `data`, not copies.

    Parameters
    ----------
    data
        The bytes.
    max_values
        Maximum number of values in it, including keys of maps.

    Raises
    ------
    ProtocolError
        The bytes are not one msgpack value, or contain more values than we accept.
    """
    try:
        views = _check_limits(data, max_values)
        # strict_map_key: FLARE has maps with integer keys.
        if not views:
            return msgpack.unpackb(data, strict_map_key=False)
        return _unpack_with_views(memoryview(data), views)
    except (ValueError, TypeError, msgpack.UnpackException) as e:
        raise ProtocolError(f"bytes that are not msgpack as we accept it: {e}") from None


def _unpack_with_views(data: memoryview, views: list[tuple[int, int]]) -> Any:
    """Return the value in `data`, in which the bytes at these positions (header, end) are views."""
    pieces: list[bytes | memoryview] = []
    done = 0
    for number, (start, end) in enumerate(views):
        pieces += [data[done:start], _VIEW.pack(_FIXED_EXTENSION_4, _VIEW_TYPE, number)]
        done = end
    pieces.append(data[done:])

    def find_view(_: int, number: bytes) -> memoryview:
        start, end = views[int.from_bytes(number, "big")]
        return data[start + _BYTES_32_HEADER_SIZE : end]

    return msgpack.unpackb(b"".join(pieces), strict_map_key=False, ext_hook=find_view)


def _check_limits(data: bytes | memoryview, max_values: int) -> list[tuple[int, int]]:
    """Return the positions of large values of bytes.

    Raises ValueError unless `data` is one value of bounded width and depth, without an extension type.
    """
    views: list[tuple[int, int]] = []
    size, at, left = len(data), 0, max_values
    waiting = [1]  # number of values still expected, at each level
    while waiting:
        if not waiting[-1]:
            waiting.pop()
            continue
        waiting[-1] -= 1
        if at >= size:
            raise ValueError("it ends within a value")
        kind = data[at]
        at += 1
        inner = 0
        if kind < 0x80 or kind >= 0xE0:
            pass  # a small integer
        elif kind < 0xA0:
            inner = (kind & 0x0F) * (2 if kind < 0x90 else 1)
        elif kind < 0xC0:
            at += kind & 0x1F
        elif kind in _FIXED_WIDTHS:
            at += _FIXED_WIDTHS[kind]
        elif kind in _LENGTH_WIDTHS:
            start, end = at - 1, at + _LENGTH_WIDTHS[kind]
            at = end + int.from_bytes(data[at:end], "big")
            if kind == _BYTES_32 and at - end >= MIN_VIEW_BYTES:
                views.append((start, at))
        elif kind in _CONTAINERS:
            width, each = _CONTAINERS[kind]
            inner = int.from_bytes(data[at : at + width], "big") * each
            at += width
        else:
            code = at + _EXTENSION_WIDTHS.get(kind, size)
            raise ValueError(f"extension type {data[code]}" if code < size else f"a value of the type {kind:#x}")
        if inner:
            left -= inner
            if left < 0:
                raise ValueError(f"more than {max_values} values")
            if len(waiting) > MAX_DEPTH:
                raise ValueError(f"more than {MAX_DEPTH} levels")
            waiting.append(inner)
    if at != size:
        raise ValueError("it ends within a value" if at > size else f"{size - at} bytes too many")
    return views
