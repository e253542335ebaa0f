"""HCI: admin commands as JSON lines inside cellnet messages. Pure encode and decode.

Source: ``fuel/hci/proto.py`` and ``client/api.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..errors import InvalidArgumentError, ProtocolError
from ..formatting.secret import SecretText, hide

MAX_DEPTH = 64
"""Nesting depth of a reply. FLARE's replies have a handful of levels; displaying one may need a stack frame each."""

MAX_REPLY_CHARS = 16 << 20
"""Characters of a reply. FLARE's have a few thousand; a list of ten thousand jobs has four million."""

MAX_LOG_CHARS = 64 << 20
"""Characters of a reply that is the text of a log or a file, which is one value."""

MAX_VALUES = 300_000
"""Values in a reply, about: JSON of two characters is an object of up to two hundred bytes."""

CHANNEL, TOPIC, EXPIRED_TOPIC = "hci_channel", "command", "SESSION_EXPIRED"

_SEPARATORS = ",[{"
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_LONE_SURROGATE = re.compile("[\ud800-\udfff]")  # pairs have become one character by then


@dataclass(frozen=True)
class CommandReply:
    """The server's answer to an admin command.

    Attributes
    ----------
    items
        The output of a console, in order: ``{"type": "string" | "success" | "error" | ..., "data": ...}``.
    meta
        The structured result; empty for the few commands that have none.
    time
        Time of the answer, as the server wrote it.
    """

    items: tuple[dict[str, Any], ...] = ()
    meta: dict[str, Any] = field(default_factory=dict)
    time: str = ""

    def texts(self, *types: str) -> list[str]:
        """Return the text of all items of these types."""
        return [i["data"] for i in self.items if i.get("type") in types and isinstance(i.get("data"), str)]


def encode(
    line: str,
    token: str | None = None,
    timeout: float | None = None,
    props: Any = None,
) -> str:
    """Return the JSON of a command.

    Parameters
    ----------
    line
        The command as a console user would type it; see :func:`join_words`.
    token
        The session's token, once logged in.
    timeout
        Seconds the server may take; the server's own default when not given.
    props
        Extra data for the command, JSON-able.
    """
    data = [{"type": "command", "data": line}]
    text = str if token is None else SecretText
    if token is not None:
        data.append({"type": "token", "data": token})
    meta: dict[str, Any] = {}
    if timeout is not None:
        meta["cmd_timeout"] = timeout
    if props is not None:
        meta["cmd_props"] = props
    envelope: dict[str, Any] = {"time": str(datetime.now()), "data": data}
    if meta:
        envelope["meta"] = meta
    return text(json.dumps(envelope))


def decode(text: Any, max_chars: int = MAX_REPLY_CHARS) -> CommandReply:
    """Return the reply in a JSON text, which is measured before its values are made.

    Parameters
    ----------
    text
        The text.
    max_chars
        Maximum number of its characters.

    Raises
    ------
    ProtocolError
        The text is not an HCI reply, or is larger or nested deeper than we accept.
    """
    if not isinstance(text, str):
        raise ProtocolError(f"the reply to a command is {type(text).__name__}, not text")
    if len(text) > max_chars:
        size, text = len(text), ""
        raise ProtocolError(f"the reply to a command has {size:,} characters, more than {max_chars:,}")
    text = hide(text)  # the reply to a login has the token
    if not _has_few_values(text):
        raise ProtocolError(f"the reply to a command has more than {MAX_VALUES:,} values")
    envelope = _parse(text)
    problem = _find_problem(envelope)
    if problem:
        del envelope
        raise ProtocolError(f"the reply to a command {problem}")
    if _ESCAPED_SURROGATE.search(text):
        envelope = _replace_surrogates(envelope)
    items = tuple(_hide_token(item) for item in envelope["data"] if isinstance(item, dict))
    meta = envelope.get("meta")
    return CommandReply(items, meta if isinstance(meta, dict) else {}, str(envelope.get("time") or ""))


def _has_few_values(text: str) -> bool:
    """Return True if a JSON text has no more values than we accept, by what is between them. It need not be valid."""
    if sum(map(text.count, _SEPARATORS)) <= MAX_VALUES:
        return True
    # In the text of a log they are within one value, in quotes.
    bare = text.replace(r"\\", "").replace(r"\"", "")
    if bare.count('"') > MAX_VALUES:
        return False
    return sum(part.count(separator) for part in bare.split('"')[::2] for separator in _SEPARATORS) <= MAX_VALUES


def _parse(text: str) -> Any:
    """Return the value in a JSON text; None if it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _hide_token(item: dict[str, Any]) -> dict[str, Any]:
    return {**item, "data": hide(item.get("data"))} if item.get("type") == "token" else item


def _replace_surrogates(value: Any) -> Any:
    """Return the value with lone surrogates replaced: JSON can contain them, but they cannot be encoded again."""
    if isinstance(value, str):
        return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, dict):
        return {_replace_surrogates(key): _replace_surrogates(each) for key, each in value.items()}
    return [_replace_surrogates(each) for each in value] if isinstance(value, list) else value


def _find_problem(envelope: Any) -> str:
    """Return in words what makes a parsed reply unusable; nothing if it is usable."""
    if envelope is None:
        return "is not JSON"
    if not isinstance(envelope, dict) or not isinstance(envelope.get("data"), list):
        return "has no data"
    level: list[Any] = [envelope]
    for _ in range(MAX_DEPTH):
        if not level:
            return ""
        inner = (v for outer in level for v in (outer.values() if isinstance(outer, dict) else outer))
        level = [v for v in inner if isinstance(v, (dict, list))]
    return f"has more than {MAX_DEPTH} levels" if level else ""


def is_session_inactive(reply: CommandReply) -> bool:
    """Return True if the server did nothing because it no longer knows the session (``server/login.py``)."""
    return "session_inactive" in reply.texts("error")


def join_words(words: Sequence[str]) -> str:
    """Return a command line of `words`, quoted where the server's parser needs it.

    The server splits at blanks unless the line has a quote; then it uses shell rules (``cmd_arg_utils.py``). A
    line break would end the command, so it is rejected.

    Raises
    ------
    InvalidArgumentError
        A word contains a line break or a NUL.
    """
    return " ".join(_quote(word) for word in words)


_LINE_BREAK = re.compile(r"[\r\n\0]")
_SPECIAL_CHARACTER = re.compile(r"[\s\"'\\#]")


def _quote(word: str) -> str:
    if _LINE_BREAK.search(word):
        raise InvalidArgumentError(f"a command cannot contain a line break: {word!r}")
    if word and not _SPECIAL_CHARACTER.search(word):
        return word
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
