"""The buttons that download single files of a result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...formatting.text import sanitize
from ...local_files import shorten_path
from ..core.actions import Action, ActionContext, Actions
from .view_model import action_name

if TYPE_CHECKING:
    from ...api.transfer.progress import ProgressCallback

Fetch = Callable[[str, "ProgressCallback | None"], Path]
"""Downloads a file, given its path in the run folder and a callback for its progress, and returns it."""


class FileActions(Actions):
    """An action for each file, named by :func:`.action_name`: it downloads the file.

    Parameters
    ----------
    names
        The paths of the files in the run folder.
    fetch
        Downloads one.
    on_change
        As of :class:`.Actions`.
    disabled_reason
        Returns the reason why no file can be downloaded now; empty if they can.
    shorten
        Returns the path of a downloaded file as it is shown.
    """

    def __init__(
        self,
        names: Iterable[str],
        fetch: Fetch,
        on_change: Callable[[], None],
        disabled_reason: Callable[[], str] = lambda: "",
        shorten: Callable[[Path], str] = shorten_path,
    ) -> None:
        self._disabled_reason = disabled_reason
        super().__init__([_make_action(name, fetch, disabled_reason, shorten) for name in names], on_change)

    def asked_to_json(self) -> dict[str, Any]:
        """Return the browser's data of the actions that were ever asked for, since there may be hundreds.

        Returns
        -------
        dict
            ``actions``: of those, as :meth:`.Actions.to_json`; ``disabled_reason``: that of all others.
        """
        with self._lock:
            asked = [(self._actions[name], state) for name, state in self._states.items() if state.revision]
            actions = [self._describe(action, state) for action, state in asked]
        return {"actions": actions, "disabled_reason": sanitize(self._disabled_reason(), 500)}


def _make_action(name: str, fetch: Fetch, disabled_reason: Callable[[], str], shorten: Callable[[Path], str]) -> Action:
    def run(context: ActionContext) -> Path:
        return fetch(name, context.progress_callback("received"))

    return Action(
        action_name(name),
        "Download",
        run=run,
        describe_result=lambda path: f"downloaded to {sanitize(shorten(path), 500)}",
        disabled_reason=disabled_reason,
        is_cancellable=True,
    )
