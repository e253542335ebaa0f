"""Progress of a call that takes long."""

from __future__ import annotations

import os
import re
import signal
import threading
import time

import pytest
from IPython.core.error import UsageError

from flare_widgets.magics.progress import ProgressLine, make_transfer_callback, run_step, run_with_progress


def test_transfer_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(ProgressLine, "_show", lambda self, text: said.append(text))
    monkeypatch.setattr("flare_widgets.magics.progress._UPDATE_INTERVAL_S", 0.0)
    tell = make_transfer_callback(ProgressLine(show_after_s=0), "sending")
    for step in [(0, 0), (0, 2_000_000), (1_500_000, 2_000_000), (1_500, 0)]:
        assert tell(*step) is not False  # which would cancel it
    assert said == ["preparing", "sending 0 B of 2.0 MB", "sending 1.5 MB of 2.0 MB", "sending 1.5 kB"]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the output of progress that is shown at once."""
    said: list[str] = []

    def show(self: ProgressLine, text: str) -> None:
        self._handle = self._handle or object()  # type: ignore[assignment]
        said.append(text)

    monkeypatch.setattr(ProgressLine, "_show", show)
    monkeypatch.setattr("flare_widgets.magics.progress._POLL_INTERVAL_S", 0.02)
    monkeypatch.setattr(ProgressLine.__init__, "__defaults__", (0.05,))
    return said


def test_slow_call_shows_progress_until_done(said: list[str]) -> None:
    done = threading.Event()
    threading.Timer(0.5, done.set).start()
    assert run_with_progress("restarting", lambda x, y: done.wait(10) and x + y, 1, y=2) == 3
    assert said[0] == "restarting: 0 s"
    assert re.fullmatch(r"restarting: done after 0 s", said[-1])


def test_steps_share_one_line(said: list[str]) -> None:
    progress = ProgressLine(show_after_s=0)
    assert run_step(progress, "making the job", lambda: threading.Event().wait(0.3)) is False

    def fail() -> None:
        threading.Event().wait(0.3)
        raise TimeoutError

    with pytest.raises(TimeoutError):
        run_step(progress, "submitting", fail)
    assert said[0] == "making the job: 0 s"
    assert re.fullmatch(r"submitting: failed after 0 s", said[-1])


def test_transfer_tells_time_of_silent_server(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.0, 0.5, 0.5, 1.5, 1.5, 12.5, 12.5])
    monkeypatch.setattr("flare_widgets.magics.progress.time.monotonic", lambda: next(times))
    tell = make_transfer_callback(ProgressLine(show_after_s=0), "submitting the job")
    for _ in range(3):
        tell(1500, 1500)
    assert said == [
        "submitting the job 1.5 kB of 1.5 kB",
        "submitting the job 1.5 kB of 1.5 kB: 1 s",
        "submitting the job 1.5 kB of 1.5 kB: 12 s",
    ]


def test_fast_call_prints_nothing(said: list[str]) -> None:
    assert run_with_progress("asking", int, "7") == 7
    assert said == []


def test_callee_error_reaches_caller(said: list[str]) -> None:
    def fail() -> None:
        threading.Event().wait(0.3)
        raise TimeoutError("it is not back")

    with pytest.raises(TimeoutError, match="it is not back"):
        run_with_progress("restarting", fail)
    assert re.fullmatch(r"restarting: failed after 0 s", said[-1])


def test_interrupt_leaves_at_once(said: list[str]) -> None:
    never = threading.Event()
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    began = time.monotonic()
    with pytest.raises(UsageError, match="stopped waiting; restarting may still be in progress"):
        run_with_progress("restarting", never.wait)
    assert time.monotonic() - began < 5
    never.set()
