"""A real federation on this machine."""

from __future__ import annotations

import time
from pathlib import Path

from IPython.core.error import UsageError

from ...errors import FlareError
from ...federation import LocalFederation
from ...options import SCHEME, SITES, USERS, YES
from ..asking import confirm
from ..parsing import verb
from ..progress import Progress
from ..state import State
from .sessions import open_session


@verb(SITES, SCHEME, USERS, changes=True)
def up(state: State, sites: int | list[str], scheme: str, users: dict[str, str] | None) -> LocalFederation:
    """Start a real FLARE federation on this machine, and connect to it as its admin.

    A server and sites as processes, with their own certificates. They end with %flare down, or with the kernel.

    Examples:
        %flare up                                   two sites
        %flare up -n 3                              three
        %flare up --sites hospital-a,hospital-b     two, by their names
        %flare up --users ada@example.org=lead      one user more: federation.kit("ada@example.org")
        federation = %flare up
    """
    if state.federation is not None and state.federation.running:
        raise UsageError("a federation is running already: %flare down ends it")
    began = time.monotonic()
    progress = Progress(patience=0)
    federation = LocalFederation(sites, progress=progress.say, scheme=scheme, users=users)
    federation.start()
    try:
        open_session(state, federation.admin_kit, study="default")
    except BaseException:
        federation.stop()
        raise
    state.federation = federation
    what = f"{len(federation.site_names)} site{'' if len(federation.site_names) == 1 else 's'}"
    progress.end(f"ready in {time.monotonic() - began:.1f} s: a server and {what}, you are the admin")
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
