"""The I/O thread: one daemon thread in a process, with an asyncio loop for all sockets of all sessions."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

THREAD_NAME = "flare-io"

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_pid = 0


def start(coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Run a coroutine on the I/O thread and return its future; cancelling that cancels the coroutine."""
    return asyncio.run_coroutine_threadsafe(coroutine, _running_loop())


def run(coroutine: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
    """Run a coroutine on the I/O thread and wait for its result in the caller's.

    An interrupt (Ctrl-C, the notebook's stop button) leaves at once and cancels the coroutine.

    Raises
    ------
    TimeoutError
        It took longer than `timeout` seconds; it goes on.
    """
    future = start(coroutine)
    try:
        return future.result(timeout)
    except concurrent.futures.TimeoutError:
        # Python 3.10 has its own class for this; and a coroutine may itself have ended with a time-out.
        if future.done():
            raise
        raise TimeoutError(f"not done within {timeout} s") from None
    except BaseException:
        future.cancel()
        raise


def is_current() -> bool:
    """Whether the caller runs on the I/O thread, which must not wait for itself."""
    return threading.current_thread().name == THREAD_NAME


def _running_loop() -> asyncio.AbstractEventLoop:
    global _loop, _pid
    with _lock:
        # A forked child inherits the variable, but not the thread.
        if _loop is None or _pid != os.getpid():
            loop = asyncio.new_event_loop()
            started = threading.Event()
            loop.call_soon(started.set)
            threading.Thread(target=_serve, args=(loop,), name=THREAD_NAME, daemon=True).start()
            started.wait()
            _loop, _pid = loop, os.getpid()
        return _loop


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
