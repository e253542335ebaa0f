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
from . import completion, question_mark
from .cell import set_notebook_host
from .flare import FlareMagics
from .prompt import show_if_interactive
from .state import MagicsState

_SHELL_ATTRIBUTE = "_flare_widgets_magics"
"""The attribute of a shell that holds its magics: there they also outlive a reload of this package."""


def load(shell: InteractiveShell) -> None:
    """Register ``%flare`` and ``%%flare`` with a shell; if called again, or by a reload, their state is kept.

    Raises
    ------
    UsageError
        The profile or the environment has an invalid setting; nothing was registered.
    """
    magics = getattr(shell, _SHELL_ATTRIBUTE, None)
    if magics is None:
        try:
            magics = FlareMagics(shell)
        except ConfigError as e:
            raise UsageError(f"flare_widgets was not loaded: {e}") from e
        setattr(shell, _SHELL_ATTRIBUTE, magics)
    shell.register_magics(magics)
    configurables: list[Any] = shell.configurables  # searched by %config
    if magics.state.config not in configurables:
        configurables.append(magics.state.config)
    completion.register(shell, magics.state)
    question_mark.register(shell)
    set_notebook_host(magics.state)
    _register_session_formatter(shell, magics.state)


def unload(shell: InteractiveShell) -> None:
    """Unregister ``%flare``.

    Its sessions are closed, unless the extension is loaded again at once, as by ``%reload_ext``. A federation it
    started runs on until the kernel ends.
    """
    magics = getattr(shell, _SHELL_ATTRIBUTE, None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("flare", None)
    completion.unregister(shell)
    question_mark.unregister(shell)
    set_notebook_host(None)
    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.pop(Session, None)
    if magics is None:
        return
    if magics.state.config in shell.configurables:
        shell.configurables.remove(magics.state.config)
    if not _is_reloading():
        magics.state.manager.close_all()
        delattr(shell, _SHELL_ATTRIBUTE)


def _register_session_formatter(shell: InteractiveShell, state: MagicsState) -> None:
    """Show a session at a cell's end as a badge if the notebook is interactive, else as text."""

    def show(session: Session) -> None:
        badge = show_if_interactive(state, lambda: show_session(session))
        if badge is None:
            raise NotImplementedError  # makes IPython try the other forms
        badge()

    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.for_type(Session, show)


def _is_reloading() -> bool:
    """Return whether the shell unloads the extension only to reload it: IPython does not say, but the stack does."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code is ExtensionManager.reload_extension.__code__:
            return True
        frame = frame.f_back
    return False
