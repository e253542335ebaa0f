"""Deliberate faults of a site or a server, to see their effect on a job, and how to undo them.

Each fault only sends signals to the FLARE processes on this machine, which needs no rights.

* **kill**: the process and the jobs it runs are gone at once, as in a power failure. They are not restarted.
* **pause**: the processes are stopped, as when a virtual machine is suspended or a network cable is pulled: their
  connections stay open but are silent. After a while the server considers a silent site dead.
* **slow**: the processes are throttled to 20 % of the processor's time, in steps of a tenth of a second, as on a
  heavily overloaded machine. The network is not touched.
* **back**: undoes each of these: paused or slowed processes resume at full speed, dead ones are started.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ..errors import InvalidArgumentError
from .mailbox import ProcessState

if TYPE_CHECKING:
    from .local import LocalFederation

#: The available faults, each with its button label.
FAULTS = {"kill": "Kill", "pause": "Pause", "slow": "Slow down", "back": "Bring back"}

_STATE_TEXTS = {
    "running": "running",
    "paused": "paused",
    "slow": "throttled to 20 %",
    "killed": "killed",
    "down": "ended",
}


def inject(federation: LocalFederation, fault: str, process: str) -> ProcessState:
    """Inject a fault into a site or the server.

    Parameters
    ----------
    federation
        The federation, which must be running.
    fault
        ``kill``, ``pause``, ``slow`` or ``back``.
    process
        ``server``, or the name of a site.

    Returns
    -------
    ProcessState
        The resulting state.

    Raises
    ------
    InvalidArgumentError
        There is no such fault or process, or the fault makes no sense now; the message says why.
    FederationError
        The federation is not running.
    """
    if fault not in FAULTS:
        raise InvalidArgumentError(
            f"unknown fault {fault!r}{_suggest(fault, [*FAULTS])}; expected one of {', '.join(FAULTS)}"
        )
    states = federation.states
    if process not in states:
        raise InvalidArgumentError(
            f"unknown process {process!r}{_suggest(process, [*states])}; expected one of {', '.join(states)}"
        )
    reason = disabled_reasons(states[process])[fault]
    if reason:
        raise InvalidArgumentError(f"{process}: {reason}")
    return federation._request_fault(fault, process)


def disabled_reasons(state: ProcessState) -> dict[str, str]:
    """Return for each fault the reason why it makes no sense for a process now; empty if it does. Pure."""
    gone = state.state in ("killed", "down")
    dead = "it is not running: bring it back first" if gone else ""
    return {
        "kill": "it is not running" if gone else "",
        "pause": dead or ("it is already paused" if state.state == "paused" else ""),
        "slow": dead or ("it is already slowed down" if state.state == "slow" else ""),
        "back": "it is running normally" if state.state == "running" else "",
    }


def state_text(state: ProcessState) -> str:
    """Return the state of a process in words. Pure."""
    return _STATE_TEXTS.get(state.state, state.state)


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}" if close else ""
