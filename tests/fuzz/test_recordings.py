"""Recordings of real servers: read whole, and damaged in every way, they do no harm."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import msgpack
import pytest
from cells import take_frames
from damage import VERSIONS, damaged, payloads, recorded, replies, survives
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis_profile import examples

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import fobs, frames, hci, login
from flare_widgets.wire.cell import Cell, CellReply, Message, Ready
from flare_widgets.wire.frames import FrameType
from flare_widgets.wire.safe_msgpack import unpack
from flare_widgets.wire.transports import grpc_messages

SERVERS = st.sampled_from([frame for version in VERSIONS for frame in recorded(version)])


def test_recordings_cover_oldest_and_newest_server() -> None:
    assert {"2.7.3", "2.9.0"} <= set(VERSIONS)


@pytest.mark.parametrize("version", VERSIONS)
def test_recorded_session_is_understood(version: str) -> None:
    """The tests below would prove little if nothing of it could be read."""
    cell = Cell("_admin_recorded")
    cell.hello()
    events = [event for frame in recorded(version) for event in cell.receive(frame)]
    assert isinstance(events[0], Ready)
    answers = [e for e in events if isinstance(e, CellReply)]
    verdicts = [hci.decode(e.value) for e in answers if isinstance(e.value, str)]
    assert len(verdicts) > 15
    assert any(v.texts("token") for v in verdicts)
    assert any("jobs" in v.meta for v in verdicts)
    assert any("job_meta" in v.meta for v in verdicts)
    assert any(v.meta.get("status") == "invalid_job_id" for v in verdicts)
    assert any(item.get("type") == "table" for v in verdicts for item in v.items)
    assert any(isinstance(e.value, dict) and e.value.get("status") == "eof" for e in answers)  # a download's end
    assert any(isinstance(e.value, dict) and fobs.HEADERS in e.value for e in answers)  # an upload's answer
    if any(b"SESSION_EXPIRED" in frame for frame in recorded(version)):
        assert any(isinstance(e, Message) and e.topic == hci.EXPIRED_TOPIC for e in events)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("side", ["server", "client"])
def test_no_secret_is_recorded(version: str, side: str) -> None:
    filler = 0
    for data in recorded(version, side):
        assert b"PRIVATE KEY" not in data
        frame = frames.decode(data)
        try:
            said: Any = [frame.headers, fobs.decode(frame.payload)]
        except ProtocolError:
            said = [frame.headers]
        for secret in secrets(said):
            assert len(secret) < 9 or set(secret) in ({"x"}, set(b"x")), secret[:20]
            filler += len(secret) > 8
        if isinstance(said[-1], str):
            for token in hci.decode(said[-1]).texts("token") if said[-1].startswith("{") else ():
                claims, _, signature = token.rpartition(":")
                assert set(signature) == {"x"}
                assert base64.b64decode(claims)
    assert filler > 10


def secrets(value: Any) -> list[Any]:
    found: list[Any] = []
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        if key in ("__token__", "__token_signature__", "signature", "ssid"):
            found.append(inner)
        found += secrets(inner)
    return found


@settings(max_examples=examples(400))
@given(SERVERS, SERVERS, st.data())
def test_damaged_frame_yields_events_or_error(good: bytes, other: bytes, data: st.DataObject) -> None:
    bad = data.draw(damaged(good, other))
    cell = Cell("_admin_recorded")
    cell.hello()
    cell.receive(greeting(FrameType.READY))
    survives(lambda: cell.receive(bad))
    # The prefix mended, what is damaged is further in.
    if len(bad) > frames.PREFIX_SIZE:
        survives(lambda: cell.receive(len(bad).to_bytes(4, "big") + bad[4:]))


def greeting(kind: FrameType) -> bytes:
    return frames.encode(frames.Frame(kind))


@settings(max_examples=examples(300))
@given(SERVERS, SERVERS, st.data())
def test_damaged_frame_part_decodes_or_errors(good: bytes, other: bytes, data: st.DataObject) -> None:
    """As above, with each decoder by itself: a damaged frame seldom comes that far."""
    frame, another = frames.decode(good), frames.decode(other)
    decoders: list[tuple[Callable[[bytes], Any], bytes, bytes]] = [
        (unpack, msgpack.packb(frame.headers), msgpack.packb(another.headers)),
        (fobs.decode, bytes(frame.payload), bytes(another.payload)),
        (grpc_messages.decode, grpc_messages.encode(7, good), grpc_messages.encode(8, other)),
        (lambda part: frames.read_length(part[: frames.PREFIX_SIZE]), good[:20], other[:20]),
    ]
    for decode, whole, strange in decoders:
        bad = data.draw(damaged(whole, strange))
        survives(lambda decode=decode, bad=bad: decode(bad))  # type: ignore[misc]


@settings(max_examples=examples(200))
@given(st.lists(SERVERS, min_size=1, max_size=12), st.data())
def test_reordered_frames_yield_events_or_error(some: list[bytes], data: st.DataObject) -> None:
    cell = Cell("_admin_recorded")
    cell.hello()
    cell.receive(greeting(FrameType.READY))
    for frame in [*some, *data.draw(st.permutations(some))]:
        survives(lambda frame=frame: cell.receive(frame))  # type: ignore[misc]
        assert len(take_frames(cell)) <= 2


@settings(max_examples=examples(200))
@given(st.sampled_from([value for value in payloads() if isinstance(value, str)]), st.data())
def test_damaged_reply_decodes_or_errors(text: str, data: st.DataObject) -> None:
    bad = data.draw(damaged(text.encode())).decode(errors="surrogateescape")
    survives(lambda: hci.decode(bad))


@given(st.data())
def test_damaged_token_has_claims_or_none(data: st.DataObject) -> None:
    token = next(t for r in replies() for t in hci.CommandReply(tuple(r["data"])).texts("token"))
    bad = data.draw(damaged(token.encode())).decode(errors="replace")
    assert isinstance(survives(lambda: login.token_claims(bad)), dict)
