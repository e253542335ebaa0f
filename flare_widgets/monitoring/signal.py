"""Who is told of a new snapshot."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

S = TypeVar("S")

log = logging.getLogger("flare_widgets")


class Listeners(Generic[S]):
    """Functions that are called with each new snapshot. All methods may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: list[Callable[[S], None]] = []

    def add(self, listener: Callable[[S], None]) -> Callable[[], None]:
        """Have `listener` called; return what ends that (and may be called twice)."""
        with self._lock:
            self._listeners.append(listener)

        def remove() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return remove

    def tell(self, snapshot: S) -> None:
        """Call all of them, with no lock held. One that fails is logged, and fails nobody else."""
        with self._lock:
            listeners = list(self._listeners)
        for listener in listeners:
            try:
                listener(snapshot)
            except Exception:
                log.exception("a listener to a snapshot failed")
