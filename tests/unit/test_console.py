"""A job watched from a terminal: a real pseudo-terminal, a pipe, and a watch that does what the test says."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import pytest
from terminal import Screen
from test_monitoring_text import DOING, HEAD, JOB, METRIC, ROUND, ROUNDS, T, ended, running, submitted
from waiting import wait_until

from flare_widgets.api import JobNotFound, JobTimeout
from flare_widgets.errors import InvalidArgumentError
from flare_widgets.formatting.text import display_width
from flare_widgets.monitoring import JobSnapshot, console
from flare_widgets.monitoring.console import LiveLine, watch_job
from flare_widgets.monitoring.job.model import Scheduling
from flare_widgets.monitoring.job.summary import summarize

PATIENCE = 20.0


class Terminal:
    """A pseudo-terminal, and what a person at it would see."""

    def __init__(self, width: int) -> None:
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        self.file: TextIO = open(theirs, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        self.raw = ""

    def screen(self) -> Screen:
        self.file.flush()
        os.set_blocking(self.ours, False)
        try:
            while piece := os.read(self.ours, 65536):
                self.raw += piece.decode()
        except BlockingIOError:
            pass
        return Screen(self.raw)

    def close(self) -> None:
        self.file.close()
        os.close(self.ours)


@pytest.fixture(autouse=True)
def no_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


@pytest.fixture
def terminal() -> Iterator[Callable[[int], Terminal]]:
    made: list[Terminal] = []

    def make(width: int) -> Terminal:
        made.append(Terminal(width))
        return made[-1]

    yield make
    for one in made:
        one.close()


class ScriptedWatch:
    """Gives the snapshots of a script, one after the other, from a thread as the monitor does."""

    def __init__(self, *script: JobSnapshot, error: Exception | None = None, seen: Callable[[], None] | None = None):
        self.snapshot = JobSnapshot(JOB)
        self.done = self.stopped = False
        self.error = error
        self._script = script
        self._seen = seen

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        self._listener = listener
        threading.Thread(target=self._run, daemon=True).start()
        return lambda: None

    def _run(self) -> None:
        for snapshot in self._script:
            self.snapshot = snapshot
            self._listener(snapshot)
            if self._seen is not None:
                self._seen()
        if self.error is not None or self.snapshot.ended:
            self.done = True
            self._listener(self.snapshot)

    def wait(self) -> None:
        assert self.done
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedWatch]:
    def install(*snapshots: JobSnapshot, **more: Any) -> ScriptedWatch:
        watch = ScriptedWatch(*snapshots, **more)
        monkeypatch.setattr(console, "Monitor", lambda session: type("", (), {"watch": lambda self, job: watch})())
        return watch

    return install


# -- the line --------------------------------------------------------------------------------------------------


def test_on_terminal_line_is_written_over(terminal: Callable[[int], Terminal]) -> None:
    there = terminal(200)
    line = LiveLine(there.file)
    line.show(running(), T + 134)
    assert there.screen().lines == [f"{HEAD}  {ROUND}  {METRIC}  2 min 14 s, about 1 min 26 s left  {DOING}"]
    line.show(submitted(scheduling=Scheduling(1, T)), T + 5)
    assert there.screen().lines == ["hello-numpy 76b8d043  SUBMITTED  queued"]
    line.end_line()
    line.end_line()
    line.show(ended(), T)
    assert there.screen().lines == [
        "hello-numpy 76b8d043  SUBMITTED  queued",
        f"hello-numpy 76b8d043  FINISHED:COMPLETED  {ROUNDS}  {METRIC}  3 min 30 s",
    ]
    line.clear()
    line.echo("the end")
    assert there.screen().lines == ["hello-numpy 76b8d043  SUBMITTED  queued", "the end"]
    assert "\x1b" not in there.raw


@pytest.mark.parametrize("width", [3, 20, 47, 80])
@pytest.mark.parametrize("name", ["hello-numpy", "東京" * 20, "e\u0301" * 60, "\x1b[2J\r\n\u202e"])
def test_on_narrow_terminal_line_stays_one(terminal: Callable[[int], Terminal], width: int, name: str) -> None:
    there = terminal(width)
    line = LiveLine(there.file)
    for second in range(3):
        line.show(running(name=name), T + 134 + second)
    (seen,) = there.screen().lines
    assert 0 < display_width(seen) < width
    assert seen.endswith("…")
    assert seen.isprintable()
    assert "\x1b" not in there.raw


def test_terminal_that_became_wider_is_used(terminal: Callable[[int], Terminal]) -> None:
    there = terminal(20)
    line = LiveLine(there.file)
    line.show(ended(), T)
    assert display_width(there.screen().lines[0]) == 19
    fcntl.ioctl(there.ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 120, 0, 0))
    line.show(ended(), T)
    assert there.screen().lines == [f"hello-numpy 76b8d043  FINISHED:COMPLETED  {ROUNDS}  {METRIC}  3 min 30 s"]


def test_zero_width_terminal_uses_default_width(terminal: Callable[[int], Terminal]) -> None:
    there = terminal(0)
    LiveLine(there.file).show(running(), T + 134)
    assert there.screen().lines[0].startswith(HEAD)


def test_non_terminal_gets_line_per_change() -> None:
    file = io.StringIO()
    line = LiveLine(file, indent="> ")
    for second in range(5):
        line.show(submitted(), T + second)
    for second in range(5):
        line.show(running(), T + 134 + second)
    for attempt in range(5):
        line.show(running(trouble=f"no connection, trying again ({attempt})"), T + 140)
    line.show(running(rounds=running().rounds[:2]), T + 140)
    line.end_line()
    line.clear()
    told = file.getvalue()
    assert "\r" not in told
    assert [line.split("  ")[:3] for line in told.splitlines()] == [
        ["> hello-numpy 76b8d043", "SUBMITTED", "queued"],
        ["> hello-numpy 76b8d043", "RUNNING", "round 6/10"],
        ["> hello-numpy 76b8d043", "RUNNING 6 s ago", "no connection, trying again (0)"],
        ["> hello-numpy 76b8d043", "RUNNING", "round 2/10"],
    ]


def test_encoding_that_lacks_character_ends_nothing() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    LiveLine(file).show(running(name="Zürich"), T + 134)
    assert raw.getvalue().startswith(b"Z?rich 76b8d043")


# -- watching --------------------------------------------------------------------------------------------------


def test_job_is_followed_to_summary(script: Callable[..., ScriptedWatch], terminal: Callable[[int], Terminal]) -> None:
    there = terminal(200)
    shown: list[str] = []

    def seen() -> None:
        """Let the line be printed before the next snapshot comes."""
        before = there.raw
        wait_until(lambda: there.screen() and there.raw != before)
        shown.append(there.screen().lines[-1])

    now = time.time()
    moving = replace(running(), facts_at=now)
    watch = script(submitted(), moving, ended(trouble=""), seen=seen)
    end = watch_job(None, JOB, file=there.file)  # type: ignore[arg-type]
    assert end is watch.snapshot
    assert watch.stopped
    assert [line.split("  ")[1] for line in shown] == ["SUBMITTED", "RUNNING", "FINISHED:COMPLETED"]
    assert there.screen().lines == summarize(ended()).splitlines()


def test_line_goes_on_without_news(
    script: Callable[..., ScriptedWatch], terminal: Callable[[int], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_REFRESH_INTERVAL_S", 0.02)
    clock = iter(range(10_000))
    monkeypatch.setattr("flare_widgets.monitoring.job.format.time.time", lambda: T + 134 + next(clock))
    there = terminal(200)
    script(running())
    with pytest.raises(JobTimeout):
        watch_job(None, JOB, timeout=0.3, file=there.file)  # type: ignore[arg-type]
    assert "2 min 14 s" in there.screen().raw
    assert "2 min 16 s" in there.raw


def test_nothing_printed_before_first_facts(script: Callable[..., ScriptedWatch]) -> None:
    file = io.StringIO()
    script(JobSnapshot(JOB), replace(JobSnapshot(JOB), trouble="no connection to fl:8002, trying again (1)"))
    with pytest.raises(JobTimeout, match=r"did not end within 0\.2 s, as far as known: the server does not answer"):
        watch_job(None, JOB, timeout=0.2, file=file)  # type: ignore[arg-type]
    assert file.getvalue().splitlines() == [
        "job 76b8d043  UNKNOWN  no connection to fl:8002, trying again (1)",
        "stopped watching after 0.2 s; job 76b8d043 may still be running",
    ]


def test_watch_error_raised_and_line_kept(
    script: Callable[..., ScriptedWatch], terminal: Callable[[int], Terminal]
) -> None:
    there = terminal(200)
    watch = script(running(), error=JobNotFound("no such job"), seen=lambda: wait_until(lambda: there.screen().lines))
    with pytest.raises(JobNotFound):
        watch_job(None, JOB, file=there.file)  # type: ignore[arg-type]
    assert watch.stopped
    assert there.screen().lines[0].startswith(HEAD)
    assert there.raw.endswith("\n")


def test_bad_timeout_is_refused_first() -> None:
    with pytest.raises(InvalidArgumentError, match="timeout must be >= 0"):
        watch_job(None, JOB, timeout=-1)  # type: ignore[arg-type]


def test_interrupt_exits_and_reports_job_continues(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(
        "import sys\n"
        f"sys.path[:0] = {sys.path!r}\n"
        "from test_console import ScriptedWatch, console, running\n"
        "watch = ScriptedWatch(running())\n"
        "console.Monitor = lambda session: type('', (), {'watch': lambda self, job: watch})()\n"
        "try:\n"
        "    console.watch_job(None, watch.snapshot.job_id)\n"
        "except KeyboardInterrupt:\n"
        "    print('interrupted', watch.stopped)\n"
    )
    with subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith(HEAD)
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readlines() == [
                "stopped watching; hello-numpy 76b8d043 is still running\n",
                "interrupted True\n",
            ]
            assert process.wait(PATIENCE) == 0
            assert time.monotonic() - began < 10
        finally:
            process.kill()
