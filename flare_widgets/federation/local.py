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

from . import faults, layout, mailbox, processes, registry, validation
from .errors import FederationError, FederationNotInstalled
from .mailbox import ProcessState
from .membership import join, leave
from .provision import ADMIN
from .registry import RunningFederation
from .startup import Run, bring_up
from .supervisor_client import Attached

if TYPE_CHECKING:
    from typing_extensions import Self


class LocalFederation:
    """A real, secure NVIDIA FLARE federation on this machine, for teaching and for tests.

    Its server and its sites are processes of NVIDIA FLARE, provisioned with certificates by its own
    provisioner; from version 2.8 on, they can be reached from this machine only. They end with :meth:`stop`,
    with the ``with`` block, when this object is forgotten, and when the Python process ends, however it ends; unless
    they are to be kept for a while after that: see `keep`.

    Several can run side by side, each in a folder of its own and on a port of its own. :meth:`list_running` lists
    them, also those of other processes, and :meth:`attach` gets one of them.

    Parameters
    ----------
    sites
        How many sites, named ``site-1``, ``site-2`` and so on; or their names.
    folder
        Where the federation lives, a new or an empty folder. Without it, a new one under the user's cache
        folder; there, the ten newest of the last week are kept, so that logs can be read after the end.
    progress
        Called with a short sentence whenever the start makes progress, in the thread that called
        :meth:`start`.
    start_timeout
        How long the start may take, in seconds.
    scheme
        How the server is reached: ``http``, ``tcp`` or ``grpc`` (which needs the extra ``grpc``).
    users
        Who else shall have a startup kit: the role by the user's name, such as ``{"ada@example.org": "lead"}``.
        Roles are ``project_admin``, ``org_admin``, ``lead`` and ``member``; what each may do, NVIDIA FLARE's
        default policy says. See :meth:`kit`.
    name
        What to call it. Without one, ``local``, or ``local-2`` and so on while that is taken.
    keep
        How long it goes on after the last process that started or attached it has ended, in seconds; a day at most,
        so that none is forgotten for ever. With 600, it outlives the restart of a notebook's kernel, which has ten
        minutes to :meth:`attach` it again. Such a federation does not end when this object is forgotten.

    Raises
    ------
    ValueError
        If a number, a name, the scheme or the folder is not possible.

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
        self._sites = validation.site_names(sites)
        self._chosen_folder = None if folder is None else validation.check_folder(Path(folder))
        self._start_timeout = validation.check_timeout(start_timeout)
        self._scheme = validation.check_scheme(scheme)
        self._users = validation.check_users(users, ADMIN)
        self._chosen_name = validation.check_name(name)
        self._name = self._chosen_name
        self._keep = validation.check_keep(keep)
        self._progress = progress
        self._run: Run | None = None

    @classmethod
    def list_running(cls) -> list[RunningFederation]:
        """The federations of this user that run on this machine, whichever process has started them.

        Returns
        -------
        list of RunningFederation
            With ``name``, ``sites``, ``port``, ``folder`` and ``started_at``; the oldest first.
        """
        _check_usable()
        return [up for _, up in registry.running()]

    @classmethod
    def attach(cls, name: str | None = None, *, progress: Callable[[str], None] | None = None) -> Self:
        """A federation that runs already, as after the restart of a notebook's kernel.

        From now on this process has it, too: it ends when nobody has it any more, as `keep` says, or with
        :meth:`stop`, which any of them may call. It does not end when this object is forgotten.

        Parameters
        ----------
        name
            Which one; when not given, the only one there is.
        progress
            See :class:`LocalFederation`.

        Raises
        ------
        FederationError
            There is none of this name, or more than one: says which there are.
        """
        _check_usable()
        description, folder = registry.pick(name, registry.running())
        federation = cls(progress=progress, scheme=description.scheme, users=description.users)
        registry.hold(folder)
        control = Attached(description.federation, folder)
        federation._run = Run(control, description.port, folder, forgotten=False)
        federation._name, federation._keep = description.name, description.linger
        federation._sites = federation.site_names
        return federation

    @property
    def name(self) -> str:
        """What it is called; empty before the start, if no name was given."""
        return self._name or ""

    @property
    def site_names(self) -> tuple[str, ...]:
        """The names of the sites, those that joined later included."""
        states = self._states() if self._run is not None else None
        return self._sites if not states else tuple(one.name for one in states if not one.is_server)

    @property
    def running(self) -> bool:
        """Whether the federation is up."""
        return self._run is not None and self._run.running

    @property
    def admin_kit(self) -> Path:
        """The startup kit of the project admin, ``admin@nvidia.com``: the folder that contains
        ``startup``."""
        return self.kit(ADMIN)

    def kit(self, user: str) -> Path:
        """The startup kit of a user: the folder that contains ``startup``.

        Parameters
        ----------
        user
            The project admin ``admin@nvidia.com``, or one of those the federation was asked to have.

        Raises
        ------
        ValueError
            If it has no such user.
        """
        if user not in (ADMIN, *self._users):
            raise ValueError(
                f"This federation has no user {user!r}, only {', '.join((ADMIN, *self._users))}: "
                "name who else shall be in it with users={...}."
            )
        return self._started().folder / layout.KITS / user

    @property
    def folder(self) -> Path:
        """The federation's folder, which stays when the federation has ended."""
        if self._run is None and self._chosen_folder is not None:
            return self._chosen_folder
        return self._started().folder

    @property
    def logs(self) -> dict[str, Path]:
        """What the server and each site wrote to their console, a file each; they stay when it has ended."""
        folder = self._started().folder / validation.LOGS
        return {name: folder / f"{name}.log" for name in ("server", *self.site_names)}

    @property
    def port(self) -> int:
        """The port of this machine that the server listens on."""
        return self._started().port

    def _started(self) -> Run:
        if self._run is None:
            raise FederationError("The federation has not been started: call start() first.")
        return self._run

    def __repr__(self) -> str:
        # Cheap on purpose, as it is shown without being asked for: looks at one process and a file, and asks nobody.
        sites = self.site_names
        names = ", ".join(sites) if len(sites) <= 5 else f"{len(sites)} sites"
        if self.running:
            return f"<LocalFederation {names}: running on port {self.port}>"
        return f"<LocalFederation {names}: {'not started' if self._run is None else 'stopped'}>"

    def start(self) -> Self:
        """Start the federation and wait until all sites are connected and the admin can log in.

        Does nothing if it is running. A federation that was stopped starts again as a new one, in a new
        folder; if its folder was chosen, that has to be emptied before.

        Returns
        -------
        LocalFederation
            This federation.

        Raises
        ------
        FederationNotInstalled
            If NVIDIA FLARE is not installed.
        FederationError
            If the federation does not come up: says what failed, and where to read more.
        """
        if self.running:
            return self
        _check_usable()
        if self._chosen_folder is not None:
            validation.check_folder(self._chosen_folder)
        self.stop()
        began = time.monotonic()
        _clean_up_after_others(self._say)
        deadline = began + self._start_timeout
        self._name = registry.free_name(self._chosen_name)
        self._run = bring_up(
            self._sites,
            self._chosen_folder,
            self._say,
            deadline,
            scheme=self._scheme,
            users=self._users,
            name=self._name,
            linger=self._keep,
        )
        self._say(f"ready in {time.monotonic() - began:.1f} s")
        return self

    def stop(self) -> None:
        """End the federation with everything it runs, jobs included. Does nothing if it is not running."""
        if self._run is not None:
            self._sites = self.site_names
            self._run.close()

    # -- sites come and go ---------------------------------------------------------------------------------

    def add_site(self, name: str, *, timeout: float = 60) -> None:
        """Let a site join while the federation runs, and wait until it is connected.

        It gets a startup kit of the same certificate authority as the others. Jobs that run already go on without it.

        Parameters
        ----------
        name
            The new site's name.
        timeout
            How long it may take, in seconds.

        Raises
        ------
        ValueError
            The name is not possible, or taken.
        FederationError
            The federation does not run, or the site does not connect in time, and is removed again.
        """
        run = self._up()
        sites = validation.site_names([*self.site_names, name])
        join(run.folder, run.port, self._scheme, sites[-1], self._say, time.monotonic() + timeout)
        self._sites = self.site_names

    def remove_site(self, name: str) -> None:
        """Let a site leave while the federation runs: it is shut down as an admin would do it, and its kit removed.

        What it was training for goes on without it, or fails, as the job says. Its log stays.

        Raises
        ------
        ValueError
            There is no such site, or it is the last one.
        FederationError
            The federation does not run.
        """
        run = self._up()
        sites = self.site_names
        if name not in sites:
            raise ValueError(f"This federation has no site {name!r}, only {', '.join(sites)}.")
        if len(sites) == 1:
            raise ValueError(f"{name} is the last site: end the federation with stop() instead.")
        leave(run.folder, name, self._say)
        self._sites = self.site_names

    # -- faults --------------------------------------------------------------------------------------------

    @property
    def states(self) -> dict[str, ProcessState]:
        """How the server and each site are, by their names; what :mod:`.faults` does to them shows here.

        Raises
        ------
        FederationError
            The federation does not run.
        """
        self._up()
        return {one.name: one for one in self._states() or ()}

    def kill(self, who: str) -> ProcessState:
        """Kill a site or the ``server`` with the jobs it runs, and leave it dead; see :mod:`.faults`."""
        return faults.inject(self, "kill", who)

    def pause(self, who: str) -> ProcessState:
        """Let a site or the ``server`` stand still: silent, but connected; see :mod:`.faults`."""
        return faults.inject(self, "pause", who)

    def slow_down(self, who: str) -> ProcessState:
        """Let a site or the ``server`` run for a fifth of the time only; see :mod:`.faults`."""
        return faults.inject(self, "slow", who)

    def bring_back(self, who: str) -> ProcessState:
        """Undo what was done to a site or the ``server``; see :mod:`.faults`."""
        return faults.inject(self, "back", who)

    def _inject(self, what: str, who: str) -> ProcessState:
        state = mailbox.ask(self._up().folder, {"fault": what, "who": who})
        return next(one for one in state.processes if one.name == who)

    def _states(self) -> tuple[ProcessState, ...] | None:
        state = mailbox.read_state(self._started().folder)
        return None if state is None else state.processes

    def _up(self) -> Run:
        run = self._started()
        if not run.running:
            raise FederationError("The federation has ended: start() starts a new one.")
        return run

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _say(self, sentence: str) -> None:
        if self._progress is not None:
            self._progress(sentence)


def _check_usable() -> None:
    """Refuse, with what to do about it, where a federation cannot run."""
    if os.name != "posix":
        raise FederationError("The local federation needs Linux or macOS (on Windows: WSL).")
    missing = [name for name in ("nvflare", "psutil") if importlib.util.find_spec(name) is None]
    if missing:
        raise FederationNotInstalled(
            f"The local federation needs NVIDIA FLARE ({' and '.join(missing)} not found in {sys.prefix}): "
            'install it with   pip install "flare-widgets[local]"'
        )


def _clean_up_after_others(say: Callable[[str], None]) -> None:
    """End what killed supervisors have left, and remove old federations' folders."""
    ended = processes.end_orphans()
    if ended:
        say(f"ended {ended} left-over process{'es' if ended > 1 else ''} of an earlier federation")
    layout.prune(processes.live(processes.find()))
