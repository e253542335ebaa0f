"""The process that owns a federation's processes, and ends them when the user's process is gone.

It is a process of its own because a kernel may be killed, without a chance to clean up. It reads orders from
its standard input, a pipe whose other end only the user's process holds, and ends everything as soon as that
pipe closes or its parent is another one (a forked child of the user's process may hold a copy of the pipe,
but is not the parent)::

    {"start": [{"name": "server", "command": [...], "kit": "/...", "log": "/..."}]}
    {"keep": true}      the federation is up: from now on, restart what crashes
    {"stop": true}      end everything (so does the end of the pipe)

and reports to its standard output::

    {"event": "started", "name": "server", "pid": 4711}
    {"event": "ended", "name": "server", "code": 1}

Started as ``supervisor.main([parent pid, folder])`` with the federation's mark in its environment, which the
processes inherit. Standard library and psutil only, to be there quickly.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .folders import ALIVE
from .processes import MARKER, SUPERVISOR, end
from .upkeep import RESTART_FILE, SHUTDOWN_FILE, Action, decide

_TICK = 0.25
_TOUCH_EVERY = 600.0


class Member:
    """One process of the federation: the server, or a site."""

    def __init__(self, order: dict[str, Any]) -> None:
        self.name: str = order["name"]
        self.kit = Path(order["kit"])
        self._command: list[str] = order["command"]
        self._log = Path(order["log"])
        self._process: subprocess.Popen[bytes] | None = None
        self._told_since: float | None = None
        self._starts: list[float] = []

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
        _report("started", name=self.name, pid=self._process.pid)

    @property
    def ended(self) -> bool:
        """Whether it was found to have ended, and was not started again."""
        return self._process is None

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
            keep=keep,
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
            _report("ended", name=self.name, code=code)
            if action is Action.START:
                self.start()

    def reap(self) -> None:
        """Take note of its end, so that it does not stay as a zombie."""
        if self._process is not None:
            self._process.poll()


class Supervisor:
    """The loop: orders, the members' state, and the question whether the user's process is still there."""

    def __init__(self, parent: int, folder: Path) -> None:
        self._parent = parent
        self._folder = folder
        self._members: list[Member] = []
        self._keep = False
        self._stop = False
        self._unread = b""

    def run(self) -> None:
        """Look after the members until it is time to end."""
        touched = time.monotonic()
        while not self._stop and os.getppid() == self._parent:
            readable, _, _ = select.select([sys.stdin], [], [], _TICK)
            if readable:
                self._read()
            for member in self._members:
                member.look_after(keep=self._keep)
            if time.monotonic() - touched > _TOUCH_EVERY:
                touched = time.monotonic()
                with contextlib.suppress(OSError):  # the user may have removed the folder
                    (self._folder / ALIVE).touch()

    def stop(self, *_: object) -> None:
        """Leave the loop at the next occasion; also the handler of signals."""
        self._stop = True

    def end(self) -> None:
        """End every process of the federation."""
        for member in self._members:
            member.reap()
        end(os.environ[MARKER])
        for member in self._members:
            member.reap()

    def _read(self) -> None:
        received = os.read(sys.stdin.fileno(), 65536)
        if not received:
            self.stop()
            return
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _obey(self, order: dict[str, Any]) -> None:
        if "stop" in order:
            self.stop()
        if "keep" in order:
            self._keep = True
            for member in self._members:
                if member.ended:  # in the last moment of the start, too late to be noticed by who waited for it
                    member.start()
        for wanted in order.get("start", ()):
            member = Member(wanted)
            self._members.append(member)
            member.start()


def _report(event: str, **facts: object) -> None:
    line = json.dumps({"event": event, **facts}) + "\n"
    # Nobody reads any more once the federation is up, or the reader is gone: what cannot be said, is not.
    with contextlib.suppress(OSError):
        os.write(sys.stdout.fileno(), line.encode())


def main(arguments: Sequence[str]) -> int:
    """Watch over a federation until its end; the exit code of the process."""
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
            (Path(folder) / ALIVE).touch()
    return 0
