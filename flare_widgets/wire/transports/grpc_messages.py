"""The one message of the grpc scheme, written by hand: two fields are not worth a dependency on protobuf.

``Frame{ int32 seq = 1; bytes data = 2 }`` (``fuel/f3/drivers/grpc/streamer_pb2.py`` of nvflare 2.9.0). Pure.
"""

from __future__ import annotations

from ...errors import ProtocolError
from ...protobuf import BYTES, VARINT, read_fields

_SEQUENCE, _DATA = 1, 2


def encode(sequence: int, data: bytes) -> bytes:
    """Return the message that carries an SFM frame. `sequence` is truncated to an int32."""
    head = bytes([_SEQUENCE << 3 | VARINT]) + _encode_varint(sequence & 0x7FFFFFFF)
    return b"".join((head, bytes([_DATA << 3 | BYTES]), _encode_varint(len(data)), data))


def decode(message: bytes) -> bytes:
    """Return the SFM frame in a message. The sequence number is ignored, and unknown fields are skipped.

    Raises
    ------
    ProtocolError
        It is not such a message.
    """
    data = b""
    try:
        for field, kind, value in read_fields(message):
            if field == _DATA and kind == BYTES and isinstance(value, memoryview):
                data = bytes(value)
    except ValueError as e:
        raise ProtocolError(f"a grpc message {e}") from None
    return data


def _encode_varint(value: int) -> bytes:
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)
