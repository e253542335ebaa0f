"""Federations on this machine that outlive the command."""

from __future__ import annotations

from typing import Any

from ..errors import ConfigError
from ..federation import LocalFederation, RunningFederation
from ..options import FEDERATION, SCHEME, SITES, USERS, limit, option
from .command import JSON, ExitCode, Line, command, say, say_json

_DAY = 86400.0


@command(
    SITES,
    FEDERATION,
    SCHEME,
    USERS,
    option("--keep", type=limit, default=_DAY, metavar="S", help="seconds until it ends by itself (default: a day)"),
    JSON,
)
def up(
    sites: int | list[str] | None,
    name: str | None,
    scheme: str,
    users: dict[str, str] | None,
    keep: float,
    as_json: bool,
) -> int:
    """Start a real FLARE federation on this machine, that goes on when the command has ended.

    One that runs already is left as it is; --name starts another beside it. Other commands find it, and so does
    %flare up in a notebook.

    Examples:
        flare-widgets up
        flare-widgets up --sites hospital-a,hospital-b --name clinics
        flare-widgets up --json | jq -r .admin_kit
    """
    found = [up for up in LocalFederation.list_running() if _is_meant(up, name)]
    if not found:
        if keep <= 0:
            raise ConfigError("--keep takes seconds above 0: with 0 it would end with the command")
        line = Line()
        try:
            federation = LocalFederation(
                2 if sites is None else sites, progress=line.say, name=name, scheme=scheme, users=users, keep=keep
            ).start()
        finally:
            line.clear()
        found = [up for up in LocalFederation.list_running() if up.name == federation.name]
    if as_json:
        say_json(_facts(found[0]))
    else:
        say(f"{found[0]}\nIts admin's startup kit: {found[0].admin_kit}")
    return ExitCode.DONE


@command(
    option("name", nargs="?", metavar="NAME", help="which; the only one if left out"),
    option("--all", action="store_true", help="all of yours on this machine"),
    JSON,
)
def down(name: str | None, all: bool, as_json: bool) -> int:
    """End a federation on this machine, with all that runs in it.

    Examples:
        flare-widgets down
        flare-widgets down clinics
        flare-widgets down --all
    """
    running = [up for up in LocalFederation.list_running() if all or _is_meant(up, name)]
    names = [up.name for up in running] if all or len(running) == 1 else [name]
    ended = [LocalFederation.attach(each) for each in names]
    for federation in ended:
        federation.stop()
    if as_json:
        say_json([_facts(up) for up in running if up.name in {federation.name for federation in ended}])
    else:
        say("\n".join(f"{federation.name} has ended" for federation in ended) or "no federation is running")
    return ExitCode.DONE


COMMANDS = (up, down)


def _is_meant(up: RunningFederation, name: str | None) -> bool:
    return up.in_default_place and up.keep > 0 if name is None else up.name == name


def _facts(up: RunningFederation) -> dict[str, Any]:
    return {
        "name": up.name,
        "sites": list(up.sites),
        "port": up.port,
        "folder": str(up.folder),
        "admin_kit": str(up.admin_kit),
    }
