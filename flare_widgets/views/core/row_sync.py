"""Rows of a table, kept in sync by patches in every browser that shows it.

A trait would send the whole table at each change, and store it in the notebook. A feed sends only changes, in
messages with sequence numbers:

``{kind: "rows", feed, seq, total, set: [[key, row], ...], removed: [key, ...]}``
    A patch: it makes table `seq` from table ``seq - 1``. A browser with fewer rows than `total` will get the others by
    the next patches.
``{kind: "rows", feed, seq, total, set, to: [token, ...], part, last}``
    A part of the whole table `seq`, for the browsers that requested it with these tokens; the first one is small.
``{kind: "resync", feed, token}``
    From a browser: it has no table yet, or missed a patch (Jupyter drops messages when a kernel floods it).

The other half is ``js/src/core/row-sync.ts``.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .throttle import Throttle

MAX_MESSAGES_PER_S = 20
"""The most messages a second of a feed; changes in between are combined in one."""

MAX_MESSAGE_BYTES = 500_000
"""The most bytes of rows in one message; a single row may exceed it. A larger table is split into several messages."""

FIRST_ROWS = 200
"""The most rows in the first message of a table: more than a screen shows, and soon there."""

_MAX_TOKENS = 50  # browsers per whole table; a real notebook is open in two or three
_MAX_TOKEN_CHARS = 64

Message = dict[str, Any]


class RowSync:
    """A table by key, in the order of the last :meth:`replace`.

    Nothing is sent before a browser has asked for it. All methods may be called from any thread.

    Parameters
    ----------
    send
        Sends a message to all browsers: a widget's `send`.
    name
        Distinguishes the feeds of one widget.
    max_messages_per_s
        The most messages a second; fewer if its widget sends other messages too.
    to_json
        Returns a row as a JSON value. It is called when the row is sent, since a large table takes long; equal rows
        must give the same value, and a row must not change.
    """

    def __init__(
        self,
        send: Callable[[Message], None],
        name: str = "rows",
        max_messages_per_s: float = MAX_MESSAGES_PER_S,
        to_json: Callable[[Any], Any] = lambda row: row,
    ) -> None:
        self._send = send
        self._name = name
        self._to_json = to_json
        self._lock = threading.Lock()
        self._rows: dict[str, Any] = {}
        self._changed_keys: dict[str, None] = {}  # an ordered set, in the order of the changes
        self._seq = 0
        self._tokens: list[str] = []
        self._full_table_messages: Iterator[Message] = iter(())
        self._has_subscribers = False
        self._throttle = Throttle(self._send_next, 1 / max_messages_per_s)

    @property
    def rows(self) -> dict[str, Any]:
        """The current table, as it is sent."""
        with self._lock:
            rows = dict(self._rows)
        return {key: self._to_json(row) for key, row in rows.items()}

    @property
    def seq(self) -> int:
        """The number of the last patch. Sent in a trait too, it lets a browser see that it missed that one."""
        with self._lock:
            return self._seq

    def replace(self, rows: Mapping[str, Any]) -> None:
        """Replace the table by these rows: JSON values, or what `to_json` takes. Only the differences are sent."""
        with self._lock:
            before, self._rows = self._rows, dict(rows)
            if not self._has_subscribers:
                return  # the first request gets all of it
            changed = [key for key, row in rows.items() if key not in before or _differ(before[key], row)]
            self._changed_keys |= dict.fromkeys([*(key for key in before if key not in rows), *changed])
            is_changed = bool(self._changed_keys)
        if is_changed:
            self._throttle.request()

    def handle_message(self, message: Any) -> bool:
        """Handle a browser's message; return whether it was for this feed."""
        if not isinstance(message, dict) or message.get("kind") != "resync" or message.get("feed") != self._name:
            return False
        token = message.get("token")
        if isinstance(token, str) and 0 < len(token) <= _MAX_TOKEN_CHARS:
            with self._lock:
                if token not in self._tokens and len(self._tokens) < _MAX_TOKENS:
                    self._tokens.append(token)
                self._has_subscribers = True
            self._throttle.request()
        return True

    def close(self) -> None:
        """Stop sending."""
        self._throttle.close()

    def _send_next(self) -> bool:
        """Send one message, if there is one to send; return whether there are more."""
        with self._lock:
            message = next(self._full_table_messages, None)
            if message is None and self._tokens:
                self._full_table_messages = self._build_full_table()
                message = next(self._full_table_messages)
            elif message is None and self._changed_keys:
                message = self._build_patch()
        if message is None:
            return False
        self._send(message)
        return True

    def _build_full_table(self) -> Iterator[Message]:
        """Yield the parts, each made when it is sent; the rows are those of now."""
        tokens, self._tokens = self._tokens, []
        header, rows = self._header(self._seq), list(self._rows.items())

        def build() -> Iterator[Message]:
            chunk = self._first_chunk(rows[:FIRST_ROWS])
            sent, part = len(chunk), 0
            while sent < len(rows):
                yield {**header, "set": chunk, "to": tokens, "part": part, "last": False}
                chunk = self._first_chunk(itertools.islice(rows, sent, None))
                sent, part = sent + len(chunk), part + 1
            yield {**header, "set": chunk, "to": tokens, "part": part, "last": True}

        return build()

    def _build_patch(self) -> Message:
        is_new_table = len(self._changed_keys) >= len(self._rows)
        removed = [key for key in self._changed_keys if key not in self._rows]
        there = ((key, self._rows[key]) for key in self._changed_keys if key in self._rows)
        chunk = self._first_chunk(itertools.islice(there, FIRST_ROWS if is_new_table else None))
        for key in removed:
            del self._changed_keys[key]
        for key, _ in chunk:
            del self._changed_keys[key]
        self._seq += 1
        return {**self._header(self._seq), "set": chunk, "removed": removed}

    def _header(self, seq: int) -> Message:
        return {"kind": "rows", "feed": self._name, "seq": seq, "total": len(self._rows)}

    def _first_chunk(self, rows: Iterable[tuple[str, Any]]) -> list[list[Any]]:
        """Return as many of the rows as are small enough for a message, but at least one."""
        chunk: list[list[Any]] = []
        room = MAX_MESSAGE_BYTES
        for key, row in rows:
            pair = [key, self._to_json(row)]
            room -= len(json.dumps(pair, ensure_ascii=False).encode("utf-8", "surrogatepass"))
            if chunk and room < 0:
                break
            chunk.append(pair)
        return chunk


def _differ(row: Any, other: Any) -> bool:
    # Most rows are the same objects as before, which the comparison of dataclasses does not look at.
    return row is not other and bool(row != other)
