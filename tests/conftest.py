"""For all tests: what they inherit from whoever started them does not matter."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    # A shell starts what it puts into the background deaf to interrupts, and so would be all that the tests start.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
