"""Progress messages for operations that take longer than a second."""

from __future__ import annotations

import concurrent.futures
import threading
import time
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from IPython.core.error import UsageError
from IPython.display import DisplayHandle, display

from ..formatting.text import format_duration, format_size

_SHOW_AFTER_S = 1.0
_UPDATE_INTERVAL_S = 0.2
_POLL_INTERVAL_S = 0.25

P = ParamSpec("P")
T = TypeVar("T")


class ProgressLine:
    """One line of progress output, in the calling cell.

    Parameters
    ----------
    show_after_s
        Seconds before the first output: an operation that ends earlier shows none.
    """

    def __init__(self, show_after_s: float = _SHOW_AFTER_S) -> None:
        self._next_update_at = time.monotonic() + show_after_s
        self._handle: DisplayHandle | None = None
        self._shown_text = ""

    def update(self, text: str) -> None:
        """Show `text` in place of the previous text; at most five times a second."""
        now = time.monotonic()
        if now < self._next_update_at or text == self._shown_text:
            return
        self._next_update_at = now + _UPDATE_INTERVAL_S
        self._show(text)

    def _show(self, text: str) -> None:
        self._shown_text = text
        data = {"text/plain": text}
        if self._handle is None:
            self._handle = display(data, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(data, raw=True)  # type: ignore[no-untyped-call]

    def leave(self, text: str) -> None:
        """Show `text` as the final text, however short the operation was."""
        if text != self._shown_text:
            self._show(text)

    def finish(self, text: str) -> None:
        """Leave `text` as the final text, if anything was shown before."""
        if self._handle is not None and text != self._shown_text:
            self._show(text)


def run_with_progress(action: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function that may take longer than a second, and show the elapsed time until it returns.

    Parameters
    ----------
    action
        The description of the operation: ``restarting site-1``.
    function
        The function to run; called with the remaining arguments.

    Raises
    ------
    UsageError
        It was interrupted; its effects so far are not undone.
    """
    progress, began = ProgressLine(), time.monotonic()
    result = run_step(progress, action, function, *args, **kwargs)
    progress.finish(f"{action}: done after {format_duration(time.monotonic() - began)}")
    return result


def run_step(progress: ProgressLine, action: str, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a function as one step of several, and show the elapsed time in their common line until it returns.

    It runs in a worker thread, so that the output, and an interrupt, come from the caller's thread.

    Parameters
    ----------
    progress
        The line of the steps.
    action
        The description of the step.
    function
        The function to run; called with the remaining arguments.

    Raises
    ------
    UsageError
        It was interrupted; its effects so far are not undone.
    """
    outcome: concurrent.futures.Future[T] = concurrent.futures.Future()

    def work() -> None:
        try:
            outcome.set_result(function(*args, **kwargs))
        except BaseException as e:
            outcome.set_exception(e)

    began = time.monotonic()
    threading.Thread(target=work, name="flare-verb", daemon=True).start()
    try:
        while not concurrent.futures.wait([outcome], _POLL_INTERVAL_S).done:
            progress.update(f"{action}: {format_duration(time.monotonic() - began)}")
    except KeyboardInterrupt:
        raise UsageError(f"stopped waiting; {action} may still be in progress") from None
    if outcome.exception() is not None:
        progress.finish(f"{action}: failed after {format_duration(time.monotonic() - began)}")
    return outcome.result()


def make_transfer_callback(progress: ProgressLine, action: str) -> Callable[[int, int], None]:
    """Return a callback for the session's `progress` parameter that reports through `progress`, with the time."""
    began = time.monotonic()

    def tell(done: int, total: int) -> None:
        of = f" of {format_size(total)}" if total else ""
        elapsed = time.monotonic() - began
        took = f": {format_duration(elapsed)}" if elapsed >= 1 else ""
        text = f"{action} {format_size(done)}{of}" if done or total else "preparing"  # the server packs a result first
        progress.update(text + took)

    return tell
