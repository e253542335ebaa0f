"""Values that a verb returns of a job: an id that is text as ever and a handle, and a snapshot that leads to it."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from servers import FlareServer, ok

from flare_widgets.api import Session
from flare_widgets.errors import InvalidArgumentError, SessionClosed
from flare_widgets.magics.job_id import JobId, LinkedSnapshot, link
from flare_widgets.monitoring import JobSnapshot, Monitor

ID = "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"


@pytest.fixture
def job(session: Session, server: FlareServer, tmp_path: Path) -> Iterator[JobId]:
    server.commands["get_job_meta"] = ok(job_meta={"job_id": ID, "name": "hello", "status": "FINISHED:ABORTED"})
    server.commands["abort_job"] = ok(data="Abort signal has been sent")
    monitor = Monitor(session)
    managed: Any = SimpleNamespace(session=session, monitor=monitor)
    yield JobId(ID, managed, str(tmp_path))
    monitor.close()


def test_id_is_text(job: JobId) -> None:
    assert job == ID
    assert isinstance(job, str)
    by_id: dict[str, int] = {job: 1}
    assert by_id[ID] == 1
    assert f"{job}" == ID
    assert json.loads(json.dumps({"job": job})) == {"job": ID}
    for copied in (pickle.loads(pickle.dumps(job)), copy.copy(job), copy.deepcopy(job)):
        assert type(copied) is str
        assert copied == ID
    assert repr(job) == repr(ID)


def test_id_is_handle(job: JobId, server: FlareServer) -> None:
    assert job.status == "FINISHED:ABORTED"
    assert job.job.id == ID
    assert job.wait(10).status == "FINISHED:ABORTED"
    assert job.metrics == []
    job.abort()
    assert any(line.startswith(f"abort_job {ID}") for line in server.lines)


def test_snapshot_leads_to_its_job(job: JobId, server: FlareServer) -> None:
    end = job.wait(10)
    assert isinstance(end, JobSnapshot)
    assert end.job == ID
    assert end.job.status == "FINISHED:ABORTED"
    # Away from its session it is a snapshot like any other.
    pickled = pickle.loads(pickle.dumps(end))
    assert type(pickled) is JobSnapshot
    assert pickled.to_json() == end.to_json()
    with pytest.raises(InvalidArgumentError, match="a copy"):
        dataclasses.replace(end, name="other").job  # noqa: B018


METHODS: list[tuple[str, tuple[Any, ...]]] = [
    ("results", ()), ("logs", ("site-1",)), ("wait", (7.0,)), ("abort", ()), ("clone", ()), ("report", ("r.html",))
]  # fmt: skip


@pytest.mark.parametrize(("name", "args"), METHODS)
def test_snapshot_has_methods_of_its_job(
    job: JobId, monkeypatch: pytest.MonkeyPatch, name: str, args: tuple[Any, ...]
) -> None:
    end = job.snapshot()
    method = Mock()
    monkeypatch.setattr(JobId, name, method)
    assert getattr(end, name)(*args) is method.return_value
    method.assert_called_once_with(*args)
    with pytest.raises(InvalidArgumentError, match="a copy"):
        getattr(dataclasses.replace(end, name="other"), name)(*args)


def test_snapshot_tells_that_its_session_is_closed(job: JobId, session: Session) -> None:
    end = job.snapshot()
    session.close()
    for name in ("logs", "abort", "clone", "results"):
        with pytest.raises(SessionClosed):
            getattr(end, name)()


def test_only_snapshots_are_linked(job: JobId) -> None:
    view = object()
    assert link(job._managed, "results", view) is view
    linked = link(job._managed, "results", JobSnapshot(ID, name="hello"))
    assert isinstance(linked, LinkedSnapshot)
    assert (linked.job, linked.name) == (ID, "hello")
