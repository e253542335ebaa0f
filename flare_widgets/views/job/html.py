"""The static form of the job view."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import tzinfo
from typing import Any

from ...formatting.text import format_duration, sanitize
from ...monitoring.job.model import SiteDeployment
from ...monitoring.job.snapshot import JobSnapshot
from ..core.html import TimeFormatter, scoped_style, template_environment
from .metrics import build_charts
from .timeline import STATUS_GLYPHS, Step, status_category, steps
from .view_model import CELL_GLYPHS, CELL_LABELS, JobViewModel, build_view_model

_DEPLOYMENT_GLYPHS = {"waiting": "○", "deployed": "✓", "failed": "✕"}
_MAX_SITES = 200


def job_html(snapshot: JobSnapshot, now: float, zone: tzinfo | None = None, notes: Iterable[str] = ()) -> str:
    """Return a job as HTML for a saved notebook.

    It reads well without its style too (GitHub strips that): headline, properties, an ordered list of the steps, the
    failure, a table of sites and rounds.

    Parameters
    ----------
    snapshot
        The job's snapshot. Untrusted.
    now
        The time the form is made, in seconds since the epoch: the age of the data is relative to it.
    zone
        The time zone of the times; this machine's if not given.
    notes
        Additional sentences: the actions performed on the job, and the possible ones.
    """
    life = steps(snapshot)
    moments = [step.at for step in life]
    if not snapshot.ended:
        moments += [snapshot.facts_at, now]
    times = TimeFormatter([at for at in moments if at is not None], zone)
    root, style = scoped_style("job-static.css")
    drawn = build_view_model(snapshot, now)
    # If there is a matrix, it names the sites; only undeployable ones are listed separately.
    sites = [site for site in snapshot.sites if drawn.matrix is None or site.state == "failed"]
    return (
        template_environment()
        .get_template("job.html.j2")
        .render(
            root=root,
            style=style,
            tone=status_category(snapshot),
            glyph=STATUS_GLYPHS[status_category(snapshot)],
            status=sanitize(snapshot.status) or "UNKNOWN",
            name=sanitize(snapshot.name) or "job",
            job_id=sanitize(snapshot.job_id),
            facts=_headline_facts(snapshot, now),
            steps=[_step_context(step, times) for step in life],
            sites=[_site_context(site) for site in sites[:_MAX_SITES]],
            more_sites=max(0, len(sites) - _MAX_SITES),
            **_view_model_context(drawn, _as_of(snapshot, now)),
            charts=build_charts(snapshot),
            ended=snapshot.ended,
            trouble="" if snapshot.ended else sanitize(snapshot.trouble),
            facts_at=None if snapshot.facts_at is None else times.format(snapshot.facts_at),
            made_at=times.format(now),
            common=times.common,
            notes=[sanitize(note, 500) for note in notes],
        )
    )


def _headline_facts(snapshot: JobSnapshot, now: float) -> list[str]:
    elapsed = snapshot.elapsed(_as_of(snapshot, now))
    if elapsed is None:
        facts = ["no run time known" if snapshot.ended else "not running yet"]
    else:
        facts = [f"took {format_duration(elapsed)}" if snapshot.ended else f"{format_duration(elapsed)} elapsed"]
    if snapshot.submitter:
        facts.append(f"submitted by {sanitize(snapshot.submitter)}")
    if snapshot.study:
        facts.append(f"study {sanitize(snapshot.study)}")
    return facts


def _as_of(snapshot: JobSnapshot, now: float) -> float:
    # A static form of a job that has not ended shows times as of the server's last answer: the time at which the
    # form was made says nothing about the job.
    return now if snapshot.facts_at is None else snapshot.facts_at


def _view_model_context(view_model: JobViewModel, as_of: float) -> dict[str, Any]:
    progress, matrix = view_model.progress, view_model.matrix
    return {
        "progress": None
        if progress is None
        else {
            "words": progress.words,
            "percent": None if progress.done is None else int(100 * progress.done),
            "left": progress.remaining_text(as_of),
        },
        "fault": view_model.fault,
        "troubles": view_model.troubles,
        "unknown": view_model.unknown,
        "matrix": None
        if matrix is None
        else {
            "rounds": matrix.rounds,
            "rows": [
                (row.site, [(code, CELL_GLYPHS[code], CELL_LABELS[code]) for code in row.cells], row.text_at(as_of))
                for row in matrix.rows
            ],
            "earlier": matrix.earlier,
            "more": matrix.more,
        },
        "details": [(detail.term, detail.text_at(as_of)) for detail in view_model.details],
    }


def _step_context(step: Step, times: TimeFormatter) -> dict[str, Any]:
    return {
        "label": step.label,
        "place": step.place,
        "time": None if step.at is None else times.format(step.at),
        "exact": step.exact,
    }


def _site_context(site: SiteDeployment) -> dict[str, str]:
    return {
        "name": sanitize(site.name),
        "state": site.state if site.state in _DEPLOYMENT_GLYPHS else "waiting",
        "glyph": _DEPLOYMENT_GLYPHS.get(site.state, "○"),
        "detail": sanitize(site.detail),
    }
