"""Waiting until something is true."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Literal, TypeVar

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
