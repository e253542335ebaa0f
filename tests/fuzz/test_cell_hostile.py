"""The cell and hostile servers: whatever they say, it is an event or a protocol error, and no more."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
from cells import take_frames
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import fobs, frames, streams
from flare_widgets.wire.cell import Bye, Cell, CellReply, Message, Ready
from flare_widgets.wire.frames import Frame, FrameType

FrameParts = tuple[FrameType, dict[str, Any], bytes]


@pytest.fixture
def cell() -> Cell:
    return ready_cell()


def ready_cell() -> Cell:
    """A cell that has been greeted, and waits for an answer."""
    cell = Cell("_admin_name")
    cell.hello()
    cell.receive(frames.encode(Frame(FrameType.READY)))
    cell.stream("c", "t", "x")
    take_frames(cell)
    return cell


def test_hostile_request_id_at_most_disconnects(cell: Cell) -> None:
    deep: Any = "q"
    for _ in range(450):
        deep = [deep]
    for req_id in (deep, "q" * 65_000, msgpack.Timestamp(1, 2), {"a": b"\xff"}):
        data = frames.encode(
            Frame(FrameType.DATA, {"cn__req_id": req_id, "cn__reply_expected": True, "cn__channel": "x"})
        )
        assert events_or_refused(cell, data) == []


def hostile_depth(levels: int) -> bytes:
    """A request whose id is a list in a list in a list, deeper than our own packer could write it."""
    packed: bytes = msgpack.packb({"cn__req_id": 0, "cn__reply_expected": True})
    headers = packed.replace(
        msgpack.packb("cn__req_id") + b"\x00", msgpack.packb("cn__req_id") + b"\x91" * levels + b"\x01"
    )
    body = frames.encode(Frame(FrameType.DATA, {"x": 1}))
    length = frames.PREFIX_SIZE + len(headers)
    return length.to_bytes(4, "big") + len(headers).to_bytes(2, "big") + body[6 : frames.PREFIX_SIZE] + headers


@pytest.mark.parametrize("levels", [1, 500, 505, 510, 520, 1000, 1020, 1030, 60_000])
def test_nested_request_id_is_harmless(cell: Cell, levels: int) -> None:
    assert events_or_refused(cell, hostile_depth(levels)) == []


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=6)
    | st.binary(max_size=6)
    | st.sampled_from(["req", "reply", "return", "ok", "fobs", "bytes", "none", "server", "return_only", "bye"])
    | st.sampled_from([streams.CHANNEL, streams.DATA_TOPIC, streams.ACK_TOPIC, streams.ERROR_TOPIC, "cellnet.channel"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
)
KEYS = [
    *(f"cn__{k}" for k in ("msg_type", "channel", "topic", "origin", "req_id", "reply_expected", "return_code")),
    *(f"cn__{k}" for k in ("return_reason", "error", "payload_encoding")),
    *(f"sm__{k}" for k in ("id", "sq", "dt", "ch", "tp", "ri", "pe", "em", "os")),
]
MESSAGES = st.tuples(
    st.sampled_from([FrameType.DATA] * 8 + list(FrameType)),
    st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10),
    st.binary(max_size=30) | VALUES.map(fobs.encode),
)
ABOUT_STREAMS = st.fixed_dictionaries(
    {"cn__channel": st.just(streams.CHANNEL), "cn__topic": st.just(streams.DATA_TOPIC), "sm__id": st.integers(0, 3)},
    optional={
        "sm__sq": st.integers(0, 3),
        "sm__dt": st.integers(1, 6),
        **{key: VALUES for key in KEYS if key not in ("cn__channel", "cn__topic", "sm__id", "sm__sq", "sm__dt")},
    },
)


@given(st.lists(MESSAGES, max_size=6))
def test_messages_yield_events_or_error(messages: list[FrameParts]) -> None:
    check_survives(messages)


@given(st.lists(st.tuples(st.just(FrameType.DATA), ABOUT_STREAMS, st.binary(max_size=30)), max_size=6))
def test_stream_messages_yield_events_or_error(messages: list[FrameParts]) -> None:
    check_survives(messages)


@given(st.binary(max_size=80))
def test_bytes_yield_events_or_error(data: bytes) -> None:
    cell = ready_cell()
    assert isinstance(events_or_refused(cell, data), list)


def check_survives(messages: list[FrameParts]) -> None:
    cell = ready_cell()
    for message in messages:
        for event in events_or_refused(cell, frames.encode(Frame(*message))):
            assert isinstance(event, (Ready, CellReply, Message, Bye))
        assert len(take_frames(cell)) <= 2  # whatever is said to it, a cell does not talk more than it is talked to


def events_or_refused(cell: Cell, data: bytes) -> list[Any]:
    try:
        return cell.receive(data)
    except ProtocolError:
        return []
