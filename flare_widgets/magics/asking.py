"""Asking the person at the notebook, and not going on when there is none."""

from __future__ import annotations

from collections.abc import Callable

from IPython.core.error import StdinNotImplementedError, UsageError
from IPython.core.interactiveshell import InteractiveShell

from .state import State


def live(state: State, show: Callable[[], object]) -> Callable[[], object] | None:
    """Return `show`, which shows a live view that has no end of its own, or None where it would be of no use.

    That is in a terminal, where views are switched off, and in a notebook that is executed without a person: nobody
    would see it live, and what it leaves when the kernel ends is lost.
    """
    kernel = getattr(InteractiveShell.instance(), "kernel", None) if InteractiveShell.initialized() else None
    # Who runs a notebook without a screen tells the kernel that nobody can be asked.
    somebody = kernel is not None and bool(getattr(kernel, "_allow_stdin", False))
    return show if somebody and state.config.views else None


def confirm(state: State, question: str, yes: bool) -> None:
    """Ask before something is destroyed.

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
        answer = input(f"{question} [y/N] ")
    except (StdinNotImplementedError, EOFError):
        raise UsageError(f"{question} There is nobody to ask: say --yes to do it without") from None
    if answer.strip().lower() not in ("y", "yes"):
        raise UsageError("not done")
