"""The I/O thread: one daemon thread per process, with an asyncio loop for all sockets of all sessions."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

THREAD_NAME = "flare-io"

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_pid = 0


def start(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Run a coroutine on the I/O thread and return its future; cancelling the future cancels the coroutine."""
    return asyncio.run_coroutine_threadsafe(coroutine, _ensure_loop())


def run(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run a coroutine on the I/O thread and wait for its result in the calling thread.

    An interrupt (Ctrl-C, the notebook's stop button) returns at once and cancels the coroutine.

    Raises
    ------
    TimeoutError
        It took longer than `timeout` seconds; the coroutine continues.
    """
    worker = _current_worker.get()
    future = start(coroutine)
    if worker is not None:
        worker.set_future(future)
    try:
        return future.result(timeout)
    except concurrent.futures.CancelledError:
        if worker is None:
            raise
        # A worker unwinds as a cancelled task does: through everything that catches no more than Exception.
        raise asyncio.CancelledError from None
    except concurrent.futures.TimeoutError:
        # Python 3.10 has its own class for this; and a coroutine may itself have ended with a timeout.
        if future.done():
            raise
        raise TimeoutError(f"not done within {timeout} s") from None
    except BaseException:
        future.cancel()
        raise


async def run_in_worker(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Run a blocking function in a worker thread, for a caller in another event loop.

    Cancelling makes the next or current :func:`run` in `function` fail (or its next :func:`check_cancelled`), once, so
    that cleanup still works. The function has ended by the time the cancelled caller continues.
    """
    worker = _Worker()

    def work() -> T:
        _current_worker.set(worker)  # in the thread's copy of the context
        return function(*args, **kwargs)

    task = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        worker.cancel()
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # retrieve it: the caller has left
        raise


def check_cancelled() -> None:
    """Stop here if the caller is a worker whose own caller was cancelled; for work that waits for nothing more.

    Raises
    ------
    asyncio.CancelledError
        The caller was cancelled.
    """
    worker = _current_worker.get()
    if worker is not None and worker.pop_cancelled():
        raise asyncio.CancelledError


class _Worker:
    """A worker thread whose waiting can be cancelled."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._future: concurrent.futures.Future[Any] | None = None
        self._is_cancelled = False

    def set_future(self, future: concurrent.futures.Future[Any]) -> None:
        with self._lock:
            self._future = future
        if self.pop_cancelled():
            future.cancel()

    def pop_cancelled(self) -> bool:
        """Return True, once, if the worker was cancelled and has not stopped yet."""
        with self._lock:
            cancelled, self._is_cancelled = self._is_cancelled, False
        return cancelled

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = self._future is None or not self._future.cancel()


_current_worker: contextvars.ContextVar[_Worker | None] = contextvars.ContextVar("flare_worker", default=None)


def is_io_thread() -> bool:
    """Return True if the caller runs on the I/O thread, which must not wait for itself."""
    return threading.current_thread().name == THREAD_NAME


def _ensure_loop() -> asyncio.AbstractEventLoop:
    global _loop, _pid
    with _lock:
        # A forked child inherits the variable, but not the thread.
        if _loop is None or _pid != os.getpid():
            loop = asyncio.new_event_loop()
            started = threading.Event()
            loop.call_soon(started.set)
            threading.Thread(target=_run_loop, args=(loop,), name=THREAD_NAME, daemon=True).start()
            started.wait()
            _loop, _pid = loop, os.getpid()
        return _loop


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
