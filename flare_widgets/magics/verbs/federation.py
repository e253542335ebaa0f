"""Real federations on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from IPython.core.error import UsageError

from ...errors import FlareError
from ...federation import LocalFederation, RunningFederation
from ...formatting.text import format_duration, sanitize
from ...manager import ManagedSession
from ...options import FEDERATION, SCHEME, SITES, USERS, YES, option, parse_time_limit
from ..parsing import verb
from ..progress import ProgressLine
from ..prompt import confirm
from ..state import MagicsState
from .sessions import open_session

_DEFAULT_KEEP_ALIVE_S = 600.0  # time to restart a kernel and continue


@verb(
    SITES,
    FEDERATION,
    SCHEME,
    USERS,
    option(
        "--keep", nargs="?", type=parse_time_limit, const=_DEFAULT_KEEP_ALIVE_S, default=None, metavar="S",
        help="keep it running S seconds (default: 600) after the kernel stops; %%flare up reattaches to it",
    ),
    is_mutating=True,
)  # fmt: skip
def up(
    state: MagicsState,
    sites: int | list[str] | None,
    name: str | None,
    scheme: str | None,
    users: dict[str, str] | None,
    keep: float | None,
) -> LocalFederation:
    """Start a real FLARE federation on this machine, and connect to it as its project admin.

    The server and the sites are processes, each with its own certificate. They stop with %flare down, or with the
    kernel. With --keep they keep running for a while after the kernel stops, and %flare up in the restarted kernel
    reattaches to them.

    Examples:
        %flare up                                   two sites
        %flare up -n 3                              three sites
        %flare up --sites hospital-a,hospital-b     two sites, with these names
        %flare up --name clinics                    next to another federation; its session has that name
        %flare up --keep                            keep it running ten minutes after the kernel stops
        %flare up --users ada@example.org=lead      an additional user: federation.kit("ada@example.org")
        federation = %flare up
    """
    own = state.federations
    if name in own or (name is None and own):
        raise UsageError("a federation is already running: %flare down stops it, --name starts another next to it")
    began = time.monotonic()
    progress = ProgressLine(show_after_s=0)
    running = _find_attachable(LocalFederation.list_running(), name)
    if running is not None:
        running.check_matches(sites, scheme, users, keep)
        federation = LocalFederation.attach(running.name, progress=progress.update)
    else:
        federation = LocalFederation(
            2 if sites is None else sites,
            progress=progress.update,
            scheme=scheme or "http",
            users=users,
            name=name,
            keep=keep or 0.0,
        ).start()
    try:
        open_session(state, federation.admin_kit, name, study="default")
    except BaseException:
        if running is None:
            federation.stop()
        raise
    own[federation.name] = federation
    what = f"a server and {_pluralize(len(federation.site_names), 'site')}; you are the project admin"
    took = format_duration(time.monotonic() - began)
    ready = f"ready in {took}" if running is None else f"{federation.name!r} was already running"
    progress.update(f"{ready}: {what}")
    progress.finish(f"{ready}: {what}")
    return federation


@verb(
    option("name", nargs="?", metavar="NAME", completes="federations", help="the federation (default: the only one)"),
    option("--all", action="store_true", help="all federations that were started here"),
    YES,
    is_mutating=True,
)
def down(state: MagicsState, name: str | None, all: bool, yes: bool) -> LocalFederation | list[LocalFederation]:
    """Stop a federation that %flare up started, and everything that runs in it.

    It asks for confirmation if jobs are running.

    Examples:
        %flare down
        %flare down clinics
        %flare down --all --yes
    """
    own = state.federations
    if not own and not all:
        raise UsageError("no federation was started here: start one with %flare up")
    if name is None and len(own) > 1 and not all:
        raise UsageError(f"which federation? Pass {' or '.join(own)}, or --all")
    if name is not None and name not in own:
        raise UsageError(f"no federation {sanitize(name)!r} here, only {', '.join(own)}")
    names = list(own) if all else [name or next(iter(own))]
    for each in names:  # before any is stopped
        _confirm_stop(state, each, yes)
    stopped = [_stop_federation(state, each) for each in names]
    return stopped if all else stopped[0]


def _confirm_stop(state: MagicsState, name: str, yes: bool) -> None:
    running = _count_running_jobs(_sessions_of(state, name))
    if running:
        words = "A job is" if running == 1 else f"{running} jobs are"
        confirm(state, f"{words} still running. Stop the federation {name} anyway?", "Stop federation", yes)


def _stop_federation(state: MagicsState, name: str) -> LocalFederation:
    ours = _sessions_of(state, name)
    federation = state.federations.pop(name)
    for managed in ours:
        state.manager.close(managed.name)
    federation.stop()
    return federation


def _sessions_of(state: MagicsState, name: str) -> list[ManagedSession]:
    folder = state.federations[name].folder
    return [m for m in state.manager.sessions.values() if _is_within(m.session.kit.root, folder)]


def _find_attachable(running: Sequence[RunningFederation], name: str | None) -> RunningFederation | None:
    """Return the federation of another process to reattach to: the one of this name, or one that was kept."""
    if name is None:
        # Not one that another notebook is using.
        found = [up for up in running if up.keep_alive_seconds > 0 and up.is_in_default_folder and not up.is_leased]
    else:
        found = [up for up in running if up.name == name]
    if len(found) > 1:
        raise UsageError(f"which federation? These are running: {', '.join(up.name for up in found)}. Pass --name")
    return found[0] if found else None


def _count_running_jobs(sessions: Sequence[ManagedSession]) -> int:
    for managed in sessions:
        try:
            return len(managed.session.get_system_info().job_info)
        except FlareError:
            continue  # a server that does not answer needs no confirmation
    return 0


def _pluralize(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
