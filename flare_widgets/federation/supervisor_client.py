"""The user's end of the connection to a supervisor."""

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

from ..errors import FlareError
from . import mailbox, processes
from .environment import make_child_environment, module_command, server_command, site_command
from .layout import KITS
from .processes import SUPERVISOR_VARIABLE
from .validation import LOGS

#: Timeout for a supervisor to end everything, in seconds. It takes about one, two if a process resists.
_STOP_TIMEOUT_S = 8.0
_POLL_INTERVAL_S = 0.05


class EndedProcess(NamedTuple):
    """A process of the federation that has ended."""

    name: str
    code: int | None


class SupervisorClient:
    """A supervisor, and its reports so far.

    Parameters
    ----------
    federation_id
        The federation's id.
    folder
        The federation's folder.
    keep_open
        File descriptors that the supervisor keeps open as long as it lives: the server's port.
    """

    def __init__(self, federation_id: str, folder: Path, keep_open: Sequence[int] = ()) -> None:
        self._federation_id = federation_id
        self._folder = folder
        self._owner_pid = os.getpid()
        self._unread = b""
        self._closed = False
        #: The process id of each process that was started.
        self.pids: dict[str, int] = {}
        #: The processes that ended by themselves, in order; they may have been started again.
        self.ended_processes: list[EndedProcess] = []
        self._ended_names: set[str] = set()
        self._read_lock = threading.Lock()  # a property reads, too, from any thread
        orders, ours = os.pipe()
        # A file object, so that even an interrupt at the worst moment closes it: that ends the supervisor.
        self._request_pipe = os.fdopen(ours, "wb", buffering=0)
        try:
            with self.log_file("supervisor").open("ab") as log:
                self._process = subprocess.Popen(
                    module_command("supervisor", str(self._owner_pid), str(folder)),
                    env={**make_child_environment(federation_id, os.environ), SUPERVISOR_VARIABLE: "1"},
                    cwd=folder,
                    stdin=orders,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    # Jupyter interrupts and kills the kernel's whole process group, which must not include this.
                    start_new_session=True,
                    pass_fds=keep_open,
                )
        except BaseException:
            self._request_pipe.close()
            raise
        finally:
            os.close(orders)
        assert self._process.stdout is not None
        self._report_pipe = self._process.stdout

    @property
    def running(self) -> bool:
        """True if the supervisor runs, and the server is not down for good."""
        if self._closed or self._process.poll() is not None:
            return False
        self.read_reports(0.0)
        return "server" not in self._ended_names

    @property
    def exit_code(self) -> int | None:
        """The supervisor's exit code, once it has ended."""
        return self._process.poll()

    def log_file(self, name: str) -> Path:
        """Return the log file of a process's console output."""
        return self._folder / LOGS / f"{name}.log"

    def start_server(self) -> None:
        """Start the FL server."""
        kit = self._folder / KITS / "server"
        self._send_request({"start": [_process_spec(self._folder, "server", kit, server_command(kit))]})

    def start_sites(self, names: Sequence[str]) -> None:
        """Start the sites."""
        self._send_request({"start": [site_spec(self._folder, name) for name in names]})

    def mark_ready(self, keep_alive_seconds: float = 0.0) -> None:
        """Report that the federation is up: processes that crash from now on are restarted.

        Parameters
        ----------
        keep_alive_seconds
            Seconds it keeps running when the user's process is gone.
        """
        self._send_request({"keep": True, "linger": keep_alive_seconds})

    def read_reports(self, timeout: float) -> None:
        """Read the supervisor's reports, waiting up to ``timeout`` seconds for one."""
        with self._read_lock:
            readable, _, _ = select.select([self._report_pipe], [], [], timeout)
            received = os.read(self._report_pipe.fileno(), 65536) if readable else b""
            *lines, self._unread = (self._unread + received).split(b"\n")
            for line in lines:
                self._record_report(json.loads(line))
        if readable and not received:  # the end of the pipe, so of the supervisor: no more reports to wait for
            time.sleep(timeout)

    def _record_report(self, report: dict[str, Any]) -> None:
        name = report["name"]
        if report["event"] == "started":
            self.pids[name] = report["pid"]
            self._ended_names.discard(name)
        else:
            self.ended_processes.append(EndedProcess(name, report["code"]))
            self._ended_names.add(name)

    def close(self) -> None:
        """End the federation and wait for its end. May be called again."""
        # A forked child has a copy of this object, but does not own the federation.
        if self._closed or os.getpid() != self._owner_pid:
            return
        self._closed = True
        # A request as well as a closed pipe: if a forked child holds a copy of the pipe, closing ours is not its end.
        self._send_request({"stop": True})
        self._request_pipe.close()
        try:
            self._process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._report_pipe.close()
        if self._process.returncode != 0:  # it was killed, here or by another process: do its work
            processes.end_processes(self._federation_id)

    def _send_request(self, request: dict[str, object]) -> None:
        waiting = memoryview((json.dumps(request) + "\n").encode())
        with contextlib.suppress(BrokenPipeError):  # the supervisor has ended, which its exit code shows
            while waiting:
                waiting = waiting[self._request_pipe.write(waiting) or 0 :]


class AttachedSupervisor:
    """The connection to the supervisor of a federation that another process has started.

    Parameters
    ----------
    federation_id
        The federation's id.
    folder
        The federation's folder.
    """

    def __init__(self, federation_id: str, folder: Path) -> None:
        self._federation_id = federation_id
        self._folder = folder

    @property
    def running(self) -> bool:
        """True if the supervisor runs, and the server is not down for good."""
        state = mailbox.read_state(self._folder)
        if state is None or not processes.is_supervisor(state.supervisor, self._federation_id):
            return False
        return not any(one.is_server and one.state == "down" for one in state.processes)

    def close(self) -> None:
        """End the federation and wait for its end. May be called again."""
        state = mailbox.read_state(self._folder)
        if state is None or not processes.is_supervisor(state.supervisor, self._federation_id):
            return
        try:
            mailbox.post_request(self._folder, {"stop": True})
        except FlareError:  # the disk is full or gone
            processes.end_processes(self._federation_id)
            return
        deadline = time.monotonic() + _STOP_TIMEOUT_S
        while processes.is_supervisor(state.supervisor, self._federation_id):
            if time.monotonic() > deadline:
                processes.end_processes(self._federation_id)
                return
            time.sleep(_POLL_INTERVAL_S)


def site_spec(folder: Path, name: str) -> dict[str, object]:
    """Return the request to start a site, for the supervisor."""
    kit = folder / KITS / name
    return _process_spec(folder, name, kit, site_command(kit, name))


def _process_spec(folder: Path, name: str, kit: Path, command: list[str]) -> dict[str, object]:
    return {"name": name, "kit": str(kit), "command": command, "log": str(folder / LOGS / f"{name}.log")}
