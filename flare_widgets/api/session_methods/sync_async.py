"""Waiting in synchronous and asynchronous sessions, the only difference between the two."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...errors import InvalidArgumentType
from ...wire import loop
from ..dual import AsyncMixin, SyncMixin
from .core import SessionCore

T = TypeVar("T")


class SyncSessionCore(SyncMixin, SessionCore):
    """Core that waits in the caller's thread. None of these methods ever suspends."""

    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return loop.run(coroutine)

    async def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return function(*args, **kwargs)

    async def _resolve_result(self, result: Any) -> Any:
        if inspect.iscoroutine(result):
            result.close()
            raise InvalidArgumentType(
                "the callback is a coroutine function, which only an asynchronous session awaits: "
                "use session.aio, or connect_async"
            )
        return result


class AsyncSessionCore(AsyncMixin, SessionCore):
    """Core that waits in the caller's event loop without blocking it."""

    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(loop.start(coroutine))

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if kwargs.get("progress") is not None:
            kwargs["progress"] = _wrap_for_current_loop(kwargs["progress"])
        return await loop.run_in_worker(function, *args, **kwargs)

    async def _resolve_result(self, result: Any) -> Any:
        return await result if inspect.isawaitable(result) else result


def _wrap_for_current_loop(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Run a worker thread's callback in the caller's loop, where it may safely use the caller's objects."""
    here = asyncio.get_running_loop()

    async def call(*args: Any) -> Any:
        result = callback(*args)
        return await result if inspect.isawaitable(result) else result

    return lambda *args: asyncio.run_coroutine_threadsafe(call(*args), here).result()
