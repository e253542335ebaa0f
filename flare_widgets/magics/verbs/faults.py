"""Faults injected on purpose into the federation on this machine."""

from __future__ import annotations

from collections.abc import Mapping

from IPython.core.error import UsageError

from ...federation import FederationError, LocalFederation, ProcessState
from ...federation.faults import FAULTS, disabled_reasons, state_text
from ...formatting.text import sanitize
from ...options import FEDERATION, option
from ...views.faults.view import FaultsView, ProcessRow
from ..parsing import verb
from ..state import MagicsState


@verb(
    option("what", nargs="?", choices=[*FAULTS], metavar="WHAT", help=f"one of {', '.join(FAULTS)}"),
    option("who", nargs="?", metavar="WHO", completes="targets", help="the server, or a site"),
    FEDERATION,
    is_mutating=True,
)
def faults(state: MagicsState, what: str | None, who: str | None, name: str | None) -> FaultsView | ProcessState:
    """Let something go wrong in the federation that %flare up started, and undo it.

    Without WHAT, a live view: each process with how it is, and buttons.

    kill: the process is gone at once, with the jobs it runs, as when a machine loses its power. pause: it stands
    still, as when a network cable is pulled. slow: it gets the processor for a fifth of the time. back: undoes these.

    Examples:
        %flare faults                   the view with the buttons
        %flare faults pause site-1      in a minute, %flare monitor says that site-1 is silent
        %flare faults back site-1       it goes on
        %flare faults kill server
    """
    federation = _choose_federation(state, name)
    if what is None:
        view = FaultsView(FederationFaultBoard(federation))
        view.show()
        return view
    if who is None:
        raise UsageError(f"%flare faults {what}: whom? One of {', '.join(federation.states)}")
    return federation.inject_fault(what, who)


def _choose_federation(state: MagicsState, name: str | None) -> LocalFederation:
    own = state.federations
    if not own:
        raise UsageError("faults are for a federation on this machine, and none was started here: %flare up")
    if name is None and len(own) > 1:
        raise UsageError(f"which federation? --name {' or --name '.join(own)}")
    if name is not None and name not in own:
        raise UsageError(f"there is no federation {sanitize(name)!r} here, only {', '.join(own)}")
    return own[name or next(iter(own))]


class FederationFaultBoard:
    """A federation as its view sees it."""

    def __init__(self, federation: LocalFederation) -> None:
        self._federation = federation

    @property
    def title(self) -> str:
        """The process's name."""
        return self._federation.name

    @property
    def faults(self) -> Mapping[str, str]:
        """The fault that can be injected, and the label of its button."""
        return FAULTS

    def rows(self) -> list[ProcessRow]:
        """Return how its processes are; none when it has ended."""
        try:
            states = self._federation.states.values()
        except FederationError:
            return []
        return [ProcessRow(one.name, one.state, state_text(one), one.since, disabled_reasons(one)) for one in states]

    def inject(self, fault: str, process: str) -> str:
        """Do something to a process, and return in words how it is then."""
        return state_text(self._federation.inject_fault(fault, process))
