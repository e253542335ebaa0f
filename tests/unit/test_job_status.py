"""The statuses of a job: FLARE's, those of old servers, and unknown ones."""

from __future__ import annotations

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nvflare.apis.job_def import RunStatus
from nvflare.fuel.flare_api.flare_api import _is_terminal_job_status

from flare_widgets.api.job_status import JobStatus, has_ended

OLD = ("FINISHED_OK", "FINISHED_EXCEPTION", "ABORTED", "ABANDONED", "FAILED")


def test_statuses_are_nvflares() -> None:
    assert {status.value for status in JobStatus} == {status.value for status in RunStatus}


@pytest.mark.parametrize("status", JobStatus)
def test_status_is_text(status: JobStatus) -> None:
    text = status.value
    assert status == text
    assert f"{status}" == str(status) == text
    assert {text: 1}[status] == 1
    assert JobStatus.of(text) is status
    assert json.loads(json.dumps([status])) == [text]
    assert pickle.loads(pickle.dumps(status)) is status


@pytest.mark.parametrize("text", [*OLD, "FINISHED", "FINISHED:IN_A_NEW_WAY", *(s.value for s in JobStatus)])
def test_end_is_as_nvflare_sees_it(text: str) -> None:
    assert has_ended(text) == _is_terminal_job_status(text)


@pytest.mark.parametrize("text", OLD)
def test_status_of_old_server_is_known(text: str) -> None:
    status = JobStatus.of(text)
    assert status is not None
    assert has_ended(status)


@given(st.text())
def test_unknown_status_is_not_known(text: str) -> None:
    known = {*OLD, *(s.value for s in JobStatus)}
    assert (JobStatus.of(text) is not None) == (text in known)
    assert has_ended(text) == (text.startswith("FINISHED") or text in OLD)


@pytest.mark.parametrize("text", ["", "running", "RUNNING ", "\x1b[31mRUNNING", "RUNNING\0", "FINISHED:"])
def test_hostile_status_is_not_known(text: str) -> None:
    assert JobStatus.of(text) is None
