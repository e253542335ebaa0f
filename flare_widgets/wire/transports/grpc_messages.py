"""The one message of the grpc scheme, encoded by hand: two fields are not worth a dependency on protobuf.

``Frame{ int32 seq = 1; bytes data = 2 }`` (``fuel/f3/drivers/grpc/streamer_pb2.py`` of nvflare 2.9.0). Pure.
"""

from __future__ import annotations

from ...errors import ProtocolError

_SEQUENCE, _DATA = 1, 2
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5  # protobuf's wire types; two more are long obsolete


def encode(sequence: int, data: bytes) -> bytes:
    """Return the message that carries an SFM frame. `sequence` is truncated to an int32."""
    head = bytes([_SEQUENCE << 3 | _VARINT]) + _encode_varint(sequence & 0x7FFFFFFF)
    return b"".join((head, bytes([_DATA << 3 | _BYTES]), _encode_varint(len(data)), data))


def decode(message: bytes) -> bytes:
    """Return the SFM frame in a message. The sequence number is ignored, and unknown fields are skipped.

    Raises
    ------
    ProtocolError
        It is not such a message.
    """
    data, position = b"", 0
    while position < len(message):
        tag, position = _read_varint(message, position)
        field, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            _, position = _read_varint(message, position)
            continue
        if kind == _BYTES:
            size, position = _read_varint(message, position)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ProtocolError(f"a grpc message has a field of the unknown type {kind}")
        if size > len(message) - position:
            raise ProtocolError("a grpc message ends within a field")
        if field == _DATA and kind == _BYTES:
            data = message[position : position + size]
        position += size
    return data


def _encode_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _read_varint(message: bytes, position: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # ten bytes at most
        if position >= len(message):
            break
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise ProtocolError("a grpc message has a broken number")
