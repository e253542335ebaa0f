"""The magic itself: finds the verb, runs it, and turns failures into one line."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import traitlets
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic import Magics, cell_magic, line_magic, magics_class

from ..config import FlareWidgets
from ..errors import FlareError, InputError, JobError
from ..local_files import make_file_error
from .parsing import format_verb_list, parse_line
from .prompt import Declined, show_cancelled
from .verbs import VERBS
from .words import explain_variables, split_words, strip_comment

if TYPE_CHECKING:
    from .state import MagicsState

#: Errors for which the arguments, the server or this machine are to blame, not the verb.
USER_ERRORS = (FlareError, traitlets.TraitError, ValueError, SyntaxError, OSError)


@magics_class
class FlareMagics(Magics):
    """The magics, with the state that verbs share: the sessions, the settings, the federation.

    Loading them is in the way of a notebook's first cell. So the state, and all that a verb needs, is imported with
    the first verb.

    Attributes
    ----------
    settings
        The settings.
    """

    def __init__(self, shell: InteractiveShell) -> None:
        super().__init__(shell)
        self.settings = FlareWidgets(parent=shell)

    @functools.cached_property
    def state(self) -> MagicsState:
        """The state that verbs share."""
        from .state import MagicsState

        return MagicsState(self.settings, self._variables)

    @property
    def is_used(self) -> bool:
        """True if a verb was used, or completed."""
        return "state" in vars(self)

    @line_magic
    def flare(self, line: str) -> Any:
        """Work with NVIDIA FLARE. ``%flare help`` lists the verbs."""
        verb, arguments = parse_line(VERBS, line)
        if arguments is None:
            print(format_verb_list(VERBS.groups()) if verb is None else verb.help())  # noqa: T201
            return None
        if verb.is_mutating:
            self._check_writable(f"%flare {verb.name}")
        with _translate_errors(lambda: explain_variables(split_words(strip_comment(line))[1:], self._variables)):
            try:
                return verb.run(self.state, **arguments)
            except Declined:
                show_cancelled()
                return None

    @property
    def _variables(self) -> dict[str, Any]:
        assert self.shell is not None
        variables: dict[str, Any] = self.shell.user_ns
        return variables

    @cell_magic("flare")  # type: ignore[arg-type]  # its types know no name
    def flare_cell(self, line: str, cell: str) -> Any:
        """Turn the client code in the cell into a federated job. ``%%flare -h`` explains the options."""
        from .cell import run_cell

        with _translate_errors():
            return run_cell(self.state, self._variables, line, cell)

    def _check_writable(self, what: str) -> None:
        if self.settings.read_only:
            raise UsageError(
                f"{what} may change something, and read-only mode is on: "
                "%config FlareWidgets.read_only = False turns it off"
            )


@contextlib.contextmanager
def _translate_errors(explain_words: Callable[[], str] = lambda: "") -> Iterator[None]:
    try:
        yield
    except UsageError:
        raise
    except USER_ERRORS as e:
        from ..views.core.hints import explain_error

        told: Exception = e
        if isinstance(e, OSError) and not isinstance(e, FlareError):
            told = make_file_error(e, "this failed")
            told.__cause__ = e
        hint = explain_words() if isinstance(e, (InputError, JobError)) else ""
        # IPython shows a UsageError as one line; the cause stays available for %tb and for code.
        raise UsageError(" ".join(f"{explain_error(told)} {hint}".split()) or type(e).__name__) from told
