"""The frames of pages: what is one, which right it needs, and that nothing else does harm."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import lab_transcript
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tornado.web import RequestHandler

from flare_widgets.errors import JobNotFound
from flare_widgets.lab import protocol
from flare_widgets.lab.factories import Factories
from flare_widgets.lab.hub import Refused
from flare_widgets.lab.paths import PathGuard
from flare_widgets.lab.protocol import Ask, Follow, Hello, Leave, Open, Send, encode, parse_frame, required_right
from flare_widgets.lab.requests import StatusHandler
from flare_widgets.lab.socket import LinkHandler, RateLimit

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(["op", "ref", "kind", "args", "model", "content", "do", "protocol", "page"])
OPS = st.sampled_from(["hello", "open", "follow", "leave", "send", "ask", "state", ""])


@pytest.mark.parametrize(
    ("sent", "frame", "right"),
    [
        ({"op": "hello", "protocol": 1, "version": "0.1.0", "page": "abc"}, Hello(1, "abc"), "read"),
        ({"op": "hello", "protocol": 2}, Hello(2), "read"),
        ({"op": "open", "ref": 1, "kind": "jobs", "args": {"session": "a"}}, Open(1, "jobs", {"session": "a"}), "read"),
        ({"op": "open", "ref": "x", "kind": "jobs"}, Open("x", "jobs", {}), "read"),
        ({"op": "open", "ref": 1, "kind": "results", "args": {}}, Open(1, "results", {}), "write"),
        ({"op": "ask", "ref": 1, "do": "forget", "args": {"kit": "1"}}, Ask(1, "forget", {"kit": "1"}), "execute"),
        ({"op": "follow", "model": "m"}, Follow("m"), "read"),
        ({"op": "leave", "model": "m"}, Leave("m"), "read"),
        ({"op": "send", "model": "m", "content": {"kind": "visible"}}, Send("m", {"kind": "visible"}), "read"),
        ({"op": "send", "model": "m", "content": {"kind": "start"}}, Send("m", {"kind": "start"}), "write"),
        ({"op": "send", "model": "m", "content": {"kind": ["visible"]}}, Send("m", {"kind": ["visible"]}), "write"),
        ({"op": "send", "model": "m", "content": {}}, Send("m", {}), "write"),
        ({"op": "ask", "ref": 1, "do": "connect", "args": {"kit": "1"}}, Ask(1, "connect", {"kit": "1"}), "execute"),
        ({"op": "ask", "ref": 1, "do": "visible", "args": []}, Ask(1, "visible", {}), "read"),
        ({"op": "ask", "ref": 1, "do": "unknown"}, Ask(1, "unknown", {}), "execute"),
    ],
)
def test_frame_and_its_right(sent, frame, right):
    assert parse_frame(json.dumps(sent)) == frame
    assert required_right(frame) == right


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{",
        '"hello"',
        '{"op": "open", "kind": "jobs"}',
        '{"op": "open", "ref": [], "kind": "jobs"}',
        '{"op": "send", "model": "m", "content": "start"}',
        '{"op": "state", "model": "m"}',
        '{"op": {}}',
        b"\x00\x01",
        "[" * 60_000,
        json.dumps({"op": "follow", "model": "m" * 300}),
        json.dumps({"op": "send", "model": "m", "content": {"x": "y" * protocol.MAX_FRAME_BYTES}}),
    ],
)
def test_junk_is_no_frame(text):
    assert parse_frame(text) is None


@given(st.dictionaries(KEYS, JSON | OPS, max_size=6) | JSON)
def test_whatever_is_json_does_no_harm(value):
    frame = parse_frame(json.dumps(value))
    assert frame is None or required_right(frame) in protocol.RIGHTS


@given(st.text() | st.binary())
def test_whatever_is_text_does_no_harm(text):
    frame = parse_frame(text)
    assert frame is None or required_right(frame) in protocol.RIGHTS


class NoJobs:
    """A session, and its monitor, that know no job."""

    closed = False

    def __getattr__(self, name: str) -> Any:
        def refuse(*_: Any, **__: Any) -> None:
            raise JobNotFound("no such job")

        return refuse


@given(
    st.sampled_from(["job", "compare", "results", "submit"]) | st.text(max_size=4),
    st.dictionaries(st.sampled_from(["session", "job", "jobs", "folder"]), JSON | st.just("ada"), max_size=4),
)
def test_whatever_is_asked_for_is_refused_in_words(kind, args):
    managed = SimpleNamespace(name="ada", session=NoJobs(), monitor=NoJobs())
    manager: Any = SimpleNamespace(current="ada", sessions={"ada": managed})
    with pytest.raises((Refused, JobNotFound)) as refused:
        Factories(manager, PathGuard(None)).make(kind, args)
    assert str(refused.value)


def test_transcript_is_what_the_server_half_sends():
    """If not, run js/fixtures/make_fixtures.py; the front-end replays it."""
    recorded = json.loads(lab_transcript.FILE.read_text("utf-8"))
    assert lab_transcript.shape_of({str(i): step for i, step in enumerate(recorded)}) == lab_transcript.shape_of(
        {str(i): step for i, step in enumerate(lab_transcript.record_transcript())}
    )


@given(st.sampled_from(["state", "update", "gone"]), st.dictionaries(st.sampled_from(["model", "why", "state"]), JSON))
def test_answer_is_one_json_object(op, fields):
    text = encode(op, **fields)
    assert json.loads(text) == {"op": op, **json.loads(json.dumps(fields))}
    assert "\n" not in text


def test_answer_is_text_of_any_encoding():
    encode("update", state={"x": "\ud800"}).encode()


def test_no_answer_is_no_json():
    with pytest.raises(ValueError):
        encode("update", state={"x": float("inf")})
    with pytest.raises(TypeError):
        encode("update", state={"x": object()})


def test_rate_limit_allows_burst_then_rate():
    now = [0.0]
    limit = RateLimit(3, 2.0, lambda: now[0])
    assert [limit.allows_one_more() for _ in range(4)] == [True, True, True, False]
    now[0] += 1.0
    assert [limit.allows_one_more() for _ in range(3)] == [True, True, False]
    now[0] += 100.0
    assert [limit.allows_one_more() for _ in range(4)] == [True, True, True, False]


@pytest.mark.parametrize("handler", [LinkHandler, StatusHandler])
def test_handlers_answer_only_get(handler):
    """A method of such a name is an HTTP method, without authentication."""
    for name in ("post", "put", "delete", "patch", "head"):
        assert getattr(handler, name) is getattr(RequestHandler, name)
