"""Words for what takes longer than a second."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from IPython.core.error import UsageError
from IPython.display import DisplayHandle, display

from ..formatting.text import size

_PATIENCE = 1.0
_INTERVAL = 0.2
_LOOK = 0.25

P = ParamSpec("P")
T = TypeVar("T")


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
        self._said = ""

    def say(self, text: str) -> None:
        """Show `text` in place of what was said before; at most five times a second."""
        now = time.monotonic()
        if now < self._next or text == self._said:
            return
        self._next = now + _INTERVAL
        self._show(text)

    def _show(self, text: str) -> None:
        self._said = text
        data = {"text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)  # type: ignore[no-untyped-call]

    def end(self, text: str) -> None:
        """Leave `text` as the last word, if anything was said before."""
        if self._handle is not None and text != self._said:
            self._show(text)


def attended(words: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what may take longer than a second, and say how long it has taken until it returns.

    It runs in a worker, so that the words, and an interrupt, come from the caller's thread.

    Parameters
    ----------
    words
        What is being done: ``restarting site-1``.
    function
        What does it; called with the other arguments.

    Raises
    ------
    UsageError
        It was interrupted: what was begun is not undone.
    """
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

    def work() -> None:
        try:
            outcome.set_result(function(*args, **kwargs))
        except BaseException as e:
            outcome.set_exception(e)

    progress, began = Progress(), time.monotonic()
    threading.Thread(target=work, name="flare-verb", daemon=True).start()
    try:
        while not concurrent.futures.wait([outcome], _LOOK).done:
            progress.say(f"{words}: {time.monotonic() - began:.0f} s")
    except KeyboardInterrupt:
        raise UsageError(f"stopped waiting; {words} may go on nevertheless") from None
    how = "done" if outcome.exception() is None else "failed"
    progress.end(f"{words}: {how} after {time.monotonic() - began:.1f} s")
    return outcome.result()


def transfer(progress: Progress, verb: str) -> Callable[[int, int], None]:
    """Return what the session's `progress` parameter takes, speaking through `progress`."""

    def tell(done: int, total: int) -> None:
        of = f" of {size(total)}" if total else ""
        progress.say(f"{verb} {size(done)}{of}" if done or total else "preparing")  # a job folder is packed first

    return tell
