"""Folding: any facts, in any order, once or twice, make the same snapshot."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flare_widgets.monitoring import JobSnapshot, apply_updates
from flare_widgets.monitoring.diagnosis import Failure
from flare_widgets.monitoring.job.model import (
    GROUPS,
    SELECTOR_VALUE,
    Argument,
    BestRound,
    Event,
    KeyMetric,
    Point,
    Results,
    Round,
    SiteActivity,
    SiteTask,
    Workflow,
)
from flare_widgets.monitoring.job.reducer import MAX_EVENTS, MAX_ROUNDS, MAX_SERIES
from flare_widgets.monitoring.job.round_tasks import Column
from flare_widgets.monitoring.job.state import SCHEDULER_IDLE_AFTER_S, SILENT_AFTER, ZOMBIE_AFTER, MatrixCell
from flare_widgets.monitoring.job.updates import (
    ConnectionProblem,
    Diagnosed,
    GroupRefreshed,
    GroupUnavailable,
    JobMeta,
    ListedStatus,
    LiveMetricsFound,
    LogOffset,
    MetricValue,
    PackingStarted,
    ProcessPresence,
    ScalarValue,
)
from flare_widgets.monitoring.results.evaluation import Evaluation
from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries

JOB = "job"
T = 1_795_000_000.0

times = st.integers(0, 12).map(lambda n: T + n)
maybe_times = st.none() | times
sites = st.sampled_from(["site-1", "site-2", "", "\x1b[2J"])
numbers = st.integers(0, 4)
workflows = st.sampled_from(["", "a", "b"])
values = st.sampled_from([0.1, 0.5, -3.0, 1e308, float("nan"), float("inf")])
statuses = st.sampled_from(["SUBMITTED", "DISPATCHED", "RUNNING", "FINISHED:COMPLETED", "FINISHED:ABORTED", ""])
metas = st.fixed_dictionaries(
    {"status": statuses},
    optional={
        "name": st.sampled_from(["a", "b", 5]),
        "submit_time": times | st.just(10**400) | st.text(max_size=2),
        "start_time": st.sampled_from(["", "2026-11-18T01:46:41+00:00", "2026-11-18T01:46:44+00:00", "x"]),
        "duration": st.sampled_from(["N/A", "0:00:05", "0:00:09"]),
        "job_deploy_detail": st.lists(st.sampled_from(["server: OK", "site-1: OK", "site-1: no", 5]), max_size=2),
        "deploy_map": st.just({"app": ["site-1", "@ALL"]}),
        "schedule_count": st.integers(-1, 3),
        "schedule_history": st.lists(st.sampled_from(["2026-11-18 01:46:41: too few", "x", 5]), max_size=2),
        "last_schedule_time": times,
    },
)
facts = st.one_of(
    st.builds(JobMeta, metas, times, st.sampled_from([0.0, 5.0])),
    st.builds(ListedStatus, statuses, times),
    st.builds(
        Workflow,
        workflows,
        st.sampled_from(["", "A", "B"]),
        is_self_directed=st.booleans(),
        untold=st.lists(sites, max_size=1).map(tuple),
        position=st.none() | numbers,
        first_round=st.none() | numbers,
        total_rounds=st.none() | numbers,
        started_at=maybe_times,
        ended_at=maybe_times,
    ),
    st.builds(KeyMetric, sites, st.sampled_from(["min", "max"])),
    st.builds(Argument, sites, sites, st.integers(0, 1)),
    st.builds(PackingStarted, times),
    st.builds(
        Results,
        st.lists(st.builds(StepSeries, sites, sites, st.just((StepPoint(0, 0.5),))), max_size=1).map(tuple),
        st.lists(st.builds(Evaluation, sites, sites, sites, st.just(0.5)), max_size=1).map(tuple),
        files=st.lists(st.builds(ResultFile, sites, numbers, st.sampled_from(["model", "log"])), max_size=1).map(tuple),
    ),
    st.builds(Round, numbers, maybe_times, maybe_times, workflows),
    st.builds(
        SiteTask,
        st.sampled_from(["t1", "t2", "t3"]),
        sites,
        st.sampled_from(["train", ""]),
        st.none() | numbers,
        maybe_times,
        maybe_times,
        st.sampled_from(["", "OK", "EXECUTION_EXCEPTION"]),
        workflows,
        st.sampled_from(["training", ""]),
        st.booleans(),
    ),
    st.builds(
        MetricValue,
        st.sampled_from(["acc", "loss"]),
        sites,
        st.builds(Point, numbers, values, st.integers(1, 2)),
        workflows,
    ),
    st.builds(MetricValue, st.just(SELECTOR_VALUE), sites, st.builds(Point, numbers, values), workflows),
    st.builds(ScalarValue, sites, sites, st.builds(StepPoint, numbers, values)),
    st.builds(LiveMetricsFound),
    st.builds(BestRound, numbers, values, st.integers(0, 2), workflows),
    st.builds(Event, times, st.sampled_from(["warning", "error"]), sites, sites, st.integers(1, 3), maybe_times),
    st.builds(SiteActivity, sites, st.lists(sites, max_size=2).map(tuple), maybe_times, maybe_times),
    st.builds(LogOffset, st.just("server"), st.just("log.json"), st.integers(0, 10**12)),
    st.builds(ProcessPresence, st.booleans(), times),
    st.builds(GroupRefreshed, st.sampled_from(GROUPS[:-1]), times),
    st.builds(GroupUnavailable, st.sampled_from(GROUPS[:-1]), sites, times),
    st.builds(ConnectionProblem, sites, times),
    st.builds(Diagnosed, st.builds(Failure, st.sampled_from(["a", "b"])), times),
)


def known(*found: Any) -> JobSnapshot:
    return apply_updates(JobSnapshot(JOB), found)


@settings(max_examples=300, deadline=None)
@given(st.lists(facts, max_size=12), st.randoms(use_true_random=False), st.integers(0, 12))
def test_any_order_makes_same_snapshot(found: list[Any], random: Any, cut: int) -> None:
    expected = known(*found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert known(*shuffled) == expected
    # In two pieces, with some of them twice.
    assert apply_updates(apply_updates(JobSnapshot(JOB), shuffled[:cut]), shuffled[cut // 2 :]) == expected


@settings(deadline=None)
@given(st.lists(facts, max_size=12))
def test_refold_is_idempotent_and_json_lossless(found: list[Any]) -> None:
    once = known(*found)
    assert apply_updates(once, found) == once
    data = json.loads(json.dumps(once.to_json(), allow_nan=False))
    assert JobSnapshot.from_json(data) == once
    assert once.matrix(T + 100) == JobSnapshot.from_json(data).matrix(T + 100)
    remaining = once.remaining(T + 100)
    assert remaining is None or remaining >= 0


def test_nothing_makes_nothing() -> None:
    before = JobSnapshot(JOB)
    assert apply_updates(before, []) is before


def test_what_is_no_fact_is_refused() -> None:
    with pytest.raises(TypeError, match="str is not an update"):
        known("x")


def test_memory_is_bounded() -> None:
    many = known(
        *(Event(T + n, "error", f"x{n}") for n in range(MAX_EVENTS * 2)),
        *(Round(n, T + n) for n in range(MAX_ROUNDS + 10)),
        *(MetricValue(f"m{n:05}", "", Point(0, 0.5)) for n in range(MAX_SERIES + 10)),
    )
    assert len(many.events) == MAX_EVENTS
    assert many.events[-1].at == T + MAX_EVENTS * 2 - 1
    assert (len(many.rounds), many.rounds[0].number) == (MAX_ROUNDS, 10)
    assert len(many.round_metrics) == MAX_SERIES


def test_stale_answer_does_not_revive_job() -> None:
    assert (
        known(ListedStatus("FINISHED:COMPLETED", T), JobMeta({"status": "RUNNING"}, T + 1)).status
        == "FINISHED:COMPLETED"
    )


def test_later_answer_ends_trouble() -> None:
    trouble = ConnectionProblem("no connection", T + 1)
    assert known(ListedStatus("RUNNING", T), trouble).trouble == "no connection"
    assert known(trouble, ListedStatus("RUNNING", T + 2)).trouble == ""
    assert known(ListedStatus("RUNNING", T + 2), trouble).trouble == ""


def test_zombie_is_suspected_only_after_while() -> None:
    running = JobMeta({"status": "RUNNING", "start_time": "2026-11-18T01:46:41+00:00"}, T)
    asked = T + 5000
    assert not known(running, ProcessPresence(False, asked)).is_zombie  # it may be about to end
    assert not known(running, ProcessPresence(False, asked), ProcessPresence(False, asked + ZOMBIE_AFTER)).is_zombie
    late = ProcessPresence(False, asked + ZOMBIE_AFTER + 1)
    assert known(running, ProcessPresence(False, asked), late).is_zombie
    assert not known(running, ProcessPresence(False, asked), late, ProcessPresence(True, asked + 10)).is_zombie
    assert not known(
        running, ProcessPresence(False, asked), late, ListedStatus("FINISHED:COMPLETED", asked + 60)
    ).is_zombie


def test_zombie_is_certain_once_server_was_restarted() -> None:
    meta = {"status": "RUNNING", "start_time": "2026-11-18T01:46:41+00:00"}
    started = known(JobMeta(meta, T)).started_at
    assert started is not None
    asked = started + 60
    lost = known(JobMeta(meta, T), ProcessPresence(True, started + 30), ProcessPresence(False, asked, started + 40))
    assert lost.is_zombie
    assert lost.elapsed(asked + 500) == 30  # its clock stopped when it was last seen
    never_seen = known(JobMeta(meta, T), ProcessPresence(False, asked, started + 40))
    assert never_seen.is_zombie
    assert never_seen.elapsed(asked) is None


def test_job_without_process_on_same_server_awaits_outcomes() -> None:
    meta = {"status": "RUNNING", "start_time": "2026-11-18T01:46:41+00:00"}
    started = known(JobMeta(meta, T)).started_at
    assert started is not None
    seen, gone = started + 30, started + 31 + ZOMBIE_AFTER
    waiting = known(
        JobMeta(meta, T), ProcessPresence(True, seen, started - 500), ProcessPresence(False, gone, started - 500)
    )
    assert (waiting.is_zombie, waiting.is_awaiting_outcomes) == (False, True)
    assert waiting.elapsed(gone) == gone - started
    ending = known(JobMeta(meta, T), ProcessPresence(True, seen, 1.0), ProcessPresence(False, seen + 5, 1.0))
    assert (ending.is_zombie, ending.is_awaiting_outcomes) == (False, False)


ROUNDS_OF_3 = (Round(0, T), Round(1, T + 3), Round(2, T + 6))


def in_round_3(*tasks: SiteTask, sites: Sequence[str] = ("a", "b")) -> JobSnapshot:
    """In the third round, that began at T + 6; rounds and tasks took 3 and 2 seconds."""
    meta = {"status": "RUNNING", "job_deploy_detail": [f"{site}: OK" for site in sites]}
    before = [
        SiteTask(f"{site}-{n}", site, "train", n, T + 3 * n + 0.5, T + 3 * n + 2.5, "OK")
        for n in range(2)
        for site in ("a", "b")
    ]
    return known(JobMeta(meta, T), Workflow("", total_rounds=8), *ROUNDS_OF_3, *before, *tasks)


A_IS_DONE = SiteTask("a-2", "a", "train", 2, T + 6.5, T + 8.5, "OK")


def test_site_that_has_not_fetched_its_task_becomes_late() -> None:
    this = in_round_3(A_IS_DONE)
    column = this.columns[-1]
    assert this.pending_sites(T + 9) == ("b",)
    # As long as one that works: twelve seconds, and the half second that it usually takes to fetch it.
    assert this.site_states(T + 18.5)["b"] == MatrixCell("waiting", T + 6, "", column)
    assert this.site_states(T + 18.6)["b"] == MatrixCell("late", T + 6, "", column, is_fetched=False)
    assert this.matrix(T + 18.6)["b"][column].state == "late"
    assert in_round_3(SiteTask("b-2", "b", "train", 2, T + 6.5)).site_states(T + 18.6)["b"].state == "late"


def test_site_that_is_not_chosen_is_never_late() -> None:
    sampled = in_round_3(A_IS_DONE, sites=("a", "b", "c"))
    assert sampled.site_states(T + 500)["c"].state == "waiting"
    odd = in_round_3(A_IS_DONE, SiteTask("c-1", "c", "train", 1, T + 3.5, T + 5, "OK"), sites=("a", "b", "c"))
    assert odd.pending_sites(T + 500) == ()
    assert odd.site_states(T + 500)["b"].state == "waiting"


def test_no_estimate_in_round_that_lasts_three_times_as_long() -> None:
    this = in_round_3(A_IS_DONE)
    assert this.remaining(T + 15) is not None
    assert this.remaining(T + 15.1) is None
    assert not this.is_round_late(T + 19)
    assert this.is_round_late(T + 19.1)


def test_why_job_waits() -> None:
    submitted = {"status": "SUBMITTED", "submit_time": T}
    assert known(JobMeta(submitted, T)).waiting_reason(T + SCHEDULER_IDLE_AFTER_S) == ""
    assert "scheduler has not considered it for 31 s" in known(JobMeta(submitted, T)).waiting_reason(
        T + SCHEDULER_IDLE_AFTER_S + 1
    )
    tried = {
        **submitted,
        "schedule_count": 2,
        "last_schedule_time": T + 10,
        "schedule_history": [
            "2026-11-18 01:00:00: scheduled",
            "2026-11-18 01:00:10: connected sites (2) < min_sites (5)",
        ],
    }
    assert known(JobMeta(tried, T)).waiting_reason(T + 500) == "connected sites (2) < min_sites (5)"
    assert known(JobMeta({**tried, "status": "RUNNING"}, T)).waiting_reason(T + 500) == ""


def test_group_age_and_missing_reason_kept() -> None:
    this = known(GroupRefreshed("rounds", T), GroupUnavailable("rounds", "not permitted", T + 1))
    assert this.freshness_of("rounds").at == T
    assert this.freshness_of("rounds").missing_reason == "not permitted"
    assert apply_updates(this, [GroupRefreshed("rounds", T + 2)]).freshness_of("rounds").missing_reason == ""
    assert this.freshness_of("metrics").at is None


def test_site_unseen_by_server_is_silent() -> None:
    deployed = JobMeta({"status": "RUNNING", "job_deploy_detail": ["server: OK", "site-1: OK", "site-2: OK"]}, T)
    seen = [
        SiteActivity("site-1", last_seen=T),
        SiteActivity("site-2", last_seen=T + 20),
        SiteActivity("other", last_seen=T),
    ]
    assert known(deployed, *seen).silent_sites == ()
    assert known(deployed, *seen, GroupRefreshed("system", T + SILENT_AFTER)).silent_sites == ()
    assert known(deployed, *seen, GroupRefreshed("system", T + SILENT_AFTER + 1)).silent_sites == ("site-1",)


def test_matrix() -> None:
    running = JobMeta({"status": "RUNNING", "job_deploy_detail": ["site-1: OK", "site-2: OK", "site-3: OK"]}, T)
    tasks = [
        SiteTask("a", "site-1", "train", 0, T, T + 10),
        SiteTask("b", "site-2", "train", 0, T, T + 12),
        SiteTask("c", "site-3", "train", 0, T, T + 5, "EXECUTION_EXCEPTION"),
        SiteTask("d", "site-1", "train", 1, T + 20),
        SiteTask("e", "site-2", "train", 1, T + 20),
        SiteTask("f", "site-2", "train", 1, T + 30),  # once more
    ]
    this = known(running, Round(0, T), Round(1, T + 20), *tasks)
    first, second = this.columns
    assert (first, second) == (Column("", 0), Column("", 1))
    assert this.matrix(T + 25) == {
        "site-1": {
            first: MatrixCell("submitted", T + 10, "train", first),
            second: MatrixCell("working", T + 20, "train", second),
        },
        "site-2": {
            first: MatrixCell("submitted", T + 12, "train", first),
            second: MatrixCell("working", T + 30, "train", second),
        },
        "site-3": {
            first: MatrixCell("failed", T + 5, "train", first),
            second: MatrixCell("waiting", T + 20, "", second),
        },
    }
    assert set(this.matrix(T + 25, {second})["site-1"]) == {second}
    assert this.matrix(T + 20 + 34)["site-1"][second].state == "late"  # three times what is usual
    ended = apply_updates(this, [ListedStatus("FINISHED:ABORTED", T + 60)])
    assert ended.matrix(T + 70)["site-1"][second].state == "unfinished"
    assert second not in ended.matrix(T + 70)["site-3"]


def test_rounds_begun_and_what_remains() -> None:
    status = ListedStatus("RUNNING", T)
    this = known(status, Workflow("", first_round=5, total_rounds=4), Round(5, T), Round(6, T + 10), Round(7, T + 20))
    assert (this.round, this.rounds_begun, this.total_rounds) == (7, 3, 4)
    assert this.round_end(this.rounds[0]) == T + 10
    assert this.round_end(this.rounds[2]) is None
    assert this.remaining(T + 24) == 10 + 6
    assert this.remaining(T + 50) == 10
    assert this.remaining(T + 51) is None  # nobody knows when a round ends that lasts three times as long as usual
    assert known(status, Round(0, T)).remaining(T) is None


def test_unread_rest_of_log_is_said_unless_all_rounds_are_known() -> None:
    ended = ListedStatus("FINISHED:COMPLETED", T + 99)
    cut = GroupUnavailable("rounds", "the log is too long", T + 100)
    rounds = (Round(0, T, workflow="a"), Round(1, T + 9, workflow="a"))
    for total, missing in ((3, ["rounds"]), (None, ["rounds"]), (2, [])):
        this = known(ended, cut, Workflow("a", total_rounds=total), *rounds)
        assert [group.group for group in this.missing_groups] == missing
    later = known(ended, cut, Workflow("a", total_rounds=2), Workflow("b", total_rounds=1), *rounds)
    assert [group.group for group in later.missing_groups] == ["rounds"]
