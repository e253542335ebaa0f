"""The ``%flare`` magic: ``%load_ext flare_widgets``, then ``%flare help``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.extensions import ExtensionManager
from IPython.core.interactiveshell import InteractiveShell

from .. import hooks
from ..errors import ConfigError
from . import completer, question_mark
from .flare import FlareMagics

if TYPE_CHECKING:
    from ..api import Session
    from ..authoring.notebook_env import NotebookHost
    from ..results import Result

_SESSION_TYPE = ("flare_widgets.api.session", "Session")
_RESULT_TYPE = ("flare_widgets.results.result", "Result")
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
    if magics.settings not in configurables:
        configurables.append(magics.settings)
    completer.register(shell, magics)
    question_mark.register(shell)
    hooks.get_notebook_host = lambda: _make_notebook_host(magics)
    _register_formatters(shell, magics)


def unload(shell: InteractiveShell) -> None:
    """Unregister ``%flare``.

    Its sessions are closed, unless the extension is loaded again at once, as by ``%reload_ext``. A federation it
    started runs on until the kernel ends.
    """
    magics = getattr(shell, _SHELL_ATTRIBUTE, None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("flare", None)
    completer.unregister(shell)
    question_mark.unregister(shell)
    hooks.get_notebook_host = None
    formatter: Any = shell.display_formatter
    for value_type in (_SESSION_TYPE, _RESULT_TYPE):
        formatter.ipython_display_formatter.pop(".".join(value_type), None)
    if magics is None:
        return
    if magics.settings in shell.configurables:
        shell.configurables.remove(magics.settings)
    if not _is_reloading():
        if magics.is_used:
            magics.state.manager.close_all()
        delattr(shell, _SHELL_ATTRIBUTE)


def _make_notebook_host(magics: FlareMagics) -> NotebookHost:
    """Return the functions by which ``NotebookEnv`` uses the sessions of the magics."""
    from .cell import make_notebook_host

    return make_notebook_host(magics.state)


def _register_formatters(shell: InteractiveShell, magics: FlareMagics) -> None:
    """Show a session at a cell's end as a badge if the notebook is interactive, else as text; and a result as its view.

    Their rooms know of no notebook.
    """

    def show_result(result: Result) -> None:
        from ..views.results.view import LiveResultView, ResultView, display_static
        from .prompt import show_if_interactive

        if isinstance(result, ResultView):
            result._ipython_display_()
            return
        show = show_if_interactive(magics.state, lambda: LiveResultView(result).show())
        (show or (lambda: display_static(result)))()

    def show(session: Session) -> None:
        from ..views.display import show_session
        from .prompt import show_if_interactive

        badge = show_if_interactive(magics.state, lambda: show_session(session))
        if badge is None:
            raise NotImplementedError  # makes IPython try the other forms
        badge()

    formatter: Any = shell.display_formatter
    formatter.ipython_display_formatter.for_type_by_name(*_SESSION_TYPE, show)
    formatter.ipython_display_formatter.for_type_by_name(*_RESULT_TYPE, show_result)


def _is_reloading() -> bool:
    """Return whether the shell unloads the extension only to reload it: IPython does not say, but the stack does."""
    frame: Any = sys._getframe()
    while frame is not None:
        if frame.f_code is ExtensionManager.reload_extension.__code__:
            return True
        frame = frame.f_back
    return False
