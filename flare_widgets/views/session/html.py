"""Sessions as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.text import clean
from ..core.html import _environment, _style, _Times
from .view_model import GLYPHS, SessionFacts, certificate_words, mandate, state_words, tone


def sessions_html(
    found: Sequence[SessionFacts],
    current: str,
    now: float,
    zone: tzinfo | None = None,
    *,
    named: bool = False,
    none: str = "",
) -> str:
    """Return sessions as HTML for a saved notebook, a line each.

    Parameters
    ----------
    found
        The sessions. Nothing in them is trusted.
    current
        The name of the one that is worked with.
    now
        The time the form is made, in seconds since the epoch.
    zone
        The time zone to show times in; this machine's when not given.
    named
        Whether their names are shown.
    none
        What to say when there is no session.
    """
    times = _Times([now], zone)
    root, style = _style("session-static.css")
    return (
        _environment()
        .get_template("session.html.j2")
        .render(
            root=root,
            style=style,
            rows=[_row(facts, named and facts.name == current, now, named) for facts in found],
            none=none,
            made_at=times.show(now),
            common=times.common,
        )
    )


def _row(facts: SessionFacts, current: bool, now: float, named: bool) -> dict[str, Any]:
    return {
        "name": clean(facts.name) if named else "",
        "current": current,
        "username": clean(facts.username),
        "mandate": mandate(facts),
        "address": clean(facts.address),
        "study": clean(facts.study),
        "tone": tone(facts),
        "glyph": GLYPHS[tone(facts)],
        "state": state_words(facts, now),
        "certificate": certificate_words(facts, now),
    }
