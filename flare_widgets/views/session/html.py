"""Sessions as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.text import sanitize
from ..core.html import TimeFormatter, scoped_style, template_environment
from .view_model import SEVERITY_GLYPHS, SessionViewModel, certificate_text, role_and_org, severity, state_text


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
        The sessions. Untrusted.
    current
        The name of the current session.
    now
        The time the form is made, in seconds since the epoch.
    zone
        The time zone of the times; this machine's if not given.
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
            rows=[_row(facts, show_names and facts.name == current, now, show_names) for facts in sessions],
            none=empty_text,
            made_at=times.format(now),
            common=times.common,
        )
    )


def _row(view_model: SessionViewModel, current: bool, now: float, show_name: bool) -> dict[str, Any]:
    return {
        "name": sanitize(view_model.name) if show_name else "",
        "current": current,
        "username": sanitize(view_model.username),
        "mandate": role_and_org(view_model),
        "address": sanitize(view_model.address),
        "study": sanitize(view_model.study),
        "tone": severity(view_model),
        "glyph": SEVERITY_GLYPHS[severity(view_model)],
        "state": state_text(view_model, now),
        "certificate": certificate_text(view_model, now),
    }
