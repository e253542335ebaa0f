"""One process of a federation as its supervisor sees it: started, looked after, and harmed on demand."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .mailbox import ProcessState
from .processes import SUPERVISOR
from .restart_policy import RESTART_FILE, SHUTDOWN_FILE, Action, decide

#: A process that is slowed down runs for the first part of each period only, in seconds.
SLOW_PERIOD = 0.5
SLOW_RUNS = 0.1

# How long a list of descendants is good: what a process starts meanwhile runs that much longer.
_TREE_AGE = 1.0

Report = Callable[..., None]


class Member:
    """The server, or a site, with the processes of its jobs.

    Parameters
    ----------
    order
        Its name, its kit, its command line and its log.
    report
        Called with an event and facts when it was started or has ended.
    """

    def __init__(self, order: dict[str, Any], report: Report) -> None:
        self.name: str = order["name"]
        self.kit = Path(order["kit"])
        self._command: list[str] = order["command"]
        self._log = Path(order["log"])
        self._report = report
        self._process: subprocess.Popen[bytes] | None = None
        self._told_since: float | None = None
        self._starts: list[float] = []
        self._fault = ""  # "", or a state: paused, slow, killed
        self._since = time.time()
        self._stopped = False
        self._tree: tuple[float, list[int]] = (0.0, [])

    def start(self) -> None:
        """Start it, or start it again."""
        environment = {name: value for name, value in os.environ.items() if name != SUPERVISOR}
        for note in (SHUTDOWN_FILE, RESTART_FILE):
            (self.kit / note).unlink(missing_ok=True)
        self._told_since = None
        self._starts.append(time.monotonic())
        with self._log.open("ab") as log:
            # A session of its own, since NVIDIA FLARE kills its process group in some of its endings.
            self._process = subprocess.Popen(
                self._command,
                cwd=self.kit,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._tree = (0.0, [])
        self._stopped = False
        self._set_fault("slow" if self._fault == "slow" else "")
        self._report("started", name=self.name, pid=self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether it was found to have ended, and was not started again."""
        return self._process is None

    @property
    def slow(self) -> bool:
        """Whether it is slowed down, so that :meth:`beat` must be called often."""
        return self._fault == "slow" and not self.ended

    @property
    def state(self) -> ProcessState:
        """How it is."""
        state = ("killed" if self._fault == "killed" else "down") if self.ended else self._fault or "running"
        pid = None if self._process is None else self._process.pid
        return ProcessState(self.name, state, pid, self._since, len(self._starts))

    def look_after(self, *, keep: bool) -> None:
        """See how it is, and do what has to be done."""
        if self._process is None:
            return
        now = time.monotonic()
        code = self._process.poll()
        shutdown = (self.kit / SHUTDOWN_FILE).exists()
        restart = (self.kit / RESTART_FILE).exists()
        if self._told_since is None and (shutdown or restart):
            self._told_since = now
        action = decide(
            running=code is None,
            keep=keep and self._fault != "killed",
            shutdown=shutdown,
            restart=restart,
            told_since=self._told_since,
            starts=self._starts,
            now=now,
        )
        if action is Action.KILL:
            self._process.kill()
        elif action in (Action.START, Action.GIVE_UP):
            self._process = None
            self._since = time.time()
            # Who was killed on purpose has not ended for those who started it: it can be brought back.
            if self._fault != "killed":
                self._report("ended", name=self.name, code=code)
            if action is Action.START:
                self.start()

    def reap(self) -> None:
        """Take note of its end, so that it does not stay as a zombie."""
        if self._process is not None:
            self._process.poll()

    # -- faults --------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Kill it with all it has started, and leave it dead."""
        if self.ended:
            self._set_fault("killed")
            return
        tree = self._descendants(fresh=True)
        self._set_fault("killed")
        _send(tree, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def pause(self) -> None:
        """Stop it with all it has started: to the others it is silent, though its connections stay open."""
        if not self.ended:
            self._set_fault("paused")
            self._hold(True, fresh=True)

    def slow_down(self) -> None:
        """Let it run for a fifth of the time only; :meth:`beat` does it."""
        if not self.ended:
            self._set_fault("slow")
            self.beat()

    def beat(self) -> None:
        """Stop it or let it go on, when it is slowed down and the time has come."""
        if self.slow:
            self._hold(time.monotonic() % SLOW_PERIOD >= SLOW_RUNS)

    def bring_back(self) -> None:
        """Undo what was done to it: let it go on, or start it."""
        if self.ended:
            self._fault = ""
            self._starts.clear()  # a user's wish is no crash
            self.start()
            return
        self._set_fault("")
        self._hold(False, fresh=True)

    def release(self) -> None:
        """Let it hear a signal that asks it to end."""
        if self._stopped:
            self._hold(False, fresh=True)

    def _set_fault(self, fault: str) -> None:
        if fault != self._fault or not self._starts or self.ended:
            self._since = time.time()
        self._fault = fault

    def _hold(self, stopped: bool, *, fresh: bool = False) -> None:
        if stopped == self._stopped and not fresh:
            return
        self._stopped = stopped
        # It first: what stands still starts nothing more.
        _send(self._descendants(fresh=fresh), signal.SIGSTOP if stopped else signal.SIGCONT)

    def _descendants(self, *, fresh: bool = False) -> list[int]:
        """Its process and those of its jobs, it first."""
        import psutil

        if self._process is None:
            return []
        looked, pids = self._tree
        if fresh or time.monotonic() - looked > _TREE_AGE:
            pids = [self._process.pid]
            with contextlib.suppress(psutil.Error):
                pids += [child.pid for child in psutil.Process(self._process.pid).children(recursive=True)]
            self._tree = (time.monotonic(), pids)
        return pids


def _send(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
