"""Work that must not run on JupyterLab's event loop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def run_in_thread(function: Callable[..., T], *args: Any) -> T:
    """Run a function in a daemon thread of its own, in the caller's context, and return its result.

    Unlike those of an executor, such a thread delays neither other work nor the end of the process.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(set_outcome: Callable[[Any], None], outcome: Any) -> None:
        if not future.done():
            set_outcome(outcome)

    def run() -> None:
        try:
            result = context.run(function, *args)
        except BaseException as e:
            call, outcome = future.set_exception, e
        else:
            call, outcome = future.set_result, result  # type: ignore[assignment]
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(settle, call, outcome)

    threading.Thread(target=run, name="flare-lab", daemon=True).start()
    return await future
