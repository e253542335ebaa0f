"""A cell: one party of FLARE's cellnet, as a state machine without I/O.

Frame bytes go in with :meth:`Cell.receive`, which returns what happened as events; outgoing frames are queued and
taken with :meth:`Cell.take_frame`. Requests come in two styles, *core* (one message each way) and *streamed* (a
blob each way); both end in a :class:`CellReply` with the request's id.

Source: ``fuel/f3/cellnet/defs.py``, ``core_cell.py`` and ``cell.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import collections
import enum
import itertools
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgpack

from ..errors import ProtocolError
from . import fobs, streams
from .frames import Frame, FrameType, decode, encode
from .safe_msgpack import unpack

SERVER = "server"
"""The name of the root cell, whatever the server's identity is."""

RETURN_ONLY = "return_only"
OK = "ok"

_MAX_TIMESTAMP_S = 1e11  # seconds since the epoch: anything later is not a time


class CellState(enum.Enum):
    """State of a cell."""

    NEW = enum.auto()
    """HELLO has not been queued."""
    HELLO_SENT = enum.auto()
    """HELLO was queued; nothing else may be sent before READY."""
    READY = enum.auto()
    """Messages may be sent."""


@dataclass(frozen=True)
class Ready:
    """The server's answer to HELLO.

    Attributes
    ----------
    server_time
        The server's clock at that moment, in seconds since the epoch; None if the server did not say.
    """

    server_time: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class CellReply:
    """The answer to a request.

    Attributes
    ----------
    request_id
        Id of the request.
    code
        ``ok``, or FLARE's code for the error on the way.
    error
        Details of the error, possibly empty.
    value
        The decoded payload.
    """

    request_id: str
    code: str
    error: str
    value: Any = field(repr=False)  # credentials, or the reply to a login


@dataclass(frozen=True)
class ReplyProgress:
    """A part of the answer to a request has arrived, and more is to come."""

    request_id: str


@dataclass(frozen=True)
class Message:
    """An unsolicited message from the server."""

    channel: str
    topic: str
    value: Any


@dataclass(frozen=True)
class Bye:
    """The server is leaving."""


Event = Ready | CellReply | ReplyProgress | Message | Bye


def new_admin_name() -> str:
    """Return a fresh name for an admin's cell; the server accepts no other form."""
    return f"_admin_{uuid.uuid4()}"


class Cell:
    """The client's end of one connection.

    Parameters
    ----------
    name
        This cell's fully qualified name.
    clock
        Returns seconds since the epoch; replaced by tests.

    Attributes
    ----------
    credentials
        Headers to put on every message; set once the server has issued them.
    """

    def __init__(self, name: str, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.state = CellState.NEW
        self.credentials: dict[str, Any] = {}
        self._clock = clock
        self._outbox: collections.deque[bytes] = collections.deque()
        self._long_streams: collections.deque[Iterator[bytes]] = collections.deque()
        self._assembler = streams.Assembler()
        self._sequence = itertools.count(1)
        self._frame_stream_ids = itertools.count(17)
        self._stream_ids = itertools.count(1)
        self._pending_streams: dict[int, str] = {}

    def hello(self) -> None:
        """Queue the greeting."""
        self.state = CellState.HELLO_SENT
        self._queue_greeting(FrameType.HELLO)

    @property
    def has_frames(self) -> bool:
        """True if frames may be queued."""
        return bool(self._outbox or self._long_streams)

    def take_frame(self, *, of_long_stream: bool = False) -> bytes | None:
        """Remove the next frame to send from the queue, and return it; None if nothing is queued.

        Parameters
        ----------
        of_long_stream
            True to take those of long streams too, but last: each is made when it is its turn, so that other messages
            go between them.
        """
        if self._outbox:
            return self._outbox.popleft()
        while of_long_stream and self._long_streams:
            frame = next(self._long_streams[0], None)
            if frame is not None:
                return frame
            self._long_streams.popleft()
        return None

    def request(self, channel: str, topic: str, value: Any, headers: Mapping[str, Any] | None = None) -> str:
        """Queue a core request; return its id. `value` goes out as FOBS, None as no payload."""
        request_id = str(uuid.uuid4())
        self._queue_message(
            channel, topic, value, {**(headers or {}), "cn__req_id": request_id, "cn__reply_expected": True}
        )
        return request_id

    def stream(self, channel: str, topic: str, value: Any, headers: Mapping[str, Any] | None = None) -> str:
        """Queue a streamed request; return its id. `headers` are repeated on every chunk."""
        request_id = str(uuid.uuid4())
        self._queue_stream(channel, topic, value, headers, request_id)
        return request_id

    def post(self, channel: str, topic: str, value: Any) -> None:
        """Queue a streamed message that expects no answer."""
        self._queue_stream(channel, topic, value, None, None)

    def bye(self) -> None:
        """Queue the farewell; no answer is expected."""
        self._queue_message("cellnet.channel", "bye", None, {"cn__reply_expected": False})

    def ping(self) -> None:
        """Queue a ping; a live server answers at once, with a frame that is not an event."""
        self._queue_control_frame(FrameType.PING, None, stream_id=0)

    def cancel_request(self, request_id: str) -> None:
        """Cancel a request. If its answer still arrives, it is acknowledged and discarded."""
        self._pending_streams = {k: v for k, v in self._pending_streams.items() if v != request_id}

    def receive(self, data: bytes) -> list[Event]:
        """Process the bytes of one frame and return what happened.

        Raises
        ------
        ProtocolError
            The bytes are not a frame, or break the protocol so that the connection is no longer usable.
        """
        frame = decode(data)
        if frame.type is FrameType.PING:
            self._queue_control_frame(FrameType.PONG, None, stream_id=0)
        elif frame.type is FrameType.HELLO:
            self._queue_greeting(FrameType.READY)
        elif frame.type is FrameType.READY:
            self.state = CellState.READY
            return [Ready(_read_server_time(frame.payload))]
        elif frame.type is FrameType.DATA:
            return self._receive_message(frame.headers, frame.payload)
        return []

    def _receive_message(self, headers: dict[str, Any], payload: bytes | memoryview) -> list[Event]:
        channel, topic = _header_text(headers, "cn__channel"), _header_text(headers, "cn__topic")
        if channel == streams.CHANNEL:
            return self._receive_stream(topic, headers, payload)
        kind = headers.get("cn__msg_type")
        if kind == "reply":
            return [_make_reply(_header_text(headers, "cn__req_id"), headers, payload, "cn__payload_encoding")]
        if kind == "return":
            # An undeliverable request is returned, with a list of ids and the reason.
            ids = headers.get("cn__req_id")
            reason = _header_text(headers, "cn__return_reason") or "target_unreachable"
            return [CellReply(str(i), reason, "", None) for i in ids] if isinstance(ids, list) else []
        if channel == "cellnet.channel" and topic == "bye":
            self._queue_reply(headers, OK)
            return [Bye()]
        # FLARE's server may send an admin cell requests that nvflare's own clients answer. Declining is better than
        # silence: the sender need not wait for its timeout.
        self._queue_reply(headers, "invalid_request")
        return []

    def _receive_stream(self, topic: str, headers: dict[str, Any], payload: bytes | memoryview) -> list[Event]:
        origin = _header_text(headers, "cn__origin")
        error = headers.get(streams.ERROR_MESSAGE)
        if topic in (streams.ACK_TOPIC, streams.ERROR_TOPIC) or error:
            # About one of our streams (ack), or one of theirs that they cancel (data with an error).
            about = headers
            if topic == streams.DATA_TOPIC:
                about = self._assembler.drop(origin, headers.get(streams.STREAM_ID)) or headers
            if not error and topic != streams.ERROR_TOPIC:
                return []
            request_id = about.get(streams.REQUEST_ID)
            if not isinstance(request_id, str):
                stream_id = headers.get(streams.STREAM_ID)
                request_id = self._pending_streams.get(stream_id) if isinstance(stream_id, int) else None
            if not request_id:
                return []
            self.cancel_request(request_id)
            return [CellReply(request_id, "stream_error", str(error or ""), None)]
        if topic != streams.DATA_TOPIC:
            return []
        blob, ack = self._assembler.receive(origin, headers, payload)
        if ack is not None:
            self._queue_data_frame(
                {
                    **self._envelope(streams.CHANNEL, streams.ACK_TOPIC, origin or SERVER, "none", 0),
                    **ack.headers,
                    "cn__reply_expected": False,
                },
                b"",
            )
        if blob is None:
            request_id = _header_text(headers, streams.REQUEST_ID)
            return [ReplyProgress(request_id)] if request_id in self._pending_streams.values() else []
        channel = _header_text(blob.headers, streams.APP_CHANNEL)
        if channel == RETURN_ONLY:
            self.cancel_request(_header_text(blob.headers, streams.REQUEST_ID))
            return [
                _make_reply(
                    _header_text(blob.headers, streams.REQUEST_ID), blob.headers, blob.payload, streams.ENCODING
                )
            ]
        value = _decode_payload(blob.payload, _header_text(blob.headers, streams.ENCODING))
        return [Message(channel, _header_text(blob.headers, streams.APP_TOPIC), value)]

    def _queue_stream(
        self, channel: str, topic: str, value: Any, headers: Mapping[str, Any] | None, request_id: str | None
    ) -> None:
        stream_id = next(self._stream_ids)
        blob = [] if value is None else fobs.encode_pieces(value)
        encoding = "none" if value is None else "fobs"
        chunks = streams.split_into_chunks(blob, stream_id, channel, topic, encoding, request_id)
        envelope = {**self._envelope(streams.CHANNEL, streams.DATA_TOPIC, SERVER, "bytes", 0), **(headers or {})}
        frames = (
            self._make_data_frame(
                {**envelope, "cn__payload_len": len(payload), **stream_headers, "cn__reply_expected": False}, payload
            )
            for stream_headers, payload in chunks
        )
        if sum(map(len, blob)) > streams.CHUNK_SIZE:
            self._long_streams.append(frames)
        else:
            self._outbox.extend(frames)
        if request_id is not None:
            self._pending_streams[stream_id] = request_id

    def _queue_message(self, channel: str, topic: str, value: Any, headers: Mapping[str, Any]) -> None:
        payload = b"" if value is None else fobs.encode(value)
        encoding = "none" if value is None else "fobs"
        self._queue_data_frame({**self._envelope(channel, topic, SERVER, encoding, len(payload)), **headers}, payload)

    def _queue_reply(self, headers: dict[str, Any], code: str) -> None:
        if headers.get("cn__reply_expected") is not True:
            return
        to = _header_text(headers, "cn__origin") or SERVER
        envelope = self._envelope(
            _header_text(headers, "cn__channel"), _header_text(headers, "cn__topic"), to, "none", 0, kind="reply"
        )
        self._queue_data_frame({**envelope, "cn__req_id": headers.get("cn__req_id"), "cn__return_code": code}, b"")

    def _envelope(
        self, channel: str, topic: str, to: str, encoding: str, length: int, kind: str = "req"
    ) -> dict[str, Any]:
        now = self._clock()
        return {
            "cn__msg_type": kind,
            "cn__channel": channel,
            "cn__topic": topic,
            "cn__origin": self.name,
            "cn__from": self.name,
            "cn__destination": to,
            "cn__to": SERVER,
            "cn__route": [[self.name, now]],
            "cn__secure": False,
            "cn__optional": False,
            "cn__send_time": now,
            "cn__payload_len": length,
            "cn__payload_encoding": encoding,
            **self.credentials,
        }

    def _queue_data_frame(self, headers: dict[str, Any], payload: bytes | memoryview) -> None:
        self._outbox.append(self._make_data_frame(headers, payload))

    def _make_data_frame(self, headers: dict[str, Any], payload: bytes | memoryview) -> bytes:
        if self.state is not CellState.READY:
            raise ProtocolError("nothing may be sent before the server is ready")
        stream_id = next(self._frame_stream_ids)
        return encode(Frame(FrameType.DATA, headers, payload, 1, stream_id, next(self._sequence)))

    def _queue_greeting(self, kind: FrameType) -> None:
        self._queue_control_frame(
            kind, {"endpoint_name": self.name, "timestamp": self._clock(), "fqcn": self.name}, stream_id=1
        )

    def _queue_control_frame(self, kind: FrameType, value: Any, stream_id: int) -> None:
        frame = Frame(kind, {}, msgpack.packb(value), 0, stream_id, next(self._sequence))
        self._outbox.append(encode(frame))


def _make_reply(
    request_id: str, headers: dict[str, Any], payload: bytes | bytearray | memoryview, encoding_key: str
) -> CellReply:
    code = _header_text(headers, "cn__return_code") or OK
    value = _decode_payload(payload, _header_text(headers, encoding_key))
    return CellReply(request_id, code, _header_text(headers, "cn__error"), value)


def _decode_payload(payload: bytes | bytearray | memoryview, encoding: str) -> Any:
    if not payload or encoding == "none":
        return None
    return fobs.decode(payload) if encoding == "fobs" else bytes(payload)


def _read_server_time(greeting: bytes | memoryview) -> float | None:
    """Return the time in a greeting. Nothing depends on it, so an invalid one is not an error."""
    try:
        value = unpack(greeting)
    except ProtocolError:
        return None
    at = value.get("timestamp") if isinstance(value, dict) else None
    return float(at) if isinstance(at, (int, float)) and 0 < at < _MAX_TIMESTAMP_S else None


def _header_text(headers: dict[str, Any], key: str) -> str:
    value = headers.get(key)
    return value if isinstance(value, str) else ""
