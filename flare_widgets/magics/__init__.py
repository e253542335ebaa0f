"""The ``%flare`` magic: ``%load_ext flare_widgets``, then ``%flare help``."""

from __future__ import annotations

import sys
from typing import Any

from IPython.core.error import UsageError
from IPython.core.extensions import ExtensionManager
from IPython.core.interactiveshell import InteractiveShell

from ..api import Session
from ..errors import ConfigError
from ..views.display import show_session
from . import completion
from .cell import offer
from .flare import FlareMagics
from .prompt import live
from .state import State

_ATTRIBUTE = "_flare_widgets_magics"
"""Where a shell keeps its magics: there they also outlive a reload of this package."""


def load(shell: InteractiveShell) -> None:
    """Register ``%flare`` and ``%%flare`` with a shell; once more, or by a reload, what they have is kept.

    Raises
    ------
    UsageError
        The profile or the environment has a setting that is none; nothing was registered.
    """
    magics = getattr(shell, _ATTRIBUTE, None)
    if magics is None:
        try:
            magics = FlareMagics(shell)
        except ConfigError as e:
            raise UsageError(f"flare_widgets was not loaded: {e}") from e
        setattr(shell, _ATTRIBUTE, magics)
    shell.register_magics(magics)
    configurables: list[Any] = shell.configurables  # where %config looks
    if magics.state.config not in configurables:
        configurables.append(magics.state.config)
    completion.register(shell, magics.state)
    offer(magics.state)
    _show_sessions_as_badges(shell, magics.state)


def unload(shell: InteractiveShell) -> None:
    """Take ``%flare`` away.

    Its sessions are closed, unless the extension is loaded again at once, as by ``%reload_ext``. A federation it
    started runs on until the kernel ends.
    """
    magics = getattr(shell, _ATTRIBUTE, None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("flare", None)
    completion.unregister(shell)
    offer(None)
    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.pop(Session, None)
    if magics is None:
        return
    if magics.state.config in shell.configurables:
        shell.configurables.remove(magics.state.config)
    if not _reloading():
        magics.state.manager.close_all()
        delattr(shell, _ATTRIBUTE)


def _show_sessions_as_badges(shell: InteractiveShell, state: State) -> None:
    """Have a session at a cell's end shown as a badge, where a person looks; elsewhere as its text."""

    def show(session: Session) -> None:
        badge = live(state, lambda: show_session(session))
        if badge is None:
            raise NotImplementedError  # by which IPython goes on to the other forms
        badge()

    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.for_type(Session, show)


def _reloading() -> bool:
    """Whether the shell unloads the extension only to load it again: IPython does not tell, but its stack does."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code is ExtensionManager.reload_extension.__code__:
            return True
        frame = frame.f_back
    return False
