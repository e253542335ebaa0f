"""The server and the sites: their state, and the actions on them."""

from __future__ import annotations

import contextlib
import time
from typing import Any

from IPython.core.error import UsageError

from ...api import Session, SystemInfo, TargetType
from ...errors import FlareError
from ...formatting.text import format_duration, sanitize, suggest_name
from ...manager import ManagedSession
from ...options import YES, option, parse_seconds
from ...views.core.pretty import PrettyDict, PrettyTable
from ...views.display import show_system
from ...views.system.view import SystemStatus
from ..parsing import verb
from ..progress import run_with_progress
from ..prompt import confirm, show_if_interactive
from ..state import MagicsState

_MAX_LISTED_JOBS = 200  # jobs among which the running ones are looked for

_OPTIONAL_TARGETS = option(
    "targets",
    nargs="*",
    metavar="TARGET",
    completes="targets",
    help="server, or the names of sites (default: all of them)",
)
_TARGETS = option(
    "targets",
    nargs="+",
    metavar="TARGET",
    completes="targets",
    help="server, client (all sites), all, or the names of sites",
)
_SITE = option("site", metavar="SITE", completes="sites", help="the site's name")
_NO_WAIT = option("--no-wait", action="store_true", help="return at once, do not wait until it is done")
_TIMEOUT = option("--timeout", type=parse_seconds, default=60.0, metavar="S", help="seconds to wait (default: 60)")


@verb()
def status(state: MagicsState) -> SystemStatus:
    """Check the server, the sites and the running jobs, problems first.

    In a notebook the view is live; expand the server or a site to see its actions.

    Examples:
        %flare status
        status = %flare status      status.client_info, status.job_info
    """
    managed = state.managed_session
    info = managed.session.get_system_info()
    managed.cache_sites(info.client_info)
    told = SystemStatus(managed.session, info, time.time(), _find_job_names(managed, info))
    told.show_live = show_if_interactive(state, lambda: show_system(managed.session, managed.monitor))
    return told


@verb(
    option("--jobs", action="store_true", help="show the jobs that each site is running"),
    option("--env", action="store_true", help="show the environment of each site"),
)
def sites(state: MagicsState, jobs: bool, env: bool) -> PrettyTable:
    """List the connected sites, and when the server last saw each.

    Examples:
        %flare sites
        %flare sites --jobs
        sites = %flare sites        a list of dicts
    """
    managed = state.managed_session
    connected = managed.session.get_connected_client_list()
    managed.cache_sites(connected)
    headings = {"name": "site", "heard": "last seen"}
    now = time.time()
    rows: dict[str, dict[str, Any]] = {
        site.name: {
            "name": site.name,
            "heard": "" if site.last_connect_time is None else f"{format_duration(now - site.last_connect_time)} ago",
            "last_connect_time": site.last_connect_time,
        }
        for site in sorted(connected, key=lambda site: site.name)
    }
    if jobs and rows:
        headings["jobs"] = "running"
        for row in rows.values():
            row["jobs"] = []
        for told in run_with_progress("asking each site", managed.session.get_client_job_status) or []:
            row = rows.setdefault(str(told.get("client_name")), {"name": told.get("client_name"), "jobs": []})
            row["jobs"].append(told.get("job_id") or str(told.get("status")).replace("_", " "))
    if env and rows:
        headings |= {"workspace": "folder", "secure_mode": "secure", "root_url": "server"}
        for told in run_with_progress("asking each site", managed.session.get_client_env):
            rows.setdefault(str(told.get("site_name")), {"name": told.get("site_name")}).update(told)
    return PrettyTable(rows.values(), headings, "No sites are connected")


@verb(_OPTIONAL_TARGETS)
def resources(state: MagicsState, targets: list[str]) -> PrettyDict:
    """List the resources that the server and the sites offer to jobs.

    Examples:
        %flare resources
        %flare resources site-1 site-2
    """
    return PrettyDict(
        run_with_progress("fetching the resources", _query_targets, state.session.report_resources, targets)
    )


@verb(_OPTIONAL_TARGETS)
def versions(state: MagicsState, targets: list[str]) -> PrettyDict:
    """Report the NVIDIA FLARE versions of the server and the sites.

    Examples:
        %flare versions
        %flare versions server
    """
    return PrettyDict(run_with_progress("fetching the versions", _query_targets, state.session.report_version, targets))


@verb(_TARGETS, _NO_WAIT, _TIMEOUT, YES, is_mutating=True)
def restart(state: MagicsState, targets: list[str], no_wait: bool, timeout: float, yes: bool) -> PrettyDict:
    """Restart sites, or the server with all sites. It asks for confirmation.

    It waits until they are back. After a restart of the server it logs in again.

    Examples:
        %flare restart all
        %flare restart client           all sites, not the server
        %flare restart site-1 --yes
    """
    kind, names = _parse_targets(targets)
    managed = state.managed_session
    confirm(
        state,
        f"Restart {_describe_targets(kind, names)} on {managed.session.kit.address}?"
        f"{_describe_running_jobs(managed.session)}",
        "Restart",
        yes,
    )
    kit, study = managed.session.kit.root, managed.session.study

    def do() -> PrettyDict:
        answer = managed.session.restart(kind, names, wait=not no_wait, timeout=timeout)
        if managed.session.closed:
            state.manager.close(managed.name)
            state.manager.open(kit, managed.name, study=study, timeout=timeout)
        return PrettyDict(answer)

    return run_with_progress(f"restarting {_describe_targets(kind, names)}", do)


@verb(_TARGETS, _NO_WAIT, _TIMEOUT, YES, is_mutating=True)
def shutdown(state: MagicsState, targets: list[str], no_wait: bool, timeout: float, yes: bool) -> PrettyDict:
    """Shut down sites, the server, or all of them. FLARE does not start them again. It asks for confirmation.

    Before shutting down the server alone, shut down all sites.

    Examples:
        %flare shutdown site-2
        %flare shutdown client --yes
        %flare shutdown all
    """
    kind, names = _parse_targets(targets)
    managed = state.managed_session
    confirm(
        state,
        f"Shut down {_describe_targets(kind, names)} on {managed.session.kit.address}?"
        f"{_describe_running_jobs(managed.session)}",
        "Shut down",
        yes,
    )
    shut_down = managed.session.shutdown
    answer = run_with_progress(
        f"shutting down {_describe_targets(kind, names)}", shut_down, kind, names, wait=not no_wait, timeout=timeout
    )
    if managed.session.closed:
        state.manager.close(managed.name)
    return PrettyDict(answer)


@verb(_SITE, YES, is_mutating=True)
def disable(state: MagicsState, site: str, yes: bool) -> PrettyDict:
    """Disable a site: disconnect it and keep it out until it is enabled. It asks for confirmation.

    Examples:
        %flare disable site-2
    """
    session = state.session
    confirm(
        state,
        f"Disable {sanitize(site)} on {session.kit.address}? It is disconnected and cannot rejoin until you enable it."
        f"{_describe_absence(session, site)}{_describe_running_jobs(session)}",
        "Disable site",
        yes,
    )
    return PrettyDict(run_with_progress(f"disabling {sanitize(site)}", session.disable_client, site))


@verb(_SITE, is_mutating=True)
def enable(state: MagicsState, site: str) -> PrettyDict:
    """Re-enable a disabled site; it reconnects by itself.

    Examples:
        %flare enable site-2
    """
    return PrettyDict(state.session.enable_client(site))


def _find_job_names(managed: ManagedSession, info: SystemInfo) -> dict[str, str]:
    """Return the names of the running jobs, of those that the user may list."""
    running = {job.job_id for job in info.job_info}
    if not running <= {job["job_id"] for job in managed.jobs}:
        with contextlib.suppress(FlareError):
            managed.cache_jobs(managed.session.list_jobs(reverse=True, limit=_MAX_LISTED_JOBS))
    return {job["job_id"]: job["job_name"] for job in managed.jobs if job["job_id"] in running}


def _parse_targets(arguments: list[str]) -> tuple[str, list[str] | None]:
    """Parse the targets of a command, in FLARE's words (``client site-1``) or as names of sites."""
    first, *rest = arguments
    if first in (TargetType.SERVER, TargetType.ALL):
        if rest:
            raise UsageError(
                f"{first!r} cannot be combined with other targets: pass server, client [SITE ...], all, or site names"
            )
        return first, None
    sites = rest if first == TargetType.CLIENT else arguments
    return TargetType.CLIENT, sites or None


def _query_targets(query: Any, targets: list[str]) -> dict[str, Any]:
    """Ask the server and sites; FLARE takes one kind of them at a time."""
    if not targets:
        return dict(query(TargetType.ALL))
    sites = [name for name in targets if name != TargetType.SERVER]
    answer: dict[str, Any] = {}
    if TargetType.SERVER in targets:
        answer |= query(TargetType.SERVER)
    if sites:
        answer |= query(TargetType.CLIENT, sites)
    return answer


def _describe_targets(target_type: str, names: list[str] | None) -> str:
    if target_type == TargetType.CLIENT:
        return ", ".join(map(sanitize, names)) if names else "all sites"
    return "the server" if target_type == TargetType.SERVER else "the server and all sites"


def _describe_absence(session: Session, site: str) -> str:
    """Return a note for the confirmation if no site of this name is connected; empty if one is."""
    try:
        sites = sorted(sanitize(client.name) for client in session.get_system_info().client_info)
    except FlareError:
        return ""
    if site in sites:
        return ""
    return f" No site of this name is connected. {suggest_name(site, sites, 'connected sites')}."


def _describe_running_jobs(session: Session) -> str:
    """Return the running jobs that are affected, for the confirmation."""
    try:
        running = len(session.get_system_info().job_info)
    except FlareError:
        return ""
    return f" {running} job{' is' if running == 1 else 's are'} running." if running else ""
