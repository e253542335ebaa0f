"""The desk of a federation: where every process of the user leaves orders for the supervisor, and reads how things are.

The process that started a federation holds a pipe to its supervisor, but it may be gone, as after a kernel restart,
and others may want something too. So orders are files in the federation's folder, which only this user may enter::

    orders/1764096012345678901-4711.json     {"fault": "pause", "who": "site-1"}
    state.json                               what processes there are and how they are; the answers to orders

An order is answered by its file's name in ``state.json``: with an empty string when it was done, else with why not.
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

from .errors import FederationError

_ORDERS = "orders"
_STATE = "state.json"

# The supervisor looks four times a second; slow machines shall not matter.
_ANSWER = 15.0
_LOOK = 0.03

_numbers = itertools.count()


@dataclass(frozen=True)
class ProcessState:
    """How a process of the federation is.

    Attributes
    ----------
    name
        ``server``, or the site's.
    state
        ``running``, ``paused``, ``slow``, ``killed`` (by a fault), or ``down`` (it ended and was not started again).
    pid
        Its process id; None when it does not run.
    since
        When this state began, in seconds since the epoch.
    starts
        How often it was started.
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
        """Whether it is the server."""
        return self.name == "server"


@dataclass(frozen=True)
class State:
    """What ``state.json`` says.

    Attributes
    ----------
    supervisor
        The supervisor's process id.
    processes
        The server first, then the sites in the order they joined.
    answers
        Of the last orders, by their names.
    held
        Whether a process has the federation; if not, it ends soon.
    """

    supervisor: int
    processes: tuple[ProcessState, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    held: bool = True


def write_state(folder: Path, state: State) -> None:
    """Say how things are; readers see the old state or the new one, never a part."""
    _write(folder / _STATE, asdict(state))


def read_state(folder: Path) -> State | None:
    """What the supervisor said last; None when it has not said anything yet."""
    try:
        said = json.loads((folder / _STATE).read_text())
        return State(
            said["supervisor"],
            tuple(ProcessState(**one) for one in said["processes"]),
            tuple((name, answer) for name, answer in said["answers"]),
            said["held"],
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def take_orders(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Take what was left, the oldest first: each order with its name."""
    orders = []
    with contextlib.suppress(OSError):
        for file in sorted((folder / _ORDERS).glob("*.json")):
            with contextlib.suppress(OSError, ValueError):
                order = json.loads(file.read_text())
                if isinstance(order, dict):
                    orders.append((file.stem, order))
            file.unlink(missing_ok=True)
    return orders


def leave_order(folder: Path, order: dict[str, Any]) -> str:
    """Leave an order and return its name, without waiting for the answer."""
    desk = folder / _ORDERS
    desk.mkdir(mode=0o700, exist_ok=True)
    name = f"{time.time_ns()}-{os.getpid()}-{next(_numbers)}"
    _write(desk / f"{name}.json", order)
    return name


def ask(folder: Path, order: dict[str, Any], timeout: float = _ANSWER) -> State:
    """Leave an order and wait until it is done.

    Returns
    -------
    State
        How things are then.

    Raises
    ------
    FederationError
        It was refused, or nobody answers: the federation has ended, or its supervisor hangs.
    """
    name = leave_order(folder, order)
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        state = read_state(folder)
        if state is not None:
            for answered, words in state.answers:
                if answered == name:
                    if words:
                        raise FederationError(words)
                    return state
            if not _exists(state.supervisor):
                break
        time.sleep(_LOOK)
    (folder / _ORDERS / f"{name}.json").unlink(missing_ok=True)
    raise FederationError("The local federation does not answer: it has ended. Start it again.")


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _write(file: Path, value: Any) -> None:
    beside = file.with_name(f".{file.name}.{os.getpid()}")
    beside.write_text(json.dumps(value))
    beside.replace(file)
