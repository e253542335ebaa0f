"""The message of the grpc scheme: what is written is read back, nvflare reads it too, and no bytes do harm."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flare_widgets.errors import ProtocolError
from flare_widgets.wire.transports.grpc_messages import decode, encode


@given(st.integers(0, 2**40), st.binary(max_size=300))
def test_what_is_written_is_read_back(sequence: int, data: bytes) -> None:
    assert decode(encode(sequence, data)) == data


@given(st.integers(0, 2**31 - 1), st.binary(max_size=300))
def test_it_is_message_of_nvflare(sequence: int, data: bytes) -> None:
    pytest.importorskip("nvflare")
    from nvflare.fuel.f3.drivers.grpc.streamer_pb2 import Frame

    theirs = Frame.FromString(encode(sequence, data))
    assert (theirs.seq, theirs.data) == (sequence, data)
    assert decode(Frame(seq=sequence, data=data).SerializeToString()) == data


def test_negative_and_unknown_fields_are_skipped() -> None:
    negative = b"\x08" + b"\xff" * 9 + b"\x01"
    unknown = b"\x1a\x02hi" + b"\x25abcd" + b"\x29abcdefgh" + b"\x30\x05"
    assert decode(negative + unknown + b"\x12\x03abc") == b"abc"
    assert decode(b"") == b""


@given(st.binary(max_size=60))
@example(b"\x12\xff\xff\xff\xff\x0fx")
@example(b"\x08" + b"\x80" * 11)
@example(b"\x13\x14")
def test_any_bytes_are_message_or_error(message: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert isinstance(decode(message), bytes)
