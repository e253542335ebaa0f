"""The magic itself: finds the verb, runs it, and turns failures into one line."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..errors import FlareError
from ..federation import FederationError
from . import verbs
from .cell import run_cell
from .parsing import help_all, parse
from .state import State


@magics_class
class FlareMagics(Magics):
    """Holds the state that verbs share: one session, its monitor, one federation, the last job."""

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.state = State()

    @line_magic
    def flare(self, line: str) -> Any:
        """Work with NVIDIA FLARE. ``%flare help`` lists the verbs."""
        verb, arguments = parse(verbs.VERBS, line)
        if arguments is None:
            print(help_all(verbs.VERBS) if verb is None else verb.help())  # noqa: T201
            return None
        with _one_line():
            return verb.run(self.state, **arguments)

    @cell_magic("flare")  # type: ignore[arg-type]  # its types know no name
    def flare_cell(self, line: str, cell: str) -> Any:
        """Make the cell's client code a federated job. ``%%flare -h`` tells more."""
        assert self.shell is not None
        with _one_line():
            return run_cell(self.state, self.shell.user_ns, line, cell)


@contextlib.contextmanager
def _one_line() -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except (FlareError, FederationError, ValueError, OSError) as e:
        # IPython shows a UsageError as one line; the cause stays reachable for %tb and for code.
        raise UsageError(" ".join(str(e).split()) or type(e).__name__) from e
