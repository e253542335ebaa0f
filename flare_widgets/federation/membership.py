"""Sites that join and leave while a federation runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import FlareError
from . import mailbox
from .environment import child_environment, own_module
from .errors import FederationError
from .layout import KITS
from .processes import MARKER
from .provision import ADMIN
from .startup import connected_sites, last_lines
from .supervisor_client import site_order
from .validation import LOGS

_ASK = 0.25
_LEAVING = 10.0

Say = Callable[[str], None]


def join(folder: Path, port: int, scheme: str, site: str, say: Say, deadline: float) -> None:
    """Provision a site, start it, and wait until it is connected.

    Parameters
    ----------
    folder, port, scheme
        Of the federation.
    site
        The new site's name.
    say
        Takes note of progress.
    deadline
        When to give up, on the monotonic clock.

    Raises
    ------
    FederationError
        It does not come; nothing is left of it but its log.
    """
    say(f"provisioning {site}")
    shutil.rmtree(folder / KITS / site, ignore_errors=True)  # of a site of this name that has left
    _provision(folder, port, scheme, site, deadline)
    say(f"starting {site}")
    try:
        mailbox.ask(folder, {"start": [site_order(folder, site)]})
        while site not in _connected(folder):
            if time.monotonic() > deadline:
                log = folder / LOGS / f"{site}.log"
                raise FederationError(f"{site} did not connect to the server in time.{last_lines(log)}")
            time.sleep(_ASK)
    except BaseException:
        _forget(folder, site)
        raise
    say(f"{site} connected")


def leave(folder: Path, site: str, say: Say) -> None:
    """Shut a site down, as an admin would, and remove it from the federation."""
    from flare_widgets.api import new_secure_session

    say(f"shutting {site} down")
    state = mailbox.read_state(folder)
    alive = state is not None and any(one.name == site and one.pid is not None for one in state.processes)
    # A server that does not answer cannot be told; then the site ends without a word.
    with (
        contextlib.suppress(FlareError),
        new_secure_session(ADMIN, str(folder / KITS / ADMIN), timeout=_LEAVING) as session,
    ):
        if alive:
            with contextlib.suppress(FlareError):  # the server refuses while the site has a job
                session.shutdown("client", [site], wait=False)
                _await_end(folder, site)
        _forget(folder, site)
        if site in {client.name for client in session.get_system_info().client_info}:
            session.remove_client(site)  # the word of one that leaves does not always arrive
    _forget(folder, site)
    say(f"{site} has left")


def _await_end(folder: Path, site: str) -> None:
    deadline = time.monotonic() + _LEAVING
    while time.monotonic() < deadline:
        state = mailbox.read_state(folder)
        if state and any(one.name == site and one.pid is None for one in state.processes):
            return
        time.sleep(_ASK)


def _forget(folder: Path, site: str) -> None:
    """End what is left of a site, and its kit with its key. May be called again."""
    with contextlib.suppress(FederationError):  # it was never started, or the federation has ended
        mailbox.ask(folder, {"remove": site})
    shutil.rmtree(folder / KITS / site, ignore_errors=True)


def _connected(folder: Path) -> set[str]:
    try:
        return connected_sites(folder / KITS / ADMIN)
    except FlareError:  # a server that is slow, or that a fault has hit
        return set()


def _provision(folder: Path, port: int, scheme: str, site: str, deadline: float) -> None:
    log = folder / LOGS / "provision.log"
    environment = child_environment("", os.environ)
    del environment[MARKER]  # see the first provisioning: it would look like an orphan
    with log.open("ab") as output:
        try:
            code = subprocess.run(
                own_module("provision", "--join", str(folder), str(port), scheme, site),
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=max(0.0, deadline - time.monotonic()),
                start_new_session=True,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            raise FederationError(f"{site} was not provisioned in time.") from None
    if code != 0:
        raise FederationError(f"The provisioner of NVIDIA FLARE failed for {site}.{last_lines(log)}")
