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

from ...formatting.text import clean
from ...monitoring.job.format import clock
from ...monitoring.job.model import SiteDeployment
from ...monitoring.job.snapshot import JobSnapshot
from ..job.metrics import charts
from ..job.timeline import GLYPHS, Step, steps, tone
from ..job.view_model import GLYPHS as CELL_GLYPHS
from ..job.view_model import WORDS as CELL_WORDS
from ..job.view_model import JobPicture, picture

_HERE = Path(__file__).parents[1]
_SITE_GLYPHS = {"waiting": "○", "deployed": "✓", "failed": "✕"}
_PROCESS_GLYPHS = {"running": "●", "paused": "❙❙", "slow": "◔", "killed": "✕", "down": "○"}
_MOST_SITES = 200


def job_html(snapshot: JobSnapshot, now: float, zone: tzinfo | None = None, notes: Iterable[str] = ()) -> str:
    """Return a job as HTML for a saved notebook.

    It reads well without its style too (GitHub strips that): headline, facts, an ordered list of the steps, what
    went wrong, a table of sites and rounds.

    Parameters
    ----------
    snapshot
        What is known about the job. Nothing in it is trusted.
    now
        The time the form is made, in seconds since the epoch: the age of the facts is counted to it.
    zone
        The time zone to show times in; this machine's when not given.
    notes
        Sentences to say besides: what was done to the job, and what can be.
    """
    life = steps(snapshot)
    moments = [step.at for step in life]
    if not snapshot.ended:
        moments += [snapshot.facts_at, now]
    times = _Times([at for at in moments if at is not None], zone)
    root, style = _style("job-static.css")
    drawn = picture(snapshot, now)
    # Where there is a matrix, it names the sites; only who could not be deployed to is told besides.
    sites = [site for site in snapshot.sites if drawn.matrix is None or site.state == "failed"]
    return (
        _environment()
        .get_template("job.html.j2")
        .render(
            root=root,
            style=style,
            tone=tone(snapshot),
            glyph=GLYPHS[tone(snapshot)],
            status=clean(snapshot.status) or "UNKNOWN",
            name=clean(snapshot.name) or "job",
            job_id=clean(snapshot.job_id),
            facts=_facts(snapshot, now),
            steps=[_step(step, times) for step in life],
            sites=[_site(site) for site in sites[:_MOST_SITES]],
            more_sites=max(0, len(sites) - _MOST_SITES),
            **_picture(drawn, _seen(snapshot, now)),
            charts=charts(snapshot),
            ended=snapshot.ended,
            trouble="" if snapshot.ended else clean(snapshot.trouble),
            facts_at=None if snapshot.facts_at is None else times.show(snapshot.facts_at),
            made_at=times.show(now),
            common=times.common,
            notes=[clean(note, 500) for note in notes],
        )
    )


def faults_html(
    title: str, rows: Sequence[Mapping[str, Any]], now: float, ended: bool, zone: tzinfo | None = None
) -> str:
    """Return the processes of a local federation as HTML for a saved notebook.

    Parameters
    ----------
    title
        What the federation is called.
    rows
        ``name, state, words, since`` of each process.
    now
        The time the form is made, in seconds since the epoch.
    ended
        Whether the federation has ended.
    zone
        The time zone to show times in; this machine's when not given.
    """
    times = _Times([row["since"] for row in rows] + ([] if ended else [now]), zone)
    root, style = _style("faults-static.css")
    return (
        _environment()
        .get_template("faults.html.j2")
        .render(
            root=root,
            style=style,
            title=clean(title, 64),
            ended=ended,
            rows=[
                {**row, "since": times.show(row["since"]), "glyph": _PROCESS_GLYPHS.get(row["state"], "○")}
                for row in rows
            ],
            made_at=times.show(now),
            common=times.common,
        )
    )


def _facts(snapshot: JobSnapshot, now: float) -> list[str]:
    elapsed = snapshot.elapsed(_seen(snapshot, now))
    if elapsed is None:
        facts = ["no run time known" if snapshot.ended else "not running yet"]
    else:
        facts = [f"ran {clock(elapsed)}" if snapshot.ended else f"{clock(elapsed)} elapsed"]
    if snapshot.submitter:
        facts.append(f"submitted by {clean(snapshot.submitter)}")
    if snapshot.study:
        facts.append(f"study {clean(snapshot.study)}")
    return facts


def _seen(snapshot: JobSnapshot, now: float) -> float:
    # A picture of a job that has not ended shows times as of the server's last answer: the time at which the
    # picture was made says nothing about the job.
    return now if snapshot.facts_at is None else snapshot.facts_at


def _picture(drawn: JobPicture, seen: float) -> dict[str, Any]:
    progress, matrix = drawn.progress, drawn.matrix
    return {
        "progress": None
        if progress is None
        else {
            "words": progress.words,
            "percent": None if progress.done is None else int(100 * progress.done),
            "left": progress.left(seen),
        },
        "fault": drawn.fault,
        "troubles": drawn.troubles,
        "unknown": drawn.unknown,
        "matrix": None
        if matrix is None
        else {
            "rounds": matrix.rounds,
            "rows": [
                (row.site, [(code, CELL_GLYPHS[code], CELL_WORDS[code]) for code in row.cells], row.now(seen))
                for row in matrix.rows
            ],
            "earlier": matrix.earlier,
            "more": matrix.more,
        },
        "details": [(detail.term, detail.now(seen)) for detail in drawn.details],
    }


def _step(step: Step, times: _Times) -> dict[str, Any]:
    return {
        "label": step.label,
        "place": step.place,
        "time": None if step.at is None else times.show(step.at),
        "exact": step.exact,
    }


def _site(site: SiteDeployment) -> dict[str, str]:
    return {
        "name": clean(site.name),
        "state": site.state if site.state in _SITE_GLYPHS else "waiting",
        "glyph": _SITE_GLYPHS.get(site.state, "○"),
        "detail": clean(site.detail),
    }


class _Times:
    """The times of one form: the day and the zone are said once where they are the same for all.

    Attributes
    ----------
    common
        What all times have in common, such as ``2026-11-23 (UTC+01:00)``; empty when it is nothing.
    """

    def __init__(self, moments: Iterable[float], zone: tzinfo | None) -> None:
        self._zone = zone
        known = [when for when in map(self._local, moments) if when is not None]
        days = {f"{when:%Y-%m-%d}" for when in known}
        offsets = {_offset(when) for when in known}
        self._one_day = len(days) == 1
        self._one_offset = len(offsets) == 1
        shared = days if self._one_day else set()
        self.common = " ".join([*shared, *({f"({o})" for o in offsets} if self._one_offset else ())])

    def show(self, at: float) -> dict[str, str]:
        """Return a time as it is shown (``text``) and for machines (``iso``)."""
        when = self._local(at)
        if when is None:
            return {"text": "at an impossible time", "iso": ""}
        text = f"{when:%H:%M:%S}" if self._one_day else f"{when:%Y-%m-%d %H:%M:%S}"
        if not self._one_offset:
            text += f" ({_offset(when)})"
        return {"text": text, "iso": when.isoformat(timespec="seconds")}

    def _local(self, at: float) -> datetime | None:
        try:
            return datetime.fromtimestamp(at, self._zone).astimezone(self._zone)
        except (ValueError, OverflowError, OSError):
            return None


def _offset(when: datetime) -> str:
    text = when.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"


def question_html(question: str, answer: str) -> str:
    """Return a question that was asked in a notebook, and what was answered, as HTML for a saved notebook."""
    root, style = _style("confirm-static.css")
    template = _environment().get_template("confirm.html.j2")
    return template.render(root=root, style=style, question=question, answer=answer)


@functools.cache
def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def _style(name: str) -> tuple[str, Markup]:
    """Return a class for the root of a form, and the style sheet for it.

    A notebook may hold outputs of several versions of this package, and a style sheet in an output reaches the
    whole page: each version's is bound to a class of its own.
    """
    css = (_HERE / "static" / name).read_text(encoding="utf-8").strip()
    root = f"flw-static-{hashlib.sha256(css.encode()).hexdigest()[:8]}"
    # Ours, from the package: the only text that goes into the page as it is.
    return root, Markup(css.replace("flw-static", root))  # noqa: S704
