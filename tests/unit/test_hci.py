"""Admin commands: their JSON, and the quoting that the server's own parser takes off again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nvflare.fuel.hci.cmd_arg_utils import parse_command_line
from nvflare.fuel.hci.conn import Connection
from nvflare.fuel.hci.proto import validate_proto

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import hci

WORD = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=15)


def envelope(line: str, **more: Any) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(hci.encode(line, **more))
    return decoded


def test_command_alone() -> None:
    sent = envelope("list_jobs -d")
    assert sent["data"] == [{"type": "command", "data": "list_jobs -d"}]
    assert set(sent) == {"time", "data"}


def test_command_with_everything() -> None:
    sent = envelope("x", token="secret", timeout=3.5, props={"a": [1]})
    assert sent["data"] == [{"type": "command", "data": "x"}, {"type": "token", "data": "secret"}]
    assert sent["meta"] == {"cmd_timeout": 3.5, "cmd_props": {"a": [1]}}


@pytest.mark.parametrize(
    ("escaped", "read"),
    [
        (r"a\ud800b", "a\ufffdb"),
        (r"\uDFFF", "\ufffd"),
        (r"\ud83d\ude00", "\U0001f600"),
        (r"\\\\ud800", r"\\ud800"),
    ],
)
def test_lone_surrogates_in_json_are_replaced(escaped: str, read: str) -> None:
    text = (
        f'{{"data": [{{"type": "string", "data": "{escaped}"}}], "meta": {{"jobs": [{{"{escaped}": "{escaped}"}}]}}}}'
    )
    reply = hci.decode(text)
    assert reply.items[0]["data"] == read
    assert reply.meta == {"jobs": [{read: read}]}
    json.dumps(reply.meta, ensure_ascii=False).encode()


@given(st.text(), st.none() | st.text(), st.none() | st.floats(0.1, 100))
def test_it_says_what_nvflares_own_client_would(line: str, token: str | None, timeout: float | None) -> None:
    theirs = Connection()
    theirs.append_command(line)
    if token is not None:
        theirs.append_token(token)
    if timeout is not None:
        theirs.update_meta({"cmd_timeout": timeout})
    expected = json.loads(theirs.close())
    ours = envelope(line, token=token, timeout=timeout)
    assert ours["data"] == expected["data"]
    assert ours.get("meta", {}) == (expected.get("meta") or {})


def test_server_accepts_it_as_protocol() -> None:
    assert validate_proto(hci.encode("x", "token", 1.0, {"a": 1})) is not None


@given(st.lists(WORD, min_size=1, max_size=5))
@example(["get_job_meta", "a b"])
@example(["get_job_meta", ""])
@example(["get_job_meta", "a#b"])
@example(["get_job_meta", "a\\b", "it's"])
@example(["x", "\x1c", "\u2003", "\x0b"])
@example(["x", "#", '"'])
def test_server_reads_words_that_were_joined(words: list[str]) -> None:
    words = ["verb", *words]
    _, arguments, props = parse_command_line(hci.join_words(words))
    assert arguments == words
    assert props is None


def test_plain_word_is_not_quoted() -> None:
    assert hci.join_words(["list_jobs", "-n", "hello-numpy_1.5"]) == "list_jobs -n hello-numpy_1.5"


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "a\0b"])
def test_word_with_line_break_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        hci.join_words(["get_job_meta", word])


def test_reply_with_everything() -> None:
    items = [
        {"type": "string", "data": "a"},
        {"type": "error", "data": "b"},
        {"type": "table", "rows": [["x"]]},
        {"type": "string", "data": "c"},
        {"type": "dict", "data": {"k": 1}},
    ]
    reply = hci.decode(json.dumps({"time": "now", "data": items, "meta": {"status": "ok"}}))
    assert list(reply.items) == items
    assert reply.meta == {"status": "ok"}
    assert reply.texts("string") == ["a", "c"]
    assert reply.texts("string", "error") == ["a", "b", "c"]
    assert reply.texts("dict", "table") == []


def test_reply_of_nvflares_server_is_read() -> None:
    theirs = Connection()
    theirs.append_string("hello", meta={"status": "ok", "jobs": []})
    theirs.append_success("")
    reply = hci.decode(theirs.close())
    assert reply.texts("string") == ["hello"]
    assert reply.meta["status"] == "ok"


@pytest.mark.parametrize("meta", ["null", '"x"', "[1]"])
def test_invalid_meta_becomes_empty(meta: str) -> None:
    assert hci.decode(f'{{"data": [1, "x", null], "meta": {meta}}}') == hci.CommandReply((), {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["data", "meta", "type"]) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON.map(json.dumps) | st.text(max_size=30))
@example("[" * 100_000)
@example("1" * 5000)
@example('{"data": [{"type": ["list"], "data": {}}]}')
def test_any_text_is_reply_or_error(text: str) -> None:
    try:
        reply = hci.decode(text)
    except ProtocolError:
        return
    assert all(isinstance(item, dict) for item in reply.items)
    assert isinstance(reply.meta, dict)
    assert all(isinstance(text, str) for text in reply.texts("string", "error"))


@pytest.mark.parametrize("text", ["[" * 400_000, '{"data": [' + "1," * 400_000, '"' * 400_000 + "," * 400_000], ids=len)
def test_reply_with_many_values_is_refused(text: str) -> None:
    with pytest.raises(ProtocolError, match="more than 300,000 values"):
        hci.decode(text)


def test_reply_with_many_characters_is_refused() -> None:
    text = json.dumps({"data": [{"type": "string", "data": "x" * 100}]})
    assert hci.decode(text, len(text)).texts("string") == ["x" * 100]
    with pytest.raises(ProtocolError, match=f"has {len(text)} characters, more than {len(text) - 1}"):
        hci.decode(text, len(text) - 1)


@pytest.mark.parametrize("value", [None, b"{}", 5, ["x"], {"data": []}])
def test_non_text_is_protocol_error(value: Any) -> None:
    with pytest.raises(ProtocolError, match="not text"):
        hci.decode(value)
