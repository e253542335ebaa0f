"""Rows of a table, kept in sync by patches in every browser that shows it.

A trait would send the whole table at each change, and store it in the notebook. A feed sends only changes, in
messages with sequence numbers:

``{kind: "rows", feed, seq, set: [[key, row], ...], removed: [key, ...]}``
    A patch: it makes table `seq` from table ``seq - 1``.
``{kind: "rows", feed, seq, set, to: [token, ...], part, parts}``
    A part of the whole table `seq`, for the browsers that requested it with these tokens.
``{kind: "resync", feed, token}``
    From a browser: it has no table yet, or missed a patch (Jupyter drops messages when a kernel floods it).

The other half is ``js/src/core/row-sync.ts``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from .throttle import Throttle

MAX_MESSAGES_PER_S = 20
"""The most messages a second of a feed; changes in between are combined in one."""

MAX_MESSAGE_BYTES = 500_000
"""The most bytes of rows in one message; a single row may exceed it. A larger table is split into several messages."""

_MAX_TOKENS = 50  # browsers per whole table; a real notebook is open in two or three
_MAX_TOKEN_CHARS = 64

Message = dict[str, Any]


class RowSync:
    """A table by key, in the order of insertion.

    Nothing is sent before a browser has asked for it. All methods may be called from any thread.

    Parameters
    ----------
    send
        Sends a message to all browsers: a widget's `send`.
    name
        Distinguishes the feeds of one widget.
    max_messages_per_s
        The most messages a second; fewer if its widget sends other messages too.
    """

    def __init__(
        self, send: Callable[[Message], None], name: str = "rows", max_messages_per_s: float = MAX_MESSAGES_PER_S
    ) -> None:
        self._send = send
        self._name = name
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
        """The current table."""
        with self._lock:
            return dict(self._rows)

    @property
    def seq(self) -> int:
        """The number of the last patch. Sent in a trait too, it lets a browser see that it missed that one."""
        with self._lock:
            return self._seq

    def put(self, rows: Mapping[str, Any]) -> None:
        """Add rows, or replace those with the same keys. A row is any JSON value."""
        with self._lock:
            for key, row in rows.items():
                if key not in self._rows or self._rows[key] != row:
                    self._rows[key] = row
                    self._changed_keys[key] = None
        self._request_send()

    def remove(self, keys: Iterable[str]) -> None:
        """Remove those of the rows that exist."""
        with self._lock:
            for key in keys:
                if key in self._rows:
                    del self._rows[key]
                    self._changed_keys[key] = None
        self._request_send()

    def replace(self, rows: Mapping[str, Any]) -> None:
        """Replace the whole table by these rows; only the differences are sent."""
        self.remove([key for key in self.rows if key not in rows])
        self.put(rows)

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

    def _request_send(self) -> None:
        with self._lock:
            wanted = self._has_subscribers and bool(self._changed_keys)
            if not self._has_subscribers:
                self._changed_keys.clear()  # the first request gets all of it
        if wanted:
            self._throttle.request()

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
        tokens, self._tokens = self._tokens, []
        chunks = list(_split_into_chunks(self._rows.items())) or [[]]
        seq = self._seq
        return (
            {**self._header(seq), "set": chunk, "to": tokens, "part": part, "parts": len(chunks)}
            for part, chunk in enumerate(chunks)
        )

    def _build_patch(self) -> Message:
        removed = [key for key in self._changed_keys if key not in self._rows]
        there = ((key, self._rows[key]) for key in self._changed_keys if key in self._rows)
        chunk = next(_split_into_chunks(there), [])
        for key in removed:
            del self._changed_keys[key]
        for key, _ in chunk:
            del self._changed_keys[key]
        self._seq += 1
        return {**self._header(self._seq), "set": chunk, "removed": removed}

    def _header(self, seq: int) -> Message:
        return {"kind": "rows", "feed": self._name, "seq": seq}


def _split_into_chunks(rows: Iterable[tuple[str, Any]]) -> Iterator[list[list[Any]]]:
    """Yield lists of rows that are each small enough for a message."""
    chunk: list[list[Any]] = []
    room = MAX_MESSAGE_BYTES
    for key, row in rows:
        size = len(json.dumps([key, row], ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if chunk and size > room:
            yield chunk
            chunk, room = [], MAX_MESSAGE_BYTES
        chunk.append([key, row])
        room -= size
    if chunk:
        yield chunk
