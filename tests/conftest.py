"""For all tests: what they inherit from whoever started them does not matter; and who runs which of them."""

from __future__ import annotations

import gc
import signal
from typing import Any

import pytest


def pytest_configure() -> None:
    # A shell starts what it puts into the background deaf to interrupts, and so would be all that the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_finish() -> None:
    # Modules stay, so no collection of garbage need look through them: many tests ask for one.
    gc.collect()
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: Any, log: Any) -> Any:
    """Have the tests of a file run by one worker, except for the lessons: each takes a minute and shares nothing."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return nodeid if "test_lessons_in_lab.py" in nodeid else str(super()._split_scope(nodeid))

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None
