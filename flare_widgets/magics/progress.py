"""Words for what takes longer than a second."""

from __future__ import annotations

import time
from collections.abc import Callable

from IPython.display import DisplayHandle, display

from ..text import size

_PATIENCE = 1.0
_INTERVAL = 0.2


class Progress:
    """One line of output, in the calling cell, that says how far something is.

    Parameters
    ----------
    patience
        Seconds before the first word: what is done by then needs none.
    """

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._next = time.monotonic() + patience
        self._handle: DisplayHandle | None = None

    def say(self, text: str) -> None:
        """Show `text` in place of what was said before; at most five times a second."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _INTERVAL
        self._show(text)

    def _show(self, text: str) -> None:
        data = {"text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)  # type: ignore[no-untyped-call]

    def end(self, text: str) -> None:
        """Leave `text` as the last word, if anything was said before."""
        if self._handle is not None:
            self._show(text)


def transfer(progress: Progress, verb: str) -> Callable[[int, int], None]:
    """Return what the session's `progress` parameter takes, speaking through `progress`."""

    def tell(done: int, total: int) -> None:
        of = f" of {size(total)}" if total else ""
        progress.say(f"{verb} {size(done)}{of}" if done or total else "preparing")  # a job folder is packed first

    return tell
