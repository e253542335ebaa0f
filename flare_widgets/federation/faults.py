"""What can go wrong with a site or a server, done on purpose, to see what it does to a job, and undone.

Each is what it says, and nothing else: signals to the processes of FLARE on this machine, which need no rights.

* **kill**: the process and the jobs it runs are gone at once, as when a machine loses its power. Nobody restarts it.
* **pause**: they stand still, as when a virtual machine is suspended or a network cable is pulled: their connections
  stay open, nothing comes. The server takes a silent site for dead after a while.
* **slow**: they get the processor for a fifth of the time, in steps of a tenth of a second, as on a machine that is
  far too busy. Nothing is done to the network.
* **back**: undoes each of these: what stands still or is slow goes on at full speed, what is dead is started.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from ..errors import InvalidArgumentError
from .mailbox import ProcessState

if TYPE_CHECKING:
    from .local import LocalFederation

#: What can be done, and what it is called on a button.
FAULTS = {"kill": "Kill", "pause": "Pause", "slow": "Slow down", "back": "Bring back"}

_WORDS = {
    "running": "runs",
    "paused": "stands still",
    "slow": "runs for a fifth of the time",
    "killed": "was killed",
    "down": "has ended",
}


def inject(federation: LocalFederation, what: str, who: str) -> ProcessState:
    """Do something to a site or to the server.

    Parameters
    ----------
    federation
        The federation, which must be running.
    what
        ``kill``, ``pause``, ``slow`` or ``back``.
    who
        ``server``, or the name of a site.

    Returns
    -------
    ProcessState
        How it is now.

    Raises
    ------
    InvalidArgumentError
        There is no such fault or nobody of this name, or it makes no sense now: says why.
    FederationError
        The federation does not run.
    """
    if what not in FAULTS:
        raise InvalidArgumentError(f"{what!r} is no fault{_suggest(what, [*FAULTS])}; there are {', '.join(FAULTS)}")
    states = federation.states
    if who not in states:
        raise InvalidArgumentError(
            f"the federation has no {who!r}{_suggest(who, [*states])}; there are {', '.join(states)}"
        )
    reason = why_not(states[who])[what]
    if reason:
        raise InvalidArgumentError(f"{who}: {reason}")
    return federation._inject(what, who)


def why_not(process: ProcessState) -> dict[str, str]:
    """Why a fault makes no sense for a process now, for each fault; empty when it does. Pure."""
    gone = process.state in ("killed", "down")
    dead = "it does not run: bring it back first" if gone else ""
    return {
        "kill": "it does not run" if gone else "",
        "pause": dead or ("it stands still already" if process.state == "paused" else ""),
        "slow": dead or ("it is slow already" if process.state == "slow" else ""),
        "back": "nothing was done to it" if process.state == "running" else "",
    }


def words(process: ProcessState) -> str:
    """How a process is, in words: ``stands still``. Pure."""
    return _WORDS.get(process.state, process.state)


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f", did you mean {close[0]!r}" if close else ""
