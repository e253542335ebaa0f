"""The static form of the faults view."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any

from ...formatting.text import sanitize
from ..core.html import TimeFormatter, scoped_style, template_environment

_PROCESS_GLYPHS = {"running": "●", "paused": "❙❙", "slow": "◔", "killed": "✕", "down": "○"}


def faults_html(
    title: str, rows: Sequence[Mapping[str, Any]], now: float, ended: bool, zone: tzinfo | None = None
) -> str:
    """Return the processes of a local federation as HTML for a saved notebook.

    Parameters
    ----------
    title
        The federation's name.
    rows
        ``name, state, description, since`` of each process.
    now
        The time the form is made, in seconds since the epoch.
    ended
        True if the federation has ended.
    zone
        The time zone of the times; the reader's if not given.
    """
    times = TimeFormatter([row["since"] for row in rows] + ([] if ended else [now]), zone)
    root, style = scoped_style("faults-static.css")
    return (
        template_environment()
        .get_template("faults.html.j2")
        .render(
            root=root,
            style=style,
            title=sanitize(title, 64),
            ended=ended,
            rows=[
                {**row, "since": times.format(row["since"]), "glyph": _PROCESS_GLYPHS.get(row["state"], "○")}
                for row in rows
            ],
            made_at=times.format(now),
            common=times.common,
        )
    )
