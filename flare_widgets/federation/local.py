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

from . import checks, folders, processes
from .errors import FederationError, FederationNotInstalled
from .provision import ADMIN
from .starting import Run, bring_up

if TYPE_CHECKING:
    from typing_extensions import Self


class LocalFederation:
    """A real, secure NVIDIA FLARE federation on this machine, for teaching and for tests.

    Its server and its sites are processes of NVIDIA FLARE, provisioned with certificates by its own
    provisioner; from version 2.8 on, they can be reached from this machine only. They end with :meth:`stop`,
    with the ``with`` block, when this object is forgotten, and when the Python process ends, however it ends.

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

    Raises
    ------
    ValueError
        If a number, a name, the scheme or the folder is not possible.

    Examples
    --------
    >>> with LocalFederation(2) as federation:
    ...     session = new_secure_session("admin@nvidia.com", federation.admin_kit)
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
    ) -> None:
        self._sites = checks.site_names(sites)
        self._chosen_folder = None if folder is None else checks.check_folder(Path(folder))
        self._start_timeout = checks.check_timeout(start_timeout)
        self._scheme = checks.check_scheme(scheme)
        self._users = checks.check_users(users, ADMIN)
        self._progress = progress
        self._run: Run | None = None

    @property
    def site_names(self) -> tuple[str, ...]:
        """The names of the sites."""
        return self._sites

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
        return self._started().folder / folders.KITS / user

    @property
    def folder(self) -> Path:
        """The federation's folder, which stays when the federation has ended."""
        if self._run is None and self._chosen_folder is not None:
            return self._chosen_folder
        return self._started().folder

    @property
    def logs(self) -> dict[str, Path]:
        """What the server and each site wrote to their console, a file each; they stay when it has ended."""
        folder = self._started().folder / checks.LOGS
        return {name: folder / f"{name}.log" for name in ("server", *self._sites)}

    @property
    def port(self) -> int:
        """The port of this machine that the server listens on."""
        return self._started().port

    def _started(self) -> Run:
        if self._run is None:
            raise FederationError("The federation has not been started: call start() first.")
        return self._run

    def __repr__(self) -> str:
        # Cheap on purpose, as it is shown without being asked for: looks at one process, and asks nobody.
        names = ", ".join(self._sites) if len(self._sites) <= 5 else f"{len(self._sites)} sites"
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
            checks.check_folder(self._chosen_folder)
        self.stop()
        began = time.monotonic()
        _clean_up_after_others(self._say)
        deadline = began + self._start_timeout
        self._run = bring_up(
            self._sites, self._chosen_folder, self._say, deadline, scheme=self._scheme, users=self._users
        )
        self._say(f"ready in {time.monotonic() - began:.1f} s")
        return self

    def stop(self) -> None:
        """End the federation with everything it runs, jobs included. Does nothing if it is not running."""
        if self._run is not None:
            self._run.close()

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
    folders.prune(processes.live(processes.find()))
