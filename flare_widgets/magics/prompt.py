"""Asking the person at the notebook, and not going on when there is none."""

from __future__ import annotations

from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell

from ..views.core.confirm import QuestionView
from .state import State

_SHOWN = 3.0  # seconds until a front end that can be heard while the cell runs must have shown a view


def live(state: State, show: Callable[[], object]) -> Callable[[], object] | None:
    """Return `show`, which shows a live view that has no end of its own, or None where it would be of no use.

    That is in a terminal, where views are switched off, and in a notebook that is executed without a person: nobody
    would see it live, and what it leaves when the kernel ends is lost.
    """
    return show if _somebody_looks(state) else None


def confirm(state: State, question: str, yes: bool) -> None:
    """Ask before something is destroyed: by a view, or by the kernel's prompt where a click would not be heard.

    Parameters
    ----------
    state
        Its settings say whether to ask at all.
    question
        What will be done.
    yes
        Whether the user has said so already.

    Raises
    ------
    UsageError
        The answer is not yes, or there is nobody who could give one, as in a notebook that is executed.
    """
    if yes or not state.config.confirm:
        return
    try:
        agreed = QuestionView(question).ask(_SHOWN) if _somebody_looks(state) else None
        if agreed is None:
            agreed = input(f"{question} [y/N] ").strip().lower() in ("y", "yes")
    except (StdinNotImplementedError, EOFError):
        raise UsageError(f"{question} There is nobody to ask: say --yes to do it without") from None
    except KeyboardInterrupt:
        agreed = False
    if not agreed:
        raise UsageError("not done")


def _somebody_looks(state: State) -> bool:
    """Whether there is a front end that shows views, with a person before it."""
    kernel = getattr(InteractiveShell.instance(), "kernel", None) if InteractiveShell.initialized() else None
    # Who runs a notebook without a screen tells the kernel that nobody can be asked.
    return kernel is not None and bool(getattr(kernel, "_allow_stdin", False)) and state.config.views
