"""The mailbox of a federation: every process of the user posts requests to the supervisor in it, and reads the state.

The process that started a federation holds a pipe to its supervisor, but it may be gone, as after a kernel restart,
and other processes may send requests too. So requests are files in the federation's folder, accessible only to
this user::

    orders/1764096012345678901-4711.json     {"fault": "pause", "who": "site-1"}
    state.json                               the processes and their states; the replies to requests

A request is answered by its file's name in ``state.json``: with an empty string if it succeeded, else with the reason.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..local_files import translate_os_errors
from .errors import FederationError
from .layout import STATE_FILE

_REQUESTS_FOLDER = "orders"

# The supervisor polls four times a second; the margin is for slow machines.
_REPLY_TIMEOUT_S = 15.0
_POLL_INTERVAL_S = 0.03

_sequence_numbers = itertools.count()


@dataclass(frozen=True)
class ProcessState:
    """The state of a process of the federation.

    Attributes
    ----------
    name
        ``server``, or the site's name.
    state
        ``running``, ``paused``, ``slow``, ``killed`` (by a fault), or ``down`` (it ended and was not started again).
    pid
        Its process id; None if it is not running.
    since
        The start of this state, in seconds since the epoch.
    starts
        The number of times it was started.
    """

    name: str
    state: str
    pid: int | None
    since: float
    starts: int

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002
        printer.text(f"{self.name}: {self.state}")

    @property
    def is_server(self) -> bool:
        """True for the server."""
        return self.name == "server"


@dataclass(frozen=True)
class FederationState:
    """The content of ``state.json``.

    Attributes
    ----------
    supervisor
        The supervisor's process id.
    processes
        The server first, then the sites in the order they joined.
    answers
        The replies to the last requests, by request name.
    held
        True if a process has leased the federation; if not, it ends soon.
    """

    supervisor: int
    processes: tuple[ProcessState, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    held: bool = True


def write_state(folder: Path, state: FederationState) -> None:
    """Write the state atomically: readers see the old state or the new one, never a part."""
    _write_json(folder / STATE_FILE, asdict(state))


def read_state(folder: Path) -> FederationState | None:
    """Return the state that the supervisor wrote last; None if it has not written any yet."""
    try:
        said = json.loads((folder / STATE_FILE).read_text())
        return FederationState(
            said["supervisor"],
            tuple(ProcessState(**one) for one in said["processes"]),
            tuple((name, answer) for name, answer in said["answers"]),
            said["held"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def poll_requests(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Take the posted requests out of the mailbox, the oldest first: each with its name."""
    orders = []
    with contextlib.suppress(OSError):
        for file in sorted((folder / _REQUESTS_FOLDER).glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                order = json.loads(file.read_text())
                if isinstance(order, dict):
                    orders.append((file.stem, order))
            file.unlink(missing_ok=True)
    return orders


def post_request(folder: Path, request: dict[str, Any]) -> str:
    """Post a request and return its name, without waiting for the reply."""
    desk = folder / _REQUESTS_FOLDER
    name = f"{time.time_ns()}-{os.getpid()}-{next(_sequence_numbers)}"
    with translate_os_errors(f"the local federation in {folder} cannot be reached"):
        desk.mkdir(mode=0o700, exist_ok=True)
        _write_json(desk / f"{name}.json", request)
    return name


def send_request(folder: Path, request: dict[str, Any], timeout_s: float = _REPLY_TIMEOUT_S) -> FederationState:
    """Post a request and wait until it is done.

    Returns
    -------
    FederationState
        The resulting state.

    Raises
    ------
    FederationError
        It was refused, or there is no reply: the federation has ended, or its supervisor hangs.
    """
    name = post_request(folder, request)
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        state = read_state(folder)
        if state is not None:
            for answered, words in state.answers:
                if answered == name:
                    if words:
                        raise FederationError(words)
                    return state
            if not _is_process_alive(state.supervisor):
                break
        time.sleep(_POLL_INTERVAL_S)
    with contextlib.suppress(OSError):
        (folder / _REQUESTS_FOLDER / f"{name}.json").unlink(missing_ok=True)
    raise FederationError("The local federation has ended", next_step="Start it again.")


def _is_process_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write_json(file: Path, value: Any) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(value))
    beside.replace(file)
