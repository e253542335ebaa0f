"""A monitor on a clock that is moved: what it sends in a time can be counted."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from scripted_session import Clock, ScriptedSession

from flare_widgets.monitoring import Monitor
from flare_widgets.monitoring import monitor as monitor_module
from flare_widgets.monitoring.polling import pending


class Simulation:
    """A monitor without its thread, on a clock that is moved."""

    def __init__(self, patch: pytest.MonkeyPatch, session: ScriptedSession) -> None:
        self.clock = Clock()
        patch.setattr(monitor_module, "time", self.clock)
        patch.setattr(pending, "time", self.clock)
        self.session = session
        self.monitor = Monitor(session)
        self.monitor._thread = threading.current_thread()  # so that it starts none

    def run(self, seconds: float, each: Callable[[float], None] = lambda _: None) -> None:
        """Move the clock from one poll to the next, and call `each` before it."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            each(self.clock.now)
            if not self.step():
                return
            pause = self.monitor._seconds_until_due()
            self.clock.now += min(1.0, max(0.01, 1.0 if pause is None else pause))

    def step(self) -> bool:
        """Have the monitor do what is due now, and take the answers that come at once; False if it watches nothing."""
        self.monitor._is_woken = True
        if not self.monitor._wait():
            return False
        self.monitor._run_once()
        while self.monitor._is_woken:
            self.monitor._is_woken = False
            self.monitor._run_once()
        return True
