"""NVIDIA FLARE in a notebook.

The FLARE API is in :mod:`flare_widgets.api`, under the names ``nvflare.fuel.flare_api`` uses. In a notebook,
``%load_ext flare_widgets`` brings the ``%flare`` magic.
"""

from __future__ import annotations

import importlib
import os
from typing import TYPE_CHECKING, Any

from . import hooks
from ._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from .api import (
        AsyncSession,
        Job,
        MonitorReturnCode,
        Session,
        connect,
        connect_async,
        new_insecure_session,
        new_secure_session,
    )
    from .authoring import NotebookEnv
    from .federation import LocalFederation
    from .kit import StartupKit
    from .monitoring import JobSnapshot, Monitor

__all__ = [
    "AsyncSession",
    "Job",
    "JobSnapshot",
    "LocalFederation",
    "Monitor",
    "MonitorReturnCode",
    "NotebookEnv",
    "Session",
    "StartupKit",
    "__version__",
    "connect",
    "connect_async",
    "load_ipython_extension",
    "new_insecure_session",
    "new_secure_session",
    "unload_ipython_extension",
]

_HOMES = {
    "AsyncSession": "api",
    "Job": "api",
    "JobSnapshot": "monitoring",
    "LocalFederation": "federation",
    "Monitor": "monitoring",
    "MonitorReturnCode": "api",
    "NotebookEnv": "authoring",
    "Session": "api",
    "StartupKit": "kit",
    "connect": "api",
    "connect_async": "api",
    "new_insecure_session": "api",
    "new_secure_session": "api",
}


def __getattr__(name: str) -> Any:
    # Imported on demand: reading the version should not import cryptography.
    if name not in _HOMES:
        raise AttributeError(f"module 'flare_widgets' has no attribute {name!r}")
    return _import_from(_HOMES[name], name)


def __dir__() -> list[str]:
    return sorted(__all__)


def _import_from(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f".{module}", __name__), name)


hooks.check_kit = lambda *args: _import_from("api.kit_check", "check_kit")(*args)
hooks.watch_job = lambda *args: _import_from("monitoring.console", "watch_job")(*args)
hooks.read_snapshot = lambda *args: _import_from("monitoring.console", "read_snapshot")(*args)
hooks.open_result = lambda *args, **kwargs: _import_from("results.opening", "open_result")(*args, **kwargs)
hooks.write_report = lambda *args: _import_from("views.report", "write_report")(*args)
# Only a kernel that a Jupyter server has started has something to tell it.
hooks.note_submission = lambda: (
    _import_from("manager.shared_session", "note_submission")() if "JPY_PARENT_PID" in os.environ else None
)


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register ``%flare``; called by ``%load_ext flare_widgets``."""
    from .magics import load

    load(shell)


def unload_ipython_extension(shell: InteractiveShell) -> None:
    """Close the session; called by ``%unload_ext flare_widgets``."""
    from .magics import unload

    unload(shell)
