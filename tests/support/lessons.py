"""Promises of each lesson: texts that must be in its outputs when it has been run."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

#: The variable by whose value the processes that descend from a marked one are found.
MARK = "FLARE_WIDGETS_TEST"

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Promise:
    """Texts that a lesson announces.

    Attributes
    ----------
    seen
        Regular expressions by the tag of the cell in whose output they must be found.
    views
        How many of its cells leave the picture of a job that has ended.
    charts
        The titles of the charts that its pictures have.
    asked
        Regular expressions as in `seen`, in place of those there, where a person is at the notebook, who is asked and
        says no.
    """

    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)
    views: int = 0
    charts: tuple[str, ...] = ()
    asked: dict[str, tuple[str, ...]] = field(default_factory=dict)


PROMISES = {
    "01_quickstart": Promise(
        {
            "results": (r"models/server\.npy \(npy, ", r"numpy\.load\("),
            "learned": (r"learned together: y = (2\.9|3\.0|3\.1)\d x \+ (1\.|2\.)\d\d",),
            "rounds": (r"round 1   mean loss at the sites +\d+\.\d{3}   #{20,}(?s:.*)round 5   mean loss .* 0\.\d{3}",),
        },
        views=1,
    ),
    "02_a_real_model": Promise(
        {
            "alone": (r"office-a alone reads (6|7)\d%", r"office-b alone reads (6|7)\d%"),
            "curve": (r"received in round 1 +\d\.\d%  #(?s:.*)received in round 5 +[6-9]\d\.\d%  #{20,}",),
            "model": (r"app_server/model_param\.joblib \(joblib, ",),
            # Who was alone knows nothing of three digits; together there is none that is not known.
            "together": (
                r"office-a alone .*( +0%){3}",
                r"office-b alone( +0%){3}",
                r"both together( +[4-9]\d%| +100%){11}",
            ),
        },
        views=1,
        charts=("accuracy by round",),
    ),
    "03_the_flare_api": Promise(
        {
            "documentation": (r"was submitted\n", r"'status': 'RUNNING'", r"'status': 'FINISHED:COMPLETED'"),
            "own-callback": (r"ENDED_BY_CB .*'RUNNING'\]",),
            "aborted": (r"FINISHED:ABORTED",),
            "not-found": (r"no-such-job",),
            "happened": (r"status RUNNING\n", r"round 4: accuracy 0\.80", r"status FINISHED:COMPLETED\n", r"the end"),
        }
    ),
    "04_when_things_go_wrong": Promise(
        {
            "refused": (r"has no flare\.send\(\)", r"line 7: 'learning_rate' is a variable of this notebook"),
            "failure": (
                r"FINISHED:EXECUTION_EXCEPTION",
                # The line as the notebook counts it.
                r"hospital-b failed in round 2, in line 12 of the cell: ValueError: shapes \(10,2\) and \(3,\)",
                r"Next: Correct line 12 of the cell",
            ),
            "log": (r"\[hospital-b\] .*log\.txt in the folder of hospital-b\n(?s:.*)ValueError",),
            "components": (r"ERRORLOG_hospital-b",),
            "paused": (r"hospital-b: paused",),
            "silence": (r"steady \w{8}  RUNNING", r"rounds begun: (\d) \(and \1 when"),
            "lost-key": (r"files +failed .*client\.key is missing", r"key match +skipped", r"host +skipped"),
            "edited": (r"role +ok", r"host +failed"),
            "good-kit": (r"no problem", r"login +ok"),
            "refused-kit": (r"client\.key is missing",),
        },
        views=2,
    ),
    "05_roles_security_studies": Promise(
        {
            "who": (r"lea@example\.org.* lead ", r"max@example\.org.* member ", r"admin@nvidia\.com.* project_admin "),
            "lead-unasked": (r"Cannot ask for confirmation here",),
            "lead-refused": (r"your role does not permit 'register_study'",),
            "lead-others": (r"your role does not permit 'delete_job'",),
            "member-refused": (r"your role does not permit 'clone_job'",),
            "read-only": (r"%flare abort may change something, and read-only mode is on",),
            "study": (r"heart",),
            "study-jobs": (r"heart-job(?s:(?!lea-job).)*$",),
            "not-in-study": (r"max@example\.org.*is not mapped to study 'heart'",),
        },
        views=2,
        asked={"lead-unasked": (r"Cancelled; nothing was changed",)},
    ),
    "06_your_own_federation": Promise(
        {
            "kits": (r"hospital-net +ada@example\.org +lead ",),
            "check": (r"login +ok +logged in to project .* as ada@example\.org",),
            "sessions": (r"hospital-net .*lead", r"▸ +sandbox .*project[_ ]admin"),
            "next-day": (r"first-steps \w{8}  FINISHED:COMPLETED",),
            "server-is-down": (r"UsageError: .+",),
            "down-check": (r"port +failed",),
        },
        views=1,
        # A live view shows what is so in the end: all sessions closed.
        asked={"sessions": (r"No session\. %flare connect KIT opens one",)},
    ),
    "07_comparing_runs": Promise(
        {
            # With the arguments by which they differ.
            "compare": (r"careful .* 1 +0\.0003 ", r"more-epochs .* 10 +0\.0003 ", r"bold .* 10 +1\.0 "),
            "settings": (r"careful +\{'epochs': '1', 'rate': '0\.0003'\}", r"bold +\{'epochs': '10', 'rate': '1\.0'\}"),
            # By accuracy it is as good as the others, by its loss it gets worse.
            "table": (r"careful +loss 0\.693(  0\.\d{3}){3}", r"bold +loss", r"more-epochs +loss"),
        },
        charts=("loss by round (lower is better)", "accuracy by round (higher is better)"),
    ),
    "08_sweep": Promise(
        {
            "sweep": (r"wines: 4 of 4 jobs done", r"1 +FINISHED:COMPLETED +0\.0\d+ \(round 3\), best"),
            "jobs": (r"wines rate=0\.001", r"wines rate=0\.03", r"wines rate=1\b", r"wines rate=30"),
            "best": (r"best: rate 1, loss 0\.0\d\d in round 3",),
            "compare": (r"wines rate=0\.001 .* 0\.001 ", r"wines rate=30 .* 30 "),
            "rows": (
                r"rate 0\.001   loss 0\.9\d\d   FINISHED:COMPLETED",
                r"rate +30   loss \d\.\d{3}   FINISHED:COMPLETED",
            ),
            "result": (r"numpy\.load\(",),
            "model": (r"models/server\.npy \(npy, .*3.*14", r"arguments: \{'rate': '1'\}"),
            "test": (r"right about (9\d|100)% of 38 wines",),
        },
        charts=("loss by round (lower is better)",),
    ),
    "09_evaluating_across_sites": Promise(
        {
            "statistics": (r"statistics +\d+ numbers",),
            "means": (r"age +3\d\.\d +5\d\.\d +48\.5", r"bmi +2\d\.\d +2\d\.\d +26\.4"),
            "evaluation": (r"evaluation +6 values",),
            # Each hospital's own model, and the shared one: that of hospital-a is bad at the other hospital.
            "matrix": (
                r"SRV_server +4\d\.\d +4\d\.\d",
                r"hospital-a +4\d\.\d +(5[5-9]|6\d)\.\d",
                r"hospital-b +4\d\.\d +4\d\.\d",
            ),
        },
        views=1,
        charts=("error by round",),
    ),
}
"""By the lesson's name."""


def tagged(notebook: Any, tag: str) -> Any:
    """Return the cell that has a tag; there must be one."""
    (cell,) = (cell for cell in notebook.cells if tag in cell.metadata.get("tags", ()))
    return cell


def text_of(cell: Any) -> str:
    """Return what a cell has printed, returned, and failed with."""
    parts = []
    for output in cell.outputs:
        if output.output_type == "stream":
            parts.append(output.text)
        elif output.output_type == "error":
            parts.append(f"{output.ename}: {output.evalue}")
        else:
            parts.append(output.data.get("text/plain", ""))
    return _COLOUR.sub("", "\n".join(parts))


def check(lesson: Path, notebook: Any, *, person: bool = False) -> None:
    """Check what a lesson that was run promises: without a screen, or by a person, who says no when asked."""
    promise = PROMISES[lesson.stem]
    for tag, patterns in (promise.seen | promise.asked if person else promise.seen).items():
        text = text_of(tagged(notebook, tag))
        for pattern in patterns:
            assert re.search(pattern, text), f"{lesson.stem}, {tag}: {pattern!r} is not in\n{text}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for cell in code:
        # A lesson's error is one that is announced, and one that is announced comes; for each the words are known.
        tags = cell.metadata.get("tags", ())
        # Where a person is asked and declines, nothing is refused.
        is_declined = person and not set(tags).isdisjoint(promise.asked)
        expected = "raises-exception" in tags and not is_declined
        failed = any(output.output_type == "error" for output in cell.outputs) or "UsageError" in text_of(cell)
        assert failed == expected, cell.source + text_of(cell)
        assert not expected or set(cell.metadata.tags) & set(promise.seen), f"nothing is checked of: {cell.source}"
    # The saved notebook still shows the jobs, without kernel, widget manager or network.
    pictures = [
        output.data.get("text/html", "")
        for cell in code
        for output in cell.outputs
        if output.output_type in ("display_data", "execute_result")
    ]
    ended = sum("FINISHED:" in picture for picture in pictures)
    assert ended >= promise.views, ended
    for title in promise.charts:
        assert any(f"<title>{title}" in picture for picture in pictures), title
    for cell in code:
        for output in cell.outputs:
            forms = output.get("data", {})
            # A view that is still live, which only a person gets, has its other forms beside it.
            live = "application/vnd.jupyter.widget-view+json" in forms
            assert not live or (person and {"text/html", "text/plain"} <= forms.keys()), cell.source
    assert "widgets" not in notebook.metadata


def check_page(html: str) -> None:
    """Check the page made of a lesson that was run: it has the jobs, and nothing of it comes from elsewhere."""
    assert "FINISHED:COMPLETED" in html
    assert not re.findall(r"<script[^>]+src=[^>]+>", html)


def heirs(mark: str) -> dict[int, str]:
    """Return the command lines, by PID, of the processes that descend from one that was started with this mark."""
    found = {}
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == mark:
                found[process.pid] = " ".join(process.cmdline())
        except psutil.Error:
            continue
    return found
