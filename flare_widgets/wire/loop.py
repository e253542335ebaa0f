"""The I/O thread: one daemon thread per process, with an asyncio loop for all sockets of all sessions.

Nothing that a callback raises ends it. Should it end all the same (out of memory, an exception that another thread
injects), then whatever waits for it fails, and the next call starts another one.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import logging
import math
import os
import threading
import time
import weakref
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..errors import NoConnection

T = TypeVar("T")

THREAD_NAME = "flare-io"

log = logging.getLogger("flare_widgets.wire")

_LIVENESS_INTERVAL_S = 1.0  # seconds between two looks at the I/O thread while waiting for it
_CLOSE_TIMEOUT_S = 1.0  # seconds that the tasks of a loop have to end with it
_MAX_RESTARTS = 1000  # times that the loop is resumed after a callback has raised: a bound for what fails every time

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_thread: threading.Thread | None = None
_pid = 0
# Of the process that forked this one. It is never freed: gRPC's objects in it crash when they are, in a child.
_inherited: list[Any] = []
_pending: weakref.WeakSet[concurrent.futures.Future[Any]] = weakref.WeakSet()


def start(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Run a coroutine on the I/O thread and return its future; cancelling the future cancels the coroutine."""
    loop = _ensure_loop()
    try:
        future = asyncio.run_coroutine_threadsafe(coroutine, loop)
    except RuntimeError:  # the thread has just ended, and closed its loop
        coroutine.close()
        raise _ended_error() from None
    with _lock:
        _pending.add(future)
    if not _is_alive():
        _fail(_take_pending())
    return future


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
        return _wait(future, timeout)
    except concurrent.futures.CancelledError:
        if worker is None:
            raise
        # A worker unwinds as a cancelled task does: through everything that catches no more than Exception.
        raise asyncio.CancelledError from None
    except (TimeoutError, concurrent.futures.TimeoutError):  # two classes in Python 3.10
        raise
    except BaseException:
        future.cancel()
        raise


def _wait(future: concurrent.futures.Future[T], timeout: float | None) -> T:
    """Return the result of a future, in slices of time: the I/O thread may end without a word."""
    end = math.inf if timeout is None else time.monotonic() + timeout
    while True:
        try:
            return future.result(max(0.0, min(_LIVENESS_INTERVAL_S, end - time.monotonic())))
        except concurrent.futures.TimeoutError:
            # A coroutine may itself have ended with a timeout.
            if future.done():
                return future.result()
            if time.monotonic() >= end:
                break
            if not _is_alive():
                _fail(_take_pending())
    raise TimeoutError(f"not done within {timeout} s")


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


async def run_in_thread(name: str, function: Callable[..., T], *args: Any) -> T:
    """Run a blocking function in a thread of its own, and return its result.

    asyncio's own threads stay forever; this one ends with its function, and as a daemon it never delays the end of the
    process. Cancelling leaves it to end by itself.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def finish(result: T | None, error: BaseException | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # type: ignore[arg-type]

    def work() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = function(*args)
        except Exception as e:
            error = e
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(finish, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return await future


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
    global _loop, _thread, _pid
    lost: list[concurrent.futures.Future[Any]] = []
    with _lock:
        # A forked child inherits the variables, but not the thread.
        if _loop is None or not _is_alive():
            if _pid == os.getpid():
                lost = list(_pending)
            else:
                _inherited.append((_loop, *_pending))
            _pending.clear()
            loop = asyncio.new_event_loop()
            started = threading.Event()
            loop.call_soon(started.set)
            thread = threading.Thread(target=_run_loop, args=(loop,), name=THREAD_NAME, daemon=True)
            thread.start()
            started.wait()
            _loop, _thread, _pid = loop, thread, os.getpid()
        found = _loop
    _fail(lost)
    return found


def _is_alive() -> bool:
    return _thread is not None and _pid == os.getpid() and _thread.is_alive()


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    global _loop
    asyncio.set_event_loop(loop)
    try:
        restarts = 0
        while restarts <= _MAX_RESTARTS:
            restarts += 1
            try:
                loop.run_forever()
            except BaseException as e:
                # asyncio lets SystemExit and KeyboardInterrupt through, here from a function that was given to
                # Future.add_done_callback. The loop itself is intact.
                log.error("a callback on the I/O thread raised %s: the thread goes on", type(e).__name__)
    finally:
        # The next call must not wait for this loop to close its sockets.
        with _lock:
            if _loop is loop:
                _loop = None
        _fail(_take_pending())
        with contextlib.suppress(BaseException):
            _close(loop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """End the tasks of a loop, which close their sockets, and the loop."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=_CLOSE_TIMEOUT_S))
    loop.close()


def _take_pending() -> list[concurrent.futures.Future[Any]]:
    with _lock:
        waiting = list(_pending)
        _pending.clear()
    return waiting


def _fail(waiting: list[concurrent.futures.Future[Any]]) -> None:
    """Fail what waits for an I/O thread that has ended."""
    for future in waiting:
        # SystemExit: of a callback, which is called here and now.
        with contextlib.suppress(concurrent.futures.InvalidStateError, SystemExit):
            future.set_exception(_ended_error())


def _ended_error() -> NoConnection:
    return NoConnection(
        "the thread that holds the connections to servers has ended, and what was under way with it",
        next_step="Repeat the command: sessions connect again on another thread",
    )
