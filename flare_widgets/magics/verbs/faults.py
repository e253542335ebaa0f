"""What can go wrong in the federation on this machine, done on purpose."""

from __future__ import annotations

from collections.abc import Mapping

from IPython.core.error import UsageError

from ...federation import FederationError, LocalFederation, ProcessState
from ...federation.faults import FAULTS, inject, why_not, words
from ...formatting.text import clean
from ...options import FEDERATION, option
from ...views.faults.view import FaultsView, ProcessRow
from ..parsing import verb
from ..state import State


@verb(
    option("what", nargs="?", choices=[*FAULTS], metavar="WHAT", help=f"one of {', '.join(FAULTS)}"),
    option("who", nargs="?", metavar="WHO", completes="targets", help="the server, or a site"),
    FEDERATION,
    changes=True,
)
def faults(state: State, what: str | None, who: str | None, name: str | None) -> FaultsView | ProcessState:
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
    federation = _choose(state, name)
    if what is None:
        view = FaultsView(FederationBoard(federation))
        view.show()
        return view
    if who is None:
        raise UsageError(f"%flare faults {what}: whom? One of {', '.join(federation.states)}")
    return inject(federation, what, who)


def _choose(state: State, name: str | None) -> LocalFederation:
    own = state.federations
    if not own:
        raise UsageError("faults are for a federation on this machine, and none was started here: %flare up")
    if name is None and len(own) > 1:
        raise UsageError(f"which federation? --name {' or --name '.join(own)}")
    if name is not None and name not in own:
        raise UsageError(f"there is no federation {clean(name)!r} here, only {', '.join(own)}")
    return own[name or next(iter(own))]


class FederationBoard:
    """A federation as its view sees it."""

    def __init__(self, federation: LocalFederation) -> None:
        self._federation = federation

    @property
    def title(self) -> str:
        """What it is called."""
        return self._federation.name

    @property
    def faults(self) -> Mapping[str, str]:
        """What can be done, and what a button for it says."""
        return FAULTS

    def rows(self) -> list[ProcessRow]:
        """Return how its processes are; none when it has ended."""
        try:
            states = self._federation.states.values()
        except FederationError:
            return []
        return [ProcessRow(one.name, one.state, words(one), one.since, why_not(one)) for one in states]

    def inject(self, what: str, who: str) -> str:
        """Do something to a process, and return in words how it is then."""
        return words(inject(self._federation, what, who))
