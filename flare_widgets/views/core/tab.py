"""The tab of JupyterLab that shows the same as a view: for our extension, if it is in the page."""

from __future__ import annotations

import hashlib
from typing import Any

from .live_view import HOST


def digest_session(session: Any) -> str:
    """Return a digest that is equal for sessions of the same user with the same server, project and study.

    It is empty for an object without a startup kit, such as a monitor of recorded jobs has.
    """
    kit = getattr(session, "kit", None)
    parts = [getattr(kit, name, None) for name in ("project_name", "address", "username")]
    if None in parts:
        return ""
    text = "\0".join(map(str, [*parts, session.study]))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


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
