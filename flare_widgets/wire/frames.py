"""SFM frames: the unit that a transport carries.

A frame is a 16-byte prefix, a msgpack map of headers and a payload. This module turns bytes into frames and
frames into bytes, nothing else. Source: ``fuel/f3/sfm/prefix.py`` and ``sfm_conn.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import enum
import struct
from dataclasses import dataclass, field
from typing import Any

import msgpack

from ..errors import ProtocolError
from ..formatting.secret import SecretBytes
from .safe_msgpack import unpack

_PREFIX = struct.Struct(">IHBBHHHH")
PREFIX_SIZE = _PREFIX.size

MAX_FRAME_BYTES = 64 << 20
"""Bytes of the largest frame we accept. The server's own chunks are 1 MiB, its unstreamed messages far smaller."""

MAX_HEADER_BYTES = 0xFFFF
"""Bytes of headers a frame can carry: their length is a 16-bit field."""

_MAX_HEADER_VALUES = 4096  # FLARE's have about a hundred; those of unfinished streams are kept


class FrameType(enum.IntEnum):
    """Type of a frame."""

    DATA = 1
    """A cellnet message."""
    FRAGMENT = 2
    """Reserved, never seen."""
    ACK = 3
    """Reserved, never seen."""
    HELLO = 4
    """The client introduces itself."""
    READY = 5
    """The server accepts; messages may be sent."""
    PING = 6
    """The server received nothing for a minute."""
    PONG = 7
    """The answer to a PING."""


@dataclass(frozen=True)
class Frame:
    """One frame.

    Attributes
    ----------
    type
        The type.
    headers
        The cellnet headers of a DATA frame, else empty.
    payload
        Bytes, described by the headers or by `type` (a msgpack value for control frames).
    app_id, stream_id, sequence
        Fields of the prefix; receivers check none of them.
    """

    type: FrameType
    headers: dict[str, Any] = field(default_factory=dict)
    payload: bytes | memoryview = b""
    app_id: int = 0
    stream_id: int = 0
    sequence: int = 0


def encode(frame: Frame) -> bytes:
    """Return the bytes of a frame.

    Raises
    ------
    ProtocolError
        The headers are longer than a frame can carry.
    """
    headers = SecretBytes(msgpack.packb(frame.headers) if frame.headers else b"")  # with our credentials
    if len(headers) > MAX_HEADER_BYTES:
        raise ProtocolError(f"{len(headers)} bytes of headers do not fit into a frame ({MAX_HEADER_BYTES})")
    length = PREFIX_SIZE + len(headers) + len(frame.payload)
    prefix = _PREFIX.pack(
        length,
        len(headers),
        frame.type,
        0,
        0,
        frame.app_id,
        frame.stream_id & 0xFFFF,
        frame.sequence & 0xFFFF,
    )
    return SecretBytes(b"".join((prefix, headers, frame.payload)))


def decode(data: bytes) -> Frame:
    """Return the frame that `data` holds exactly.

    Raises
    ------
    ProtocolError
        The bytes are not one whole frame.
    """
    if len(data) < PREFIX_SIZE:
        raise ProtocolError(f"a frame of {len(data)} bytes is shorter than its prefix")
    length, header_length, kind, _, _, app_id, stream_id, sequence = _PREFIX.unpack_from(data)
    if length != len(data) or PREFIX_SIZE + header_length > length:
        raise ProtocolError(f"a frame says it has {length} bytes ({header_length} of headers), not {len(data)}")
    try:
        frame_type = FrameType(kind)
    except ValueError:
        raise ProtocolError(f"unknown frame type {kind}") from None
    end = PREFIX_SIZE + header_length
    headers = unpack(data[PREFIX_SIZE:end], _MAX_HEADER_VALUES) if header_length else {}
    if not isinstance(headers, dict):
        raise ProtocolError("the headers of a frame are not a map")
    # A view: the chunk of a large blob is copied once, into the blob.
    return Frame(frame_type, headers, memoryview(data)[end:], app_id, stream_id, sequence)


def read_length(prefix: bytes) -> int:
    """Return the size in bytes of the frame that begins with `prefix`, prefix included.

    For transports that carry a stream of bytes, before the rest of the frame is read.

    Raises
    ------
    ProtocolError
        It is not the prefix of a frame, or the frame is larger than we accept.
    """
    if len(prefix) != PREFIX_SIZE:
        raise ProtocolError(f"the prefix of a frame has {PREFIX_SIZE} bytes, not {len(prefix)}")
    size, header_length, *_ = _PREFIX.unpack(prefix)
    if size > MAX_FRAME_BYTES:
        raise ProtocolError(too_large_message(size))
    if PREFIX_SIZE + header_length > size:
        raise ProtocolError(f"a frame says it has {size} bytes ({header_length} of headers)")
    return int(size)


def too_large_message(size: int | None = None) -> str:
    """Return the message about a frame that is larger than we accept; `size` in bytes, if known."""
    has = "has" if size is None else f"says it has {size} bytes,"
    return f"a frame {has} more than the {MAX_FRAME_BYTES} bytes we accept"
