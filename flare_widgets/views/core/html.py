"""The static forms: HTML that needs no kernel, no script and no network."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from ...formatting.text import sanitize
from ...monitoring.job.format import format_duration
from ...monitoring.job.model import SiteDeployment
from ...monitoring.job.snapshot import JobSnapshot
from ..job.metrics import build_charts
from ..job.timeline import STATUS_GLYPHS, Step, status_category, steps
from ..job.view_model import CELL_GLYPHS as CELL_GLYPHS
from ..job.view_model import CELL_LABELS as CELL_WORDS
from ..job.view_model import JobViewModel, build_view_model

_HERE = Path(__file__).parents[1]
_DEPLOYMENT_GLYPHS = {"waiting": "○", "deployed": "✓", "failed": "✕"}
_PROCESS_GLYPHS = {"running": "●", "paused": "❙❙", "slow": "◔", "killed": "✕", "down": "○"}
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


def faults_html(
    title: str, rows: Sequence[Mapping[str, Any]], now: float, ended: bool, zone: tzinfo | None = None
) -> str:
    """Return the processes of a local federation as HTML for a saved notebook.

    Parameters
    ----------
    title
        The federation's name.
    rows
        ``name, state, words, since`` of each process.
    now
        The time the form is made, in seconds since the epoch.
    ended
        True if the federation has ended.
    zone
        The time zone of the times; this machine's if not given.
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
                (row.site, [(code, CELL_GLYPHS[code], CELL_WORDS[code]) for code in row.cells], row.text_at(as_of))
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


class TimeFormatter:
    """The formatter of the times of one form: the day and the zone are shown once where they are the same for all.

    Attributes
    ----------
    common
        The common part of all times, such as ``UTC+01:00, on 2026-11-23``; empty if there is none.
    """

    def __init__(self, timestamps: Iterable[float], zone: tzinfo | None) -> None:
        self._zone = zone
        known = [when for when in map(self._to_local, timestamps) if when is not None]
        days = {f"{when:%Y-%m-%d}" for when in known}
        offsets = {_format_utc_offset(when) for when in known}
        self._is_one_day = len(days) == 1
        self._is_one_offset = len(offsets) == 1
        shared = [*(offsets if self._is_one_offset else ()), *(f"on {day}" for day in days if self._is_one_day)]
        self.common = ", ".join(shared)

    def format(self, at: float) -> dict[str, str]:
        """Return a time as display text (``text``) and for machines (``iso``)."""
        when = self._to_local(at)
        if when is None:
            return {"text": "at an impossible time", "iso": ""}
        text = f"{when:%H:%M:%S}" if self._is_one_day else f"{when:%Y-%m-%d %H:%M:%S}"
        if not self._is_one_offset:
            text += f" ({_format_utc_offset(when)})"
        return {"text": text, "iso": when.isoformat(timespec="seconds")}

    def _to_local(self, at: float) -> datetime | None:
        try:
            return datetime.fromtimestamp(at, self._zone).astimezone(self._zone)
        except (ValueError, OverflowError, OSError):
            return None


def _format_utc_offset(when: datetime) -> str:
    text = when.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"


def confirmation_html(question: str, answer: str) -> str:
    """Return a question that was asked in a notebook, and its answer, as HTML for a saved notebook."""
    root, style = scoped_style("confirm-static.css")
    template = template_environment().get_template("confirm.html.j2")
    return template.render(root=root, style=style, question=question, answer=answer)


@functools.cache
def template_environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def scoped_style(name: str) -> tuple[str, Markup]:
    """Return a class for the root of a form, and its style sheet.

    A notebook may hold outputs of several versions of this package, and a style sheet in an output affects the
    whole page: each version's is scoped to its own class.
    """
    css = (_HERE / "static" / name).read_text(encoding="utf-8").strip()
    root = f"flw-static-{hashlib.sha256(css.encode()).hexdigest()[:8]}"
    # Our own file, from the package: the only text that goes into the page unescaped.
    return root, Markup(css.replace("flw-static", root))  # noqa: S704
