"""One process of a federation as its supervisor sees it: started, supervised, and subjected to faults."""

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
from .processes import SUPERVISOR_VARIABLE
from .restart_policy import RESTART_FILE, SHUTDOWN_FILE, RestartAction, decide

#: A slowed process runs for the first part of each period only, in seconds.
SLOW_PERIOD_S = 0.5
SLOW_RUN_S = 0.1

# Validity of a list of descendants: a process started meanwhile runs unthrottled that much longer.
_MAX_TREE_AGE_S = 1.0

EventCallback = Callable[..., None]


class ManagedProcess:
    """The server, or a site, with the processes of its jobs.

    Parameters
    ----------
    spec
        Its name, its kit, its command line and its log.
    on_event
        Called with an event and its fields when the process was started or has ended.
    """

    def __init__(self, spec: dict[str, Any], on_event: EventCallback) -> None:
        self.name: str = spec["name"]
        self.kit = Path(spec["kit"])
        self._command: list[str] = spec["command"]
        self._log = Path(spec["log"])
        self._on_event = on_event
        self._process: subprocess.Popen[bytes] | None = None
        self._end_requested_at: float | None = None
        self._start_times: list[float] = []
        self._fault = ""  # "", or a state: paused, slow, killed
        self._state_since = time.time()
        self._is_stopped = False
        self._cached_tree: tuple[float, list[int]] = (0.0, [])

    def start(self) -> None:
        """Start the process, or start it again."""
        environment = {name: value for name, value in os.environ.items() if name != SUPERVISOR_VARIABLE}
        for note in (SHUTDOWN_FILE, RESTART_FILE):
            (self.kit / note).unlink(missing_ok=True)
        self._end_requested_at = None
        self._start_times.append(time.monotonic())
        with self._log.open("ab") as log:
            # A new session, since NVIDIA FLARE kills its process group in some of its endings.
            self._process = subprocess.Popen(
                self._command,
                cwd=self.kit,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._cached_tree = (0.0, [])
        self._is_stopped = False
        self._set_fault("slow" if self._fault == "slow" else "")
        self._on_event("started", name=self.name, pid=self._process.pid)

    @property
    def has_ended(self) -> bool:
        """True if the process was found to have ended, and was not started again."""
        return self._process is None

    @property
    def is_slow(self) -> bool:
        """True if it is slowed down, so that :meth:`run_duty_cycle` must be called often."""
        return self._fault == "slow" and not self.has_ended

    @property
    def state(self) -> ProcessState:
        """Current process state."""
        state = ("killed" if self._fault == "killed" else "down") if self.has_ended else self._fault or "running"
        pid = None if self._process is None else self._process.pid
        return ProcessState(self.name, state, pid, self._state_since, len(self._start_times))

    def supervise(self, *, should_restart: bool) -> None:
        """Check the process, and restart or end it as needed."""
        if self._process is None:
            return
        now = time.monotonic()
        code = self._process.poll()
        shutdown = (self.kit / SHUTDOWN_FILE).exists()
        restart = (self.kit / RESTART_FILE).exists()
        if self._end_requested_at is None and (shutdown or restart):
            self._end_requested_at = now
        action = decide(
            is_running=code is None,
            should_restart=should_restart and self._fault != "killed",
            shutdown_requested=shutdown,
            restart_requested=restart,
            end_requested_at=self._end_requested_at,
            start_times=self._start_times,
            now=now,
        )
        if action is RestartAction.KILL:
            self._process.kill()
        elif action in (RestartAction.START, RestartAction.GIVE_UP):
            self._process = None
            self._state_since = time.time()
            # A process killed on purpose has not ended for the process that started it: it can be brought back.
            if self._fault != "killed":
                self._on_event("ended", name=self.name, code=code)
            if action is RestartAction.START:
                self.start()

    def reap(self) -> None:
        """Collect its exit code, so that it does not stay as a zombie."""
        if self._process is not None:
            self._process.poll()

    # -- faults --------------------------------------------------------------------------------------------

    def kill(self) -> None:
        """Kill it with all its descendants, and leave it dead."""
        if self.has_ended:
            self._set_fault("killed")
            return
        tree = self._list_process_tree(fresh=True)
        self._set_fault("killed")
        _send_signal(tree, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def pause(self) -> None:
        """Stop it with all its descendants: it is silent to the others, but its connections stay open."""
        if not self.has_ended:
            self._set_fault("paused")
            self._set_stopped(True, fresh=True)

    def slow_down(self) -> None:
        """Throttle it to a fifth of the time, by means of :meth:`run_duty_cycle`."""
        if not self.has_ended:
            self._set_fault("slow")
            self.run_duty_cycle()

    def run_duty_cycle(self) -> None:
        """Stop or resume a slowed process when it is due."""
        if self.is_slow:
            self._set_stopped(time.monotonic() % SLOW_PERIOD_S >= SLOW_RUN_S)

    def bring_back(self) -> None:
        """Undo its fault: resume it, or start it."""
        if self.has_ended:
            self._fault = ""
            self._start_times.clear()  # a start by the user is no crash
            self.start()
            return
        self._set_fault("")
        self._set_stopped(False, fresh=True)

    def resume(self) -> None:
        """Resume it, so that it can receive a signal that asks it to end."""
        if self._is_stopped:
            self._set_stopped(False, fresh=True)

    def _set_fault(self, fault: str) -> None:
        if fault != self._fault or not self._start_times or self.has_ended:
            self._state_since = time.time()
        self._fault = fault

    def _set_stopped(self, should_stop: bool, *, fresh: bool = False) -> None:
        if should_stop == self._is_stopped and not fresh:
            return
        self._is_stopped = should_stop
        # Root first: a stopped process starts nothing more.
        _send_signal(self._list_process_tree(fresh=fresh), signal.SIGSTOP if should_stop else signal.SIGCONT)

    def _list_process_tree(self, *, fresh: bool = False) -> list[int]:
        """Return its process and those of its jobs, root first."""
        import psutil

        if self._process is None:
            return []
        looked, pids = self._cached_tree
        if fresh or time.monotonic() - looked > _MAX_TREE_AGE_S:
            pids = [self._process.pid]
            with contextlib.suppress(psutil.Error):
                pids += [child.pid for child in psutil.Process(self._process.pid).children(recursive=True)]
            self._cached_tree = (time.monotonic(), pids)
        return pids


def _send_signal(pids: list[int], signal_number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal_number)
