"""Which federations run on this machine: found by their supervisors, so that no list can be out of date."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from . import mailbox
from .errors import FederationError
from .layout import KITS, default_root
from .processes import find
from .provision import ADMIN

_DESCRIPTION = "federation.json"


@dataclass(frozen=True)
class Description:
    """What a federation is, as its folder says; what changes while it runs is on the desk.

    Attributes
    ----------
    federation
        Its identity, which marks its processes.
    name
        What its user calls it.
    port, scheme
        How its server is reached.
    users
        The roles of the users besides the project admin, by name.
    linger
        How long it goes on when nobody has it any more, in seconds.
    started_at
        When it was up, in seconds since the epoch.
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
        What :meth:`LocalFederation.attach` takes.
    sites
        The names of its sites.
    port
        The port its server listens on.
    folder
        Its folder.
    started_at
        When it was up, in seconds since the epoch.
    keep
        How long it goes on when nobody has it any more, in seconds.
    held
        Whether a process has it. If not, its kernel is gone, and it ends soon unless it is attached.
    """

    name: str
    sites: tuple[str, ...]
    port: int
    folder: Path
    started_at: float
    keep: float = 0.0
    held: bool = True

    @property
    def in_default_place(self) -> bool:
        """Whether it is where federations are for which no folder was chosen."""
        return self.folder.resolve().parent == default_root().resolve()

    @property
    def admin_kit(self) -> Path:
        """The startup kit of its project admin."""
        return self.folder / KITS / ADMIN

    def __str__(self) -> str:
        return f"{self.name}: {', '.join(self.sites)}, on port {self.port}, in {self.folder}"


def describe(folder: Path, description: Description) -> None:
    """Leave a description in a federation's folder."""
    (folder / _DESCRIPTION).write_text(json.dumps(asdict(description)))


def read_description(folder: Path) -> Description | None:
    """What a folder says about the federation in it; None when it says nothing (yet)."""
    try:
        return Description(**json.loads((folder / _DESCRIPTION).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def running() -> list[tuple[Description, RunningFederation]]:
    """This user's federations that are up, in the order they were started."""
    import psutil

    found = []
    for process in find():
        if not process.supervisor:
            continue
        # A supervisor works in its federation's folder, wherever that is.
        with contextlib.suppress(psutil.Error, OSError):
            folder = Path(psutil.Process(process.pid).cwd())
            description, state = read_description(folder), mailbox.read_state(folder)
            if description and state and description.federation == process.federation:
                sites = tuple(one.name for one in state.processes if not one.is_server)
                up = RunningFederation(
                    description.name,
                    sites,
                    description.port,
                    folder,
                    description.started_at,
                    description.linger,
                    state.held,
                )
                found.append((description, up))
    return sorted(found, key=lambda pair: pair[0].started_at)


def pick(name: str | None, found: list[tuple[Description, RunningFederation]]) -> tuple[Description, Path]:
    """The federation of this name, or the only one there is. Pure.

    Raises
    ------
    FederationError
        There is none, or more than one; says which there are.
    """
    fitting = [(description, up.folder) for description, up in found if name is None or up.name == name]
    if len(fitting) == 1:
        return fitting[0]
    names = ", ".join(up.name for _, up in found)
    if not found:
        raise FederationError("No local federation is running: start one with LocalFederation(...).start().")
    if not fitting:
        raise FederationError(f"No local federation of the name {name!r} is running; there are: {names}.")
    raise FederationError(f"Which local federation? There are: {names}.")


def hold(folder: Path) -> None:
    """Say that this process wants the federation, so that it does not end when others leave it."""
    mailbox.ask(folder, {"hold": os.getpid()})


def free_name(wanted: str | None) -> str:
    """A name that no running federation has: the one that is wanted, or ``local``, ``local-2``, ...

    Raises
    ------
    FederationError
        The wanted name is taken.
    """
    taken = {up.name for _, up in running()}
    if wanted is not None:
        if wanted in taken:
            raise FederationError(
                f"A local federation of the name {wanted!r} is running: LocalFederation.attach({wanted!r}) gets it, "
                "or choose another name."
            )
        return wanted
    number, name = 1, "local"
    while name in taken:
        number += 1
        name = f"local-{number}"
    return name
