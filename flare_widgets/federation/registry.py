"""The federations that run on this machine: found by their supervisors, so that no list can be out of date."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import mailbox
from .errors import FederationError
from .layout import DESCRIPTION_FILE, KITS, default_root
from .processes import find_processes, orphaned_ids
from .provision import ADMIN

_LOCKS = "starting"  # the folder of the names of federations that are being started


@dataclass(frozen=True)
class FederationDescription:
    """A federation as described in its folder; its changing state is in the mailbox.

    Attributes
    ----------
    federation
        Its id, which marks its processes.
    name
        The name its user gave it.
    port, scheme
        The server's port and protocol.
    users
        The roles of the users besides the project admin, by name.
    linger
        Seconds it keeps running when no process uses it any more.
    started_at
        The time it came up, in seconds since the epoch.
    """

    federation: str
    name: str
    port: int
    scheme: str
    users: dict[str, str]
    linger: float
    started_at: float


@dataclass(frozen=True)
class RunningFederation:
    """A federation that runs on this machine.

    Attributes
    ----------
    name
        The name for :meth:`LocalFederation.attach`.
    sites
        The names of its sites.
    port
        The port its server listens on.
    folder
        Its folder.
    started_at
        The time it came up, in seconds since the epoch.
    keep_alive_seconds
        Seconds it keeps running when no process uses it any more.
    is_leased
        True if a process uses it. If not, its kernel is gone, and it ends soon unless it is attached.
    scheme
        The server's protocol.
    users
        The roles of the users besides the project admin, by name.
    """

    name: str
    sites: tuple[str, ...]
    port: int
    folder: Path
    started_at: float
    keep_alive_seconds: float = 0.0
    is_leased: bool = True
    scheme: str = "http"
    users: Mapping[str, str] = field(default_factory=dict)

    def check_matches(
        self,
        sites: int | Sequence[str] | None = None,
        scheme: str | None = None,
        users: Mapping[str, str] | None = None,
        keep: float | None = None,
    ) -> None:
        """Check that it is the federation that somebody asks for. Pure.

        Parameters
        ----------
        sites, scheme, users, keep
            As of :class:`.LocalFederation`; None for any.

        Raises
        ------
        FederationError
            It differs; the message names each difference.
        """
        names = None if sites is None or isinstance(sites, int) else list(sites)
        asked = {
            f"with {', '.join(self.sites)}": sites is None or sites == len(self.sites) or names == list(self.sites),
            f"by {self.scheme}": scheme in (None, self.scheme),
            f"with {', '.join(self.users) or 'no'} additional users": users is None or dict(users) == dict(self.users),
            f"kept for {self.keep_alive_seconds:g} s": keep in (None, self.keep_alive_seconds),
        }
        differences = [words for words, is_same in asked.items() if not is_same]
        if differences:
            raise FederationError(
                f"the federation {self.name!r} is already running, {', '.join(differences)}",
                next_step="Leave out these options to use it, or start another with --name NAME (name='NAME')",
            )

    @property
    def is_in_default_folder(self) -> bool:
        """True if it is in the default location, used when no folder was chosen."""
        return self.folder.resolve().parent == default_root().resolve()

    @property
    def admin_kit(self) -> Path:
        """The startup kit of its project admin."""
        return self.folder / KITS / ADMIN

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.sites)}, on port {self.port}, in {self.folder}"


def write_description(folder: Path, description: FederationDescription) -> None:
    """Write a description into a federation's folder."""
    (folder / DESCRIPTION_FILE).write_text(json.dumps(asdict(description)))


def read_description(folder: Path) -> FederationDescription | None:
    """Return the description of the federation in a folder; None if there is none (yet)."""
    try:
        return FederationDescription(**json.loads((folder / DESCRIPTION_FILE).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def list_running() -> list[tuple[FederationDescription, RunningFederation]]:
    """Return this user's federations that are up, in the order they were started."""
    import psutil

    found = []
    for process in find_processes():
        if not process.is_supervisor:
            continue
        # A supervisor's working directory is its federation's folder, wherever that is.
        with contextlib.suppress(psutil.Error, OSError):
            folder = Path(psutil.Process(process.pid).cwd())
            description, state = read_description(folder), mailbox.read_state(folder)
            if description and state and description.federation == process.federation_id:
                sites = tuple(one.name for one in state.processes if not one.is_server)
                up = RunningFederation(
                    description.name,
                    sites,
                    description.port,
                    folder,
                    description.started_at,
                    description.linger,
                    state.held,
                    description.scheme,
                    description.users,
                )
                found.append((description, up))
    return sorted(found, key=lambda pair: pair[0].started_at)


def list_folders_of_orphans() -> list[tuple[Path, str]]:
    """Return the folders, wherever they are, of federations whose supervisor was killed, each with its id."""
    import psutil

    found = find_processes()
    orphaned = orphaned_ids(found)
    folders: dict[Path, str] = {}
    for process in found:
        if process.federation_id in orphaned:
            # A server and a site work in their startup kits: FOLDER/kits/NAME.
            with contextlib.suppress(psutil.Error, OSError, IndexError):
                folder = Path(psutil.Process(process.pid).cwd()).parents[1]
                description = read_description(folder)
                if description is not None and description.federation == process.federation_id:
                    folders[folder] = process.federation_id
    return list(folders.items())


def pick_federation(
    name: str | None, federations: list[tuple[FederationDescription, RunningFederation]]
) -> tuple[FederationDescription, Path]:
    """Return the federation of this name, or the only one there is. Pure.

    Raises
    ------
    FederationError
        There is none, or more than one; the message lists them.
    """
    fitting = [(description, up) for description, up in federations if name is None or up.name == name]
    if name is not None and len(fitting) > 1:  # one of the name in each of several folders: ours is meant
        fitting = [entry for entry in fitting if entry[1].is_in_default_folder] or fitting
    if len(fitting) == 1:
        return fitting[0][0], fitting[0][1].folder
    names = ", ".join(up.name for _, up in federations)
    if not federations:
        raise FederationError("No local federation is running", next_step="Start one: LocalFederation(...).start()")
    if not fitting:
        raise FederationError(f"No local federation called {name!r} is running", next_step=f"These are: {names}")
    raise FederationError("Which local federation?", next_step=f"Pass the name; these are running: {names}")


def lease(folder: Path) -> None:
    """Lease the federation for this process, so that it does not end when others leave it."""
    mailbox.send_request(folder, {"hold": os.getpid()})


@contextlib.contextmanager
def claim_name(requested: str | None) -> Iterator[str]:
    """Choose a name that no federation has, and keep it from other starts for the duration of the block.

    Raises
    ------
    FederationError
        The requested name is taken, or another process is just starting a federation of this name.
    """
    being_started: set[str] = set()
    while True:
        name = pick_free_name(requested, being_started)
        with lock_name(name) as is_ours:
            # Looked at again: another start may have ended between the look and the lock.
            if is_ours and pick_free_name(requested, being_started) == name:
                yield name
                return
        if requested is not None:
            raise FederationError(
                f"A local federation called {requested!r} is just being started by another process",
                next_step=f"Wait until it is up and use LocalFederation.attach({requested!r}), or choose another name.",
            )
        if not is_ours:
            being_started.add(name)


@contextlib.contextmanager
def lock_name(name: str) -> Iterator[bool]:
    """Lock a name for the duration of the block; say whether that worked. A killed process holds no lock."""
    import fcntl  # not on Windows, where this module is imported too

    folder = default_root() / _LOCKS
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / f"{name}.lock"
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
                return
            except OSError:  # a file system without locks
                yield True
                return
            if not _is_same_file(descriptor, file):  # its last holder has just removed it
                continue
            try:
                yield True
            finally:
                file.unlink(missing_ok=True)
            return
        finally:
            os.close(descriptor)


def _is_same_file(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), file.stat())
    except FileNotFoundError:
        return False


def pick_free_name(requested: str | None, being_started: Collection[str] = ()) -> str:
    """Return a name that no running federation has: the requested one, or ``local``, ``local-2``, ...

    Parameters
    ----------
    requested
        The name to use; None for any.
    being_started
        Other names that are taken.

    Raises
    ------
    FederationError
        The requested name is taken.
    """
    taken = {up.name for _, up in list_running()}
    if requested is not None:
        if requested in taken:
            raise FederationError(
                f"A local federation called {requested!r} is already running: "
                f"use LocalFederation.attach({requested!r}), "
                "or choose another name."
            )
        return requested
    number, name = 1, "local"
    while name in taken or name in being_started:
        number += 1
        name = f"local-{number}"
    return name
