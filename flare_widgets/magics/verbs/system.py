"""The server and the sites: how they are, and what can be done to them."""

from __future__ import annotations

import time
from typing import Any

from IPython.core.error import UsageError

from ...api import Session, TargetType
from ...errors import FlareError
from ...formatting.text import clean
from ...options import YES, option, seconds
from ...views.core.pretty import Facts, Listing
from ...views.display import show_system
from ...views.system.view import SystemStatus
from ..parsing import verb
from ..progress import attended
from ..prompt import confirm, live
from ..state import State

_WHOM = option(
    "targets", nargs="*", metavar="TARGET", completes="targets", help="server, or sites; all of them if left out"
)
_WHAT = option(
    "targets",
    nargs="+",
    metavar="TARGET",
    completes="targets",
    help="server, client (all sites), all, or the names of sites",
)
_SITE = option("site", metavar="SITE", completes="sites", help="the site's name")
_NO_WAIT = option("--no-wait", action="store_true", help="do not wait until it is done")
_HOW_LONG = option("--timeout", type=seconds, default=60.0, metavar="S", help="seconds to wait (default: 60)")


@verb()
def status(state: State) -> SystemStatus:
    """Tell who is connected: the server, the sites, the running jobs, and what is wrong with them.

    In a notebook it stays live, and unfolds what can be done to the server and the sites.

    Examples:
        %flare status
        status = %flare status      status.client_info, status.job_info
    """
    managed = state.current
    info = managed.session.get_system_info()
    managed.remember_sites(info.client_info)
    told = SystemStatus(managed.session, info, time.time())
    told.live = live(state, lambda: show_system(managed.session, managed.monitor))
    return told


@verb(
    option("--jobs", action="store_true", help="ask each site what it runs"),
    option("--env", action="store_true", help="ask each site where and how it runs"),
)
def sites(state: State, jobs: bool, env: bool) -> Listing:
    """List the sites that are connected, and when the server last heard of each.

    Examples:
        %flare sites
        %flare sites --jobs
        names = [site["name"] for site in _]        of the list that was shown last
    """
    managed = state.current
    connected = managed.session.get_connected_client_list()
    managed.remember_sites(connected)
    headings = {"name": "site", "heard": "last heard of"}
    now = time.time()
    rows: dict[str, dict[str, Any]] = {
        site.name: {
            "name": site.name,
            "heard": "" if site.last_connect_time is None else f"{max(0.0, now - site.last_connect_time):.0f} s ago",
            "last_connect_time": site.last_connect_time,
        }
        for site in sorted(connected, key=lambda site: site.name)
    }
    if jobs and rows:
        headings["jobs"] = "runs"
        for row in rows.values():
            row["jobs"] = []
        for told in attended("asking each site", managed.session.get_client_job_status) or []:
            row = rows.setdefault(str(told.get("client_name")), {"name": told.get("client_name"), "jobs": []})
            row["jobs"].append(told.get("job_id") or str(told.get("status")).replace("_", " "))
    if env and rows:
        headings |= {"workspace": "folder", "secure_mode": "secure", "root_url": "server"}
        for told in attended("asking each site", managed.session.get_client_env):
            rows.setdefault(str(told.get("site_name")), {"name": told.get("site_name")}).update(told)
    return Listing(rows.values(), headings, "No site is connected")


@verb(_WHOM)
def resources(state: State, targets: list[str]) -> Facts:
    """Tell what resources the server and the sites have to offer to jobs.

    Examples:
        %flare resources
        %flare resources site-1 site-2
    """
    return Facts(attended("asking for resources", _asked, state.session.report_resources, targets))


@verb(_WHOM)
def versions(state: State, targets: list[str]) -> Facts:
    """Tell the version of NVIDIA FLARE that the server and the sites run.

    Examples:
        %flare versions
        %flare versions server
    """
    return Facts(attended("asking for versions", _asked, state.session.report_version, targets))


@verb(_WHAT, _NO_WAIT, _HOW_LONG, YES, changes=True)
def restart(state: State, targets: list[str], no_wait: bool, timeout: float, yes: bool) -> Facts:
    """Restart the server with all sites, or sites. It asks first.

    It waits until they are back, and connects again after the server was restarted.

    Examples:
        %flare restart all
        %flare restart client           all sites, not the server
        %flare restart site-1 --yes
    """
    kind, names = _target(targets)
    managed = state.current
    confirm(state, f"Restart {_said(kind, names)} of {managed.session.kit.address}{_running(managed.session)}?", yes)
    kit, study = managed.session.kit.root, managed.session.study

    def do() -> Facts:
        answer = managed.session.restart(kind, names, wait=not no_wait, timeout=timeout)
        if managed.session.closed:
            state.manager.close(managed.name)
            state.manager.open(kit, managed.name, study=study, timeout=timeout)
        return Facts(answer)

    return attended(f"restarting {_said(kind, names)}", do)


@verb(_WHAT, _NO_WAIT, _HOW_LONG, YES, changes=True)
def shutdown(state: State, targets: list[str], no_wait: bool, timeout: float, yes: bool) -> Facts:
    """End sites, or the server, or all. Nothing of FLARE starts them again. It asks first.

    The server goes alone only when no site is connected any more.

    Examples:
        %flare shutdown site-2
        %flare shutdown client --yes
        %flare shutdown all
    """
    kind, names = _target(targets)
    managed = state.current
    confirm(state, f"Shut down {_said(kind, names)} of {managed.session.kit.address}{_running(managed.session)}?", yes)
    shut_down = managed.session.shutdown
    answer = attended(f"shutting down {_said(kind, names)}", shut_down, kind, names, wait=not no_wait, timeout=timeout)
    if managed.session.closed:
        state.manager.close(managed.name)
    return Facts(answer)


@verb(_SITE, YES, changes=True)
def disable(state: State, site: str, yes: bool) -> Facts:
    """Shut a site out: it is let go of and cannot register again until it is enabled. It asks first.

    Examples:
        %flare disable site-2
    """
    session = state.session
    confirm(state, f"Shut {clean(site)} out of {session.kit.address}{_running(session)}?", yes)
    return Facts(attended(f"shutting out {clean(site)}", session.disable_client, site))


@verb(_SITE, changes=True)
def enable(state: State, site: str) -> Facts:
    """Let a site in again that was disabled; it registers again by itself.

    Examples:
        %flare enable site-2
    """
    return Facts(state.session.enable_client(site))


def _target(words: list[str]) -> tuple[str, list[str] | None]:
    """Whom a command is for, in FLARE's words (``client site-1``) or by the names of sites alone."""
    first, *rest = words
    if first in (TargetType.SERVER, TargetType.ALL):
        if rest:
            raise UsageError(f"{first!r} stands alone: give server, client [SITE ...], all, or the names of sites")
        return first, None
    sites = rest if first == TargetType.CLIENT else words
    return TargetType.CLIENT, sites or None


def _asked(ask: Any, targets: list[str]) -> dict[str, Any]:
    """Ask the server and sites; FLARE takes one kind of them at a time."""
    if not targets:
        return dict(ask(TargetType.ALL))
    sites = [name for name in targets if name != TargetType.SERVER]
    answer: dict[str, Any] = {}
    if TargetType.SERVER in targets:
        answer |= ask(TargetType.SERVER)
    if sites:
        answer |= ask(TargetType.CLIENT, sites)
    return answer


def _said(kind: str, names: list[str] | None) -> str:
    if kind == TargetType.CLIENT:
        return ", ".join(map(clean, names)) if names else "all sites"
    return "the server" if kind == TargetType.SERVER else "the server and all sites"


def _running(session: Session) -> str:
    """Who would be struck by it, for the question."""
    try:
        running = len(session.get_system_info().job_info)
    except FlareError:
        return ""
    return f", where {running} job{' is' if running == 1 else 's are'} running" if running else ""
