"""The process that owns a federation's processes, and ends them when the user's process is gone.

It is a process of its own because a kernel may be killed, without a chance to clean up. It reads orders from
its standard input, a pipe whose other end only the user's process holds, and ends everything as soon as that
pipe closes or its parent is another one (a forked child of the user's process may hold a copy of the pipe,
but is not the parent). A federation that shall outlive a kernel restart lingers for a while before that, and goes on
if another process holds it meanwhile::

    {"start": [{"name": "server", "command": [...], "kit": "/...", "log": "/..."}]}
    {"keep": true, "linger": 600}    the federation is up: from now on, restart what crashes
    {"stop": true}                   end everything

and reports to its standard output::

    {"event": "started", "name": "server", "pid": 4711}
    {"event": "ended", "name": "server", "code": 1}

Every process of the user may leave orders on the desk (``desk.py``), the same ones and::

    {"hold": 4712}                          this process wants the federation, as if it had started it
    {"remove": "site-1"}                    end this site for good
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
from .layout import ALIVE, forget_authority
from .managed_process import Member
from .processes import MARKER, end

_TICK = 0.25
_SLOW_TICK = 0.05  # while a process is slowed down: its periods are half a second
_TOUCH_EVERY = 600.0
_MOST_ANSWERS = 50


class Supervisor:
    """The loop: orders, the members' state, and the question whether anybody wants the federation still."""

    def __init__(self, parent: int, folder: Path) -> None:
        self._parent = parent
        self._folder = folder
        self._members: dict[str, Member] = {}
        self._keep = False
        self._stop = False
        self._unread = b""
        self._pipe = True
        self._linger = 0.0
        self._holders: dict[int, float] = {}  # when each was created, since process ids are used again
        self._left_at: float | None = None
        self._answers: list[tuple[str, str]] = []
        self._said: mailbox.State | None = None

    def run(self) -> None:
        """Look after the members until it is time to end."""
        touched = time.monotonic()
        while not self._stop and self._wanted():
            self._listen()
            for name, order in mailbox.take_orders(self._folder):
                self._answers = [*self._answers[1 - _MOST_ANSWERS :], (name, self._answer(order))]
            for member in self._members.values():
                member.look_after(keep=self._keep)
                member.beat()
            self._say()
            if time.monotonic() - touched > _TOUCH_EVERY:
                touched = time.monotonic()
                with contextlib.suppress(OSError):  # the user may have removed the folder
                    (self._folder / ALIVE).touch()

    def stop(self, *_: object) -> None:
        """Leave the loop at the next occasion; also the handler of signals."""
        self._stop = True

    def end(self) -> None:
        """End every process of the federation."""
        for member in self._members.values():
            member.reap()
            member.release()
        end(os.environ[MARKER])
        for member in self._members.values():
            member.reap()
        forget_authority(self._folder)

    def _wanted(self) -> bool:
        """Whether somebody has the federation, or had it a moment ago."""
        # A notebook that forgets the object still has the federation, if that shall outlive it anyway.
        parent = os.getppid() == self._parent and (self._pipe or self._linger > 0)
        self._holders = {pid: since for pid, since in self._holders.items() if _created(pid) == since}
        if parent or self._holders:
            self._left_at = None
            return True
        if self._left_at is None:
            self._left_at = time.monotonic()
        return time.monotonic() - self._left_at < self._linger

    def _listen(self) -> None:
        """Wait for a tick, and read what comes by the pipe meanwhile."""
        tick = _SLOW_TICK if any(member.slow for member in self._members.values()) else _TICK
        if not self._pipe:
            time.sleep(tick)
            return
        readable, _, _ = select.select([sys.stdin], [], [], tick)
        if not readable:
            return
        received = os.read(sys.stdin.fileno(), 65536)
        if not received:
            self._pipe = False
        *lines, self._unread = (self._unread + received).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))

    def _answer(self, order: dict[str, Any]) -> str:
        try:
            self._obey(order)
        except Exception as error:  # the federation shall not end because of an order that makes no sense
            return str(error) or type(error).__name__
        return ""

    def _obey(self, order: dict[str, Any]) -> None:
        if "stop" in order:
            self.stop()
        if "hold" in order:
            created = _created(order["hold"])
            if created is not None:
                self._holders[order["hold"]] = created
                self._left_at = None
        if "keep" in order:
            self._keep = True
            self._linger = order.get("linger", 0.0)
            for member in self._members.values():
                if member.ended:  # in the last moment of the start, too late to be noticed by who waited for it
                    member.start()
        for wanted in order.get("start", ()):
            member = Member(wanted, _report)
            self._members[member.name] = member
            member.start()
        if "remove" in order:
            self._member(order["remove"]).kill()
            del self._members[order["remove"]]
        if "fault" in order:
            member = self._member(order["who"])
            {"kill": member.kill, "pause": member.pause, "slow": member.slow_down, "back": member.bring_back}[
                order["fault"]
            ]()

    def _member(self, name: str) -> Member:
        if name not in self._members:
            raise ValueError(f"The federation has no {name}, only {', '.join(self._members)}.")
        return self._members[name]

    def _say(self) -> None:
        processes = tuple(member.state for member in self._members.values())
        state = mailbox.State(os.getpid(), processes, tuple(self._answers), self._left_at is None)
        if state != self._said:
            with contextlib.suppress(OSError):  # the user may have removed the folder
                mailbox.write_state(self._folder, state)
                self._said = state


def _created(pid: int) -> float | None:
    """When a process was created; None if it has ended."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None


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
