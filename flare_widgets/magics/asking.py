"""Asking the person at the notebook, and not going on when there is none."""

from __future__ import annotations

from IPython.core.error import StdinNotImplementedError, UsageError

from .state import State


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
