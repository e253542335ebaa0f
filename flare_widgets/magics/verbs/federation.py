"""A real federation on this machine."""

from __future__ import annotations

import time
from pathlib import Path

from IPython.core.error import UsageError

from ...errors import FlareError
from ...federation import LocalFederation
from ...options import SCHEME, SITES, USERS, YES, option
from ..asking import confirm
from ..parsing import verb
from ..progress import Progress
from ..state import State
from .sessions import open_session

# How long a federation waits for a kernel that is restarted, in seconds.
_KERNEL_RESTART = 600.0

_NAME = option("--name", help="what to call it; each name is a federation of its own")


@verb(SITES, SCHEME, USERS, _NAME, changes=True)
def up(
    state: State, sites: int | list[str], scheme: str, users: dict[str, str] | None, name: str | None
) -> LocalFederation:
    """Start a real FLARE federation on this machine, and connect to it as its admin.

    A server and sites as processes, with their own certificates. They end with %flare down, or ten minutes after
    the kernel has: when the kernel is restarted, %flare up picks up the one that runs, with the sites it has.

    Examples:
        %flare up                                   two sites
        %flare up -n 3                              three
        %flare up --sites hospital-a,hospital-b     two, by their names
        %flare up --users ada@example.org=lead      one user more: federation.kit("ada@example.org")
        %flare up --name clinics                    one more, beside others; again, it is that one
        federation = %flare up
    """
    current = state.federation
    if current is not None and current.running and name in (None, current.name):
        raise UsageError("a federation is running already: %flare down ends it")
    began = time.monotonic()
    progress = Progress(patience=0)
    federation = LocalFederation(
        sites,
        progress=progress.say,
        scheme=scheme,
        users=users,
        name=name,
        keep=_KERNEL_RESTART,
    ).start(pick_up=True)
    found = federation.picked_up
    try:
        open_session(state, federation.admin_kit, study="default")
    except BaseException:
        if not found:
            federation.stop()
        raise
    state.federation = federation
    what = f"{len(federation.site_names)} site{'' if len(federation.site_names) == 1 else 's'}"
    how = f"picked up {federation.name}, which was running" if found else f"ready in {time.monotonic() - began:.1f} s"
    progress.end(f"{how}: a server and {what}, you are the admin")
    return federation


@verb(YES, changes=True)
def down(state: State, yes: bool) -> LocalFederation:
    """End the federation that %flare up started, with all that runs in it. It asks when jobs are running.

    Examples:
        %flare down
        %flare down --yes
    """
    federation = state.federation
    if federation is None:
        raise UsageError("no federation was started here: %flare up starts one")
    ours = [m for m in state.manager.sessions.values() if _is_within(m.session.kit.root, federation.folder)]
    running = 0
    for managed in ours[:1]:
        try:
            running = len(managed.session.get_system_info().job_info)
        except FlareError:
            running = 0  # who does not answer will not be asked
    if running:
        what = "a job is" if running == 1 else f"{running} jobs are"
        confirm(state, f"{what} running: end the federation nevertheless?".capitalize(), yes)
    state.federation = None
    for managed in ours:
        state.manager.close(managed.name)
    federation.stop()
    return federation


def _is_within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
