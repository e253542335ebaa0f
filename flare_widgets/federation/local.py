"""A real NVIDIA FLARE federation on this machine."""

from __future__ import annotations

import importlib.util
import os
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from ..errors import InvalidArgumentError
from ..formatting.text import format_duration
from ..local_files import translate_os_errors
from . import layout, mailbox, processes, registry, validation
from .errors import FederationError, FederationNotInstalled
from .faults import check_fault
from .mailbox import ProcessState
from .membership import add_site, remove_site
from .provision import ADMIN
from .registry import RunningFederation
from .startup import FederationHandle, start_federation
from .supervisor_client import AttachedSupervisor

if TYPE_CHECKING:
    from typing_extensions import Self


class LocalFederation:
    """A real, secure NVIDIA FLARE federation on this machine, for teaching and for tests.

    Its server and its sites are processes of NVIDIA FLARE, provisioned with certificates by its own
    provisioner; from version 2.8 on, they can be reached from this machine only. They end with :meth:`stop`,
    with the ``with`` block, when this object is garbage-collected, and when the Python process ends, however it ends;
    unless they are kept alive for a while after that: see `keep`.

    Several can run side by side, each in its own folder and on its own port. :meth:`list_running` lists them,
    including those of other processes, and :meth:`attach` attaches to one of them.

    Parameters
    ----------
    sites
        The number of sites, named ``site-1``, ``site-2`` and so on; or their names.
    folder
        The federation's folder, new or empty. If None, a new one under the user's cache folder; there, the ten
        newest of the last week are kept, so that logs can be read after the end.
    progress
        Called with a short sentence at each step of the start, in the thread that called :meth:`start`.
    start_timeout
        Timeout of the start, in seconds.
    scheme
        The server's protocol: ``http``, ``tcp`` or ``grpc`` (which needs the extra ``grpc``).
    users
        Additional users with a startup kit: a dict of role by user name, such as ``{"ada@example.org": "lead"}``.
        Roles are ``project_admin``, ``org_admin``, ``lead`` and ``member``; NVIDIA FLARE's default policy defines
        their rights. See :meth:`kit`.
    name
        The federation's name. If None, ``local``, or ``local-2`` and so on while that is taken.
    keep
        Seconds it keeps running after the last process that started or attached it has ended; a day at most,
        so that none runs forever. With 600, it outlives the restart of a notebook's kernel, which has ten minutes to
        :meth:`attach` it again. Such a federation does not end when this object is garbage-collected.

    Raises
    ------
    InvalidArgumentError
        If a number, a name, the scheme or the folder is invalid.

    Examples
    --------
    >>> with LocalFederation(2) as federation:
    ...     session = new_secure_session("admin@nvidia.com", federation.admin_kit)

    >>> federation = LocalFederation(["hospital-a", "hospital-b"], name="clinics", keep=600).start()
    >>> federation.add_site("hospital-c")
    >>> federation.pause("hospital-a")
    >>> federation.bring_back("hospital-a")
    >>> LocalFederation.attach("clinics").stop()  # from any process
    """

    def __init__(
        self,
        sites: int | Sequence[str] = 2,
        *,
        folder: Path | str | None = None,
        progress: Callable[[str], None] | None = None,
        start_timeout: float = 60,
        scheme: str = "http",
        users: Mapping[str, str] | None = None,
        name: str | None = None,
        keep: float = 0,
    ) -> None:
        self._sites = validation.check_sites(sites)
        self._chosen_folder = None if folder is None else validation.check_folder(Path(folder))
        self._start_timeout = validation.check_timeout(start_timeout)
        self._scheme = validation.check_scheme(scheme)
        self._users = validation.check_users(users, ADMIN)
        self._chosen_name = validation.check_federation_name(name)
        self._name = self._chosen_name
        self._keep_alive_seconds = validation.check_keep_alive(keep)
        self._progress = progress
        self._handle: FederationHandle | None = None

    @classmethod
    def list_running(cls) -> list[RunningFederation]:
        """Return the federations of this user that run on this machine, whichever process has started them.

        Returns
        -------
        list of RunningFederation
            With ``name``, ``sites``, ``port``, ``folder`` and ``started_at``; the oldest first.
        """
        _check_supported()
        return [up for _, up in registry.list_running()]

    @classmethod
    def attach(cls, name: str | None = None, *, progress: Callable[[str], None] | None = None) -> Self:
        """Attach to a running federation, for example after the restart of a notebook's kernel.

        From now on this process uses it, too: it ends when no process uses it any more, as `keep` says, or with
        :meth:`stop`, which any of them may call. It does not end when this object is garbage-collected.

        Parameters
        ----------
        name
            The federation's name; if None, the only running one.
        progress
            See :class:`LocalFederation`.

        Raises
        ------
        FederationError
            There is none of this name, or more than one; the message lists the running ones.
        """
        _check_supported()
        description, folder = registry.pick_federation(name, registry.list_running())
        federation = cls(progress=progress, scheme=description.scheme, users=description.users)
        registry.lease(folder)
        control = AttachedSupervisor(description.federation, folder)
        federation._handle = FederationHandle(control, description.port, folder, close_on_gc=False)
        federation._name, federation._keep_alive_seconds = description.name, description.linger
        federation._sites = federation.site_names
        return federation

    @property
    def name(self) -> str:
        """The federation's name; empty before the start, if no name was given."""
        return self._name or ""

    @property
    def site_names(self) -> tuple[str, ...]:
        """The names of the sites, including those that joined later."""
        states = self._read_states() if self._handle is not None else None
        return self._sites if not states else tuple(one.name for one in states if not one.is_server)

    @property
    def running(self) -> bool:
        """True if the federation is up."""
        return self._handle is not None and self._handle.running

    @property
    def admin_kit(self) -> Path:
        """The startup kit of the project admin, ``admin@nvidia.com``: the folder that contains ``startup``."""
        return self.kit(ADMIN)

    def kit(self, user: str) -> Path:
        """Return the startup kit of a user: the folder that contains ``startup``.

        Parameters
        ----------
        user
            The project admin ``admin@nvidia.com``, or one of the federation's additional users.

        Raises
        ------
        InvalidArgumentError
            If the federation has no such user.
        """
        if user not in (ADMIN, *self._users):
            raise InvalidArgumentError(
                f"This federation has no user {user!r}, only {', '.join((ADMIN, *self._users))}: "
                "add users with users={...}."
            )
        return self._require_started().folder / layout.KITS / user

    @property
    def folder(self) -> Path:
        """The federation's folder, which remains after the federation has ended."""
        if self._handle is None and self._chosen_folder is not None:
            return self._chosen_folder
        return self._require_started().folder

    @property
    def logs(self) -> dict[str, Path]:
        """The console logs of the server and of each site, one file each; they remain after the end."""
        folder = self._require_started().folder / validation.LOGS
        return {name: folder / f"{name}.log" for name in ("server", *self.site_names)}

    @property
    def port(self) -> int:
        """The port of this machine that the server listens on."""
        return self._require_started().port

    def _require_started(self) -> FederationHandle:
        if self._handle is None:
            raise FederationError("The federation has not been started: call start() first.")
        return self._handle

    def __repr__(self) -> str:
        # Cheap on purpose, since it is displayed implicitly: it reads one process and a file, and sends no request.
        sites = self.site_names
        names = ", ".join(sites) if len(sites) <= 5 else f"{len(sites)} sites"
        if self.running:
            return f"<LocalFederation {names}: running on port {self.port}>"
        return f"<LocalFederation {names}: {'not started' if self._handle is None else 'stopped'}>"

    def start(self) -> Self:
        """Start the federation and wait until all sites are connected and the admin can log in.

        Does nothing if it is running. A stopped federation starts again as a new one, in a new folder; a folder
        chosen by the user must be emptied first.

        Returns
        -------
        LocalFederation
            This federation.

        Raises
        ------
        FederationNotInstalled
            If NVIDIA FLARE is not installed.
        FederationError
            If the federation does not come up; the message says what failed, and where to read more.
        FileAccessError, DiskFull
            If its folder cannot be written.
        """
        if self.running:
            return self
        _check_supported()
        if self._chosen_folder is not None:
            validation.check_folder(self._chosen_folder)
        self.stop()
        began = time.monotonic()
        with translate_os_errors("the folders of earlier federations cannot be read"):
            _remove_leftovers(self._report_status)
        deadline = began + self._start_timeout
        with (
            translate_os_errors("the local federation cannot be started"),
            registry.claim_name(self._chosen_name) as self._name,
        ):
            self._handle = start_federation(
                self._sites,
                self._chosen_folder,
                self._report_status,
                deadline,
                scheme=self._scheme,
                users=self._users,
                name=self._name,
                keep_alive_seconds=self._keep_alive_seconds,
            )
        self._report_status(f"ready in {format_duration(time.monotonic() - began)}")
        return self

    def stop(self) -> None:
        """End the federation with everything it runs, jobs included. Does nothing if it is not running."""
        if self._handle is not None:
            self._sites = self.site_names
            self._handle.close()

    # -- adding and removing sites -------------------------------------------------------------------------

    def add_site(self, name: str, *, timeout: float = 60) -> None:
        """Add a site while the federation runs, and wait until it is connected.

        Its startup kit comes from the same certificate authority as the others. Running jobs continue without it.

        Parameters
        ----------
        name
            The new site's name.
        timeout
            Timeout in seconds.

        Raises
        ------
        InvalidArgumentError
            The name is invalid, or taken.
        FederationError
            The federation is not running, or the site does not connect in time and is removed again.
        """
        run = self._require_running()
        sites = validation.check_sites([*self.site_names, name])
        deadline = time.monotonic() + timeout
        with translate_os_errors(f"the site {sites[-1]} cannot be added"):
            add_site(run.folder, run.port, self._scheme, sites[-1], self._report_status, deadline)
        self._sites = self.site_names

    def remove_site(self, name: str) -> None:
        """Remove a site while the federation runs: shut it down as an admin would do it, and remove its kit.

        Jobs that it was training for continue without it, or fail, as each job specifies. Its log remains.

        Raises
        ------
        InvalidArgumentError
            There is no such site, or it is the last one.
        FederationError
            The federation is not running.
        """
        run = self._require_running()
        sites = self.site_names
        if name not in sites:
            raise InvalidArgumentError(f"This federation has no site {name!r}, only {', '.join(sites)}.")
        if len(sites) == 1:
            raise InvalidArgumentError(f"{name} is the last site: stop the federation with stop() instead.")
        remove_site(run.folder, name, self._report_status)
        self._sites = self.site_names

    # -- faults --------------------------------------------------------------------------------------------

    @property
    def states(self) -> dict[str, ProcessState]:
        """Return the states of the server and of each site by name, including the effects of :mod:`.faults`.

        Raises
        ------
        FederationError
            The federation is not running.
        """
        self._require_running()
        return {one.name: one for one in self._read_states() or ()}

    def kill(self, process: str) -> ProcessState:
        """Kill a site or the ``server`` with the jobs it runs, and leave it dead; see :mod:`.faults`."""
        return self.inject_fault("kill", process)

    def pause(self, process: str) -> ProcessState:
        """Pause a site or the ``server``: silent, but connected; see :mod:`.faults`."""
        return self.inject_fault("pause", process)

    def slow_down(self, process: str) -> ProcessState:
        """Throttle a site or the ``server`` to a fifth of the time; see :mod:`.faults`."""
        return self.inject_fault("slow", process)

    def bring_back(self, process: str) -> ProcessState:
        """Undo the fault of a site or the ``server``; see :mod:`.faults`."""
        return self.inject_fault("back", process)

    def inject_fault(self, fault: str, process: str) -> ProcessState:
        """Inject a fault by its name: ``kill``, ``pause``, ``slow`` or ``back``; see :mod:`.faults`.

        Parameters
        ----------
        fault
            The fault.
        process
            ``server``, or the name of a site.

        Returns
        -------
        ProcessState
            The resulting state.

        Raises
        ------
        InvalidArgumentError
            There is no such fault or process, or the fault makes no sense now; the message says why.
        FederationError
            The federation is not running.
        """
        check_fault(self.states, fault, process)
        state = mailbox.send_request(self._require_running().folder, {"fault": fault, "who": process})
        return next(one for one in state.processes if one.name == process)

    def _read_states(self) -> tuple[ProcessState, ...] | None:
        state = mailbox.read_state(self._require_started().folder)
        return None if state is None else state.processes

    def _require_running(self) -> FederationHandle:
        run = self._require_started()
        if not run.running:
            raise FederationError("The federation has ended: start() starts a new one.")
        return run

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _report_status(self, message: str) -> None:
        if self._progress is not None:
            self._progress(message)


def _check_supported() -> None:
    """Raise an error, with what to do about it, if a federation cannot run here."""
    if os.name != "posix":
        raise FederationError("The local federation needs Linux or macOS (on Windows: WSL).")
    missing = [name for name in ("nvflare", "psutil") if importlib.util.find_spec(name) is None]
    if missing:
        raise FederationNotInstalled(
            f"The local federation needs NVIDIA FLARE ({' and '.join(missing)} not found in {sys.prefix}): "
            'install it with   pip install "flare-widgets[local]"'
        )


def _remove_leftovers(on_status: Callable[[str], None]) -> None:
    """End the processes that killed supervisors have left, remove their keys, and old federations' folders."""
    # Before the processes are looked at: a supervisor that has reported by now, and does not run then, is gone.
    authorities = [*layout.list_authorities(), *registry.list_folders_of_orphans()]
    ended = processes.end_orphans()
    if ended:
        on_status(f"ended {ended} left-over process{'es' if ended > 1 else ''} of an earlier federation")
    running = processes.supervised_ids(processes.find_processes())
    for folder, federation in authorities:
        if federation not in running:
            layout.remove_authority(folder)
    layout.prune(running)
