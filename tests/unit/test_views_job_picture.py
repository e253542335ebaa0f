"""The view model of a job, and that every form of the view says it."""

from __future__ import annotations

import html
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from drawn_jobs import CASES, T, make_large_job

from flare_widgets.cell_jobs import CELL_FILE
from flare_widgets.formatting.live_text import live
from flare_widgets.formatting.text import format_duration, sanitize
from flare_widgets.monitoring import Failure
from flare_widgets.monitoring.job.format import describe, progress_text, untold_notes
from flare_widgets.monitoring.job.model import (
    Freshness,
    Round,
    SiteActivity,
    SiteDeployment,
    SiteTask,
    StatusChange,
    Workflow,
)
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.state import JobState
from flare_widgets.monitoring.job.trouble import status_text
from flare_widgets.views.job.html import job_html
from flare_widgets.views.job.matrix import (
    LIVE_LIMITS,
    MAX_OPEN_SITES,
    MAX_SITES,
    STATIC_LIMITS,
    MatrixColumn,
    MatrixRow,
    MatrixWorkflow,
)
from flare_widgets.views.job.metrics import build_metrics
from flare_widgets.views.job.view_model import JobProgress, build_view_model

JOB = JobSnapshot(
    "76b8d043-5f0e",
    name="hello-numpy",
    status="RUNNING",
    timeline=(StatusChange("SUBMITTED", T, True), StatusChange("RUNNING", T + 1, True)),
    sites=tuple(SiteDeployment(name, "deployed") for name in ("server", "a", "b", "c", "d")),
    facts_at=T + 60,
    workflows=(Workflow("", first_round=0, total_rounds=4),),
    rounds=(Round(0, T + 2, T + 20), Round(1, T + 20)),
)


class Text(HTMLParser):
    """The text of a page, blocks apart, without its style."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._style = False
        self.feed(page)

    def handle_starttag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        self._style = tag == "style"
        if tag not in ("span", "strong", "time", "code", "s"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._style = False
        if tag not in ("span", "strong", "time", "code", "s"):
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.parts.append(data)

    @property
    def text(self) -> str:
        return "".join(self.parts)


def of_total(rounds: int | None) -> tuple[Workflow, ...]:
    return (Workflow("", first_round=0, total_rounds=rounds),)


def task(site: str, number: int, sent: float, returned: float | None = None, code: str = "OK") -> SiteTask:
    return SiteTask(
        f"{site}-{number}", site, "train", number, T + sent, None if returned is None else T + returned, code
    )


def facts(snapshot: JobSnapshot, now: float) -> list[str]:
    """Return the words that every form of the view must have on a job at that time."""
    job = build_view_model(snapshot, now, STATIC_LIMITS)
    said = [snapshot.name, status_text(snapshot), snapshot.job_id[:8], snapshot.submitter, snapshot.study]
    # Nobody knows whether a job goes on of which nothing is heard.
    elapsed = snapshot.elapsed(snapshot.as_of(now))
    said += [format_duration(elapsed)] if elapsed is not None else []
    said += [job.progress.text] if job.progress else []
    said += [part for row in job.matrix.rows for part in (row.site, row.activity.text_at(now))] if job.matrix else []
    if job.failure:
        card = job.failure
        said += [card.summary, card.location, card.code, card.next_step, card.log_title]
        said += [*card.unavailable, *card.log_lines]
    said += [metric.text for metric in build_metrics(snapshot)[:1]]
    said += [*(trouble.text_at(now) for trouble in job.troubles), *job.missing_notes]
    said += [text for detail in job.details for text in (detail.term, detail.text.text_at(now))]
    return [text for text in said if text]


@pytest.mark.parametrize(
    ("sentence", "file", "function", "location"),
    [
        ("site-2 failed: E", "train.py", "step", "train.py, line 7, in step"),
        ("site-2 failed: E", "train.py", "<module>", "train.py, line 7"),
        ("site-2 failed, in train.py line 7: E", "train.py", "step", "in step"),
        ("site-2 failed, in line 7 of the cell: E", CELL_FILE, "<module>", ""),
        ("site-2 failed: E", CELL_FILE, "", "line 7 of the cell"),
        ("site-2 failed: E", "", "step", ""),
    ],
)
def test_failure_card_gives_place_once(sentence: str, file: str, function: str, location: str) -> None:
    failure = Failure(sentence, "client-exception", file=file, line=7, function=function)
    card = build_view_model(JobSnapshot("job", failure=failure), T).failure
    assert card is not None
    assert (card.summary, card.location) == (sentence, location)


@pytest.mark.parametrize("name", [name for name in CASES if name != "hostile"])
def test_static_form_says_all_there_is(name: str) -> None:
    snapshot, now = CASES[name]
    # As of the server's last word: a picture knows no more.
    now = snapshot.facts_at if snapshot.facts_at is not None and not snapshot.ended else now
    said = Text(job_html(snapshot, now)).text
    for fact in facts(snapshot, now):
        assert fact in said


@pytest.mark.parametrize("name", [name for name in CASES if name != "hostile"])
def test_line_of_text_says_what_matters(name: str) -> None:
    snapshot, now = CASES[name]
    drawn, said = build_view_model(snapshot, now), describe(snapshot, now)
    assert snapshot.job_id[:8] in said
    assert status_text(snapshot) in said
    if drawn.failure:
        assert drawn.failure.summary in said
    if drawn.progress:
        assert progress_text(snapshot, "/") in said
    if drawn.matrix and len(drawn.matrix.rows) <= 4:
        busy = [
            row for row in drawn.matrix.rows if not snapshot.ended or row.activity.text_at(now).startswith("failed")
        ]
        assert all(
            re.search(
                rf"\b{row.site} (train|working|works on its own|validating|done|late|silent|waiting|failed|has not)",
                said,
            )
            for row in busy
        )
    assert all(note in said for note in drawn.missing_notes if note not in untold_notes(snapshot))


def test_running_job_picture_uses_last_answer() -> None:
    snapshot = replace(JOB, tasks=(task("a", 1, 21), task("b", 1, 21, 30)))
    said = Text(job_html(snapshot, T + 5000)).text
    assert "train, round 2 for 39 s" in said
    assert "waiting for a" in said


def test_nothing_hostile_gets_into_static_form() -> None:
    snapshot, now = CASES["hostile"]
    page = job_html(snapshot, now)
    assert page.count("<style>") == 1
    assert not re.search("[\x1b\x07\u202e\u2066]", html.unescape(page))


def test_huge_fields_keep_page_small() -> None:
    big = "x" * 1_000_000
    snapshot = JobSnapshot(
        big,
        name=big,
        study=big,
        submitter=big,
        status="RUNNING",
        workflows=(Workflow("", big, untold=(big,)),),
        rounds=(Round(0, T),),
        tasks=(SiteTask(big, big, big, 0, T),),
        sites=(SiteDeployment(big, big, big),),
        freshness=(Freshness(big, T, big, T + 1),),
        facts_at=T,
    )
    assert len(job_html(snapshot, T)) < 30_000
    assert len(json.dumps(build_view_model(snapshot, T).to_json())) < 10_000


@pytest.mark.parametrize(
    ("facts", "words", "done"),
    [
        ({}, "round 2 of 4", 0.25),
        ({"tasks": (task("a", 1, 21), task("b", 1, 21, 30))}, "round 2 of 4", 0.375),
        ({"rounds": JOB.rounds[:1]}, "round 1 of 4", 0.25),
        ({"workflows": ()}, "round 2", None),
        ({"workflows": of_total(0)}, "round 2", None),
        ({"workflows": of_total(1)}, "round 2", None),
        ({"status": "FINISHED:ABORTED"}, "1 of 4 rounds", 0.25),
        ({"status": "FINISHED:COMPLETED", "workflows": of_total(2)}, "2 of 2 rounds", 1.0),
        ({"status": "FINISHED:COMPLETED", "workflows": of_total(None)}, "2 rounds", None),
    ],
)
def test_how_far_it_is(facts: dict[str, Any], words: str, done: float | None) -> None:
    if "status" in facts:
        facts["timeline"] = (*JOB.timeline, StatusChange(facts["status"], T + 60, True))
    progress = build_view_model(replace(JOB, **facts), T + 60).progress
    assert progress is not None
    assert (progress.text, progress.fraction) == (words, done)


def test_no_round_no_progress_no_matrix() -> None:
    drawn = build_view_model(replace(JOB, rounds=()), T + 60)
    assert drawn.progress is None
    assert drawn.matrix is None


def test_remaining_time_shown_until_elapsed() -> None:
    progress = build_view_model(JOB, T + 25).progress
    assert progress is not None
    assert [progress.time_left.text_at(T + at) for at in (25, 72, 74)] == ["about 49 s left", "about 2 s left", ""]
    lost = build_view_model(replace(JOB, trouble="gone"), T + 90).progress
    assert lost == JobProgress("round 2 of 4", 0.25, live(""))


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([task("a", 1, 21)], {"a": "train, round 2", "b": "waiting"}),
        ([task("a", 1, 21), task("b", 1, 21, 30)], {"b": "waiting for a"}),
        ([task(s, 1, 21) for s in "abce"] + [task("d", 1, 21, 30)], {"d": "waiting for a, b and 2 more"}),
        ([task(s, 1, 21, 30) for s in "abcd"], {"a": "done"}),
        ([task("a", 1, 21, 30, "EXECUTION_EXCEPTION")], {"a": "failed: train, round 2"}),
    ],
)
def test_what_each_site_does(tasks: list[SiteTask], words: dict[str, str]) -> None:
    matrix = build_view_model(replace(JOB, tasks=tuple(tasks)), T + 40).matrix
    assert matrix is not None
    said = {row.site: row.activity.text_at(T + 40).removesuffix(" for 19 s") for row in matrix.rows}
    assert {site: said[site] for site in words} == words


def test_site_that_did_not_finish() -> None:
    end = (*JOB.timeline, StatusChange("FINISHED:ABORTED", T + 60, True))
    snapshot = replace(JOB, tasks=(task("a", 1, 21),), status="FINISHED:ABORTED", timeline=end)
    matrix = build_view_model(snapshot, T + 70).matrix
    assert matrix is not None
    assert matrix.rows[0] == MatrixRow("a", " u", live("not finished: train, round 2"), "a")


def test_silent_site_is_said_to_be() -> None:
    snapshot = replace(
        JOB,
        tasks=(task("a", 1, 21),),
        activity=(SiteActivity("a", (), T + 58, T + 10), SiteActivity("b", (), T + 58, T + 20)),
        freshness=(Freshness("system", T + 60),),
    )
    drawn = build_view_model(snapshot, T + 61)
    assert drawn.matrix is not None
    assert drawn.matrix.rows[0].activity.text_at(T + 61) == "silent: no heartbeat for 51 s"
    (trouble,) = drawn.troubles
    assert trouble.text_at(T + 61) == "a and b are silent: no heartbeat for up to 51 s"


@pytest.mark.parametrize(
    ("seconds", "duration"), [(0, "0 s"), (59.9, "59 s"), (61, "1 min 1 s"), (3723, "1 h 2 min"), (-5, "0 s")]
)
def test_activity_counts_duration(seconds: float, duration: str) -> None:
    matrix = build_view_model(replace(JOB, tasks=(task("a", 1, 21),)), T + 40).matrix
    assert matrix is not None
    assert matrix.rows[0].activity.text_at(T + 21 + seconds) == f"train, round 2 for {duration}"


def test_activity_stops_while_server_is_lost() -> None:
    snapshot = replace(JOB, tasks=(task("a", 1, 21),), trouble="gone")
    job = build_view_model(snapshot, T + 500)
    assert job.matrix is not None
    assert job.matrix.rows[0].activity.text_at(T + 500) == "train, round 2 for 39 s"
    assert job.elapsed.text_at(T + 500) == "59 s elapsed when last seen"
    assert job.last_known.text_at(T + 500) == "RUNNING 7 min 20 s ago"


@pytest.mark.parametrize(("seconds", "elapsed", "troubles"), [(1, "queued", []), (400, "", ["waiting for 6 min 40 s"])])
def test_wait_is_said_once(seconds: float, elapsed: str, troubles: list[str]) -> None:
    now = T + seconds
    snapshot = replace(CASES["submitted"][0], facts_at=now)
    job = build_view_model(snapshot, now)
    assert job.elapsed.text_at(now) == elapsed
    assert [text.text_at(now).partition(":")[0] for text in job.troubles] == troubles
    facts = job_html(snapshot, now).partition('<p class="flw-facts">')[2].partition("</p>")[0]
    assert ("queued" in facts) == (elapsed == "queued")
    assert not facts.startswith('<span class="flw-spoken">')


def test_freshness_turns_stale_without_news() -> None:
    job = build_view_model(JOB, T + 61)
    assert [job.freshness.text_at(T + at) for at in (70, 71)] == ["updated 10 s ago", "! last seen 11 s ago"]
    assert [job.freshness.severity_at(T + at) for at in (70, 71)] == ["", "warn"]


def test_detail_counts_age() -> None:
    job = build_view_model(replace(JOB, freshness=(Freshness("rounds", T),)), T)
    assert job.details[-1].text.text_at(T + 5.9) == "known, as of 5 s ago"
    assert job.details[0].text.text_at(T) == "76b8d043-5f0e"


def test_large_job_drawing_is_truncated() -> None:
    snapshot = make_large_job(200, 1000)
    tasks = tuple(SiteTask(f"t{n}", f"site-{n % 200:03}", "train", n // 200, T, T + 1, "OK") for n in range(200_000))
    snapshot = replace(snapshot, tasks=tasks)
    drawn = build_view_model(snapshot, T + 30_000)
    assert drawn.matrix is not None
    assert (len(drawn.matrix.rows), drawn.matrix.rest) == (200, "and 900 earlier rounds")
    assert len(json.dumps(drawn.to_json())) < 60_000
    still = build_view_model(snapshot, T + 30_000, STATIC_LIMITS).matrix
    assert still is not None
    assert (len(still.rows), still.rest) == (40, "and 993 earlier rounds, 160 more sites")
    assert len(job_html(snapshot, T + 30_000)) < 60_000


def make_wide_job(sites: int, rounds: int, busy: int) -> JobSnapshot:
    """Return a job in whose last round the first sites still work, the third of them for much longer than usual."""
    names = [f"site-{n:04}" for n in range(sites)]
    tasks = [
        task(name, number, 10 * number, None if number == rounds - 1 and place < busy else 10 * number + 4)
        for number in range(rounds)
        for place, name in enumerate(names)
    ]
    tasks = [replace(t, sent_at=T) if (t.site, t.round) == (names[2], rounds - 1) else t for t in tasks]
    return replace(
        JOB,
        sites=tuple(SiteDeployment(name, "deployed") for name in ("server", *names)),
        rounds=tuple(Round(n, T + 10 * n) for n in range(rounds)),
        tasks=tuple(tasks),
        workflows=of_total(rounds + 10),
        facts_at=T + 10 * rounds,
    )


def test_many_sites_are_summed_up_trouble_first() -> None:
    snapshot = make_wide_job(30, 9, busy=10)
    matrix = build_view_model(snapshot, T + 90).matrix
    assert matrix is not None
    assert matrix.summary.text_at(T + 90) == "20 of 30 done, 1 late, 9 working (longest: site-0002, 1 min 30 s)"
    assert (matrix.open_count, len(matrix.rows)) == (1, 30)
    assert [row.site for row in matrix.rows[:3]] == ["site-0002", "site-0000", "site-0001"]
    assert matrix.rows[-1].activity.text_at(T + 90) == "waiting for site-0000, site-0001 and 8 more"
    assert matrix.strip == "s" * 8 + "l"
    said = Text(job_html(snapshot, T + 90)).text
    assert "20 of 30 done, 1 late, 9 working (longest: site-0002, 1 min 30 s)" in said
    assert "the other 29 sites" in said


def test_few_sites_are_all_shown_by_name() -> None:
    matrix = build_view_model(make_wide_job(MAX_OPEN_SITES, 3, busy=4), T + 30).matrix
    assert matrix is not None
    assert [row.site for row in matrix.rows] == sorted(row.site for row in matrix.rows)
    assert (matrix.open_count, matrix.summary) == (MAX_OPEN_SITES, live(""))


def test_all_rounds_are_reachable_live_and_in_strip_of_static_form() -> None:
    snapshot = make_wide_job(6, 138, busy=2)
    matrix = build_view_model(snapshot, T + 1380).matrix
    assert matrix is not None
    assert (len(matrix.columns), matrix.strip_start, matrix.rest) == (138, 0, "")
    assert len(json.dumps(build_view_model(snapshot, T + 1380).to_json())) < 20_000
    page = job_html(snapshot, T + 1380)
    assert "and 114 earlier rounds" in page
    assert 'aria-label="rounds 1 to 137: submitted, 138: working"' in page
    assert len(page) < 60_000


def test_long_names_are_told_apart_by_their_labels() -> None:
    names = [f"hospital-of-the-university-of-{place}" for place in ("aachen-dermatology", "aachen-cardiology")]
    tasks = tuple(task(name, 1, 21) for name in names)
    matrix = build_view_model(replace(JOB, sites=(), tasks=tasks), T + 40).matrix
    assert matrix is not None
    assert {row.site: row.label for row in matrix.rows} == {
        names[0]: "hospital-of-th…n-dermatology",
        names[1]: "hospital-of-th…en-cardiology",
    }
    page = job_html(replace(JOB, sites=(), tasks=tasks), T + 40)
    assert f'title="{names[0]}">hospital-of-th…n-dermatology' in page


def test_work_of_view_model_grows_with_sites(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = {"sanitize": 0, "pending": 0}
    pending = JobState.pending_sites

    def count_sanitize(text: str, max_length: int = 200) -> str:
        calls["sanitize"] += 1
        return sanitize(text, max_length)

    def count_pending(snapshot: JobState, now: float) -> tuple[str, ...]:
        calls["pending"] += 1
        return pending(snapshot, now)

    for module in ("matrix", "view_model"):
        monkeypatch.setattr(f"flare_widgets.views.job.{module}.sanitize", count_sanitize)
    monkeypatch.setattr("flare_widgets.monitoring.job.format.sanitize", count_sanitize)
    monkeypatch.setattr(JobState, "pending_sites", count_pending)

    def work(sites: int) -> int:
        calls.update(sanitize=0, pending=0)
        snapshot = replace(
            make_wide_job(sites, 10, busy=sites // 2),
            activity=tuple(SiteActivity(f"site-{n:04}", (), None, T + 10) for n in range(0, sites, 4)),
            freshness=(Freshness("system", T + 100),),
        )
        matrix = build_view_model(snapshot, T + 100).matrix
        assert matrix is not None
        assert len(matrix.rows) == sites
        assert calls["pending"] <= 5
        return calls["sanitize"]

    few = work(100)
    assert work(MAX_SITES) <= 10 * few + 100
    assert few <= 8 * 100
    assert LIVE_LIMITS.count_columns(MAX_SITES) * MAX_SITES <= 20_000


# -- several workflows, and steps ------------------------------------------------------------------------------

TWO = (
    Workflow("pretrain", "ScatterAndGather", total_rounds=2, started_at=T + 2, ended_at=T + 20),
    Workflow("finetune", "ScatterAndGather", total_rounds=3, started_at=T + 20),
)
TWO_ROUNDS = tuple(Round(n % 2, T + 2 + 9 * n, workflow=w.id) for n, w in enumerate((TWO[0], TWO[0], TWO[1])))


def step(site: str, name: str, sent: float, returned: float | None = None, workflow: str = "cse") -> SiteTask:
    at = None if returned is None else T + returned
    label = "validating" if name == "validate" else ""
    return SiteTask(
        f"{site}-{name}-{sent}", site, name, None, T + sent, at, "OK" if at else "", workflow=workflow, label=label
    )


def test_rounds_are_counted_by_workflow() -> None:
    tasks = tuple(replace(task("a", r.number, 3), task_id=f"{r}", workflow=r.workflow) for r in TWO_ROUNDS)
    drawn = build_view_model(replace(JOB, workflows=TWO, rounds=TWO_ROUNDS, tasks=tasks), T + 30)
    assert drawn.progress is not None
    assert drawn.progress.text == "ScatterAndGather, workflow 2 of 2, round 1 of 3"
    assert drawn.progress.fraction == 2 / 5
    assert drawn.matrix is not None
    assert drawn.matrix.workflows == (
        MatrixWorkflow("1: ScatterAndGather", "workflow 1 of 2: ScatterAndGather (pretrain)", 2),
        MatrixWorkflow("2: ScatterAndGather", "workflow 2 of 2: ScatterAndGather (finetune)", 1),
    )
    assert [column.title for column in drawn.matrix.columns] == ["round 1", "round 2", "round 1"]
    assert drawn.matrix.edges == {2}
    assert drawn.matrix.rows[0].activity.text_at(T + 30) == "train, round 1 for 27 s"


def test_ended_job_counts_rounds_of_all_workflows() -> None:
    def ended(status: str, *rounds: Round) -> JobProgress | None:
        end = (*JOB.timeline, StatusChange(status, T + 60, True))
        snapshot = replace(JOB, workflows=TWO, rounds=rounds, status=status, timeline=end)
        return build_view_model(snapshot, T + 70).progress

    more = tuple(Round(n, T + 30 + n, workflow="finetune") for n in (1, 2))
    completed = ended("FINISHED:COMPLETED", *TWO_ROUNDS, *more)
    assert completed == JobProgress("5 of 5 rounds in 2 workflows", 1.0, live(""))
    assert ended("FINISHED:ABORTED", *TWO_ROUNDS) == JobProgress("2 of 5 rounds in 2 workflows", 0.4, live(""))


def test_site_at_work_in_later_workflow_is_not_done() -> None:
    workflows = (
        replace(TWO[0], name="FedAvg"),
        Workflow("cse", "CrossSiteModelEval", kind="evaluation", started_at=T + 20),
    )
    tasks = (
        *(replace(task(s, 1, 11, 19), workflow="pretrain") for s in "ab"),
        step("a", "submit_model", 21, 22),
        step("b", "submit_model", 21, 23),
        step("a", "validate", 24, 27),
        step("b", "validate", 24, 28),
        step("a", "validate", 29),
        step("b", "validate", 29, 30),
    )
    snapshot = replace(JOB, workflows=workflows, rounds=TWO_ROUNDS[:2], tasks=tasks)
    drawn = build_view_model(snapshot, T + 33)
    assert drawn.progress == JobProgress("CrossSiteModelEval, workflow 2 of 2, validating", None, live(""))
    assert drawn.matrix is not None
    assert [row.activity.text_at(T + 33) for row in drawn.matrix.rows[:2]] == ["validating for 4 s", "waiting for a"]
    assert drawn.matrix.columns[2:] == (
        MatrixColumn("submit_model", "", "submit_model"),
        MatrixColumn("validate", "", "validate (validating)"),
        MatrixColumn("2", "validate ", "validate 2 (validating)"),
    )
    assert [row.cells for row in drawn.matrix.rows[:3]] == [" sssw", " ssss", "    q"]
    said = Text(job_html(snapshot, T + 33)).text
    assert "2: CrossSiteModelEval" in said
    assert "submit_model" in said


def test_long_names_of_steps_are_shortened() -> None:
    def matrix(count: int) -> tuple[list[str], str]:
        names = [f"{n}_local_regression" for n in range(count)]
        tasks = tuple(step("a", name, n, n + 1, "") for n, name in enumerate(names))
        drawn = build_view_model(replace(JOB, workflows=of_total(4)[:1], rounds=(), tasks=tasks), T + 40).matrix
        assert drawn is not None
        assert [column.title for column in drawn.columns] == names
        return [column.label for column in drawn.columns], drawn.rest

    assert matrix(3) == (["0_local_regression", "1_local_regression", "2_local_regression"], "")
    assert matrix(5) == ([f"{n}_local_reg…" for n in range(5)], "")
    assert matrix(9) == ([f"{n}_local…" for n in range(9)], "")


def test_narrow_output_has_room_for_few_wide_steps() -> None:
    def narrow_count(*names: str) -> int:
        tasks = tuple(step("a", name, n, n + 1, "") for n, name in enumerate(names))
        drawn = build_view_model(replace(JOB, workflows=of_total(4)[:1], rounds=(), tasks=tasks), T + 40).matrix
        assert drawn is not None
        return drawn.narrow_count

    assert narrow_count("local_sums", "local_regression", "residuals", "report") == 2
    assert narrow_count("local_regression_of_all") == 1
    assert narrow_count(*["validate"] * 9) == 4
    rounds = build_view_model(JOB, T + 40).matrix
    assert rounds is not None
    assert rounds.narrow_count == 2


def test_repeated_steps_have_numbers() -> None:
    tasks = tuple(step("a", "validate", n, n + 1, "") for n in range(30))
    drawn = build_view_model(replace(JOB, workflows=of_total(4), rounds=(), tasks=tasks), T + 40).matrix
    assert drawn is not None
    assert [column.label for column in drawn.columns] == ["validate", *map(str, range(2, 31))]
    assert drawn.rest == ""


def test_sites_that_work_on_their_own_have_rows_without_columns() -> None:
    workflow = Workflow(
        "xgb", "XGBController", "XGBoost", is_self_directed=True, untold=("Its rounds are not told",), started_at=T + 5
    )
    snapshot = replace(JOB, workflows=(workflow,), rounds=())
    drawn = build_view_model(snapshot, T + 60)
    assert drawn.matrix is not None
    assert drawn.matrix.columns == ()
    assert drawn.matrix.rows[0] == MatrixRow("a", "", live("works on its own (XGBoost)"), "a")
    assert drawn.progress == JobProgress("the sites work on their own (XGBoost)", None, live(""))
    assert drawn.untold_notes == ("Its rounds are not told",)
    assert "Its rounds are not told" in job_html(snapshot, T + 60)
    waiting = build_view_model(replace(snapshot, workflows=(replace(workflow, started_at=None),)), T + 60)
    assert waiting.matrix is None
    assert waiting.untold_notes == ()


def test_what_is_told_at_the_end_is_a_note_until_then() -> None:
    workflow = Workflow("stats", untold=("Not told",), told_at_end=("Told at the end",), started_at=T)
    snapshot = replace(JOB, workflows=(workflow,), rounds=())
    assert build_view_model(snapshot, T + 60).untold_notes == ("Not told", "Told at the end")
    end = (*JOB.timeline, StatusChange("FINISHED:COMPLETED", T + 60, True))
    ended = replace(snapshot, status="FINISHED:COMPLETED", timeline=end)
    assert build_view_model(ended, T + 60).untold_notes == ("Not told",)


def test_job_that_packs_up_its_results_says_so() -> None:
    rounds = (Round(0, T + 2, T + 20), Round(1, T + 20, T + 30))
    tasks = tuple(task(s, 1, 21, 30) for s in "abcd")
    snapshot = replace(JOB, workflows=of_total(2), rounds=rounds, tasks=tasks, packing_since=T + 31)
    drawn = build_view_model(snapshot, T + 33)
    assert drawn.progress == JobProgress("packing up the results", None, live(""))
    assert drawn.matrix is not None
    assert {row.activity.text_at(T + 33) for row in drawn.matrix.rows} == {"done"}
