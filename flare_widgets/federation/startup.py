"""Bringing a federation up: the steps, what may fail at each, and how that is told."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from . import layout, registry
from .environment import child_environment, own_module
from .errors import FederationError
from .layout import KITS
from .ports import Port, answers
from .processes import MARKER
from .provision import ADMIN
from .supervisor_client import Attached, Control
from .validation import LOGS

# How often to look whether the server listens, and to ask it for its sites; which need at least a second.
_LOOK = 0.05
_ASK = 0.25
_FIRST_ASK = 1.0

# How long one question may take. It takes a twentieth of a second, or for ever: when a client is quick, the
# server of NVIDIA FLARE 2.9 may drop its first message (it says it is ready before it is).
_ANSWER = 5.0

_ATTEMPTS = 3
_LOG_LINES = 15

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")

Say = Callable[[str], None]


class Run:
    """One life of a federation.

    Parameters
    ----------
    control
        The supervisor.
    port
        The number of the server's port.
    folder
        The federation's folder.
    forgotten
        Whether to close it when it is forgotten, and when the interpreter ends.
    """

    def __init__(self, control: Control | Attached, port: int, folder: Path, *, forgotten: bool = True) -> None:
        self._control = control
        #: The server's port.
        self.port = port
        #: The federation's folder.
        self.folder = folder
        self._finalizer = weakref.finalize(self, control.close)
        if not forgotten:
            self._finalizer.detach()

    @property
    def running(self) -> bool:
        """Whether the federation is up."""
        return self._control.running

    def close(self) -> None:
        """End it. May be called again."""
        self._finalizer.detach()
        self._control.close()


class _PortTaken(FederationError):
    """Somebody else listens on the port we have chosen."""


def bring_up(
    sites: Sequence[str],
    chosen: Path | None,
    say: Say,
    deadline: float,
    *,
    scheme: str = "http",
    users: Mapping[str, str] | None = None,
    name: str = "local",
    linger: float = 0.0,
) -> Run:
    """Start a federation, and wait until it is ready.

    Parameters
    ----------
    sites
        The names of the sites.
    chosen
        The folder to use, or None for a new one.
    say
        Takes note of progress.
    deadline
        When to give up, on the monotonic clock.
    scheme
        How the server is reached.
    users
        The roles of users besides the project admin, by name.
    name
        What the federation is called.
    linger
        How long it goes on when nobody has it any more, in seconds.

    Returns
    -------
    Run
        The running federation.

    Raises
    ------
    FederationError
        If it does not come up. Like after an interrupt, nothing is left then but the logs.
    """
    federation = secrets.token_hex(6)
    folder = layout.make(federation, chosen)
    try:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                run = _Start(federation, folder, sites, scheme, users or {}, say, deadline).run(linger)
            except _PortTaken:
                if attempt == _ATTEMPTS:
                    raise
                say("the port was taken by another process: trying another one")
                layout.keep_logs_only(folder)
                continue
            facts = registry.Description(federation, name, run.port, scheme, dict(users or {}), linger, time.time())
            registry.describe(folder, facts)
            return run
        raise AssertionError("unreachable")
    except BaseException:
        layout.keep_logs_only(folder)
        raise


class _Start:
    """One attempt to start a federation."""

    def __init__(
        self,
        federation: str,
        folder: Path,
        sites: Sequence[str],
        scheme: str,
        users: Mapping[str, str],
        say: Say,
        deadline: float,
    ) -> None:
        self._federation = federation
        self._folder = folder
        self._sites = sites
        self._scheme = scheme
        self._users = users
        self._say = say
        self._deadline = deadline
        self._port = Port()

    def run(self, linger: float) -> Run:
        """All steps, one after the other."""
        try:
            self._say("provisioning")
            self._provision()
            self._say(f"starting server on port {self._port.number}")
            control = Control(self._federation, self._folder, self._port.held)
        finally:
            self._port.release()  # the supervisor has it from now on
        run = Run(control, self._port.number, self._folder, forgotten=linger == 0)
        try:
            control.start_server()
            self._await_server(control)
            # Not before: a site that finds no server waits for one to four seconds before it tries again.
            self._say(f"starting {len(self._sites)} site{'s' if len(self._sites) > 1 else ''}")
            control.start_sites(self._sites)
            self._await_sites(control)
            control.keep(linger)
        except BaseException:
            run.close()
            raise
        return run

    def _provision(self) -> None:
        log = self._log("provision")
        # Not marked as the federation's, since without a supervisor it would look like an orphan to other
        # starts.
        environment = child_environment(self._federation, os.environ)
        del environment[MARKER]
        users = json.dumps(dict(self._users))
        with log.open("ab") as output:
            try:
                code = subprocess.run(
                    own_module(
                        "provision", str(self._folder), str(self._port.number), self._scheme, users, *self._sites
                    ),
                    env=environment,
                    cwd=self._folder,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=max(0.0, self._deadline - time.monotonic()),
                    start_new_session=True,
                    check=False,
                ).returncode
            except subprocess.TimeoutExpired:
                raise self._late("the provisioner had not finished", "provision") from None
        if code != 0:
            raise _failure("The provisioner of NVIDIA FLARE failed", code, log)

    def _await_server(self, control: Control) -> None:
        while not (control.pids and _listens(control.pids["server"], self._port.number)):
            self._check(control)
            # Asked again, since it may have begun to listen between the two questions.
            if answers(self._port.number) and not _listens(control.pids.get("server"), self._port.number):
                raise _PortTaken(f"Port {self._port.number} was taken by another process while the server started.")
            if time.monotonic() > self._deadline:
                raise self._late("the server did not listen", "server")
            control.read(_LOOK)

    def _await_sites(self, control: Control) -> None:
        kit = self._folder / KITS / ADMIN
        connected: set[str] = set()
        trouble: Exception | None = None
        patience = time.monotonic() + _FIRST_ASK
        while time.monotonic() < patience:
            self._check(control)
            control.read(_LOOK)
        while len(connected) < len(self._sites):
            self._check(control)
            try:
                answer = connected_sites(kit)
                trouble = None
            except ImportError:
                raise
            except Exception as error:  # whatever the server cannot do yet
                answer, trouble = set(), error
            for name in self._sites:
                if name in answer and name not in connected:
                    connected.add(name)
                    self._say(f"{name} connected ({len(connected)} of {len(self._sites)})")
            if len(connected) == len(self._sites):
                return
            if time.monotonic() > self._deadline:
                if trouble is not None:
                    raise self._late(f"the admin could not log in ({trouble})", "server") from trouble
                missing = [name for name in self._sites if name not in connected]
                raise self._late(f"{_enumerate(missing)} had not connected to the server", missing[0])
            control.read(_ASK)

    def _check(self, control: Control) -> None:
        """Fail if a process has ended: during the start, none does without a reason."""
        control.read(0.0)
        if control.ended:
            name, code = control.ended[0]
            raise _failure(f"{name} ended while the federation was being started", code, self._log(name))
        if control.exit_code is not None:
            raise _failure("The local federation's supervisor ended", control.exit_code, self._log("supervisor"))

    def _late(self, what: str, name: str) -> FederationError:
        log = self._log(name)
        return FederationError(
            f"The local federation did not start in time: {what}. Give it longer with start_timeout=..., "
            f"or read the logs in {log.parent}.{last_lines(log)}"
        )

    def _log(self, name: str) -> Path:
        return self._folder / LOGS / f"{name}.log"


def connected_sites(admin_kit: Path) -> set[str]:
    """Ask the server, as the project admin, which sites are connected to it."""
    from flare_widgets.api import new_secure_session

    with new_secure_session(ADMIN, str(admin_kit), timeout=_ANSWER) as session:
        return {client.name for client in session.get_system_info().client_info}


def _listens(pid: int | None, port: int) -> bool:
    """Whether this process listens on this port."""
    import psutil

    if pid is None:
        return False
    try:
        process = psutil.Process(pid)
        # The name until psutil 6.
        ask = process.net_connections if hasattr(process, "net_connections") else process.connections
        return any(one.status == psutil.CONN_LISTEN and one.laddr[1] == port for one in ask("tcp"))
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # a system that does not tell: then any answer must do
        return answers(port)


def _failure(what: str, code: int | None, log: Path) -> FederationError:
    return FederationError(f"{what} ({_in_words(code)}). The whole log: {log}{last_lines(log)}")


def _in_words(code: int | None) -> str:
    """An exit code as a reader understands it. Pure."""
    if code is None:
        return "exit code unknown"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def last_lines(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    lines = _COLOUR.sub("", text).rstrip().splitlines()[-_LOG_LINES:]
    return "\nIt ends with:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""


def _enumerate(names: Sequence[str]) -> str:
    """Names in a sentence; a few of them, if they are many. Pure."""
    shown = [*names] if len(names) <= 4 else [*names[:3], f"{len(names) - 3} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
