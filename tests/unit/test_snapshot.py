"""A job's snapshot: what the server said, folded into what was known; and its line of text."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.errors import InvalidArgumentError
from flare_widgets.formatting.text import sanitize
from flare_widgets.monitoring.job.format import describe, job_label
from flare_widgets.monitoring.job.model import (
    Argument,
    LogPosition,
    Point,
    Results,
    Series,
    SiteDeployment,
    StatusChange,
)
from flare_widgets.monitoring.job.records import MetricRecord
from flare_widgets.monitoring.job.reducer import apply_meta, apply_updates
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.state import SCHEMA
from flare_widgets.monitoring.job.updates import MetricValue
from flare_widgets.script_arguments import record_arguments, to_value

JOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SUBMITTED_AT = 1_795_474_345.25
START = "2026-11-23T22:12:26.500000+00:00"
STARTED_AT = 1_795_471_946.5

SUBMITTED = {
    "name": "hello-numpy",
    "study": "default",
    "submitter_name": "ada@example.org",
    "job_id": JOB,
    "submit_time": STARTED_AT - 1.5,
    "start_time": "",
    "duration": "N/A",
    "status": "SUBMITTED",
    "deploy_map": {"app": ["@ALL"]},
}
RUNNING = {
    **SUBMITTED,
    "status": "RUNNING",
    "start_time": START,
    "job_deploy_detail": ["server: OK", "site-1: OK", "site-2: OK"],
}
FINISHED = {**RUNNING, "status": "FINISHED:COMPLETED", "duration": "0:00:09.250000"}


def folded(*metas: dict[str, Any], at: float = STARTED_AT) -> JobSnapshot:
    """Return the snapshot after these answers, one second apart."""
    snapshot = JobSnapshot(JOB)
    for number, meta in enumerate(metas):
        snapshot = apply_meta(snapshot, meta, at + number)
    return snapshot


def steps(snapshot: JobSnapshot) -> list[tuple[str, float, bool]]:
    return [(s.status, s.at, s.exact) for s in snapshot.timeline]


def test_before_first_answer_nothing_is_known() -> None:
    snapshot = JobSnapshot(JOB)
    assert (snapshot.status, snapshot.timeline, snapshot.sites, snapshot.facts_at) == ("", (), (), None)
    assert not snapshot.ended
    assert snapshot.elapsed(time.time()) is snapshot.age(time.time()) is None


def test_submitted_job() -> None:
    snapshot = folded(SUBMITTED)
    assert (snapshot.name, snapshot.study, snapshot.submitter) == ("hello-numpy", "default", "ada@example.org")
    assert steps(snapshot) == [("SUBMITTED", STARTED_AT - 1.5, True)]
    assert snapshot.submitted_at == STARTED_AT - 1.5
    assert (snapshot.started_at, snapshot.ended_at, snapshot.duration) == (None, None, None)
    assert snapshot.elapsed(STARTED_AT + 100) is None
    assert snapshot.sites == ()  # for all sites, whichever these will be


def test_running_job() -> None:
    snapshot = folded(SUBMITTED, RUNNING)
    assert steps(snapshot) == [("SUBMITTED", STARTED_AT - 1.5, True), ("RUNNING", STARTED_AT, True)]
    assert snapshot.sites == tuple(SiteDeployment(n, "deployed") for n in ("server", "site-1", "site-2"))
    assert snapshot.elapsed(STARTED_AT + 4) == 4.0
    assert snapshot.elapsed(STARTED_AT - 4) == 0.0  # by a clock that is behind
    assert snapshot.age(STARTED_AT + 4) == 3.0
    assert not snapshot.ended


@pytest.mark.parametrize("seen", [[SUBMITTED, RUNNING, FINISHED], [RUNNING, FINISHED], [FINISHED]])
def test_finished_job_independent_of_first_look(seen: list[dict[str, Any]]) -> None:
    snapshot = folded(*seen)
    assert steps(snapshot) == [
        ("SUBMITTED", STARTED_AT - 1.5, True),
        ("RUNNING", STARTED_AT, True),
        ("FINISHED:COMPLETED", STARTED_AT + 9.25, True),
    ]
    assert snapshot.ended
    assert snapshot.duration == snapshot.elapsed(STARTED_AT + 1000) == 9.25


def test_untimed_step_uses_time_of_poll() -> None:
    snapshot = folded({**SUBMITTED, "status": "DISPATCHED"}, at=500.0)
    assert steps(snapshot)[-1][0] == "DISPATCHED"
    assert not snapshot.timeline[-1].exact


def test_late_seen_step_precedes_next_step() -> None:
    """We looked after the job had begun to run, but the answer was of before."""
    snapshot = folded({**SUBMITTED, "status": "DISPATCHED"}, RUNNING, at=STARTED_AT + 5)
    assert steps(snapshot) == [
        ("SUBMITTED", STARTED_AT - 1.5, True),
        ("DISPATCHED", STARTED_AT, False),
        ("RUNNING", STARTED_AT, True),
    ]


def test_job_aborted_before_it_ran() -> None:
    snapshot = folded(SUBMITTED, {**SUBMITTED, "status": "FINISHED:ABORTED"}, at=2e9)
    assert [s.status for s in snapshot.timeline] == ["SUBMITTED", "FINISHED:ABORTED"]
    assert snapshot.timeline[-1] == StatusChange("FINISHED:ABORTED", 2e9 + 1, exact=False)
    assert snapshot.ended
    assert snapshot.elapsed(2e9 + 50) is None


def test_repeated_answer_updates_only_its_age() -> None:
    for meta in (SUBMITTED, RUNNING, FINISHED, {**SUBMITTED, "status": "DISPATCHED"}):
        once = apply_meta(JobSnapshot(JOB), meta, 1000.0)
        again = apply_meta(once, meta, 2000.0)
        assert again == dataclasses.replace(once, facts_at=2000.0)


def test_answer_ends_trouble() -> None:
    troubled = dataclasses.replace(folded(RUNNING), trouble="no answer for 12 s")
    assert apply_meta(troubled, RUNNING, STARTED_AT).trouble == ""


def test_duration_counts_only_at_end() -> None:
    assert folded({**RUNNING, "duration": "0:00:03"}).duration is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0:00:09.250000", 9.25),
        ("0:01:00", 60.0),
        ("1 day, 0:00:01", 86401.0),
        ("12 days, 3:04:05.5", 12 * 86400 + 3 * 3600 + 4 * 60 + 5.5),
        ("N/A", None),
        ("", None),
        (None, None),
        (5.0, None),
        ("-1 day, 0:00:00", None),
    ],
)
def test_durations(text: Any, seconds: float | None) -> None:
    assert folded({**FINISHED, "duration": text}).duration == seconds


@pytest.mark.parametrize(
    ("start", "at"),
    [
        (START, STARTED_AT),
        ("2026-11-23T22:12:26.5Z", STARTED_AT),
        ("2026-11-23T23:12:26.500+01:00", STARTED_AT),
        ("2026-11-23 22:12:26.500000+00:00", STARTED_AT),
        ("", None),
        ("yesterday", None),
        (5, None),
        ("9999-12-31T23:59:59-23:59", None),
    ],
)
def test_start_times(start: Any, at: float | None) -> None:
    assert folded({**SUBMITTED, "start_time": start}).started_at == at


def test_start_time_without_zone_is_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert folded({**SUBMITTED, "start_time": "2026-11-24T07:12:26.500000"}).started_at == STARTED_AT
    finally:
        monkeypatch.undo()
        time.tzset()


def test_named_sites_wait_until_deployed() -> None:
    meta = {**SUBMITTED, "deploy_map": {"a": ["site-2", "server"], "b": ["site-1"]}}
    before = folded(meta)
    assert [(s.name, s.state) for s in before.sites] == [
        ("server", "waiting"),
        ("site-1", "waiting"),
        ("site-2", "waiting"),
    ]
    details = ["server: OK", "site-1: deploy failed: no space", "noise", " : ", 5]
    after = apply_meta(before, {**meta, "job_deploy_detail": details}, 1.0)
    assert after.sites == (
        SiteDeployment("server", "deployed"),
        SiteDeployment("site-1", "failed", "deploy failed: no space"),
        SiteDeployment("site-2", "waiting"),
    )


@pytest.mark.parametrize(
    "status", ["FINISHED:COMPLETED", "FINISHED:ABORTED", "FINISHED_OK", "ABORTED", "FAILED", "FINISHED:ANYTHING NEW"]
)
def test_ended(status: str) -> None:
    assert folded({**SUBMITTED, "status": status}).ended


@pytest.mark.parametrize("status", ["SUBMITTED", "APPROVED", "DISPATCHED", "RUNNING", "SOMETHING NEW", "UNFINISHED"])
def test_not_ended(status: str) -> None:
    assert not folded({**SUBMITTED, "status": status}).ended


def test_ending_is_judged_as_nvflare_does() -> None:
    from nvflare.apis.job_def import RunStatus
    from nvflare.fuel.flare_api.flare_api import _is_terminal_job_status

    for status in RunStatus:
        assert folded({"status": status.value}).ended == _is_terminal_job_status(status.value)


def test_json_form_is_read_back() -> None:
    for snapshot in (JobSnapshot(JOB), folded(SUBMITTED), folded(RUNNING), folded(FINISHED)):
        data = json.loads(json.dumps(snapshot.to_json()))
        assert data["ended"] == snapshot.ended
        assert JobSnapshot.from_json(data) == snapshot
        assert JobSnapshot.from_json({**data, "a field of a later version": 1}) == snapshot


def test_json_form_keeps_its_names() -> None:
    series = Series("loss", "", (Point(0, 2.0),))
    snapshot = JobSnapshot(
        JOB, round_metrics=(series,), recorded=Results(), log_positions=(LogPosition("server", "log.txt", 7),)
    )
    data = snapshot.to_json()
    assert data["metrics"][0]["name"] == "loss"
    assert data["results"]["scalars"] == ()
    assert data["logs"] == ({"target": "server", "file": "log.txt", "offset": 7},)
    assert not data.keys() & {"round_metrics", "recorded", "log_positions"}
    with pytest.raises(InvalidArgumentError, match="a snapshot whose 'metrics' is str"):
        JobSnapshot.from_json({**data, "metrics": "none"})
    assert JobSnapshot.from_json(data) == snapshot


def test_snapshot_without_arguments_still_loads() -> None:
    data = folded(FINISHED).to_json()
    del data["arguments"]
    assert JobSnapshot.from_json(data) == folded(FINISHED)


def test_recorded_arguments_yield_to_configured_ones() -> None:
    meta: dict[str, Any] = {"custom_props": {"mine": 1}}
    record_arguments(meta, {"rate": "0.1", "batch": "16"})
    assert meta["custom_props"]["mine"] == 1
    recorded = folded({**RUNNING, **meta})
    assert recorded.parameters == {"batch": 16, "rate": 0.1}
    config = [Argument("rate", "0.5", 1), Argument("model", "cnn", 1)]
    assert apply_updates(recorded, config).parameters == {"batch": 16, "model": "cnn", "rate": 0.5}
    later = apply_meta(apply_updates(JobSnapshot(JOB), config), {**RUNNING, **meta}, 2.0)
    assert later.arguments == apply_updates(recorded, config).arguments
    assert JobSnapshot.from_json(later.to_json()) == later


@pytest.mark.parametrize(
    "props",
    [
        None,
        5,
        [],
        {"flare_widgets": 5},
        {"flare_widgets": {"arguments": [1]}},
        {"flare_widgets": {"arguments": {"a": 1}}},
    ],
)
def test_recorded_arguments_of_any_shape(props: Any) -> None:
    assert folded({**RUNNING, "custom_props": props}).arguments == ()


def test_hostile_arguments_are_bounded_text() -> None:
    hostile = {f"\x1b{n}": "\u202e" + "x" * 10_000 for n in range(1000)}
    found = folded({**RUNNING, "custom_props": {"flare_widgets": {"arguments": hostile}}}).arguments
    assert len(found) == 100
    assert all(a.name.isprintable() and a.value.isprintable() and len(a.value) <= 200 for a in found)


@pytest.mark.parametrize(
    ("text", "value"),
    [("16", 16), ("-1", -1), ("0.1", 0.1), ("1e-3", 0.001), ("nan", "nan"), ("inf", "inf"), ("1_0", "1_0"), ("", ""),
     ("true", "true"), ("9" * 200, "9" * 200)],
)  # fmt: skip
def test_values_of_arguments(text: str, value: Any) -> None:
    assert to_value(text) == value
    assert type(to_value(text)) is type(value)


def test_records_have_the_arguments() -> None:
    snapshot = apply_updates(
        folded(RUNNING), [Argument("rate", "0.1"), Argument("value", "x"), MetricValue("loss", "", Point(0, 2.0))]
    )
    (record,) = snapshot.metrics
    assert (record.value, record.arguments) == (2.0, "rate=0.1 value=x")
    frame = snapshot.to_frame()
    assert list(frame.columns)[:7] == list(MetricRecord._fields)[:7]
    assert frame[["value", "arg.rate", "arg.value"]].to_dict("records") == [
        {"value": 2.0, "arg.rate": 0.1, "arg.value": "x"}
    ]


@pytest.mark.parametrize("schema", [None, 0, SCHEMA + 1, "1"])
def test_another_schema_is_refused(schema: Any) -> None:
    with pytest.raises(ValueError, match="cannot be read, only"):
        JobSnapshot.from_json({**JobSnapshot(JOB).to_json(), "schema": schema})


def test_snapshots_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        folded(RUNNING).status = "x"  # type: ignore[misc]
    assert len({folded(RUNNING), folded(RUNNING), folded(FINISHED)}) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
LIKELY = {
    "status": st.sampled_from(["SUBMITTED", "DISPATCHED", "RUNNING", "FINISHED:COMPLETED", "NEW"]),
    "submit_time": st.floats() | st.integers() | st.just(10**400),
    "start_time": st.sampled_from([START, "", "2026-13-77", "0001-01-01T00:00:00+14:00", "٢٠٢٦-11-23"]),
    "duration": st.sampled_from(
        [
            "0:00:01",
            "N/A",
            "99999999999999999999 days, 1:00:00",
            "٣:00:01",
            "9" * 400 + " days, 0:00:01",
            "9" * 5000 + ":00:01",
        ]
    ),
    "deploy_map": st.dictionaries(st.text(max_size=3), st.lists(st.sampled_from(["@ALL", "server", "s"]), max_size=3)),
    "job_deploy_detail": st.lists(st.sampled_from(["server: OK", "s: OK", "s: no", "x"]), max_size=3),
}
METAS = st.fixed_dictionaries({}, optional={key: JSON | value for key, value in LIKELY.items()} | {"name": JSON})


@given(st.lists(st.tuples(METAS, st.floats(0, 2e9)), max_size=5))
def test_any_answers_make_drawable_snapshot(answers: list[tuple[dict[str, Any], float]]) -> None:
    snapshot = JobSnapshot(JOB)
    for meta, now in answers:
        snapshot = apply_meta(snapshot, meta, now)
    assert snapshot.facts_at == max((now for _, now in answers), default=None)
    statuses = [s.status for s in snapshot.timeline]
    assert len(statuses) == len(set(statuses))
    assert len({s.name for s in snapshot.sites}) == len(snapshot.sites)
    line = describe(snapshot, now=2e9)
    assert line.isprintable()
    assert JobSnapshot.from_json(snapshot.to_json()) == snapshot


def test_label() -> None:
    assert job_label("hello", JOB) == "hello 1b4e28ba"
    assert job_label("", JOB) == "job 1b4e28ba"


@pytest.mark.parametrize("hostile", ["\x1b[2J", "a\rb", "a\nb", "\u202eevil", "\x07", "\x9b31m", "\u2028", "\ud800"])
def test_what_could_harm_terminal_is_replaced(hostile: str) -> None:
    assert sanitize(hostile).isprintable()
    assert "\N{REPLACEMENT CHARACTER}" in sanitize(hostile)
    snapshot = folded({**RUNNING, "name": hostile, "status": hostile, "job_deploy_detail": [f"{hostile}: {hostile}"]})
    assert describe(snapshot, now=0).isprintable()


def test_what_is_harmless_stays() -> None:
    assert sanitize("Zürich 東京 🙂 100 %") == "Zürich 東京 🙂 100 %"


def test_what_is_long_is_cut() -> None:
    assert sanitize("x" * 500) == "x" * 199 + "…"
    assert sanitize("x" * 200) == "x" * 200
    assert sanitize("abcdef", max_length=4) == "abc…"
