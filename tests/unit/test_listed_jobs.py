"""The records of a list of jobs: times as datetimes, arguments in columns, whatever the server sends."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import Any

import pytest

from flare_widgets.api.listed_jobs import ListedJobs
from flare_widgets.script_arguments import record_arguments

SHORT = {
    "job_id": "a1",
    "job_name": "hello",
    "status": "FINISHED:COMPLETED",
    "submit_time": "2026-11-28T20:00:00.5+01:00",
    "duration": "0:01:02.500000",
    "study": "default",
}
AT = datetime(2026, 11, 28, 19, 0, 0, 500_000, timezone.utc)


def test_list_is_the_list_that_the_server_sent() -> None:
    jobs = ListedJobs([SHORT])
    assert jobs == [SHORT]
    assert isinstance(jobs, list)
    assert json.loads(json.dumps(jobs)) == [SHORT]
    assert repr(jobs) == repr([SHORT])


def test_short_and_whole_entries_make_the_same_record() -> None:
    whole: dict[str, Any] = {**SHORT, "name": "hello", "submit_time": AT.timestamp(), "submitter_name": "ann"}
    del whole["job_name"]
    record_arguments(whole, {"rate": "0.1", "model": "cnn"})
    short, long = ListedJobs([SHORT, whole]).records()
    assert short == {**SHORT, "submit_time": AT, "duration": 62.5, "submitter": None}
    assert long == {**short, "submitter": "ann", "arg.model": "cnn", "arg.rate": 0.1}


def test_frame_has_all_columns() -> None:
    whole: dict[str, Any] = {"job_id": "b"}
    record_arguments(whole, {"rate": "0.1"})
    frame = ListedJobs([SHORT, whole]).to_frame()
    assert [*frame.columns][-2:] == ["submitter", "arg.rate"]
    assert frame["submit_time"].dt.year.tolist()[0] == 2026
    assert frame["arg.rate"].tolist()[1] == 0.1
    assert list(ListedJobs().to_frame().columns) == [*frame.columns][:-1]


@pytest.mark.parametrize("value", [None, 5, "", [], {}, "yesterday", 1e300, float("nan"), True, "9999-12-31T23:59:59"])
def test_entry_of_any_shape_does_no_harm(value: Any) -> None:
    (record,) = ListedJobs([{**dict.fromkeys(SHORT, value), "custom_props": value}]).records()
    assert list(record)[:7] == [*SHORT, "submitter"]
    assert record["submit_time"] is None or isinstance(record["submit_time"], datetime)
