"""Sessions, and the startup kits they are opened with."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ... import api
from ...errors import NoConnection, ServerIdentityError
from ...formatting.text import clean
from ...manager import ManagedSession, find_kits, resolve_kit
from ...options import OFFLINE, STEP, STUDY, TIMEOUT, option
from ...views.core.pretty import Listing
from ...views.display import show_sessions
from ...views.kit.view import KitCheckup
from ..parsing import verb
from ..progress import Progress
from ..prompt import live
from ..state import State

_QUIET = 1.0  # seconds without a word while connecting
_NAME = option("name", metavar="NAME", completes="sessions", help="the session's name; %%flare sessions lists them")


@verb(
    option(
        "kit",
        nargs="?",
        metavar="KIT",
        completes="kits",
        help="the startup kit: its folder, or its name in %%flare kits",
    ),
    option("--name", default=None, metavar="NAME", help="what to call the session (default: user@server)"),
    STUDY,
    TIMEOUT,
)
def connect(state: State, kit: str | None, name: str | None, study: str | None, timeout: float | None) -> api.Session:
    """Log in to a FLARE server with a startup kit; verbs work with that session from now on.

    Sessions that are open stay open: %flare sessions lists them, %flare use NAME goes back to one.
    Connecting once more with the same kit and study goes back to that session.

    Examples:
        %flare connect kits/admin@nvidia.com
        %flare connect kits/admin@nvidia.com --study heart
        %flare connect ada --name hospital-a        a kit by the name of its folder, the session under a name
        session = %flare connect                    the configured kit
    """
    word = kit or state.config.kit
    if not word:
        raise UsageError("which startup kit? %flare connect KIT (%flare kits lists those at hand)")
    return open_session(state, resolve_kit(word, state.kits_at_hand()), name, study, timeout).session


def open_session(
    state: State, kit: Path, name: str | None = None, study: str | None = None, timeout: float | None = None
) -> ManagedSession:
    """Open a session as configured, and say so when it takes more than a second."""
    settings: dict[str, Any] = {
        "study": study or state.config.study,
        "poll_interval": state.config.poll_interval or None,
    }
    patience = timeout or state.config.timeout
    try:
        return state.manager.open(kit, name, timeout=min(patience, _QUIET), **settings)
    except ServerIdentityError:
        raise
    except NoConnection as e:
        if patience <= _QUIET:
            raise
        progress = Progress(patience=0)
        progress.say(f"{e} Trying for {patience - _QUIET:g} s more")
        managed = state.manager.open(kit, name, timeout=patience - _QUIET, **settings)
        progress.end("connected")
        return managed


@verb(
    option("name", nargs="?", completes="sessions", metavar="NAME", help="the current one if left out"),
    option("--all", action="store_true", help="close all sessions"),
)
def close(state: State, name: str | None, all: bool) -> api.Session | list[api.Session]:
    """Log out and close a session. Jobs go on.

    When it was the current one, none is, until you say %flare use NAME.

    Examples:
        %flare close                the current one
        %flare close hospital-a
        %flare close --all
    """
    if all:
        if name is not None:
            raise UsageError("%flare close: give a NAME or --all, not both")
        return [managed.session for managed in state.manager.close_all()]
    if name is None and not state.manager.sessions:
        raise UsageError("there is no session to close")
    return state.manager.close(name).session


@verb()
def sessions(state: State) -> Listing:
    """List the sessions: whose each is, with which server, in which study, and how it stands with it.

    In a notebook it stays live, to choose the current one and to close them.

    Examples:
        %flare sessions
    """
    headings = {
        "current": "", "name": "name", "user": "user", "role": "role", "server": "server", "study": "study",
        "state": "state",
    }  # fmt: skip
    rows = [_row(managed, managed.name == state.manager.current) for managed in state.manager.sessions.values()]
    listing = Listing(rows, headings, "No session. %flare connect KIT opens one, %flare up starts a federation here")
    listing.live = live(state, lambda: show_sessions(state.manager))
    return listing


@verb(_NAME)
def use(state: State, name: str) -> api.Session:
    """Go back to a session that is open: verbs work with it from now on.

    Examples:
        %flare use hospital-a
    """
    return state.manager.use(name).session


@verb(option("folders", nargs="*", metavar="FOLDER", completes="folders", help="where to look, besides as configured"))
def kits(state: State, folders: list[str]) -> Listing:
    """List the startup kits at hand: in the configured folders and around the notebook.

    Around the notebook means in its folder, some folders below, and in kits/ beside that folder. Configure more by
    %config FlareWidgets.kit_folders = ["~/kits"].

    Examples:
        %flare kits
        %flare kits ~/federations
    """
    headings = {
        "name": "name", "user": "user", "role": "role", "organization": "organization", "server": "server",
        "project": "project", "expires": "expires", "folder": "folder", "problem": "problem",
    }  # fmt: skip
    rows = [
        {
            "name": kit.name,
            "user": kit.username,
            "role": kit.role,
            "organization": kit.organization,
            "server": kit.address,
            "project": kit.project,
            "expires": "" if kit.expires_at is None else f"{kit.expires_at:%Y-%m-%d}",
            "folder": str(kit.path),
            "problem": kit.problem,
        }
        for kit in find_kits([*folders, *state.kit_places], Path.cwd())
    ]
    if not any(row["problem"] for row in rows):
        del headings["problem"]
    return Listing(rows, headings, "No startup kit found. %flare kits FOLDER looks in another folder")


@verb(
    option("kit", nargs="?", metavar="KIT", completes="kits", help="the startup kit; the session's if left out"),
    OFFLINE,
    STEP,
)
def check(state: State, kit: str | None, offline: bool, timeout: float) -> KitCheckup:
    """Check a startup kit and the way to its server, and say what to do about each problem.

    Examples:
        %flare check                                        the session's kit
        %flare check kits/admin@nvidia.com
        %flare check kits/admin@nvidia.com --offline
        report = %flare check                               report.ok, report.findings
    """
    location = state.kit.root if kit is None else resolve_kit(kit, state.kits_at_hand())
    progress = Progress(patience=0)
    began = time.monotonic()
    report = api.check_kit(location, not offline, timeout, progress=progress.say)
    progress.end(f"checked in {time.monotonic() - began:.1f} s")
    return KitCheckup.of(report)


def _row(managed: ManagedSession, current: bool) -> dict[str, Any]:
    session = managed.session
    return {
        "current": "▸" if current else "",
        "name": managed.name,
        "user": clean(session.username),
        "role": clean(session.kit.role),
        "server": session.kit.address,
        "study": session.study,
        "state": session.state.value,
    }
