"""Faults injected on purpose into the federation on this machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from IPython.core.error import UsageError

from ...errors import ReadOnlySession
from ...federation import FederationError, LocalFederation, ProcessState
from ...federation.faults import FAULTS, disabled_reasons, state_text
from ...formatting.text import sanitize
from ...options import FEDERATION, option
from ...views.faults.view import FaultsView, ProcessRow
from ..parsing import verb
from ..state import MagicsState

_READ_ONLY = "read-only mode is on: %config FlareWidgets.read_only = False turns it off"


@verb(
    option("what", nargs="?", choices=[*FAULTS], metavar="WHAT", help=f"one of {', '.join(FAULTS)}"),
    option("who", nargs="?", metavar="WHO", completes="targets", help="server, or the name of a site"),
    FEDERATION,
    is_mutating=True,
)
def faults(state: MagicsState, what: str | None, who: str | None, name: str | None) -> FaultsView | ProcessState:
    """Inject a fault into a federation that %flare up started, or undo it.

    Without WHAT, show a live view of the processes and their states, with buttons.

    kill: end the process and its jobs at once, as in a power failure. pause: freeze it, as when a network cable is
    pulled. slow: throttle it to 20 % of the processor's time. back: undo any of these.

    Examples:
        %flare faults                   the view with buttons
        %flare faults pause site-1      within a minute, %flare monitor says that site-1 is silent
        %flare faults back site-1       it resumes
        %flare faults kill server
    """
    federation = _choose_federation(state, name)
    if what is None:
        view = FaultsView(FederationFaultBoard(federation, lambda: state.config.read_only))
        view.show()
        return view
    if who is None:
        raise UsageError(f"%flare faults {what}: which process? One of {', '.join(federation.states)}")
    return federation.inject_fault(what, who)


def _choose_federation(state: MagicsState, name: str | None) -> LocalFederation:
    own = state.federations
    if not own:
        raise UsageError("no federation was started here: start one with %flare up")
    if name is None and len(own) > 1:
        raise UsageError(f"which federation? Pass --name {' or --name '.join(own)}")
    if name is not None and name not in own:
        raise UsageError(f"no federation {sanitize(name)!r} here, only {', '.join(own)}")
    return own[name or next(iter(own))]


class FederationFaultBoard:
    """A federation as its view sees it.

    Parameters
    ----------
    federation
        The federation.
    is_read_only
        Returns whether the notebook is in read-only mode now.
    """

    def __init__(self, federation: LocalFederation, is_read_only: Callable[[], bool]) -> None:
        self._federation = federation
        self._is_read_only = is_read_only

    @property
    def title(self) -> str:
        """The federation's name."""
        return self._federation.name

    @property
    def faults(self) -> Mapping[str, str]:
        """The available faults, each with its button label."""
        return FAULTS

    def rows(self) -> list[ProcessRow]:
        """Return the states of its processes; none if it has ended."""
        try:
            states = self._federation.states.values()
        except FederationError:
            return []
        return [ProcessRow(one.name, one.state, state_text(one), one.since, disabled_reasons(one)) for one in states]

    def denial_reason(self) -> str:
        """Return the reason why nothing may be changed now; empty if it may."""
        return _READ_ONLY if self._is_read_only() else ""

    def question(self, fault: str, process: str) -> str:
        """Return the question before a fault that destroys something; empty for the others."""
        return f"End {process} and the jobs it runs, at once?" if fault == "kill" else ""

    def inject(self, fault: str, process: str) -> str:
        """Inject a fault into a process, and return the resulting state in words."""
        if reason := self.denial_reason():
            raise ReadOnlySession(reason)
        return state_text(self._federation.inject_fault(fault, process))
