"""Federations on this machine that outlive the command."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError
from ..federation import LocalFederation, RunningFederation
from ..options import FEDERATION, SCHEME, SITES, USERS, option, parse_time_limit
from .command import JSON, ExitCode, StatusLine, command, echo, echo_json

_DAY_S = 86400.0


@command(
    SITES,
    FEDERATION,
    SCHEME,
    USERS,
    option(
        "--keep",
        type=parse_time_limit,
        default=None,
        metavar="S",
        help="seconds until it stops by itself (default: a day)",
    ),
    JSON,
)
def up(
    sites: int | list[str] | None,
    name: str | None,
    scheme: str | None,
    users: dict[str, str] | None,
    keep: float | None,
    as_json: bool,
) -> int:
    """Start a real FLARE federation on this machine, which keeps running after the command has ended.

    A federation that is already running stays as it is, and is refused if it differs from what the options ask for;
    --name starts another next to it. Other commands use it, and so does %flare up in a notebook.

    Examples:
        flare-widgets up
        flare-widgets up --sites hospital-a,hospital-b --name clinics
        flare-widgets up --json | jq -r .admin_kit
    """
    found = [up for up in LocalFederation.list_running() if _is_selected(up, name)]
    for running in found:
        running.check_matches(sites, scheme, users, keep)
    if not found:
        keep_alive_seconds = _DAY_S if keep is None else keep
        if keep_alive_seconds <= 0:
            raise ConfigError("--keep must be > 0: with 0 the federation would stop with the command")
        line = StatusLine()
        try:
            federation = LocalFederation(
                2 if sites is None else sites,
                progress=line.update,
                name=name,
                scheme=scheme or "http",
                users=users,
                keep=keep_alive_seconds,
            ).start()
        finally:
            line.clear()
        found = [up for up in LocalFederation.list_running() if up.folder == federation.folder]
    if as_json:
        echo_json(_to_json(found[0]))
    else:
        echo(f"{found[0]}\nThe admin's startup kit: {found[0].admin_kit}")
    return ExitCode.DONE


@command(
    option("name", nargs="?", metavar="NAME", help="the federation (default: the only one)"),
    option("--all", action="store_true", help="all your federations on this machine"),
    JSON,
)
def down(name: str | None, all: bool, as_json: bool) -> int:
    """Stop a federation on this machine, and everything that runs in it.

    Examples:
        flare-widgets down
        flare-widgets down clinics
        flare-widgets down --all
    """
    running = [up for up in LocalFederation.list_running() if all or _is_selected(up, name)]
    names = [up.name for up in running] if all or len(running) == 1 else [name]
    ended = [LocalFederation.attach(each) for each in names]
    for federation in ended:
        federation.stop()
    if as_json:
        echo_json([_to_json(up) for up in running if up.name in {federation.name for federation in ended}])
    else:
        echo("\n".join(f"{federation.name} was stopped" for federation in ended) or "no federation is running")
    return ExitCode.DONE


COMMANDS = (up, down)


def _is_selected(federation: RunningFederation, name: str | None) -> bool:
    return (
        federation.is_in_default_folder and federation.keep_alive_seconds > 0
        if name is None
        else federation.name == name
    )


def _to_json(federation: RunningFederation) -> dict[str, Any]:
    return {
        "name": federation.name,
        "sites": list(federation.sites),
        "port": federation.port,
        "folder": str(federation.folder),
        "admin_kit": str(federation.admin_kit),
    }
