"""Msgpack values from a peer, measured before they are created.

A few bytes can announce a value that fills the memory: lists are allocated with the length they announce, nested a
thousand deep. So the bytes are scanned first, which allocates nothing. Source: the msgpack specification.
"""

from __future__ import annotations

from typing import Any

import msgpack

from ..errors import ProtocolError

MAX_VALUES = 100_000
"""Values in one message. FLARE's answers to an admin have a few dozen; most of their size is one text or one blob."""

MAX_DEPTH = 128
"""Nesting depth of values."""

# By first byte: bytes of a length field, extra bytes, and values for each unit of the length.
_FIXED_WIDTHS = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8}
_FIXED_WIDTHS |= {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8, 0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8}
_LENGTH_WIDTHS = {0xC4: 1, 0xC5: 2, 0xC6: 4, 0xD9: 1, 0xDA: 2, 0xDB: 4}
_EXTENSION_WIDTHS = {0xC7: 1, 0xC8: 2, 0xC9: 4} | dict.fromkeys(range(0xD4, 0xD9), 0)
_CONTAINERS = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}


def unpack(data: bytes | memoryview, max_values: int = MAX_VALUES) -> Any:
    """Return the msgpack value that `data` holds exactly; extension types are rejected.

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
        _check_limits(data, max_values)
        # strict_map_key: FLARE has maps with integer keys.
        return msgpack.unpackb(data, strict_map_key=False)
    except (ValueError, TypeError, msgpack.UnpackException) as e:
        raise ProtocolError(f"bytes that are not msgpack as we accept it: {e}") from None


def _check_limits(data: bytes | memoryview, max_values: int) -> None:
    """Raise ValueError unless `data` is one value of bounded width and depth, without an extension type."""
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
            end = at + _LENGTH_WIDTHS[kind]
            at = end + int.from_bytes(data[at:end], "big")
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
