"""Startup of a federation: the steps, the possible failures of each, and their messages."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import time
import weakref
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..formatting.text import join_names, strip_colours
from . import layout, registry
from .environment import make_child_environment, module_command
from .errors import FederationError
from .layout import KITS
from .ports import ReservedPort, is_port_open
from .processes import FEDERATION_VARIABLE
from .provision import ADMIN
from .supervisor_client import AttachedSupervisor, SupervisorClient
from .validation import LOGS

# Intervals of polling for the server's port and for its connected sites, which take at least a second.
_POLL_INTERVAL_S = 0.05
_SITE_POLL_INTERVAL_S = 0.25
_FIRST_SITE_POLL_DELAY_S = 1.0

# Timeout of one query. It takes a twentieth of a second, or forever: if a client is quick, the server of
# NVIDIA FLARE 2.9 may drop its first message (it reports ready before it is).
_SITE_POLL_TIMEOUT_S = 5.0

_MAX_ATTEMPTS = 3
_MAX_LOG_LINES = 15


StatusCallback = Callable[[str], None]


class FederationHandle:
    """A running federation.

    Parameters
    ----------
    client
        The client of the supervisor.
    port
        The server's port number.
    folder
        The federation's folder.
    close_on_gc
        True to close it when it is garbage-collected, and when the interpreter ends.
    """

    def __init__(
        self, client: SupervisorClient | AttachedSupervisor, port: int, folder: Path, *, close_on_gc: bool = True
    ) -> None:
        self._client = client
        #: The server's port.
        self.port = port
        #: The federation's folder.
        self.folder = folder
        self._finalizer = weakref.finalize(self, client.close)
        if not close_on_gc:
            self._finalizer.detach()

    @property
    def running(self) -> bool:
        """True if the federation is up."""
        return self._client.running

    def close(self) -> None:
        """End it. May be called again."""
        self._finalizer.detach()
        self._client.close()


class _PortTaken(FederationError):
    """Another process listens on the port we have chosen."""


def start_federation(
    sites: Sequence[str],
    chosen_folder: Path | None,
    on_status: StatusCallback,
    deadline: float,
    *,
    scheme: str = "http",
    users: Mapping[str, str] | None = None,
    name: str = "local",
    keep_alive_seconds: float = 0.0,
) -> FederationHandle:
    """Start a federation, and wait until it is ready.

    Parameters
    ----------
    sites
        The names of the sites.
    chosen_folder
        The folder to use, or None for a new one.
    on_status
        Called with progress messages.
    deadline
        The deadline, on the monotonic clock.
    scheme
        The server's protocol.
    users
        The roles of users besides the project admin, by name.
    name
        The federation's name.
    keep_alive_seconds
        Seconds it keeps running when no process uses it any more.

    Returns
    -------
    FederationHandle
        The running federation.

    Raises
    ------
    FederationError
        If it does not come up. As after an interrupt, nothing is left then but the logs.
    """
    federation = secrets.token_hex(6)
    folder = layout.make_folder(federation, chosen_folder)
    try:
        for attempt in range(1, _MAX_ATTEMPTS + 1):
            try:
                run = _StartAttempt(federation, folder, sites, scheme, users or {}, on_status, deadline).run(
                    keep_alive_seconds
                )
            except _PortTaken:
                if attempt == _MAX_ATTEMPTS:
                    raise
                on_status("the port was taken by another process: trying another one")
                layout.keep_logs_only(folder)
                continue
            facts = registry.FederationDescription(
                federation, name, run.port, scheme, dict(users or {}), keep_alive_seconds, time.time()
            )
            registry.write_description(folder, facts)
            return run
        raise AssertionError("unreachable")
    except BaseException:
        layout.keep_logs_only(folder)
        raise


class _StartAttempt:
    """One attempt to start a federation."""

    def __init__(
        self,
        federation_id: str,
        folder: Path,
        sites: Sequence[str],
        scheme: str,
        users: Mapping[str, str],
        on_status: StatusCallback,
        deadline: float,
    ) -> None:
        self._federation_id = federation_id
        self._folder = folder
        self._sites = sites
        self._scheme = scheme
        self._users = users
        self._on_status = on_status
        self._deadline = deadline
        self._port = ReservedPort()

    def run(self, keep_alive_seconds: float) -> FederationHandle:
        """Run all steps, one after the other."""
        try:
            self._on_status("provisioning")
            self._provision()
            self._on_status(f"starting server on port {self._port.number}")
            control = SupervisorClient(self._federation_id, self._folder, self._port.file_descriptors)
        finally:
            self._port.release()  # the supervisor holds it from now on
        run = FederationHandle(control, self._port.number, self._folder, close_on_gc=keep_alive_seconds == 0)
        try:
            control.start_server()
            self._wait_for_server(control)
            # Not before: a site that finds no server waits for one to four seconds before it retries.
            self._on_status(f"starting {len(self._sites)} site{'s' if len(self._sites) > 1 else ''}")
            control.start_sites(self._sites)
            self._wait_for_sites(control)
            control.mark_ready(keep_alive_seconds)
        except BaseException:
            run.close()
            raise
        return run

    def _provision(self) -> None:
        log = self._log_file("provision")
        # Not marked as the federation's: without a supervisor, other starts would take it for an orphan.
        environment = make_child_environment(self._federation_id, os.environ)
        del environment[FEDERATION_VARIABLE]
        users = json.dumps(dict(self._users))
        with log.open("ab") as output:
            try:
                code = subprocess.run(
                    module_command(
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
                raise self._timeout_error("the provisioner had not finished", "provision") from None
        if code != 0:
            raise _process_error("The provisioner of NVIDIA FLARE failed", code, log)

    def _wait_for_server(self, client: SupervisorClient) -> None:
        while not (client.pids and _is_process_listening(client.pids["server"], self._port.number)):
            self._check_processes(client)
            # Checked again, since it may have begun to listen between the two checks.
            if is_port_open(self._port.number) and not _is_process_listening(
                client.pids.get("server"), self._port.number
            ):
                raise _PortTaken(f"Port {self._port.number} was taken by another process while the server started.")
            if time.monotonic() > self._deadline:
                raise self._timeout_error("the server did not listen", "server")
            client.read_reports(_POLL_INTERVAL_S)

    def _wait_for_sites(self, client: SupervisorClient) -> None:
        kit = self._folder / KITS / ADMIN
        connected: set[str] = set()
        trouble: Exception | None = None
        patience = time.monotonic() + _FIRST_SITE_POLL_DELAY_S
        while time.monotonic() < patience:
            self._check_processes(client)
            client.read_reports(_POLL_INTERVAL_S)
        while len(connected) < len(self._sites):
            self._check_processes(client)
            try:
                answer = fetch_connected_sites(kit)
                trouble = None
            except ImportError:
                raise
            except Exception as error:  # anything that the server cannot do yet
                answer, trouble = set(), error
            for name in self._sites:
                if name in answer and name not in connected:
                    connected.add(name)
                    self._on_status(f"{name} connected ({len(connected)} of {len(self._sites)})")
            if len(connected) == len(self._sites):
                return
            if time.monotonic() > self._deadline:
                if trouble is not None:
                    raise self._timeout_error(f"the admin could not log in ({trouble})", "server") from trouble
                missing = [name for name in self._sites if name not in connected]
                raise self._timeout_error(f"{join_names(missing)} had not connected to the server", missing[0])
            client.read_reports(_SITE_POLL_INTERVAL_S)

    def _check_processes(self, client: SupervisorClient) -> None:
        """Fail if a process has ended: during the start, none does without a reason."""
        client.read_reports(0.0)
        if client.ended_processes:
            name, code = client.ended_processes[0]
            raise _process_error(f"{name} ended while the federation was being started", code, self._log_file(name))
        if client.exit_code is not None:
            raise _process_error(
                "The local federation's supervisor ended", client.exit_code, self._log_file("supervisor")
            )

    def _timeout_error(self, reason: str, name: str) -> FederationError:
        log = self._log_file(name)
        return FederationError(
            f"The local federation did not start in time: {reason}",
            next_step=f"Raise start_timeout=..., or read the logs in {log.parent}.{format_log_tail(log)}",
        )

    def _log_file(self, name: str) -> Path:
        return self._folder / LOGS / f"{name}.log"


def fetch_connected_sites(admin_kit: Path) -> set[str]:
    """Return the sites that are connected to the server, by a query as the project admin."""
    from flare_widgets.api import new_secure_session

    with new_secure_session(ADMIN, str(admin_kit), timeout=_SITE_POLL_TIMEOUT_S) as session:
        return {client.name for client in session.get_system_info().client_info}


def _is_process_listening(pid: int | None, port: int) -> bool:
    """Return whether this process listens on this port."""
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
    except psutil.AccessDenied:  # the system does not say: then any listener must do
        return is_port_open(port)


def _process_error(message: str, code: int | None, log: Path) -> FederationError:
    return FederationError(f"{message} ({_describe_exit_code(code)}). The complete log: {log}{format_log_tail(log)}")


def _describe_exit_code(code: int | None) -> str:
    """Return an exit code in words. Pure."""
    if code is None:
        return "exit code unknown"
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def format_log_tail(log: Path) -> str:
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    lines = strip_colours(text).rstrip().splitlines()[-_MAX_LOG_LINES:]
    return "\nIt ends with:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
