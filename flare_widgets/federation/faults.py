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

from collections.abc import Collection, Mapping

from ..errors import InvalidArgumentError
from ..formatting.text import did_you_mean
from .mailbox import ProcessState

#: The available faults, each with its button label.
FAULTS = {"kill": "Kill", "pause": "Pause", "slow": "Slow down", "back": "Bring back"}

_STATE_TEXTS = {
    "running": "running",
    "paused": "paused",
    "slow": "throttled to 20 %",
    "killed": "killed",
    "down": "ended",
}


def check_fault(states: Mapping[str, ProcessState], fault: str, process: str) -> None:
    """Raise an error if a fault cannot be injected into a site or the server now. Pure.

    Parameters
    ----------
    states
        The states of the federation's processes, by name.
    fault
        ``kill``, ``pause``, ``slow`` or ``back``.
    process
        ``server``, or the name of a site.

    Raises
    ------
    InvalidArgumentError
        There is no such fault or process, or the fault makes no sense now; the message says why.
    """
    if fault not in FAULTS:
        raise InvalidArgumentError(f"unknown fault {fault!r}: {_hint(fault, FAULTS)}")
    if process not in states:
        raise InvalidArgumentError(f"unknown process {process!r}: {_hint(process, states)}")
    reason = disabled_reasons(states[process])[fault]
    if reason:
        raise InvalidArgumentError(f"{process}: {reason}")


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


def _hint(word: str, known: Collection[str]) -> str:
    return did_you_mean(word, known) or f"expected one of {', '.join(known)}"
