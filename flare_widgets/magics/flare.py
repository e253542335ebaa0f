"""The magic itself: finds the verb, runs it, and turns failures into one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import traitlets
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..config import FlareWidgets
from ..errors import FlareError
from ..federation import FederationError
from .cell import run_cell
from .parsing import help_all, parse
from .state import State
from .verbs import GROUPS, VERBS

#: What a verb fails with when its arguments, the server or this machine are to blame, not the verb.
EXPECTED = (FlareError, FederationError, traitlets.TraitError, ValueError, SyntaxError, OSError)


@magics_class
class FlareMagics(Magics):
    """Holds the state that verbs share: the sessions, the settings, the federation."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.state = State(FlareWidgets(parent=shell))

    @line_magic
    def flare(self, line: str) -> Any:
        """Work with NVIDIA FLARE. ``%flare help`` lists the verbs."""
        verb, arguments = parse(VERBS, line)
        if arguments is None:
            print(help_all(GROUPS) if verb is None else verb.help())  # noqa: T201
            return None
        if verb.changes:
            self._check_may_change(f"%flare {verb.name}")
        with _one_line():
            return verb.run(self.state, **arguments)

    @cell_magic("flare")  # type: ignore[arg-type]  # its types know no name
    def flare_cell(self, line: str, cell: str) -> Any:
        """Make the cell's client code a federated job. ``%%flare -h`` tells more."""
        assert self.shell is not None
        with _one_line():
            return run_cell(self.state, self.shell.user_ns, line, cell)

    def _check_may_change(self, what: str) -> None:
        if self.state.config.read_only:
            raise UsageError(
                f"{what} may change something, and the read-only mode is on: "
                "%config FlareWidgets.read_only = False turns it off"
            )


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except EXPECTED as e:
        # IPython shows a UsageError as one line; the cause stays reachable for %tb and for code.
        raise UsageError(" ".join(str(e).split()) or type(e).__name__) from e
