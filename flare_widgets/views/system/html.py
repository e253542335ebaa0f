"""The system as HTML for a saved notebook."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from math import ceil
from typing import Any

from ...formatting.live_text import SEVERITY_GLYPHS
from ...formatting.text import sanitize
from ...monitoring.system.snapshot import SystemSnapshot
from ..core.html import TimeFormatter, fit_to_notebook, scoped_style, template_environment
from .view_model import Row, build_view_model

_MAX_ROWS = 200


def system_html(
    snapshot: SystemSnapshot,
    now: float,
    zone: tzinfo | None = None,
    *,
    outcomes: Sequence[str] = (),
) -> str:
    """Return the server and its sites as HTML for a saved notebook.

    Parameters
    ----------
    snapshot
        The system's snapshot. Untrusted.
    now
        The time the form is made, in seconds since the epoch: ages are relative to the last answer before it.
    zone
        The time zone of the times; the reader's if not given.
    outcomes
        The results of the user's actions, in words.
    """
    return fit_to_notebook(lambda share: _render(snapshot, now, zone, outcomes, ceil(_MAX_ROWS * share)))


def _render(snapshot: SystemSnapshot, now: float, zone: tzinfo | None, outcomes: Sequence[str], max_rows: int) -> str:
    # A static form shows the state at the server's last answer: the time it was made says nothing about the sites.
    seen = now if snapshot.facts_at is None else snapshot.facts_at
    moments = [now, snapshot.facts_at, snapshot.started_at, *(site.since for site in snapshot.sites)]
    times = TimeFormatter([at for at in moments if at is not None], zone)
    root, style = scoped_style("system-static.css")
    system = build_view_model(snapshot)
    server, *sites = system.rows
    return (
        template_environment()
        .get_template("system.html.j2")
        .render(
            root=root,
            style=style,
            system=system,
            counts=system.counts.text_at(seen),
            state=system.state.text_at(seen),
            severity=system.state.severity_at(seen),
            glyph=SEVERITY_GLYPHS[system.state.severity_at(seen)],
            troubles=[text for problem in system.problems if (text := problem.text_at(seen))],
            rows=[
                _row(server, now if snapshot.trouble else seen, times),
                *(_row(site, seen, times) for site in sites[:max_rows]),
            ],
            more=max(0, len(sites) - max_rows),
            outcomes=[sanitize(words, 500) for words in outcomes],
            updated_at=None if system.updated_at is None else times.format(system.updated_at),
            made_at=times.format(now),
            common=times.common,
        )
    )


def _row(row: Row, as_of: float, times: TimeFormatter) -> dict[str, Any]:
    details = [f"FLARE {row.version}" if row.version else "", row.resources]
    return {
        "name": sanitize(row.name, 60),
        "severity": row.state.severity_at(as_of),
        "glyph": SEVERITY_GLYPHS[row.state.severity_at(as_of)],
        "state": row.state.text_at(as_of),
        "jobs": row.jobs,
        "since_label": row.since_label,
        "since": None if row.since is None else times.format(row.since),
        "details": "; ".join(filter(None, details)),
    }
