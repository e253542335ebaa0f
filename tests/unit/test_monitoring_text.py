"""A job in words: the line, and the summary at the end."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.monitoring.diagnosis import Failure
from flare_widgets.monitoring.job.format import (
    describe,
    expects_live_metrics,
    live_metrics_note,
    metrics_without_first_round,
    no_metrics_reason,
    site_text,
)
from flare_widgets.monitoring.job.model import (
    RANK_GLOBAL,
    RANK_RECORD,
    SELECTOR_VALUE,
    BestRound,
    Freshness,
    KeyMetric,
    Point,
    Round,
    Scheduling,
    Series,
    SiteActivity,
    SiteDeployment,
    SiteTask,
    StatusChange,
    Workflow,
)
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.summary import MAX_SITES, summarize
from flare_widgets.monitoring.job.trouble import live_troubles, waiting_note

T = 1_795_000_000.0
JOB = "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"
SITES = ("hospital-a", "hospital-b")


def task(site: str, number: int | None, sent: float, returned: float | None = None, code: str = "") -> SiteTask:
    return SiteTask(
        f"{site}-{number}", site, "train", number, T + sent, None if returned is None else T + returned, code
    )


def submitted(**known: Any) -> JobSnapshot:
    first = StatusChange("SUBMITTED", T, True)
    return replace(JobSnapshot(JOB, "hello-numpy", status="SUBMITTED", timeline=(first,), facts_at=T + 1), **known)


def running(**known: Any) -> JobSnapshot:
    """In the sixth of ten rounds of 20 s each, 14 s after it began."""
    snapshot = submitted(
        status="RUNNING",
        timeline=(*submitted().timeline, StatusChange("RUNNING", T, True)),
        sites=tuple(SiteDeployment(name, "deployed") for name in ("server", *SITES)),
        facts_at=T + 134,
        workflows=(Workflow("", first_round=0, total_rounds=10),),
        rounds=tuple(Round(n, T + 20 + 20 * n, T + 40 + 20 * n if n < 5 else None) for n in range(6)),
        tasks=(
            *(task(site, n, 20 + 20 * n, 39 + 20 * n, "OK") for n in range(5) for site in SITES),
            task("hospital-a", 5, 120),
            task("hospital-b", 5, 120, 130, "OK"),
        ),
        round_metrics=(Series("accuracy", "", (Point(3, 0.59), Point(4, 0.607))),),
        key_metric=KeyMetric("accuracy"),
        best=BestRound(4, 0.607),
    )
    return replace(snapshot, **known)


def ended(status: str = "FINISHED:COMPLETED", **known: Any) -> JobSnapshot:
    last = StatusChange(status, T + 210, True)
    return replace(running(), status=status, timeline=(*running().timeline, last), duration=210.0, **known)


HEAD = "hello-numpy 76b8d043  RUNNING"
ROUND = "round 6/10"
ROUNDS = "6/10 rounds"
METRIC = "accuracy 0.607"
TIMES = "2 min 14 s, about 1 min 26 s left"
DOING = "hospital-a train, hospital-b waiting for hospital-a"


def failure(sentence: str, next_step: str = "") -> Failure:
    return Failure(sentence, "client-exception", site="hospital-a", next_step=next_step)


def many(count: int, **words: str) -> JobSnapshot:
    """A job at many sites; by the site's name, what its task is like."""
    tasks = []
    for n in range(count):
        tasks += [task(f"site-{n:02}", 4, 40, 50, "OK"), task(f"site-{n:02}", 5, 120)]
    by_site = {
        "done": lambda t: replace(t, returned_at=T + 130, code="OK"),
        "failed": lambda t: replace(t, returned_at=T + 130, code="EXECUTION_EXCEPTION"),
        "late": lambda t: replace(t, sent_at=T + 51),
    }
    changed = {site.replace("_", "-"): by_site[word] for site, word in words.items()}
    newest = [changed[t.site](t) if t.round == 5 and t.site in changed else t for t in tasks]
    return running(tasks=tuple(newest), sites=())


@pytest.mark.parametrize(
    ("snapshot", "line"),
    [
        (JobSnapshot(JOB), "job 76b8d043  asking the server"),
        (JobSnapshot(JOB, trouble="no answer"), "job 76b8d043  UNKNOWN  no answer"),
        # before it runs
        (
            submitted(),
            "hello-numpy 76b8d043  SUBMITTED  waiting for 2 min 14 s: the server has not tried to start it yet",
        ),
        (submitted(scheduling=Scheduling(1, T)), "hello-numpy 76b8d043  SUBMITTED  waiting for 2 min 14 s"),
        (
            submitted(scheduling=Scheduling(3, T + 9, "connected sites (2) < min_sites (5)")),
            "hello-numpy 76b8d043  SUBMITTED  waiting for 2 min 14 s: connected sites (2) < min_sites (5), "
            "tried 3 times",
        ),
        # while it does
        (running(), f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  {DOING}"),
        (running(workflows=()), f"{HEAD}  round 6  {METRIC}  2 min 14 s  {DOING}"),
        (
            running(workflows=(Workflow("", total_rounds=6),)),
            f"{HEAD}  round 6/6  {METRIC}  2 min 14 s, about 6 s left  {DOING}",
        ),
        (running(best=BestRound(2, 0.7)), f"{HEAD}  {ROUND}  {METRIC} (best 0.700 in round 3)  {TIMES}  {DOING}"),
        # The server's log has the mean of a round only where it is the best so far.
        (
            running(round_metrics=(Series("accuracy", "", (Point(1, 0.5),)),), best=BestRound(1, 0.5)),
            f"{HEAD}  {ROUND}  accuracy 0.500 in round 2  {TIMES}  {DOING}",
        ),
        # Only sites' values: none of them is the job's.
        (
            running(round_metrics=(Series("loss", "hospital-a", (Point(4, 1.0),)),)),
            f"{HEAD}  {ROUND}  {TIMES}  {DOING}",
        ),
        # No key metric: the first one there is.
        (
            running(key_metric=None, best=None, round_metrics=(Series("loss", "", (Point(5, 12345.6),)),)),
            f"{HEAD}  {ROUND}  loss 12346  {TIMES}  {DOING}",
        ),
        (
            running(tasks=(task("hospital-a", 5, 120, 130, "EXECUTION_EXCEPTION"),)),
            f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  hospital-a failed, hospital-b waiting",
        ),
        # what sites say, where the server's log may not be read
        (
            running(
                rounds=(),
                tasks=(),
                round_metrics=(),
                activity=(SiteActivity("hospital-a", ("train",), T + 130), SiteActivity("hospital-b", (), T + 130)),
                freshness=(Freshness("rounds", None, "not permitted: lead may not", T + 100),),
            ),
            f"{HEAD}  2 min 14 s  hospital-a train, hospital-b waiting  rounds not known (not permitted: lead may not)",
        ),
        (
            running(rounds=(), tasks=(), round_metrics=()),
            f"{HEAD}  2 min 14 s  hospital-a deployed, hospital-b deployed",
        ),
        (
            running(
                rounds=(), round_metrics=(), tasks=(task("hospital-a", None, 3), task("hospital-b", None, 3, 9, "OK"))
            ),
            f"{HEAD}  train  2 min 14 s  hospital-a late (2 min 11 s), hospital-b waiting for hospital-a",
        ),
        # many sites
        (many(8, site_01="done", site_02="done"), f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  2 done, 6 working"),
        (
            many(9, site_03="failed", site_05="late", site_01="done"),
            f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  site-03 failed, site-05 late, 1 done, 6 working",
        ),
        (
            many(9, **{f"site_0{n}": "failed" for n in range(6)}),
            f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  site-00, site-01, site-02, site-03 and 2 more failed, 3 working",
        ),
        # trouble
        (
            running(trouble="no connection to server:8002, trying again (3)", facts_at=T + 92),
            f"{HEAD} 42 s ago  no connection to server:8002, trying again (3)  {ROUND}  {METRIC}  1 min 32 s  {DOING}",
        ),
        (
            running(running_seen_at=T + 60, absent_seen_at=T + 130),
            "hello-numpy 76b8d043  LOST  the server no longer runs it (was it restarted?), "
            f"so it will not end by itself  {ROUND}  {METRIC}  2 min 10 s  {DOING}",
        ),
        (
            running(
                activity=(SiteActivity("hospital-a", last_seen=T + 90), SiteActivity("hospital-b", last_seen=T + 125)),
                freshness=(Freshness("system", T + 130),),
            ),
            f"{HEAD}  {ROUND}  {METRIC}  2 min 14 s  hospital-a silent for 44 s, hospital-b waiting for hospital-a",
        ),
        (
            running(freshness=(Freshness("rounds", T + 100, "no answer", T + 110),)),
            f"{HEAD}  {ROUND}  {METRIC}  {TIMES}  {DOING}  rounds as of 34 s ago (no answer)",
        ),
        # at the end
        (ended(), f"hello-numpy 76b8d043  FINISHED:COMPLETED  {ROUNDS}  {METRIC}  3 min 30 s"),
        (
            ended("FINISHED:EXECUTION_EXCEPTION", failure=failure("hospital-a failed: no data")),
            f"hello-numpy 76b8d043  FINISHED:EXECUTION_EXCEPTION  hospital-a failed: no data  5/10 rounds  {METRIC}  "
            "3 min 30 s  hospital-a failed",
        ),
        (
            ended(freshness=(Freshness("metrics", None, "none kept", T), Freshness("activity", T, "x", T + 1))),
            f"hello-numpy 76b8d043  FINISHED:COMPLETED  {ROUNDS}  {METRIC}  3 min 30 s  "
            "other metrics not known (none kept)",
        ),
        (
            ended(round_metrics=(), freshness=(Freshness("metrics", None, "none kept", T),)),
            f"hello-numpy 76b8d043  FINISHED:COMPLETED  {ROUNDS}  3 min 30 s  metrics not known (none kept)",
        ),
        (
            ended("FINISHED:ABORTED", freshness=(Freshness("failure", None, "no log", T),)),
            f"hello-numpy 76b8d043  FINISHED:ABORTED  5/10 rounds  {METRIC}  3 min 30 s  "
            "cause of the failure not known (no log)",
        ),
    ],
)
def test_line(snapshot: JobSnapshot, line: str) -> None:
    assert describe(snapshot, T + 134) == line


def test_late_site_is_named_with_delay() -> None:
    slow = running(tasks=(*(t for t in running().tasks if t.round != 5), task("hospital-a", 5, 120)))
    assert describe(slow, T + 120 + 61).endswith(
        "hospital-a late (1 min 1 s), hospital-b has not fetched its task for 1 min 1 s"
    )


def test_print_is_line_of_now() -> None:
    assert str(JobSnapshot(JOB)) == "job 76b8d043  asking the server"
    assert f"{ended()}" == describe(ended())


def test_unknown_waiting_time_is_omitted() -> None:
    assert waiting_note(replace(submitted(), timeline=()), T) == "waiting"
    assert waiting_note(running(), T) == ""


def test_summary_of_job_that_completed() -> None:
    snapshot = ended(
        round_metrics=(
            Series("accuracy", "", (Point(8, 0.6), Point(9, 0.612, RANK_RECORD))),
            Series("accuracy", "hospital-a", (Point(9, 0.601),)),
            Series("accuracy", "hospital-b", (Point(9, 0.623),)),
            Series("a loss", "", (Point(9, 1234.56, RANK_RECORD),)),
            Series("a loss", "hospital-b", (Point(9, 0.00001),)),
        ),
        rounds=tuple(Round(n, T + 20 * n) for n in range(10)),
        best=BestRound(7, 0.62),
    )
    assert summarize(snapshot, T).splitlines() == [
        "hello-numpy 76b8d043  FINISHED:COMPLETED after 3 min 30 s",
        "10 of 10 rounds, the best was round 8 with accuracy 0.620",
        "",
        "round 10               accuracy  a loss",
        "all sites (aggregate)     0.612    1235",
        "hospital-a                0.601       -",
        "hospital-b                0.623   1e-05",
    ]


@pytest.mark.parametrize(
    ("snapshot", "reason"),
    [
        (submitted(), "it has not started yet (waiting for 2 min 14 s: the server has not tried to start it yet)"),
        (replace(submitted(), status="DISPATCHED"), "it has not started yet"),
        (
            ended("FINISHED:EXECUTION_EXCEPTION", failure=failure("hospital-a failed: KeyError")),
            "it ended as FINISHED:EXECUTION_EXCEPTION before it had any (hospital-a failed: KeyError)",
        ),
        (ended("FINISHED:ABORTED"), "it ended as FINISHED:ABORTED before it had any"),
        (ended(freshness=(Freshness("metrics", None, "the job keeps no record", T),)), "the job keeps no record"),
        (running(freshness=(Freshness("metrics", None, "not permitted", T),)), "not permitted"),
        (running(workflows=(), rounds=(), tasks=()), "none has come yet"),
        (JobSnapshot(JOB), ""),
    ],
)
def test_reason_of_missing_metrics(snapshot: JobSnapshot, reason: str) -> None:
    assert no_metrics_reason(replace(snapshot, round_metrics=()), T + 134) == reason


def test_site_is_done_at_the_end_only_if_that_is_known() -> None:
    def ending(*tasks: SiteTask) -> dict[str, str]:
        snapshot = running(tasks=tasks, packing_since=T + 133)
        return {site: site_text(snapshot, cell) for site, cell in snapshot.site_states(T + 134).items()}

    back, out = task("hospital-a", 5, 120, 130, "OK"), task("hospital-a", 5, 120)
    failed = task("hospital-b", 5, 120, 130, "EXECUTION_EXCEPTION")
    assert ending(back, replace(failed, code="OK")) == {"hospital-a": "done", "hospital-b": "done"}
    assert ending(back, failed) == {"hospital-a": "done", "hospital-b": "failed: train, round 6"}
    assert ending(out, failed) == {
        "hospital-a": "not finished: train, round 6",
        "hospital-b": "failed: train, round 6",
    }
    # Nothing is known of a site without a task.
    assert ending(failed)["hospital-a"] == "deployed"


def test_summary_calls_mean_of_selector_mean() -> None:
    lines = summarize(ended(round_metrics=(Series("loss", "", (Point(3, 0.5),)),)), T).splitlines()
    assert "all sites (mean)  0.500" in lines


def test_summary_gives_rounds_when_they_differ() -> None:
    snapshot = ended(
        round_metrics=(Series("loss", "", (Point(3, 0.5, RANK_GLOBAL),)), Series("loss", "東京", (Point(5, 0.25),))),
        key_metric=None,
        best=None,
        freshness=(Freshness("metrics", None, "the job does not record metrics", T),),
    )
    assert summarize(snapshot, T).splitlines() == [
        "hello-numpy 76b8d043  FINISHED:COMPLETED after 3 min 30 s",
        "6 of 10 rounds",
        "",
        "                                  loss",
        "all sites (aggregate)  0.500 (round 4)",
        "東京                   0.250 (round 6)",
        "other metrics not known (the job does not record metrics)",
    ]


def test_summary_of_job_that_failed() -> None:
    snapshot = ended(
        "FINISHED:EXECUTION_EXCEPTION",
        rounds=running().rounds[:1],
        workflows=(),
        round_metrics=(),
        best=None,
        sites=(SiteDeployment("hospital-b", "failed", "No space left on device"),),
        failure=failure("hospital-a failed in round 1: ValueError: x", "mend client.py and submit again."),
        freshness=(Freshness("rounds", None, "no answer: gone", T), Freshness("metrics", None, "none kept", T)),
    )
    assert summarize(snapshot, T).splitlines() == [
        "hello-numpy 76b8d043  FINISHED:EXECUTION_EXCEPTION after 3 min 30 s",
        "hospital-a failed in round 1: ValueError: x",
        "Next: mend client.py and submit again.",
        "hospital-b did not accept the job: No space left on device",
        "1 round",
        "other rounds not known (no answer: gone)",
        "metrics not known (none kept)",
    ]


def test_summary_of_unfinished_job() -> None:
    assert summarize(submitted(scheduling=Scheduling(1, T, "no sites")), T + 60).splitlines() == [
        "hello-numpy 76b8d043  SUBMITTED",
        "waiting for 1 min: no sites",
    ]
    cut_off = running(trouble="no connection", round_metrics=(), best=None)
    assert summarize(cut_off, T + 170).splitlines() == [
        "hello-numpy 76b8d043  RUNNING for 2 min 14 s",
        "round 6 of 10",
        "no connection; last update 36 s ago",
    ]
    aborted = submitted(status="FINISHED:ABORTED")
    assert summarize(aborted, T) == "hello-numpy 76b8d043  FINISHED:ABORTED before it ran"


def test_large_table_is_counted() -> None:
    metrics = tuple(Series(f"m{i}", f"site-{n:02}", (Point(1, 0.5),)) for n in range(30) for i in range(8))
    lines = summarize(ended(round_metrics=metrics), T).splitlines()
    assert lines[-1] == "... and 10 more sites and 2 more metrics"
    assert sum(line.startswith("site-") for line in lines) == MAX_SITES


HOSTILE = ["\x1b[2J", "a\rb", "a\nb", "\u202eevil", "\x07", "\x9b31m", "\u2028", "\ud800", "x" * 5000]


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("status", ["RUNNING", "SUBMITTED", "FINISHED:EXECUTION_EXCEPTION", None])
def test_hostile_input_is_safe_in_terminal(hostile: str, status: str | None) -> None:
    snapshot = JobSnapshot(
        hostile,
        name=hostile,
        status=hostile if status is None else status,
        timeline=running().timeline,
        sites=tuple(SiteDeployment(hostile + str(n), "failed", hostile) for n in range(6)),
        facts_at=T,
        trouble=hostile,
        scheduling=Scheduling(2, T, hostile),
        rounds=(Round(0, T),),
        tasks=(SiteTask(hostile, hostile, hostile, 0, T, T + 1, hostile),),
        round_metrics=(Series(hostile, "", (Point(0, 1.0),)), Series(hostile, hostile, (Point(0, 1.0),))),
        key_metric=KeyMetric(hostile),
        best=BestRound(0, 1.0),
        activity=(SiteActivity(hostile, (hostile,), T, T - 100),),
        failure=failure(hostile, hostile),
        freshness=(Freshness("rounds", None, hostile, T), Freshness(hostile, None, hostile, T)),
    )
    line = describe(snapshot, T + 5)
    assert line.isprintable()
    assert len(line) < 2000
    assert all(part.isprintable() for part in summarize(snapshot, T + 5).split("\n"))
    assert len(summarize(snapshot, T + 5)) < 6000


def test_troubles_are_told_with_their_own_clock() -> None:
    stalled = running(tasks=tuple(t for t in running().tasks if (t.site, t.round) != ("hospital-a", 5)))
    assert live_troubles(running(), T + 134) == []
    assert live_troubles(submitted(), T + 10) == []
    (waiting,) = live_troubles(submitted(), T + 11)
    assert waiting.text_at(T + 15) == "waiting for 15 s"
    (unfetched,) = live_troubles(stalled, T + 120 + 58)
    assert unfetched.text_at(T + 120 + 60) == "hospital-a has not fetched its task for 1 min"
    slow = running(tasks=tuple(t for t in running().tasks if t.round != 5), sites=())
    assert [text.text_at(T + 190) for text in live_troubles(slow, T + 190)] == [
        "hospital-a and hospital-b have not fetched their tasks for up to 1 min 10 s"
    ]
    alone = running(tasks=(), sites=())
    assert [text.text_at(T + 190) for text in live_troubles(alone, T + 190)] == [
        "round 6 has lasted 1 min 10 s; those before took 20 s"
    ]


def test_server_that_waits_for_outcomes_is_told() -> None:
    gone = running(
        running_seen_at=T + 60,
        absent_seen_at=T + 134,
        server_started_at=T - 99,
        activity=(SiteActivity("hospital-a", last_seen=T + 90), SiteActivity("hospital-b", last_seen=T + 130)),
        freshness=(Freshness("system", T + 130),),
    )
    told, _ = live_troubles(gone, T + 134)
    assert told.text_at(T + 134) == (
        "it has ended on the server, which waits for the outcome of hospital-a, up to 15 minutes by default"
    )
    assert "RUNNING" in describe(gone, T + 134)


# -- which metrics are live ------------------------------------------------------------------------------------


def measured(*names: str, first: int = 1, rank: int = 0, **known: Any) -> JobSnapshot:
    """A running job of FedAvg with values of some metrics, of the aggregate and of a site."""
    series = tuple(
        Series(name, site, tuple(Point(n, 0.5, rank) for n in range(first, 5))) for name in names for site in ("", "a")
    )
    workflow = Workflow("", "FedAvg", first_round=0, total_rounds=10)
    return running(**{"round_metrics": series, "workflows": (workflow,), **known})


@pytest.mark.parametrize(
    ("snapshot", "note"),
    [
        (measured("accuracy"), "Live: only the job's key metric (accuracy). Others arrive with the result."),
        (
            measured(),
            "Live: only the job's key metric (accuracy), and the server's log has no value of it. "
            "Others arrive with the result.",
        ),
        (
            measured(rounds=(Round(0, T + 20), Round(1, T + 40))),
            "Live: only the job's key metric (accuracy), from round 2 on. Others arrive with the result.",
        ),
        (
            measured(SELECTOR_VALUE, key_metric=None),
            "Live: only the value by which the server selects the best model. The metrics arrive with the result.",
        ),
        (
            measured(key_metric=None),
            "No metric is live: the server's log has none. Those that the job records arrive with the result.",
        ),
        # More is live than the selector tells: nothing is missing that is known of.
        (measured("accuracy", "loss", first=0), ""),
        (measured("accuracy", first=0, rank=RANK_GLOBAL), ""),
        (measured("accuracy", rank=RANK_GLOBAL), ""),
        (measured(has_live_metrics=True), ""),
        # Another sentence says why nothing can be read.
        (measured(freshness=(Freshness("metrics", None, "not permitted", T + 1),)), ""),
        (measured(rounds=(), tasks=()), ""),
        (measured(key_metric=None, workflows=()), ""),
        (measured(packing_since=T + 130), ""),
        (submitted(), ""),
        (ended("FINISHED:COMPLETED"), ""),
    ],
)
def test_note_says_which_metrics_are_live(snapshot: JobSnapshot, note: str) -> None:
    assert live_metrics_note(snapshot) == note
    printed: list[str] = []
    snapshot._repr_pretty_(SimpleNamespace(text=printed.append), False)
    assert note in printed[0]
    assert "Live:" not in str(snapshot)


EARLY = (Round(0, T + 20), Round(1, T + 40))


@pytest.mark.parametrize(
    ("snapshot", "expected"),
    [
        (measured(rounds=EARLY), True),
        (measured(rounds=EARLY, key_metric=None, has_live_metrics=True), True),
        (measured("accuracy", key_metric=None), True),
        (measured(rounds=EARLY, key_metric=None), False),
        # Five rounds without a value: there will be none.
        (measured(), False),
        (measured("accuracy", packing_since=T + 130), False),
        (submitted(), False),
    ],
)
def test_metrics_are_expected_while_rounds_run(snapshot: JobSnapshot, expected: bool) -> None:
    assert expects_live_metrics(snapshot) is expected


def test_first_round_comes_with_result_of_selector_only() -> None:
    assert metrics_without_first_round(measured("accuracy")) == {("accuracy", "")}
    assert metrics_without_first_round(measured("accuracy", first=0)) == set()
    assert metrics_without_first_round(measured("accuracy", first=2)) == set()
    assert metrics_without_first_round(measured("accuracy", rank=RANK_RECORD)) == set()
    aggregate = Series("accuracy", "", (Point(3, 0.5),))
    late = measured("accuracy")
    assert metrics_without_first_round(replace(late, round_metrics=(aggregate, *late.round_metrics[1:]))) == {
        ("accuracy", "")
    }
    done = replace(late, status="FINISHED:COMPLETED")
    assert metrics_without_first_round(done) == set()
