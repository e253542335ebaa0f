"""The user's end of the wire to a supervisor."""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import mailbox, processes
from .environment import child_environment, own_module, server_command, site_command
from .layout import KITS
from .processes import SUPERVISOR
from .validation import LOGS

#: How long a supervisor may take to end everything, in seconds. It takes about one, two if a process resists.
_ENDING = 8.0
_LOOK = 0.05


class Ended(NamedTuple):
    """A process of the federation that has ended."""

    name: str
    code: int | None


class Control:
    """A supervisor, and what it has reported.

    Parameters
    ----------
    federation
        The federation's identity.
    folder
        The federation's folder.
    keep_open
        File descriptors that the supervisor shall keep for as long as it lives: the server's port.
    """

    def __init__(self, federation: str, folder: Path, keep_open: Sequence[int] = ()) -> None:
        self._federation = federation
        self._folder = folder
        self._owner = os.getpid()
        self._unread = b""
        self._closed = False
        #: The process id of each process that was started.
        self.pids: dict[str, int] = {}
        #: What ended by itself, in this order; it may have been started again.
        self.ended: list[Ended] = []
        self._down: set[str] = set()
        self._reading = threading.Lock()  # a property reads, too, and anybody may ask for that
        orders, ours = os.pipe()
        # A file object, so that even an interrupt at the worst moment closes it: that ends the supervisor.
        self._orders = os.fdopen(ours, "wb", buffering=0)
        try:
            with self.log("supervisor").open("ab") as log:
                self._process = subprocess.Popen(
                    own_module("supervisor", str(self._owner), str(folder)),
                    env={**child_environment(federation, os.environ), SUPERVISOR: "1"},
                    cwd=folder,
                    stdin=orders,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Jupyter interrupts and kills the kernel's whole process group: not this.
                    start_new_session=True,
                    pass_fds=keep_open,
                )
        except BaseException:
            self._orders.close()
            raise
        finally:
            os.close(orders)
        assert self._process.stdout is not None
        self._reports = self._process.stdout

    @property
    def running(self) -> bool:
        """Whether the supervisor is there, and the server not down for good."""
        if self._closed or self._process.poll() is not None:
            return False
        self.read(0.0)
        return "server" not in self._down

    @property
    def exit_code(self) -> int | None:
        """The supervisor's exit code, once it has ended."""
        return self._process.poll()

    def log(self, name: str) -> Path:
        """The file that a process's console output goes to."""
        return self._folder / LOGS / f"{name}.log"

    def start_server(self) -> None:
        """Start the FL server."""
        kit = self._folder / KITS / "server"
        self._order({"start": [_member(self._folder, "server", kit, server_command(kit))]})

    def start_sites(self, names: Sequence[str]) -> None:
        """Start the sites."""
        self._order({"start": [site_order(self._folder, name) for name in names]})

    def keep(self, linger: float = 0.0) -> None:
        """The federation is up: what crashes from now on shall be started again.

        Parameters
        ----------
        linger
            How long it shall go on when the user's process is gone, in seconds.
        """
        self._order({"keep": True, "linger": linger})

    def read(self, timeout: float) -> None:
        """Take in what the supervisor reports, waiting up to ``timeout`` seconds for something."""
        with self._reading:
            readable, _, _ = select.select([self._reports], [], [], timeout)
            received = os.read(self._reports.fileno(), 65536) if readable else b""
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                self._note(json.loads(line))
        if readable and not received:  # the end of the pipe, so of the supervisor: nothing to wait for there
            time.sleep(timeout)

    def _note(self, report: dict[str, Any]) -> None:
        name = report["name"]
        if report["event"] == "started":
            self.pids[name] = report["pid"]
            self._down.discard(name)
        else:
            self.ended.append(Ended(name, report["code"]))
            self._down.add(name)

    def close(self) -> None:
        """End the federation and wait for its end. May be called again."""
        # A forked child has a copy of this object, but not the federation.
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        # Said as well as done: if a forked child holds a copy of the pipe, closing ours is not its end.
        self._order({"stop": True})
        self._orders.close()
        try:
            self._process.wait(_ENDING)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reports.close()
        if self._process.returncode != 0:  # it was killed, here or by somebody else: do its work
            processes.end(self._federation)

    def _order(self, order: dict[str, object]) -> None:
        waiting = memoryview((json.dumps(order) + "\n").encode())
        with contextlib.suppress(BrokenPipeError):  # the supervisor has ended, which shows in its exit code
            while waiting:
                waiting = waiting[self._orders.write(waiting) or 0 :]


class Attached:
    """The wire to the supervisor of a federation that another process has started.

    Parameters
    ----------
    federation
        The federation's identity.
    folder
        The federation's folder.
    """

    def __init__(self, federation: str, folder: Path) -> None:
        self._federation = federation
        self._folder = folder

    @property
    def running(self) -> bool:
        """Whether the supervisor is there, and the server not down for good."""
        state = mailbox.read_state(self._folder)
        if state is None or not processes.is_supervisor(state.supervisor, self._federation):
            return False
        return not any(one.is_server and one.state == "down" for one in state.processes)

    def close(self) -> None:
        """End the federation and wait for its end. May be called again."""
        state = mailbox.read_state(self._folder)
        if state is None or not processes.is_supervisor(state.supervisor, self._federation):
            return
        mailbox.leave_order(self._folder, {"stop": True})
        deadline = time.monotonic() + _ENDING
        while processes.is_supervisor(state.supervisor, self._federation):
            if time.monotonic() > deadline:
                processes.end(self._federation)
                return
            time.sleep(_LOOK)


def site_order(folder: Path, name: str) -> dict[str, object]:
    """What a supervisor is told to start for a site."""
    kit = folder / KITS / name
    return _member(folder, name, kit, site_command(kit, name))


def _member(folder: Path, name: str, kit: Path, command: list[str]) -> dict[str, object]:
    return {"name": name, "kit": str(kit), "command": command, "log": str(folder / LOGS / f"{name}.log")}
