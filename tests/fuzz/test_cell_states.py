"""A cell keeps its promises through any interleaving of what its user and its server may do, right or wrong."""

from __future__ import annotations

from typing import Any

import pytest
from cells import take_frames
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from hypothesis_profile import examples

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import fobs, frames, streams
from flare_widgets.wire.cell import Bye, Cell, CellReply, Message, Ready, ReplyProgress
from flare_widgets.wire.frames import Frame, FrameType

NAME = "_admin_states"
PIECE = 7


class Conversation(RuleBasedStateMachine):
    """The model: what was asked, what of each answer's stream has been sent, and what the cell must say of it."""

    requests = Bundle("requests")
    answers = Bundle("answers")

    @initialize()
    def meet(self) -> None:
        self.cell = Cell(NAME, clock=lambda: 1.0)
        with pytest.raises(ProtocolError):
            self.cell.post("c", "t", None)
        self.cell.hello()
        assert self.cell.receive(frames.encode(Frame(FrameType.READY))) == [Ready()]
        take_frames(self.cell)
        self.asked: list[str] = []
        self.awaited: set[str] = set()  # requests whose answer is to come as a stream
        self.chunks: dict[int, list[tuple[dict[str, Any], bytes]]] = {}
        self.arrived: dict[int, set[int]] = {}
        self.told: dict[int, int] = {}
        self.acked: dict[int, int] = {}
        self.numbers: list[int] = []

    # the user

    @rule(target=requests, streamed=st.booleans(), value=st.none() | st.text(max_size=5))
    def ask(self, streamed: bool, value: Any) -> str:
        request = (self.cell.stream if streamed else self.cell.request)("c", "t", value)
        (frame,) = self.said()
        assert frame.headers["sm__ri" if streamed else "cn__req_id"] == request
        self.asked.append(request)
        if streamed:
            self.awaited.add(request)
        return request

    @rule(request=requests)
    def give_up(self, request: str) -> None:
        self.cell.cancel_request(request)
        self.awaited.discard(request)

    @rule(value=st.text(max_size=5))
    def post(self, value: str) -> None:
        self.cell.post("c", "t", value)
        assert len(self.said()) == 1

    # a server that keeps to the rules, on a network that loses, doubles and mixes

    @rule(request=requests, value=st.text(max_size=5))
    def answer(self, request: str, value: str) -> None:
        headers = {"cn__msg_type": "reply", "cn__req_id": request, "cn__payload_encoding": "fobs"}
        assert self.hear(headers, fobs.encode(value)) == [CellReply(request, "ok", "", value)]

    @rule(target=answers, request=requests, length=st.integers(0, 60))
    def begin_an_answer(self, request: str, length: int) -> int:
        number = len(self.chunks) + 1
        blob = fobs.encode("x" * length)
        pieces = [blob[at : at + PIECE] for at in range(0, len(blob), PIECE)]
        self.chunks[number] = [
            (
                {
                    "cn__channel": streams.CHANNEL,
                    "cn__topic": streams.DATA_TOPIC,
                    "cn__origin": "server",
                    "sm__ch": "return_only",
                    "sm__ri": request,
                    "sm__id": number,
                    "sm__sq": sequence,
                    "sm__dt": 2 if sequence == len(pieces) - 1 else 1,
                    "sm__pe": "fobs",
                },
                piece,
            )
            for sequence, piece in enumerate(pieces)
        ]
        self.arrived[number] = set()
        self.told[number] = 0
        return number

    @rule(number=answers, data=st.data())
    def send_a_chunk(self, number: int, data: st.DataObject) -> None:
        sequence = data.draw(st.integers(0, len(self.chunks[number]) - 1))
        self.arrive(number, sequence)

    @rule(number=answers)
    def send_what_is_left(self, number: int) -> None:
        for sequence in range(len(self.chunks[number])):
            self.arrive(number, sequence)
        assert self.told[number] == 1
        assert self.acked[number] == sum(len(piece) for _, piece in self.chunks[number])

    @rule(number=answers)
    def send_again_what_is_not_acknowledged(self, number: int) -> None:
        """Since 2.9 the server does, until it is: what has arrived whole must be acknowledged every time."""
        if len(self.arrived[number]) == len(self.chunks[number]):
            assert self.arrive(number, 0) == 1

    def arrive(self, number: int, sequence: int) -> int:
        """Hand over a chunk; how many acknowledgements that brought."""
        self.arrived[number].add(sequence)
        headers, piece = self.chunks[number][sequence]
        events = self.cell.receive(frames.encode(Frame(FrameType.DATA, headers, piece, 1)))
        whole = len(self.arrived[number]) == len(self.chunks[number])
        if not whole:
            assert events == ([ReplyProgress(headers["sm__ri"])] if headers["sm__ri"] in self.awaited else [])
        elif events:
            (reply,) = events
            assert isinstance(reply, CellReply)
            self.awaited.discard(reply.request_id)
            assert (reply.request_id, reply.value[:1] or "x") == (headers["sm__ri"], "x")
            self.told[number] += 1
        assert self.told[number] == (1 if whole else 0)
        acks = self.said()
        for frame in acks:
            assert frame.headers["cn__topic"] == streams.ACK_TOPIC
            assert frame.headers["sm__id"] == number
            assert frame.headers["sm__os"] >= self.acked.get(number, 0)  # what has arrived does not go away
            self.acked[number] = frame.headers["sm__os"]
        return len(acks)

    @rule(request=consumes(requests), streamed=st.booleans())
    def fail(self, request: str, streamed: bool) -> None:
        headers: dict[str, Any]
        if streamed:
            self.awaited.discard(request)
            headers = {
                "cn__channel": streams.CHANNEL,
                "cn__topic": streams.ERROR_TOPIC,
                "sm__ri": request,
                "sm__em": "broken",
            }
            assert self.hear(headers) == [CellReply(request, "stream_error", "broken", None)]
        else:
            headers = {"cn__msg_type": "return", "cn__req_id": [request], "cn__return_reason": "target_unreachable"}
            assert self.hear(headers) == [CellReply(request, "target_unreachable", "", None)]

    @rule()
    def ping(self) -> None:
        assert self.cell.receive(frames.encode(Frame(FrameType.PING))) == []
        assert [frame.type for frame in self.said()] == [FrameType.PONG]

    @rule()
    def greet_again(self) -> None:
        assert self.cell.receive(frames.encode(Frame(FrameType.READY))) == [Ready()]
        assert self.said() == []

    @rule()
    def take_leave(self) -> None:
        assert self.hear({"cn__channel": "cellnet.channel", "cn__topic": "bye"}) == [Bye()]
        assert self.said() == []

    # one that does not

    @rule(data=st.binary(max_size=40))
    def noise(self, data: bytes) -> None:
        with pytest.raises(ProtocolError):
            self.cell.receive(b"\xff" + data)
        assert self.said() == []

    @rule(
        key=st.sampled_from(["sm__id", "sm__sq", "sm__dt", "sm__ri", "cn__origin", "cn__topic"]),
        value=st.none() | st.text(max_size=3) | st.lists(st.integers(0, 9), max_size=2) | st.integers(-9, 2**63),
    )
    def nonsense_about_a_stream(self, key: str, value: Any) -> None:
        """From another origin than the server's, so that the model need not know what it does to its streams."""
        headers: dict[str, Any] = {"cn__channel": streams.CHANNEL, "cn__topic": streams.DATA_TOPIC}
        headers |= {"cn__origin": "nobody", "sm__id": -1, "sm__sq": 0, "sm__dt": 1, "sm__ch": "other", key: value}
        if headers["cn__origin"] == "server":
            return
        try:
            events = self.hear(headers)
        except ProtocolError:
            events = []
        assert all(isinstance(event, (Message, CellReply)) for event in events)
        assert len(self.said()) <= 1

    @rule(data=st.data(), answer=answers)
    def give_an_answer_up(self, data: st.DataObject, answer: int) -> None:
        """A stream that its sender gave up before it was whole is an error for who asked, and can come anew."""
        if self.told[answer] or not self.arrived[answer]:
            return
        headers, _ = self.chunks[answer][0]
        about = {k: headers[k] for k in ("cn__channel", "cn__topic", "cn__origin", "sm__id")}
        events = self.hear({**about, "sm__em": "given up", "sm__dt": 6})
        assert events == [CellReply(headers["sm__ri"], "stream_error", "given up", None)]
        self.awaited.discard(headers["sm__ri"])
        self.arrived[answer] = set()
        self.acked.pop(answer, None)

    def hear(self, headers: dict[str, Any], payload: bytes = b"") -> list[Any]:
        return self.cell.receive(frames.encode(Frame(FrameType.DATA, headers, payload, 1)))

    def said(self) -> list[Frame]:
        said = [frames.decode(data) for data in take_frames(self.cell)]
        self.numbers += [frame.sequence for frame in said]
        return said

    @invariant()
    def ids_are_unique(self) -> None:
        assert len(set(self.asked)) == len(self.asked)

    @invariant()
    def frames_are_numbered(self) -> None:
        assert self.numbers == sorted(set(self.numbers))

    @invariant()
    def nothing_is_said_unasked(self) -> None:
        assert self.said() == []


Conversation.TestCase.settings = settings(max_examples=examples(100), stateful_step_count=25)
TestConversation = Conversation.TestCase
