"""The submit form on a real federation: what it says of a folder, and that the job it sends is the folder's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from common import LEAD, MEMBER
from jobs import state, write_job
from waiting import wait_until

from flare_widgets.api import Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.views.submit.view import SubmitForm


@pytest.fixture
def session(federation: LocalFederation) -> Iterator[Session]:
    with connect(federation.kit(LEAD)) as session:
        yield session


def tell(form: SubmitForm, kind: str, **wish: Any) -> None:
    """Send what the browser would."""
    form._on_message(None, {"kind": kind, **wish}, [])


def submit(form: SubmitForm) -> dict[str, Any]:
    (action,) = form._state()["actions"]
    return dict(action)


def choose(form: SubmitForm, folder: Path) -> dict[str, Any]:
    """Go to a folder by its number in the list, as a click does, and return what is said of it."""
    number = next(f["id"] for f in form._state()["place"]["folders"] if f["name"] == folder.name)
    tell(form, "open_folder", id=number)
    return dict(wait_until(lambda: (job := form._state()["job"]).get("path") == str(folder) and job, 10))


def test_chosen_folder_is_submitted_unchanged(session: Session, tmp_path: Path) -> None:
    folder = write_job(tmp_path, "from-the-form", ballast=200_000)
    before = state(folder)
    opened: list[str] = []
    form = SubmitForm(session, tmp_path, lambda job_id: opened.append(job_id))
    assert submit(form)["disabled_reason"] == "choose a job folder first"
    job = choose(form, folder)
    assert job["name"] == "from-the-form"
    assert job["size"] == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert job["problems"] == []
    assert submit(form)["disabled_reason"] == ""
    tell(form, "start", action="submit")
    wait_until(lambda: submit(form)["state"] not in ("asked", "running"), 60)
    ((sent,), (told,)) = form._state()["submitted"], opened
    assert sent["job_id"] == told
    meta = session.get_job_meta(told)
    assert (meta["name"], meta["submitter_name"], meta["study"]) == ("from-the-form", LEAD, session.study)
    assert state(folder) == before
    assert f"submitted from-the-form as {told}" in form._mimebundle()["text/plain"]
    form.make_static()
    session.wait_for_job(told, timeout=120, poll_interval=0.2)


def test_folder_problems_are_reported_and_unsent(session: Session, tmp_path: Path) -> None:
    broken, large = write_job(tmp_path, "broken"), write_job(tmp_path, "large")
    (broken / "meta.json").write_text("{")
    meta = json.loads((large / "meta.json").read_text())
    (large / "meta.json").write_text(json.dumps({**meta, "min_clients": 5}))
    count = len(session.list_jobs())
    form = SubmitForm(session, tmp_path)
    assert [p["severity"] for p in choose(form, broken)["problems"]] == ["error"]
    assert submit(form)["disabled_reason"] == "fix the errors above, then re-check"
    tell(form, "start", action="submit")
    assert submit(form)["state"] == "ready"

    # Mended meanwhile, it is looked at again.
    (broken / "meta.json").write_text(json.dumps({**meta, "name": "broken"}))
    tell(form, "recheck")
    wait_until(lambda: submit(form)["disabled_reason"] == "", 10)

    tell(form, "back")
    wait_until(lambda: not form._state()["job"], 10)
    choose(form, large)
    # Who is connected is known by now: too few for this one. It may be sent all the same, and waits for more.
    problems = wait_until(lambda: form._state()["job"]["problems"], 10)
    assert [p["severity"] for p in problems] == ["warning"]
    assert "5" in problems[0]["message"]
    assert submit(form)["disabled_reason"] == ""
    assert len(session.list_jobs()) == count
    form.make_static()


def test_who_may_not_submit_sees_why(federation: LocalFederation, tmp_path: Path) -> None:
    folder = write_job(tmp_path, "not-mine-to-send")
    with connect(federation.kit(MEMBER)) as member:
        form = SubmitForm(member, folder)
        assert "your role (member) may not submit jobs" in submit(form)["disabled_reason"]
    with connect(federation.kit(LEAD)) as lead:
        lead.read_only = True
        assert "read-only" in submit(SubmitForm(lead, folder))["disabled_reason"]
