"""``job.watch()``, in a program of its own, on a job that really trains: at a terminal, and into a pipe."""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from terminal import Screen
from training import write_training_job
from waiting import wait_until

from flare_widgets.api import JobNotFound, Session, connect
from flare_widgets.federation import LocalFederation

PROGRAM = """\
import sys

from flare_widgets import connect

with connect(sys.argv[1]) as session:
    end = session.job(sys.argv[2]).watch(timeout=150)
print("returned", end.status, len(end.rounds), end == type(end).from_json(end.to_json()))
"""
ROUNDS = 3
SUMMARY = [
    r"training \w{8}  FINISHED:COMPLETED after (\d+ min )?(\d+ s)?",
    r"3 of 3 rounds, the best was round 3 with loss 0\.500",
    "",
    r"round 3                 loss",
    r"all sites \(aggregate\)  0\.500",
    r"site-1                 0\.333",
    r"site-2                 0\.667",
    "returned FINISHED:COMPLETED 3 True",
]


@dataclass
class Told:
    """Output of two programs that watched the same job."""

    to_a_terminal: str
    into_a_pipe: str


@pytest.fixture(scope="module")
def told(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Told:
    folder = write_training_job(tmp_path_factory.mktemp("jobs"), "training", ROUNDS, 1.2)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 150, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    written: list[bytes] = []

    def read() -> None:
        while True:
            try:
                piece = os.read(ours, 65536)
            except OSError:  # the last one closed the terminal
                return
            written.append(piece)

    with connect(federation.admin_kit) as session:
        job = session.submit_job(str(folder))
        command = [sys.executable, "-c", PROGRAM, str(federation.admin_kit), job]
        options: dict[str, Any] = {"stderr": subprocess.PIPE, "env": environment, "cwd": Path(__file__).parents[2]}
        at_terminal = subprocess.Popen(command, stdout=theirs, **options)
        into_pipe = subprocess.Popen(command, stdout=subprocess.PIPE, **options)
        os.close(theirs)
        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        try:
            out, err = into_pipe.communicate(timeout=180)
            assert (into_pipe.returncode, err) == (0, b"")
            _, err = at_terminal.communicate(timeout=60)
            assert (at_terminal.returncode, err) == (0, b"")
            reader.join(10)
            assert not reader.is_alive()
        finally:
            at_terminal.kill()
            into_pipe.kill()
            os.close(ours)
    return Told(b"".join(written).decode(), out.decode())


def matches(lines: list[str], patterns: list[str]) -> bool:
    return len(lines) == len(patterns) and all(map(re.fullmatch, patterns, lines))


def test_terminal_shows_live_line_then_summary(told: Told) -> None:
    shown = told.to_a_terminal
    assert "\x1b" not in shown
    states = [line.strip().split("  ") for line in shown.split("\r") if "training" in line]
    assert {state[0][:8] for state in states} == {"training"}
    seen = [state[2] for state in states if state[2:3] and state[2].startswith("round ")]
    assert list(dict.fromkeys(seen))[-ROUNDS:] == ["round 1/3", "round 2/3", "round 3/3"]
    assert re.search(r"RUNNING  round 2/3  \d+ s, about \d+ s left  site-1 ", shown)
    # FLARE's selector of the best model passes over the first round.
    assert re.search(r"RUNNING  round 3/3  loss 0\.750  \d+ s, about \d+ s left  site-1 ", shown)
    assert re.search(r"site-\d (working|training|waiting for)", shown)
    assert matches(Screen(shown).lines, SUMMARY), Screen(shown).lines


def test_pipe_gets_one_line_per_change(told: Told) -> None:
    lines = told.into_a_pipe.splitlines()
    assert "\r" not in told.into_a_pipe
    live, end = lines[: -len(SUMMARY)], lines[-len(SUMMARY) :]
    assert matches(end, SUMMARY), end
    assert len(live) == len(set(live)) < 20
    running = [line for line in live if "  RUNNING  " in line]
    rounds = [found[1] for line in running if (found := re.search(r"round (\d)/3", line))]
    assert rounds == ["1", "2", "3"]


def test_missing_job_raises_without_output(ours: Session) -> None:
    told = io.StringIO()
    with pytest.raises(JobNotFound):
        ours.job("11111111-2222-4333-8444-555555555555").watch(file=told)
    assert told.getvalue() == ""


def test_session_is_usable_after_interrupt(federation: LocalFederation, ours: Session, tmp_path: Path) -> None:
    """An interrupt at a terminal: the program says that the job goes on, and it does."""
    job = ours.submit_job(str(write_training_job(tmp_path, "interrupted", 50, 0.5)))
    program = (
        "import sys\n"
        "from flare_widgets import connect\n"
        "with connect(sys.argv[1]) as session:\n"
        "    job = session.job(sys.argv[2])\n"
        "    try:\n"
        "        job.watch()\n"
        "    except KeyboardInterrupt:\n"
        "        print('status', job.status)\n"
    )
    try:
        wait_until(lambda: ours.get_job_meta(job)["status"] == "RUNNING")
        with subprocess.Popen(
            [sys.executable, "-c", program, str(federation.admin_kit), job], stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                assert process.stdout is not None
                assert "RUNNING" in process.stdout.readline()
                process.send_signal(2)
                rest = process.stdout.read().splitlines()
            finally:
                process.kill()
        assert rest[-2:] == [f"stopped watching; interrupted {job[:8]} is still running", "status RUNNING"]
    finally:
        ours.abort_job(job)
