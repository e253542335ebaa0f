"""Signal that publishes new snapshots to its listeners."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")

log = logging.getLogger("flare_widgets")


class Signal(Generic[S]):
    """Listeners that are called with each new snapshot. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[S], None]] = []

    def subscribe(self, listener: Callable[[S], None]) -> Callable[[], None]:
        """Add a listener; return an unsubscribe function (which may be called twice)."""
        with self._lock:
            self._listeners.append(listener)

        def remove() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return remove

    def publish(self, snapshot: S) -> None:
        """Call all listeners, with no lock held. An exception in one is logged, and does not affect the others."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:
                log.exception("a listener to a snapshot failed")
