"""The process that owns a federation's processes, and ends them when the user's process is gone.

It is a separate process because a kernel may be killed, without a chance to clean up. It reads requests from
its standard input, a pipe whose other end only the user's process holds, and ends everything as soon as that
pipe closes or its parent is another one (a forked child of the user's process may hold a copy of the pipe,
but is not the parent). A federation that is to outlive a kernel restart waits for a while before that, and keeps
running if another process leases it meanwhile::

    {"start": [{"name": "server", "command": [...], "kit": "/...", "log": "/..."}]}
    {"keep": true, "linger": 600}    the federation is up: from now on, restart what crashes
    {"stop": true}                   end everything

and reports to its standard output::

    {"event": "started", "name": "server", "pid": 4711}
    {"event": "ended", "name": "server", "code": 1}

Every process of the user may post requests to the mailbox (``mailbox.py``), the same ones and::

    {"hold": 4712}                          lease the federation for this process, as if it had started it
    {"remove": "site-1"}                    end this site and never restart it
    {"fault": "pause", "who": "site-1"}     pause, slow, kill, or back to undo these

Started as ``supervisor.main([parent pid, folder])`` with the federation's mark in its environment, which the
processes inherit. Standard library and psutil only, to be there quickly.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import mailbox
from .layout import ALIVE_FILE, remove_authority
from .managed_process import ManagedProcess
from .processes import FEDERATION_VARIABLE, end_processes

_POLL_INTERVAL_S = 0.25
_SLOW_POLL_INTERVAL_S = 0.05  # while a process is slowed down: its periods are half a second
_TOUCH_INTERVAL_S = 600.0
_MAX_REPLIES = 50


class Supervisor:
    """The main loop: requests, the state of the processes, and the check whether the federation is still in use."""

    def __init__(self, parent_pid: int, folder: Path) -> None:
        self._parent_pid = parent_pid
        self._folder = folder
        self._processes: dict[str, ManagedProcess] = {}
        self._should_restart = False
        self._should_stop = False
        self._unread = b""
        self._is_pipe_open = True
        self._keep_alive_seconds = 0.0
        self._leases: dict[int, float] = {}  # each process's creation time, since process ids are reused
        self._unleased_since: float | None = None
        self._replies: list[tuple[str, str]] = []
        self._written_state: mailbox.FederationState | None = None

    def run(self) -> None:
        """Supervise the processes until it is time to end."""
        touched = time.monotonic()
        while not self._should_stop and self._is_in_use():
            self._read_pipe()
            for name, order in mailbox.poll_requests(self._folder):
                self._replies = [*self._replies[1 - _MAX_REPLIES :], (name, self._handle_request(order))]
            for member in self._processes.values():
                member.supervise(should_restart=self._should_restart)
                member.run_duty_cycle()
            self._write_state()
            if time.monotonic() - touched > _TOUCH_INTERVAL_S:
                touched = time.monotonic()
                with contextlib.suppress(OSError):  # the user may have removed the folder
                    (self._folder / ALIVE_FILE).touch()

    def stop(self, *_: object) -> None:
        """Leave the loop at the next opportunity; also the signal handler."""
        self._should_stop = True

    def end(self) -> None:
        """End every process of the federation."""
        for member in self._processes.values():
            member.reap()
            member.resume()
        end_processes(os.environ[FEDERATION_VARIABLE])
        for member in self._processes.values():
            member.reap()
        remove_authority(self._folder)

    def _is_in_use(self) -> bool:
        """Return whether a process uses the federation, or used it within the keep-alive time."""
        # A notebook that discards the object still uses the federation, if that is to outlive it anyway.
        parent = os.getppid() == self._parent_pid and (self._is_pipe_open or self._keep_alive_seconds > 0)
        self._leases = {pid: since for pid, since in self._leases.items() if _read_creation_time(pid) == since}
        if parent or self._leases:
            self._unleased_since = None
            return True
        if self._unleased_since is None:
            self._unleased_since = time.monotonic()
        return time.monotonic() - self._unleased_since < self._keep_alive_seconds

    def _read_pipe(self) -> None:
        """Wait for a tick, and read from the pipe meanwhile."""
        tick = _SLOW_POLL_INTERVAL_S if any(member.is_slow for member in self._processes.values()) else _POLL_INTERVAL_S
        if not self._is_pipe_open:
            time.sleep(tick)
            return
        readable, _, _ = select.select([sys.stdin], [], [], tick)
        if not readable:
            return
        received = os.read(sys.stdin.fileno(), 65536)
        if not received:
            self._is_pipe_open = False
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            self._apply_request(json.loads(line))

    def _handle_request(self, request: dict[str, Any]) -> str:
        try:
            self._apply_request(request)
        except Exception as error:  # an invalid request must not end the federation
            return str(error) or type(error).__name__
        return ""

    def _apply_request(self, request: dict[str, Any]) -> None:
        if "stop" in request:
            self.stop()
        if "hold" in request:
            created = _read_creation_time(request["hold"])
            if created is not None:
                self._leases[request["hold"]] = created
                self._unleased_since = None
        if "keep" in request:
            self._should_restart = True
            self._keep_alive_seconds = request.get("linger", 0.0)
            for member in self._processes.values():
                if member.has_ended:  # in the last moment of the start, too late for its caller to notice
                    member.start()
        for wanted in request.get("start", ()):
            member = ManagedProcess(wanted, _write_event)
            self._processes[member.name] = member
            member.start()
        if "remove" in request:
            self._find_process(request["remove"]).kill()
            del self._processes[request["remove"]]
        if "fault" in request:
            member = self._find_process(request["who"])
            {"kill": member.kill, "pause": member.pause, "slow": member.slow_down, "back": member.bring_back}[
                request["fault"]
            ]()

    def _find_process(self, name: str) -> ManagedProcess:
        if name not in self._processes:
            raise ValueError(f"The federation has no {name}, only {', '.join(self._processes)}.")
        return self._processes[name]

    def _write_state(self) -> None:
        processes = tuple(member.state for member in self._processes.values())
        state = mailbox.FederationState(os.getpid(), processes, tuple(self._replies), self._unleased_since is None)
        if state != self._written_state:
            with contextlib.suppress(OSError):  # the user may have removed the folder
                mailbox.write_state(self._folder, state)
                self._written_state = state


def _read_creation_time(pid: int) -> float | None:
    """Return the creation time of a process; None if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


def _write_event(event: str, **fields: object) -> None:
    line = json.dumps({"event": event, **fields}) + "\n"
    # Once the federation is up, or the reader is gone, nobody reads any more: what cannot be sent is dropped.
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), line.encode())


def main(arguments: Sequence[str]) -> int:
    """Supervise a federation until its end; return the exit code of the process."""
    parent, folder = arguments
    os.umask(0o077)
    os.set_blocking(sys.stdout.fileno(), False)
    supervisor = Supervisor(int(parent), Path(folder))
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, supervisor.stop)
    try:
        supervisor.run()
    finally:
        supervisor.end()
        with contextlib.suppress(OSError):
            (Path(folder) / ALIVE_FILE).touch()
    return 0
