"""Confirmation prompts. They refuse to go on if nobody can answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from ..formatting.html import render

if TYPE_CHECKING:
    from .state import MagicsState

_CANCELLED = "Cancelled; nothing was changed."
_SHOW_TIMEOUT_S = 3.0  # seconds for a front end that can send messages while the cell runs to show a view


class Declined(Exception):
    """The user answered a question with no: a normal outcome, not an error."""


def show_if_interactive(state: MagicsState, show: Callable[[], object]) -> Callable[[], object] | None:
    """Return `show`, which shows a live view that never ends by itself, or None where it would be useless.

    That is in a terminal, where views are switched off, and in a notebook that is executed without a person: nobody
    would see it live, and its output is lost when the kernel ends.
    """
    return show if _is_interactive(state) else None


def confirm(state: MagicsState, question: str, confirm_label: str, is_confirmed: bool) -> None:
    """Ask before a destructive action: by a view, or by the kernel's prompt if a click could not reach the kernel.

    Parameters
    ----------
    state
        The state, whose settings say whether to ask at all.
    question
        The question, which says what will be done.
    confirm_label
        Label of the button that does it.
    is_confirmed
        True if the user has already confirmed.

    Raises
    ------
    Declined
        The answer is not yes.
    UsageError
        Nobody can answer, as in a notebook that is executed.
    """
    if is_confirmed or not state.config.confirm:
        return
    from ..views.core.confirm import ConfirmationView

    try:
        agreed = ConfirmationView(question, confirm_label).ask(_SHOW_TIMEOUT_S) if _is_interactive(state) else None
        if agreed is None:
            agreed = input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except (StdinNotImplementedError, EOFError):
        raise UsageError(f"{question} Cannot ask for confirmation here; add --yes to proceed") from None
    except KeyboardInterrupt:
        agreed = False
    if not agreed:
        raise Declined


def show_cancelled() -> None:
    """Show quietly, in the calling cell, that nothing was done."""
    html = render('<span style="opacity: 0.7">{{ text }}</span>', text=_CANCELLED)
    display({"text/plain": _CANCELLED, "text/html": html}, raw=True)  # type: ignore[no-untyped-call]


def is_interactive() -> bool:
    """Return whether a front end shows cells to a person."""
    kernel = getattr(InteractiveShell.instance(), "kernel", None) if InteractiveShell.initialized() else None
    # Tools that execute a notebook headlessly tell the kernel that no input is possible.
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", False))


def _is_interactive(state: MagicsState) -> bool:
    """Return whether a front end shows views to a person."""
    return state.config.views and is_interactive()
