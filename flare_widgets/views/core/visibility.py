"""Visibility of a view: hidden data need not be polled. The browser's half is ``js/src/core/visibility.ts``."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

LEASE_S = 60.0
"""Seconds for which a browser's message is valid; the browser repeats it three times as often."""

_MAX_DISPLAYS = 100  # per view
_PENDING_DISPLAY = ""  # the key of an expected display, whose own name is not known yet


class VisibilityTracker:
    """The visible displays of one view.

    Parameters
    ----------
    on_change
        Called with True if any display is visible, else False, from any thread, when that changes.
    lease_s
        Seconds for which a display counts as visible after its last message.
    """

    def __init__(self, on_change: Callable[[bool], None], lease_s: float = LEASE_S) -> None:
        self._on_change = on_change
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._expires_at: dict[str, float] = {}
        self._timer: threading.Timer | None = None
        self._is_visible = False
        self._closed = False

    def handle_message(self, message: Mapping[str, Any]) -> bool:
        """Handle a message from the browser; return whether it was about visibility.

        Parameters
        ----------
        message
            ``{"kind": "visible", "display": the display's unique name, "on": bool}``.
        """
        if message.get("kind") != "visible":
            return False
        display = str(message.get("display"))[:100]
        with self._lock:
            self._expires_at.pop(_PENDING_DISPLAY, None)  # the expected display has reported
            if message.get("on") is True and not self._closed and len(self._expires_at) < _MAX_DISPLAYS:
                self._expires_at[display] = time.monotonic() + self._lease_s
            else:
                self._expires_at.pop(display, None)
        self._update()
        return True

    def expect_display(self) -> None:
        """Count an expected display as visible for one lease: a view was made and will be shown."""
        self.handle_message({"kind": "visible", "display": _PENDING_DISPLAY, "on": True})

    def close(self) -> None:
        """Count no display as visible any more."""
        with self._lock:
            self._closed = True
            self._expires_at.clear()
        self._update()

    def _update(self) -> None:
        with self._lock:
            now = time.monotonic()
            self._expires_at = {display: until for display, until in self._expires_at.items() if until > now}
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if self._expires_at:
                self._timer = threading.Timer(min(self._expires_at.values()) - now + 0.01, self._update)
                self._timer.name = "flare-view"
                self._timer.daemon = True
                self._timer.start()
            looked_at, before = bool(self._expires_at), self._is_visible
            self._is_visible = looked_at
        if looked_at != before:
            self._on_change(looked_at)
