"""The channel of a view to the pages that follow it: what a widget uses of a kernel's comm."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import Any

_HIDDEN = frozenset({"layout", "tabbable", "tooltip"})
"""Traits of every widget that only a notebook's widget manager knows."""


def visible_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the traits that a page gets."""
    return {name: value for name, value in state.items() if not name.startswith("_") and name not in _HIDDEN}


class Channel:
    """Channel of one view. May be used from any thread.

    Parameters
    ----------
    publish
        Called with ``update`` and the changed traits, or ``custom`` and the message, in the thread that sends.
    on_close
        Called once, when the view has been closed.

    Attributes
    ----------
    comm_id
        The id of the view's model.
    """

    def __init__(self, publish: Callable[[str, Any], None], on_close: Callable[[], None]) -> None:
        self.comm_id = secrets.token_hex(8)
        self._publish = publish
        self._on_close = on_close
        self._receiver: Callable[[dict[str, Any]], None] = lambda _: None
        self._is_closed = False

    def on_msg(self, callback: Callable[[dict[str, Any]], None]) -> None:
        """Set the function that takes the pages' messages."""
        self._receiver = callback

    def send(self, data: Any = None, metadata: Any = None, buffers: Any = None) -> None:  # noqa: ARG002
        """Send a widget's message to the pages."""
        if self._is_closed or not isinstance(data, dict):
            return
        match data:
            case {"method": "update", "state": dict() as state}:
                if shown := visible_state(state):
                    self._publish("update", shown)
            case {"method": "custom", "content": content}:
                self._publish("custom", content)

    def receive(self, content: Mapping[str, Any]) -> None:
        """Hand a page's message to the view."""
        if not self._is_closed:
            self._receiver({"content": {"data": {"method": "custom", "content": dict(content)}}, "buffers": []})

    def close(self, *_: Any, **__: Any) -> None:
        """End the channel; called by the view."""
        if not self._is_closed:
            self._is_closed = True
            self._receiver = lambda _: None
            self._on_close()
