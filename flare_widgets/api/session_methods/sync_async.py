"""How each face of a session waits: the only difference between the two."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ...wire import loop
from ..dual import Awaiting, Blocking
from .core import Methods

T = TypeVar("T")


class BlockingMethods(Blocking, Methods):
    """Waits in the caller's thread. None of these ever suspends."""

    async def _io(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return loop.run(coroutine)

    async def _sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    async def _off_loop(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return function(*args, **kwargs)

    async def _outcome(self, result: Any) -> Any:
        if inspect.iscoroutine(result):
            result.close()
            raise TypeError(
                "the callback is a coroutine function, which only an asynchronous session awaits: "
                "use session.aio, or connect_async"
            )
        return result


class AwaitingMethods(Awaiting, Methods):
    """Waits in the caller's event loop, which goes on with other things."""

    async def _io(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(loop.start(coroutine))

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _off_loop(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if kwargs.get("progress") is not None:
            kwargs["progress"] = _on_this_loop(kwargs["progress"])
        return await loop.in_worker(function, *args, **kwargs)

    async def _outcome(self, result: Any) -> Any:
        return await result if inspect.isawaitable(result) else result


def _on_this_loop(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Have a callback of a worker thread called in the caller's, where it may touch what the caller's code does."""
    here = asyncio.get_running_loop()

    async def call(*args: Any) -> Any:
        result = callback(*args)
        return await result if inspect.isawaitable(result) else result

    return lambda *args: asyncio.run_coroutine_threadsafe(call(*args), here).result()
