"""Reader of protobuf messages: their fields, without what they mean. Pure.

The two messages that are read here, of the grpc scheme and of TensorBoard's files, are not worth a dependency.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Protobuf's wire types; two more are long obsolete."""

_FIXED_SIZES = {FIXED64: 8, FIXED32: 4}


def read_fields(message: bytes | memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Return the fields of a message: the number, the wire type, and the value.

    Values of the type `VARINT` are numbers of 64 bits without a sign; all others are their bytes.

    Raises
    ------
    ValueError
        It is no message. The text continues "the message ...".
    """
    view, position = memoryview(message), 0
    while position < len(view):
        key, position = _read_varint(view, position)
        kind = key & 7
        if kind == VARINT:
            value, position = _read_varint(view, position)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            size, position = _read_varint(view, position)
        elif kind in _FIXED_SIZES:
            size = _FIXED_SIZES[kind]
        else:
            raise ValueError(f"has a field of the unknown type {kind}")
        if size > len(view) - position:
            raise ValueError("ends within a field")
        yield key >> 3, kind, view[position : position + size]
        position += size


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    if position < len(message) and (byte := message[position]) < 0x80:  # nearly all of them
        return byte, position + 1
    value = 0
    for shift in range(0, 70, 7):  # ten bytes at most
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise ValueError("has a broken number")
