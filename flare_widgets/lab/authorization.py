"""Jupyter's authentication and authorization, as all handlers here use them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from jupyter_core.utils import ensure_async
from jupyter_server.base.handlers import JupyterHandler

from .protocol import Right

try:
    from jupyter_server.auth.decorator import ws_authenticated as _ws_authenticated
except ImportError:  # jupyter_server before 2.13, which knows no other way than the handler's own check
    _ws_authenticated = None  # type: ignore[assignment]

RESOURCE = "flare_widgets"
"""The name by which an authorizer knows everything here."""

F = TypeVar("F", bound=Callable[..., Any])


def ws_authenticated(method: F) -> F:
    """Mark a websocket's ``get`` as one that refuses users who are not logged in."""
    return method if _ws_authenticated is None else _ws_authenticated(method)


async def is_allowed(handler: JupyterHandler, right: Right) -> bool:
    """Return whether the server's authorizer grants a right to the handler's user."""
    user = handler.current_user
    if user is None:
        return False
    return bool(await ensure_async(handler.authorizer.is_authorized(handler, user, right, RESOURCE)))
