"""Waiting until something is true, for example until nothing runs on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Literal, TypeVar

from flare_widgets.wire import loop

T = TypeVar("T")


MAX_INTERVAL_S = 0.1


def wait_until(condition: Callable[[], T | Literal[False] | None], seconds: float = 60) -> T:
    """Wait until `condition` returns something true, and return that; fail if it does not within `seconds`.

    It is asked often at first, and ten times a second later, since it may send a command to a server.
    """
    deadline = time.monotonic() + seconds
    interval = 0.002
    while not (result := condition()):
        assert time.monotonic() < deadline, f"still {result!r} after {seconds:g} s"
        time.sleep(interval)
        interval = min(interval * 1.5, MAX_INTERVAL_S)
    return result


def list_tasks() -> list[str]:
    """Return what runs on the I/O thread."""

    async def others() -> list[str]:
        current = asyncio.current_task()
        return [str(task.get_coro()) for task in asyncio.all_tasks() if task is not current]

    return loop.run(others())
