"""Progress of an upload or a download, and waiting for its parts, in the caller's thread.

The I/O thread sends and receives one part at a time; reading and writing files happens in the caller's, so that a slow
disk never delays another session, and an interrupt stops a transfer between two parts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...errors import FlareError, TransferCancelled
from ...wire import loop
from ...wire.connection import Connection

T = TypeVar("T")

ProgressCallback = Callable[[int, int], Any]
"""Called in the caller's thread with the bytes transferred so far and the total; the total is 0 if unknown.

It is called at least once a second, even without progress. Returning False (not None) cancels the transfer.
"""

PART_TIMEOUTS_S = (30.0, 60.0, 120.0)
"""Seconds to wait for the answer to a part; longer each time, to avoid overloading a slow connection."""

_NOTIFY_TIMEOUT_S = 1.0  # seconds to wait until a best-effort message is sent; the I/O thread finishes it
_PROGRESS_INTERVAL_S = 1.0  # seconds between two calls of a progress callback when nothing moves


def notify_server(connection: Connection, channel: str, topic: str, message: dict[str, Any]) -> None:
    """Send a best-effort notification: no error is raised if the connection is lost or the server hangs."""
    with contextlib.suppress(FlareError, TimeoutError):
        loop.run(connection.post(channel, topic, message), _NOTIFY_TIMEOUT_S)


class ProgressReporter:
    """Reporter of a transfer's progress to a callback that may cancel it.

    Parameters
    ----------
    progress
        The callback, if there is one.
    cancel_message
        Message of the error raised on cancellation.
    """

    def __init__(self, progress: ProgressCallback | None, cancel_message: str) -> None:
        self.cancel_message = cancel_message
        self._callback = progress
        self._last_reported = (0, 0)

    def report(self, done: int, total: int) -> None:
        """Report the progress of the transfer.

        Raises
        ------
        TransferCancelled
            The callback returned False.
        asyncio.CancelledError
            The caller that awaits the transfer was cancelled.
        """
        self._last_reported = (done, total)
        if self._callback is not None and self._callback(done, total) is False:
            raise TransferCancelled(self.cancel_message)
        loop.check_cancelled()

    def tick(self) -> None:
        """Report the same progress again."""
        self.report(*self._last_reported)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and wait for it; cancelling need not wait for an answer."""
        return self.wait_for(loop.start(coroutine))

    def wait_for(self, future: concurrent.futures.Future[T]) -> T:
        """Wait for what runs on the I/O thread, and return its result."""
        self.wait_until_done(future)
        return future.result()

    def wait_until_done(self, future: concurrent.futures.Future[T]) -> None:
        """Wait for what runs on the I/O thread, however it ends; it is cancelled if the waiting is."""
        try:
            while not concurrent.futures.wait([future], _PROGRESS_INTERVAL_S).done:
                self.tick()
        except BaseException:
            future.cancel()
            raise

    def sleep(self, seconds: float) -> None:
        """Wait; errors as in :meth:`report`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tick()
            time.sleep(min(left, _PROGRESS_INTERVAL_S))
