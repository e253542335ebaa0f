"""The tab of JupyterLab that shows the same as a view: for our extension, if it is in the page."""

from __future__ import annotations

import hashlib
from typing import Any

from .live_view import HOST


def digest_session(session: Any) -> str:
    """Return a digest that is equal for sessions of the same user with the same server, project and study.

    It is empty for an object that has no startup kit.
    """
    kit = getattr(session, "kit", None)
    if kit is None:
        return ""
    parts = (kit.project_name, kit.address, kit.username, getattr(session, "study", ""))
    return hashlib.sha256("\0".join(map(str, parts)).encode("utf-8", "replace")).hexdigest()[:16]


def describe_tab(session: Any, kind: str, **args: Any) -> dict[str, Any]:
    """Return the description of the tab that shows the same as a view; empty if it is in a tab, or has no session.

    Parameters
    ----------
    session
        The session of the view.
    kind, args
        The view, as the extension's half in the server is asked for it: see :class:`.Factories`.
    """
    digest = "" if HOST.get() is not None else digest_session(session)
    return {"kind": kind, "args": args, "session": digest} if digest else {}
