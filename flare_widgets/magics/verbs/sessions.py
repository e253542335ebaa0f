"""Sessions and startup kits."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError

from ... import api
from ...errors import NoConnection, ServerIdentityError
from ...formatting.text import format_duration, sanitize
from ...local_files import shorten_path
from ...manager import ManagedSession, find_kits, resolve_kit
from ...manager.shared_session import find_shared_session
from ...options import OFFLINE, STEP_TIMEOUT, STUDY, TIMEOUT, option
from ...views.core.pretty import PrettyTable
from ...views.display import show_sessions
from ...views.kit.view import PrettyKitReport
from ..parsing import verb
from ..progress import ProgressLine
from ..prompt import show_if_interactive
from ..state import MagicsState

_SILENT_CONNECT_S = 1.0  # time without a message while connecting
_NAME = option("name", metavar="NAME", completes="sessions", help="the session's name; %%flare sessions lists them")


@verb(
    option(
        "kit",
        nargs="?",
        metavar="KIT",
        completes="kits",
        help="the startup kit: its folder, or its name in %%flare kits",
    ),
    option("--name", default=None, metavar="NAME", help="the session's name (default: user@server)"),
    STUDY,
    TIMEOUT,
)
def connect(
    state: MagicsState, kit: str | None, name: str | None, study: str | None, timeout: float | None
) -> api.Session:
    """Log in to a FLARE server with a startup kit, and make that session the current one.

    Open sessions stay open: %flare sessions lists them, %flare use NAME switches to one. Connecting again with the
    same kit and study switches to the open session.

    Examples:
        %flare connect kits/admin@nvidia.com
        %flare connect kits/admin@nvidia.com --study heart
        %flare connect ada --name hospital-a        a kit by its folder's name; the session is called hospital-a
        session = %flare connect                    the configured kit, that of JupyterLab's sidebar, or the only one
    """
    word = kit or state.config.kit
    if word:
        return open_session(state, resolve_kit(word, state.find_kit_folders), name, study, timeout).session
    sidebar = find_shared_session()
    if sidebar is not None:
        session = open_session(state, sidebar.kit, name, study or sidebar.study, timeout).session
        print(f"connected as the sidebar is: {sanitize(sidebar.name, 100)}")  # noqa: T201
        return session
    found = state.find_kit_folders()
    if len(found) != 1:
        raise UsageError("which startup kit? Use %flare connect KIT (%flare kits lists the kits it finds)")
    session = open_session(state, found[0], name, study, timeout).session
    print(f"connected with the only startup kit here: {sanitize(shorten_path(found[0]), 200)}")  # noqa: T201
    return session


def open_session(
    state: MagicsState, kit: Path, name: str | None = None, study: str | None = None, timeout: float | None = None
) -> ManagedSession:
    """Open a session as configured, and say so when it takes more than a second."""
    settings: dict[str, Any] = {
        "study": study or state.config.study,
        "poll_interval": state.config.poll_interval or None,
    }
    patience = timeout or state.config.timeout
    try:
        return state.manager.open(kit, name, timeout=min(patience, _SILENT_CONNECT_S), **settings)
    except ServerIdentityError:
        raise
    except NoConnection as e:
        if patience <= _SILENT_CONNECT_S:
            raise
        progress = ProgressLine(show_after_s=0)
        progress.update(f"{e} Retrying for {patience - _SILENT_CONNECT_S:g} s")
        managed = state.manager.open(kit, name, timeout=patience - _SILENT_CONNECT_S, **settings)
        progress.finish("connected")
        return managed


@verb(
    option("name", nargs="?", completes="sessions", metavar="NAME", help="the session (default: the current one)"),
    option("--all", action="store_true", help="close all sessions"),
)
def close(state: MagicsState, name: str | None, all: bool) -> api.Session | list[api.Session]:
    """Log out and close a session. Its jobs keep running.

    After the current session is closed, choose another with %flare use NAME.

    Examples:
        %flare close                the current one
        %flare close hospital-a
        %flare close --all
    """
    if all:
        if name is not None:
            raise UsageError("%flare close: pass NAME or --all, not both")
        return [managed.session for managed in state.manager.close_all()]
    if name is None and not state.manager.sessions:
        raise UsageError("no session is open")
    return state.manager.close(name).session


@verb()
def sessions(state: MagicsState) -> PrettyTable:
    """List the sessions with their user, server, study and state.

    In a notebook the list is live; choose the current session in it, or close sessions.

    Examples:
        %flare sessions
    """
    headings = {
        "current": "", "name": "name", "user": "user", "role": "role", "server": "server", "study": "study",
        "state": "state",
    }  # fmt: skip
    rows = [_make_row(managed, managed.name == state.manager.current) for managed in state.manager.sessions.values()]
    listing = PrettyTable(
        rows, headings, "No sessions. Use %flare connect KIT, or %flare up for a federation on this machine"
    )
    listing.show_live = show_if_interactive(state, lambda: show_sessions(state.manager))
    return listing


@verb(_NAME)
def use(state: MagicsState, name: str) -> api.Session:
    """Switch to another open session: verbs use it from now on.

    Examples:
        %flare use hospital-a
    """
    return state.manager.use(name).session


@verb(option("folders", nargs="*", metavar="FOLDER", completes="folders", help="additional folders to search"))
def kits(state: MagicsState, folders: list[str]) -> PrettyTable:
    """List the startup kits in the configured folders and near the notebook.

    It searches the notebook's folder, some levels below it, and kits/ next to it. Add folders with
    %config FlareWidgets.kit_folders = ["~/kits"].

    Examples:
        %flare kits
        %flare kits ~/federations
    """
    headings = {
        "name": "name", "user": "user", "role": "role", "organization": "organization", "server": "server",
        "project": "project", "expires": "expires", "short_folder": "folder", "problem": "problem",
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
            "short_folder": shorten_path(kit.path),
            "problem": kit.problem,
        }
        for kit in find_kits([*folders, *state.kit_search_folders], ".")
    ]
    shown = {key: words for key, words in headings.items() if not rows or any(row[key] for row in rows)}
    return PrettyTable(rows, shown, "No startup kits found. %flare kits FOLDER searches another folder")


@verb(
    option("kit", nargs="?", metavar="KIT", completes="kits", help="the startup kit (default: that of the session)"),
    OFFLINE,
    STEP_TIMEOUT,
)
def check(state: MagicsState, kit: str | None, offline: bool, timeout: float) -> PrettyKitReport:
    """Check a startup kit and the connection to its server, and say what to do about each problem.

    Examples:
        %flare check                                        the session's kit
        %flare check kits/admin@nvidia.com
        %flare check kits/admin@nvidia.com --offline
        report = %flare check                               report.ok, report.findings
    """
    location = state.kit.root if kit is None else resolve_kit(kit, state.find_kit_folders)
    progress = ProgressLine()
    began = time.monotonic()
    report = api.check_kit(location, not offline, timeout, progress=progress.update)
    progress.finish(f"checked in {format_duration(time.monotonic() - began)}")
    return PrettyKitReport.of(report, _is_connected(state, Path(location)))


def _is_connected(state: MagicsState, location: Path) -> bool:
    """Return whether a session with a kit is open."""
    open_kits = [managed.session.kit.root for managed in state.manager.sessions.values() if not managed.session.closed]
    try:
        return location.resolve() in [root.resolve() for root in open_kits]
    except OSError:  # the working folder is gone
        return False


def _make_row(managed: ManagedSession, is_current: bool) -> dict[str, Any]:
    session = managed.session
    return {
        "current": "▸" if is_current else "",
        "name": managed.name,
        "user": sanitize(session.username),
        "role": sanitize(session.kit.role),
        "server": session.kit.address,
        "study": session.study,
        "state": session.state.value,
    }
