"""Who looks at a view now: what nobody sees need not be asked for. The browser's half is ``js/src/lib/visible.ts``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LEASE = 60.0
"""Seconds for which a browser's word counts; one that is there repeats it three times as often."""

_MOST = 100  # displays of one view
_EXPECTED = ""  # a display that is to come; its own name is not known yet


class Lookers:
    """The displays of one view that are in sight.

    Parameters
    ----------
    changed
        Called with whether anybody looks, from any thread, when that changes.
    lease
        Seconds for which a display counts after its last word.
    """

    def __init__(self, changed: Callable[[bool], None], lease: float = LEASE) -> None:
        self._changed = changed
        self._lease = lease
        self._lock = threading.Lock()
        self._until: dict[str, float] = {}
        self._timer: threading.Timer | None = None
        self._any = False
        self._closed = False

    def note(self, wish: Mapping[str, Any]) -> bool:
        """Take a message from the browser; return whether it was about this.

        Parameters
        ----------
        wish
            ``{"kind": "visible", "display": a word of the display's own, "on": bool}``.
        """
        if wish.get("kind") != "visible":
            return False
        display = str(wish.get("display"))[:100]
        with self._lock:
            self._until.pop(_EXPECTED, None)  # it has spoken
            if wish.get("on") is True and not self._closed and len(self._until) < _MOST:
                self._until[display] = time.monotonic() + self._lease
            else:
                self._until.pop(display, None)
        self._review()
        return True

    def expect(self) -> None:
        """Count one that has not spoken yet, for as long as a word counts: a view was made and will be shown."""
        self.note({"kind": "visible", "display": _EXPECTED, "on": True})

    def close(self) -> None:
        """Nobody looks any more."""
        with self._lock:
            self._closed = True
            self._until.clear()
        self._review()

    def _review(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._until = {display: until for display, until in self._until.items() if until > now}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._until:
                self._timer = threading.Timer(min(self._until.values()) - now + 0.01, self._review)
                self._timer.name = "flare-view"
                self._timer.daemon = True
                self._timer.start()
            looked_at, before = bool(self._until), self._any
            self._any = looked_at
        if looked_at != before:
            self._changed(looked_at)
