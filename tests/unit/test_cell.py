"""The cell: a conversation with the server, one frame at a time, without a network."""

from __future__ import annotations

import re
import uuid
from typing import Any

import msgpack
import pytest
from cells import take_frames

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import fobs, frames, streams
from flare_widgets.wire.cell import Bye, Cell, CellReply, CellState, Message, Ready, ReplyProgress, new_admin_name
from flare_widgets.wire.frames import Frame, FrameType

NAME = "_admin_name"


def said(cell: Cell) -> list[Frame]:
    """Return the cell's output, as frames."""
    return [frames.decode(data) for data in take_frames(cell)]


def hears(cell: Cell, kind: FrameType, headers: dict[str, Any] | None = None, payload: bytes = b"") -> list[Any]:
    return cell.receive(frames.encode(Frame(kind, headers or {}, payload)))


def hears_message(cell: Cell, payload: bytes = b"", **headers: Any) -> list[Any]:
    """Return the events of a message from the server; keywords are headers, without their ``cn__``."""
    return hears(cell, FrameType.DATA, {f"cn__{k}": v for k, v in headers.items()}, payload)


def hears_stream(cell: Cell, topic: str = streams.DATA_TOPIC, payload: bytes = b"", **headers: Any) -> list[Any]:
    """The same for one message of a stream; keywords are headers, without their ``sm__``."""
    envelope = {"cn__channel": streams.CHANNEL, "cn__topic": topic, "cn__origin": "server", "cn__msg_type": "req"}
    more = {k if k.startswith("cn__") else f"sm__{k}": v for k, v in headers.items()}
    return hears(cell, FrameType.DATA, {**envelope, **more}, payload)


@pytest.fixture
def cell() -> Cell:
    """One that has been greeted."""
    cell = Cell(NAME, clock=lambda: 1000.0)
    cell.hello()
    hears(cell, FrameType.READY)
    take_frames(cell)
    return cell


def test_handshake() -> None:
    cell = Cell(NAME, clock=lambda: 1000.0)
    states = [cell.state]
    cell.hello()
    states.append(cell.state)
    (hello,) = said(cell)
    assert (hello.type, hello.app_id, hello.stream_id, hello.sequence) == (FrameType.HELLO, 0, 1, 1)
    assert msgpack.unpackb(hello.payload) == {"endpoint_name": NAME, "fqcn": NAME, "timestamp": 1000.0}
    assert hears(cell, FrameType.READY) == [Ready()]
    assert [*states, cell.state] == [CellState.NEW, CellState.HELLO_SENT, CellState.READY]


def test_request_before_ready_is_refused() -> None:
    cell = Cell(NAME)
    cell.hello()
    said(cell)
    with pytest.raises(ProtocolError, match="before the server is ready"):
        cell.request("task", "challenge", None)
    assert said(cell) == []


def test_name_is_one_that_server_takes() -> None:
    from nvflare.fuel.utils.admin_name_utils import is_valid_admin_client_name

    names = {new_admin_name() for _ in range(50)}
    assert len(names) == 50
    assert all(is_valid_admin_client_name(name) for name in names)
    assert all(re.fullmatch(r"_admin_[0-9a-f-]{36}", name) for name in names)


def test_ping_is_answered(cell: Cell) -> None:
    assert hears(cell, FrameType.PING, payload=msgpack.packb(None)) == []
    (pong,) = said(cell)
    assert (pong.type, pong.headers, msgpack.unpackb(pong.payload)) == (FrameType.PONG, {}, None)


def test_greeting_of_server_is_answered(cell: Cell) -> None:
    assert hears(cell, FrameType.HELLO) == []
    (ready,) = said(cell)
    assert ready.type is FrameType.READY
    assert msgpack.unpackb(ready.payload)["endpoint_name"] == NAME


@pytest.mark.parametrize("kind", [FrameType.PONG, FrameType.ACK, FrameType.FRAGMENT])
def test_what_needs_no_answer_gets_none(cell: Cell, kind: FrameType) -> None:
    assert hears(cell, kind) == []
    assert said(cell) == []


def test_core_request(cell: Cell) -> None:
    request_id = cell.request("task", "register", {"a": b"1"}, {"client_name": "ada"})
    (frame,) = said(cell)
    headers = frame.headers
    assert uuid.UUID(request_id).version == 4
    assert fobs.decode(frame.payload) == {"a": b"1"}
    assert (frame.type, frame.app_id) == (FrameType.DATA, 1)
    assert headers["client_name"] == "ada"
    assert headers == {
        "cn__msg_type": "req",
        "cn__channel": "task",
        "cn__topic": "register",
        "cn__origin": NAME,
        "cn__from": NAME,
        "cn__destination": "server",
        "cn__to": "server",
        "cn__route": [[NAME, 1000.0]],
        "cn__req_id": request_id,
        "cn__reply_expected": True,
        "cn__secure": False,
        "cn__optional": False,
        "cn__send_time": 1000.0,
        "cn__payload_len": len(frame.payload),
        "cn__payload_encoding": "fobs",
        "client_name": "ada",
    }


def test_request_without_value_has_no_payload(cell: Cell) -> None:
    cell.request("task", "challenge", None)
    (frame,) = said(cell)
    assert frame.payload == b""
    assert frame.headers["cn__payload_encoding"] == "none"


def test_credentials_go_with_every_message(cell: Cell) -> None:
    cell.credentials = {"__token__": "secret"}
    cell.request("c", "t", None)
    cell.stream("c", "t", "x")
    cell.post("c", "t", "x")
    cell.bye()
    hears_stream(cell, payload=b"x", id=1, sq=0, dt=2, ch="return_only", ri="r", pe="bytes")  # is acknowledged
    frames_said = said(cell)
    assert len(frames_said) == 5
    assert all(frame.headers["__token__"] == "secret" for frame in frames_said)


def test_counters_go_up(cell: Cell) -> None:
    for _ in range(3):
        cell.request("c", "t", None)
    assert [(f.stream_id, f.sequence) for f in said(cell)] == [(17, 2), (18, 3), (19, 4)]


def test_reply_to_core_request(cell: Cell) -> None:
    request_id = cell.request("task", "challenge", None)
    payload = fobs.encode(fobs.make_shareable({"nonce": "n"}))
    (reply,) = hears_message(
        cell, payload, msg_type="reply", req_id=request_id, return_code="ok", payload_encoding="fobs"
    )
    assert reply == CellReply(request_id, "ok", "", {"nonce": "n", fobs.HEADERS: {}})


def test_reply_that_says_what_went_wrong(cell: Cell) -> None:
    (reply,) = hears_message(cell, msg_type="reply", req_id="r", return_code="unauthenticated", error="no token")
    assert reply == CellReply("r", "unauthenticated", "no token", None)


def test_undelivered_request_is_returned(cell: Cell) -> None:
    events = hears_message(cell, msg_type="return", req_id=["a", "b"], return_reason="invalid_target")
    assert events == [CellReply("a", "invalid_target", "", None), CellReply("b", "invalid_target", "", None)]
    assert hears_message(cell, msg_type="return", req_id="a") == []


def test_streamed_request(cell: Cell) -> None:
    request_id = cell.stream("hci_channel", "command", "text", {"user_name": "ada"})
    (frame,) = said(cell)
    assert fobs.decode(frame.payload) == "text"
    expected = {
        "cn__channel": "sm__STREAM",
        "cn__topic": "sm__DATA",
        "cn__reply_expected": False,
        "cn__payload_encoding": "bytes",
        "cn__payload_len": len(frame.payload),
        "user_name": "ada",
        "sm__ch": "hci_channel",
        "sm__tp": "command",
        "sm__id": 1,
        "sm__sq": 0,
        "sm__os": 0,
        "sm__sz": len(frame.payload),
        "sm__dt": 2,
        "sm__pe": "fobs",
        "sm__ri": request_id,
    }
    assert {k: frame.headers.get(k) for k in expected} == expected
    assert "cn__req_id" not in frame.headers


def test_large_request_is_chunked_with_headers(cell: Cell) -> None:
    cell.stream("c", "t", bytes(3 << 20), {"user_name": "ada"})
    sent = said(cell)
    assert [f.headers["sm__sq"] for f in sent] == [0, 1, 2, 3]
    assert {f.headers["user_name"] for f in sent} == {"ada"}
    assert {f.headers["sm__id"] for f in sent} == {1}
    assert fobs.decode(b"".join(f.payload for f in sent)) == bytes(3 << 20)


def test_long_request_is_sent_frame_by_frame(cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    encode = frames.encode

    def count(frame: Frame) -> bytes:
        made.append(len(frame.payload))
        return encode(frame)

    monkeypatch.setattr("flare_widgets.wire.cell.encode", count)
    cell.stream("a", "t", {"data": fobs.Pieces([bytes(1 << 20)] * 5)})
    assert made == []  # a frame is made when it is its turn
    assert cell.take_frame() is None
    cell.take_frame(of_long_stream=True)
    cell.ping()
    ping = cell.take_frame(of_long_stream=True)  # goes between
    assert ping is not None
    assert frames.decode(ping).type is FrameType.PING
    assert made == [1 << 20, len(frames.decode(ping).payload)]
    assert len(take_frames(cell)) == 5
    assert not cell.has_frames


def test_message_that_wants_no_answer(cell: Cell) -> None:
    cell.post("download_service__", "x", {"cancel": True})
    (frame,) = said(cell)
    assert "sm__ri" not in frame.headers
    assert fobs.decode(frame.payload) == {"cancel": True}


def test_streamed_reply(cell: Cell) -> None:
    request_id = cell.stream("hci_channel", "command", "list_jobs")
    said(cell)
    payload = fobs.encode("the answer")
    common = dict[str, Any](id=77, ch="return_only", tp="hci_channel:command", ri=request_id, pe="fobs")
    begun = hears_stream(cell, payload=payload[:5], sq=0, dt=1, cn__return_code="ok", **common)
    assert begun == [ReplyProgress(request_id)]
    assert said(cell) == []
    (reply,) = hears_stream(cell, payload=payload[5:], sq=1, dt=2, **common)
    assert reply == CellReply(request_id, "ok", "", "the answer")
    (ack,) = said(cell)
    assert ack.headers["cn__topic"] == "sm__ACK"
    assert ack.headers["cn__to"] == ack.headers["cn__destination"] == "server"
    assert {k: v for k, v in ack.headers.items() if k.startswith("sm__")} == {
        "sm__id": 77,
        "sm__dt": 3,
        "sm__os": len(payload),
        "sm__sq": 1,
    }
    assert ack.payload == b""


def test_repeated_reply_acknowledged_but_reported_once(cell: Cell) -> None:
    final = dict[str, Any](id=77, sq=0, dt=2, ch="return_only", ri="r", pe="bytes")
    assert len(hears_stream(cell, payload=b"x", **final)) == 1
    first = said(cell)
    for _ in range(3):
        assert hears_stream(cell, payload=b"x", **final) == []
        (again,) = said(cell)
        assert again.headers["sm__os"] == first[0].headers["sm__os"] == 1


def test_acknowledgement_goes_to_who_sent_stream(cell: Cell) -> None:
    hears_stream(cell, payload=b"x", id=1, sq=0, dt=2, ch="a", tp="b", cn__origin="site-1")
    (ack,) = said(cell)
    assert (ack.headers["cn__destination"], ack.headers["cn__to"]) == ("site-1", "server")


def test_server_says_something_unasked(cell: Cell) -> None:
    payload = fobs.encode("Your session is closed")
    events = hears_stream(cell, payload=payload, id=3, sq=0, dt=2, ch="hci_channel", tp="SESSION_EXPIRED", pe="fobs")
    assert events == [Message("hci_channel", "SESSION_EXPIRED", "Your session is closed")]


@pytest.mark.parametrize("topic", [streams.ERROR_TOPIC, streams.ACK_TOPIC])
def test_server_gives_up_stream_of_ours(cell: Cell, topic: str) -> None:
    request_id = cell.stream("c", "t", "x")
    assert hears_stream(cell, topic, id=1, em="too slow") == [CellReply(request_id, "stream_error", "too slow", None)]
    assert hears_stream(cell, topic, id=1, em="too slow") == []  # told once


def test_request_id_in_error_counts(cell: Cell) -> None:
    events = hears_stream(cell, streams.ERROR_TOPIC, id=99, em="gone", ri="r")
    assert events == [CellReply("r", "stream_error", "gone", None)]


def test_server_gives_up_stream_of_own(cell: Cell) -> None:
    hears_stream(cell, payload=b"x", id=5, sq=0, dt=1, ch="return_only", ri="r")
    assert hears_stream(cell, id=5, em="cannot") == [CellReply("r", "stream_error", "cannot", None)]
    assert hears_stream(cell, payload=b"x", id=5, sq=1, dt=2, ch="return_only", ri="r") == []


@pytest.mark.parametrize("topic", [streams.ACK_TOPIC, "sm__OTHER"])
def test_acknowledgement_of_ours_is_no_news(cell: Cell, topic: str) -> None:
    cell.stream("c", "t", "x")
    said(cell)
    assert hears_stream(cell, topic, id=1, dt=3, os=1, sq=0) == []
    assert said(cell) == []


def test_cancelled_request_error_is_ignored(cell: Cell) -> None:
    cell.cancel_request(cell.stream("c", "t", "x"))
    assert hears_stream(cell, streams.ERROR_TOPIC, id=1, em="too slow") == []


def test_late_reply_after_cancel_is_acknowledged(cell: Cell) -> None:
    request_id = cell.stream("c", "t", "x")
    cell.cancel_request(request_id)
    said(cell)
    hears_stream(cell, payload=b"x", id=5, sq=0, dt=2, ch="return_only", ri=request_id)
    assert [f.headers["cn__topic"] for f in said(cell)] == ["sm__ACK"]


def test_finished_requests_leave_no_state(cell: Cell) -> None:
    for number in range(200):
        request_id = cell.stream("c", "t", "x")
        if number % 2:
            cell.cancel_request(request_id)
        else:
            hears_stream(cell, payload=b"x", id=1000 + number, sq=0, dt=2, ch="return_only", ri=request_id)
    said(cell)
    assert cell._pending_streams == {}
    assert take_frames(cell) == []


def test_server_says_farewell(cell: Cell) -> None:
    headers = dict[str, Any](channel="cellnet.channel", topic="bye", msg_type="req", req_id="q", origin="server")
    assert hears_message(cell, reply_expected=True, **headers) == [Bye()]
    (answer,) = said(cell)
    assert (answer.headers["cn__msg_type"], answer.headers["cn__return_code"]) == ("reply", "ok")
    assert hears_message(cell, reply_expected=False, **headers) == [Bye()]
    assert said(cell) == []


def test_our_farewell(cell: Cell) -> None:
    cell.bye()
    (frame,) = said(cell)
    assert (frame.headers["cn__channel"], frame.headers["cn__topic"]) == ("cellnet.channel", "bye")
    assert frame.headers["cn__destination"] == frame.headers["cn__to"] == "server"


def test_unknown_request_is_declined(cell: Cell) -> None:
    asked = dict[str, Any](channel="cellnet.channel", topic="peers", msg_type="req", req_id="q", origin="site-1")
    assert hears_message(cell, reply_expected=True, **asked) == []
    (answer,) = said(cell)
    expected = {
        "cn__msg_type": "reply",
        "cn__return_code": "invalid_request",
        "cn__req_id": "q",
        "cn__destination": "site-1",
        "cn__to": "server",
        "cn__topic": "peers",
    }
    assert {k: answer.headers[k] for k in expected} == expected
    assert hears_message(cell, **asked) == []
    assert said(cell) == []


def test_what_is_queued_is_taken_once(cell: Cell) -> None:
    cell.bye()
    assert len(take_frames(cell)) == 1
    assert take_frames(cell) == []
