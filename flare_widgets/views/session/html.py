"""Sessions as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.live_text import SEVERITY_GLYPHS
from ...formatting.text import sanitize
from ..core.html import TimeFormatter, scoped_style, template_environment
from .view_model import SessionViewModel


def sessions_html(
    sessions: Sequence[SessionViewModel],
    current: str,
    now: float,
    zone: tzinfo | None = None,
    *,
    show_names: bool = False,
    empty_text: str = "",
) -> str:
    """Return sessions as HTML for a saved notebook, a line each.

    Parameters
    ----------
    sessions
        The sessions.
    current
        The name of the current session.
    now
        The time the form is made, in seconds since the epoch.
    zone
        The time zone of the times; the reader's if not given.
    show_names
        True to show their names.
    empty_text
        The text shown if there is no session.
    """
    times = TimeFormatter([now], zone)
    root, style = scoped_style("session-static.css")
    return (
        template_environment()
        .get_template("session.html.j2")
        .render(
            root=root,
            style=style,
            rows=[_row(each, show_names and each.name == current, now, show_names) for each in sessions],
            troubles=[_trouble_text(each, show_names) for each in sessions if each.trouble],
            none=empty_text,
            made_at=times.format(now),
            common=times.common,
        )
    )


def _trouble_text(session: SessionViewModel, show_name: bool) -> str:
    return f"{sanitize(session.name)}: {session.trouble}" if show_name else session.trouble


def _row(session: SessionViewModel, current: bool, now: float, show_name: bool) -> dict[str, Any]:
    severity = session.state_text.severity_at(now)
    return {
        "session": session,
        "name": sanitize(session.name) if show_name else "",
        "current": current,
        "severity": severity,
        "glyph": SEVERITY_GLYPHS[severity],
        "state": session.state_text.text_at(now),
        "certificate": session.certificate.text_at(now),
    }
