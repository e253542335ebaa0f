"""SFM frames: what is written is read back, nvflare reads it too, and no bytes at all do harm."""

from __future__ import annotations

import struct
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flare_widgets.errors import ProtocolError
from flare_widgets.wire.frames import MAX_HEADER_BYTES, PREFIX_SIZE, Frame, FrameType, decode, encode, unpack

HEADERS = st.dictionaries(
    st.text(max_size=10),
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=20) | st.binary(max_size=20),
    max_size=6,
)
FRAMES = st.builds(
    Frame,
    st.sampled_from(FrameType),
    HEADERS,
    st.binary(max_size=200),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
)


@given(FRAMES)
def test_what_is_written_is_read_back(frame: Frame) -> None:
    assert decode(encode(frame)) == frame


@given(FRAMES)
def test_prefix_is_one_nvflare_reads(frame: Frame) -> None:
    from nvflare.fuel.f3.sfm.prefix import PREFIX_LEN, Prefix

    data = encode(frame)
    prefix = Prefix.from_bytes(data)
    assert PREFIX_LEN == PREFIX_SIZE
    assert prefix.length == len(data)
    assert (prefix.type, prefix.app_id, prefix.stream_id, prefix.sequence) == (
        frame.type,
        frame.app_id,
        frame.stream_id,
        frame.sequence,
    )
    end = PREFIX_LEN + prefix.header_len
    assert (msgpack.unpackb(data[PREFIX_LEN:end]) if prefix.header_len else {}) == frame.headers
    assert data[end:] == frame.payload


def test_frame_of_nvflare_is_read() -> None:
    from nvflare.fuel.f3.sfm.prefix import Prefix

    headers = msgpack.packb({"cn__topic": "x"})
    prefix = Prefix(0, len(headers), 1, 0, 0, 1, 17, 5)
    prefix.length = PREFIX_SIZE + len(headers) + 3
    data = bytearray(prefix.length)
    prefix.to_buffer(data, 0)
    data[PREFIX_SIZE:] = headers + b"abc"
    assert decode(bytes(data)) == Frame(FrameType.DATA, {"cn__topic": "x"}, b"abc", 1, 17, 5)


def test_counters_start_again_at_two_bytes() -> None:
    frame = decode(encode(Frame(FrameType.DATA, stream_id=0x10011, sequence=0x10002)))
    assert (frame.stream_id, frame.sequence) == (0x11, 2)


def test_oversized_headers_are_refused() -> None:
    fits = "x" * (MAX_HEADER_BYTES - 6)  # a map of one, a key of one letter, and the length of the text
    assert len(decode(encode(Frame(FrameType.DATA, {"k": fits}))).headers["k"]) == len(fits)
    with pytest.raises(ProtocolError, match="do not fit into a frame"):
        encode(Frame(FrameType.DATA, {"k": fits + "x"}))


@given(st.binary(max_size=80))
@example(b"")
@example(bytes(PREFIX_SIZE))
def test_any_bytes_are_frame_or_error(data: bytes) -> None:
    decoded = decode_or_none(data)
    assert decoded is None or isinstance(decoded.headers, dict)


@given(FRAMES, st.data())
def test_damaged_frames_decode_or_error(frame: Frame, data: st.DataObject) -> None:
    good = encode(frame)
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 4)) :]
    decoded = decode_or_none(damaged)
    assert decoded is None or isinstance(decoded.headers, dict)


@given(st.binary(max_size=60))
def test_any_headers_are_map_or_error(headers: bytes) -> None:
    decoded = decode_or_none(prefixed(headers))
    assert decoded is None or isinstance(decoded.headers, dict)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda good: good[:5], "shorter than its prefix"),
        (lambda good: good[:-1], "says it has"),
        (lambda good: good + b"x", "says it has"),
        (lambda good: good[:4] + b"\xff\xff" + good[6:], "of headers"),
        (lambda good: good[:6] + b"\x09" + good[7:], "unknown frame type 9"),
        (lambda good: prefixed(msgpack.packb([1])), "not a map"),
        (lambda good: prefixed(b"\x81"), "not msgpack"),
        (lambda good: prefixed(msgpack.packb({"a": 1}) + b"x"), "not msgpack"),
        (lambda good: prefixed(msgpack.packb({"a": msgpack.ExtType(5, b"x")})), "extension type 5"),
        (lambda good: prefixed(b"\x81\x91\x01\x01"), "not msgpack"),  # a list as a key
        (lambda good: prefixed(b"\x81\xa1\xff\x01"), "not msgpack"),  # a key that is not UTF-8
        (lambda good: prefixed(b"\x81\xa1a" + b"\x91" * 5000 + b"\x01"), "not msgpack"),
        (lambda good: prefixed(b"\xdf\xff\xff\xff\xff"), "not msgpack"),  # four billion entries, says it
        (lambda good: prefixed(b"\x81\xa1a\xdd\xff\xff\xff\xff"), "not msgpack"),
        (lambda good: prefixed(b"\x81\xa1a\xc6\xff\xff\xff\xff"), "not msgpack"),
    ],
)
def test_what_is_wrong_is_said(change: Any, says: str) -> None:
    good = encode(Frame(FrameType.DATA, {"a": 1}, b"payload"))
    with pytest.raises(ProtocolError, match=says):
        decode(change(good))


@given(st.binary(max_size=100))
def test_any_bytes_are_msgpack_or_error(data: bytes) -> None:
    try:
        value = unpack(data)
    except ProtocolError:
        return
    assert msgpack.packb(value)  # plain data: what is not cannot be packed


def prefixed(headers: bytes) -> bytes:
    """A frame with these bytes as headers."""
    return struct.pack(">IHBBHHHH", PREFIX_SIZE + len(headers), len(headers), 1, 0, 0, 1, 17, 1) + headers


def decode_or_none(data: bytes) -> Frame | None:
    try:
        return decode(data)
    except ProtocolError:
        return None
