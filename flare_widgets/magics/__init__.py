"""The ``%flare`` magic: ``%load_ext flare_widgets``, then ``%flare help``."""

from __future__ import annotations

from IPython.core.interactiveshell import InteractiveShell

from .cell import offer
from .flare import FlareMagics

_registered: FlareMagics | None = None


def load(shell: InteractiveShell) -> None:
    """Register ``%flare`` with a shell; a second call keeps the state of the first."""
    global _registered
    if _registered is None or _registered.shell is not shell:
        _registered = FlareMagics(shell)
    shell.register_magics(_registered)
    offer(_registered.state)


def unload(shell: InteractiveShell) -> None:
    """Take ``%flare`` away and close its session; a federation it started runs on until the kernel ends."""
    global _registered
    if _registered is not None:
        _registered.state.close_session()
        _registered = None
    offer(None)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("flare", None)
