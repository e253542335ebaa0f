"""Adding and removing sites while a federation runs."""

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
from .environment import make_child_environment, module_command
from .errors import FederationError
from .layout import KITS
from .processes import FEDERATION_VARIABLE
from .provision import ADMIN
from .startup import fetch_connected_sites, format_log_tail
from .supervisor_client import site_spec
from .validation import LOGS

_POLL_INTERVAL_S = 0.25
_LEAVE_TIMEOUT_S = 10.0
_READ_LOG = "Read the end of its log above, and try again"

StatusCallback = Callable[[str], None]


def add_site(folder: Path, port: int, scheme: str, site: str, on_status: StatusCallback, deadline: float) -> None:
    """Provision a site, start it, and wait until it is connected.

    Parameters
    ----------
    folder, port, scheme
        The federation's.
    site
        The new site's name.
    on_status
        Called with progress messages.
    deadline
        The deadline, on the monotonic clock.

    Raises
    ------
    FederationError
        The site does not connect; nothing is left of it but its log.
    """
    on_status(f"provisioning {site}")
    shutil.rmtree(folder / KITS / site, ignore_errors=True)  # of a removed site of the same name
    _provision(folder, port, scheme, site, deadline)
    on_status(f"starting {site}")
    try:
        mailbox.send_request(folder, {"start": [site_spec(folder, site)]})
        while site not in _try_fetch_connected_sites(folder):
            if time.monotonic() > deadline:
                log = folder / LOGS / f"{site}.log"
                raise FederationError(
                    f"{site} did not connect to the server in time.{format_log_tail(log)}", next_step=_READ_LOG
                )
            time.sleep(_POLL_INTERVAL_S)
    except BaseException:
        _remove_leftovers(folder, site)
        raise
    on_status(f"{site} connected")


def remove_site(folder: Path, site: str, on_status: StatusCallback) -> None:
    """Shut a site down, as an admin would, and remove it from the federation."""
    from flare_widgets.api import new_secure_session

    on_status(f"shutting {site} down")
    state = mailbox.read_state(folder)
    alive = state is not None and any(one.name == site and one.pid is not None for one in state.processes)
    # An unresponsive server cannot be notified; then the site ends without notice.
    with (
        contextlib.suppress(FlareError),
        new_secure_session(ADMIN, str(folder / KITS / ADMIN), timeout=_LEAVE_TIMEOUT_S) as session,
    ):
        if alive:
            with contextlib.suppress(FlareError):  # the server refuses while the site has a job
                session.shutdown("client", [site], wait=False)
                _wait_for_end(folder, site)
        _remove_leftovers(folder, site)
        if site in {client.name for client in session.get_system_info().client_info}:
            session.remove_client(site)  # the notification of a leaving site does not always arrive
    _remove_leftovers(folder, site)
    on_status(f"{site} was removed")


def _wait_for_end(folder: Path, site: str) -> None:
    deadline = time.monotonic() + _LEAVE_TIMEOUT_S
    while time.monotonic() < deadline:
        state = mailbox.read_state(folder)
        if state and any(one.name == site and one.pid is None for one in state.processes):
            return
        time.sleep(_POLL_INTERVAL_S)


def _remove_leftovers(folder: Path, site: str) -> None:
    """End the remaining processes of a site, and remove its kit with its key. May be called again."""
    with contextlib.suppress(FederationError):  # it was never started, or the federation has ended
        mailbox.send_request(folder, {"remove": site})
    shutil.rmtree(folder / KITS / site, ignore_errors=True)


def _try_fetch_connected_sites(folder: Path) -> set[str]:
    try:
        return fetch_connected_sites(folder / KITS / ADMIN)
    except FlareError:  # a server that is slow, or that a fault has hit
        return set()


def _provision(folder: Path, port: int, scheme: str, site: str, deadline: float) -> None:
    log = folder / LOGS / "provision.log"
    environment = make_child_environment("", os.environ)
    del environment[FEDERATION_VARIABLE]  # see the first provisioning: it would look like an orphan
    with log.open("ab") as output:
        try:
            code = subprocess.run(
                module_command("provision", "--join", str(folder), str(port), scheme, site),
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
            raise FederationError(
                f"{site} was not provisioned in time",
                next_step="If the machine is busy, pass a longer timeout=",
            ) from None
    if code != 0:
        raise FederationError(
            f"The provisioner of NVIDIA FLARE failed for {site}.{format_log_tail(log)}", next_step=_READ_LOG
        )
