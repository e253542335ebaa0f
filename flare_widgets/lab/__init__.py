"""The half of the JupyterLab extension that runs in a Jupyter server: sessions and views that need no kernel.

Only a Jupyter server imports it. Nothing of FLARE is imported before the first page connects.
"""

from __future__ import annotations

from typing import Any

from .._version import __version__

__all__ = ["__version__"]


def _jupyter_server_extension_points() -> list[dict[str, Any]]:
    from .app import FlareLab

    return [{"module": "flare_widgets.lab", "app": FlareLab}]
