"""Startup kits."""

from __future__ import annotations

from ..options import OFFLINE, STEP_TIMEOUT, option
from .command import JSON, ExitCode, command, echo, echo_json


@command(
    option("kit", metavar="KIT", help="the startup kit: its folder, or the startup folder in it"),
    OFFLINE,
    STEP_TIMEOUT,
    JSON,
)
def check(kit: str, offline: bool, timeout: float, as_json: bool) -> int:
    """Check a startup kit and the connection to its server.

    Examples:
        flare-widgets check kits/admin@nvidia.com
        flare-widgets check kits/admin@nvidia.com --offline --json
    """
    # Not at the top: JupyterLab alone need not wait for cryptography.
    from ..api import check_kit

    report = check_kit(kit, not offline, timeout)
    if as_json:
        echo_json(report.to_json())
    else:
        echo(str(report))
    return ExitCode.DONE if report.ok else ExitCode.FAILED


COMMANDS = (check,)
