"""Real federations on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from IPython.core.error import UsageError

from ...errors import FlareError
from ...federation import LocalFederation, RunningFederation
from ...formatting.text import clean
from ...manager import ManagedSession
from ...options import FEDERATION, SCHEME, SITES, USERS, YES, limit, option
from ..parsing import verb
from ..progress import Progress
from ..prompt import confirm
from ..state import State
from .sessions import open_session

_RESTART = 600.0  # seconds that somebody has to restart a kernel and go on


@verb(
    SITES,
    FEDERATION,
    SCHEME,
    USERS,
    option(
        "--keep", nargs="?", type=limit, const=_RESTART, default=0.0, metavar="S",
        help="let it outlive the kernel, by S seconds (600 if left out): %%flare up picks it up again",
    ),
    changes=True,
)  # fmt: skip
def up(
    state: State,
    sites: int | list[str] | None,
    name: str | None,
    scheme: str,
    users: dict[str, str] | None,
    keep: float,
) -> LocalFederation:
    """Start a real FLARE federation on this machine, and connect to it as its admin.

    A server and sites as processes, with their own certificates. They end with %flare down, or with the kernel. With
    --keep they outlive the kernel for a while: %flare up in the restarted one picks them up.

    Examples:
        %flare up                                   two sites
        %flare up -n 3                              three
        %flare up --sites hospital-a,hospital-b     two, by their names
        %flare up --name clinics                    beside another one; its session has that name
        %flare up --keep                            it outlives the kernel by ten minutes
        %flare up --users ada@example.org=lead      one user more: federation.kit("ada@example.org")
        federation = %flare up
    """
    own = state.federations
    if name in own or (name is None and own):
        raise UsageError("a federation is running already: %flare down ends it, --name starts another beside it")
    began = time.monotonic()
    progress = Progress(patience=0)
    running = _to_pick_up(LocalFederation.list_running(), name)
    if running is not None:
        _check_sites(running, sites)
        federation = LocalFederation.attach(running.name, progress=progress.say)
    else:
        federation = LocalFederation(
            2 if sites is None else sites, progress=progress.say, scheme=scheme, users=users, name=name, keep=keep
        ).start()
    try:
        open_session(state, federation.admin_kit, name, study="default")
    except BaseException:
        if running is None:
            federation.stop()
        raise
    own[federation.name] = federation
    what = f"a server and {_count(len(federation.site_names), 'site')}, you are the admin"
    ready = f"ready in {time.monotonic() - began:.1f} s" if running is None else f"{federation.name!r} was running"
    progress.say(f"{ready}: {what}")
    progress.end(f"{ready}: {what}")
    return federation


@verb(
    option("name", nargs="?", metavar="NAME", completes="federations", help="which; the only one if left out"),
    option("--all", action="store_true", help="all that were started here"),
    YES,
    changes=True,
)
def down(state: State, name: str | None, all: bool, yes: bool) -> LocalFederation | list[LocalFederation]:
    """End a federation that %flare up started, with all that runs in it. It asks when jobs are running.

    Examples:
        %flare down
        %flare down clinics
        %flare down --all --yes
    """
    own = state.federations
    if all:
        return [_end(state, each, yes) for each in list(own)]
    if not own:
        raise UsageError("no federation was started here: %flare up starts one")
    if name is None and len(own) > 1:
        raise UsageError(f"which federation? {', '.join(own)}; or --all")
    if name is not None and name not in own:
        raise UsageError(f"there is no federation {clean(name)!r} here, only {', '.join(own)}")
    return _end(state, name or next(iter(own)), yes)


def _end(state: State, name: str, yes: bool) -> LocalFederation:
    federation = state.federations[name]
    ours = [m for m in state.manager.sessions.values() if _is_within(m.session.kit.root, federation.folder)]
    running = _running_jobs(ours)
    if running:
        one = running == 1
        words = f"{'A job is' if one else f'{running} jobs are'} running: end the federation {name} nevertheless?"
        confirm(state, words, yes)
    del state.federations[name]
    for managed in ours:
        state.manager.close(managed.name)
    federation.stop()
    return federation


def _to_pick_up(running: Sequence[RunningFederation], name: str | None) -> RunningFederation | None:
    """The federation of another process that is meant: the one of the name, or the one that was to outlive its own."""
    if name is None:
        # Not that of another notebook, which has it still.
        found = [up for up in running if up.keep > 0 and up.in_default_place and not up.held]
    else:
        found = [up for up in running if up.name == name]
    if len(found) > 1:
        raise UsageError(f"which federation? They run already: {', '.join(up.name for up in found)}. Give --name")
    return found[0] if found else None


def _check_sites(running: RunningFederation, sites: int | list[str] | None) -> None:
    if sites is None or sites in (len(running.sites), list(running.sites)):
        return
    raise UsageError(
        f"the federation {running.name!r} is running already, with {', '.join(running.sites)}: "
        "%flare up without --sites picks it up, --name starts another"
    )


def _running_jobs(ours: Sequence[ManagedSession]) -> int:
    for managed in ours:
        try:
            return len(managed.session.get_system_info().job_info)
        except FlareError:
            continue  # who does not answer will not be asked
    return 0


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
