"""The steps of ``%%flare`` around the making of a job: the key metric, the submission, and whose job is remembered."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.magics.cell import _choose_key_metric, make_notebook_host
from flare_widgets.magics.progress import ProgressLine


@pytest.mark.parametrize(
    ("metrics", "given", "mode", "suggested", "note"),
    [
        ("{'loss': 1}", "", "", {"key_metric": "loss", "key_metric_mode": "min"}, "loss, the only one that the cell"),
        ("{'loss': 1}", "", "max", {"key_metric": "loss"}, "key metric: loss"),
        ("{'score': 1}", "", "", {"key_metric": "score"}, "higher is better"),
        ("{'loss': 1, 'f1': 2}", "loss", "", {"key_metric_mode": "min"}, "lower is better (--key-metric-mode max"),
        ("{'loss': 1, 'f1': 2}", "loss", "min", {}, ""),
        ("{'accuracy': 1, 'f1': 2}", "", "", {}, ""),
        ("{'accuracy': 1}", "acuracy", "", {}, "sends no metric 'acuracy'"),
        ("{'loss': 1, 'f1': 2}", "", "", {}, "--key-metric NAME"),
    ],
)
def test_better_direction_follows_from_name(
    metrics: str, given: str, mode: str, suggested: dict[str, str], note: str
) -> None:
    found, told = _choose_key_metric(f"FLModel(metrics={metrics})", given, mode)
    assert found == suggested
    assert note in told
    assert bool(note) is bool(told)


class FakeSession:
    """A session that submits nothing, slowly."""

    def __init__(self) -> None:
        self.folders: list[str] = []

    def submit_job(self, folder: str, *, progress: Any) -> str:
        assert Path(folder).is_dir()
        progress(1500, 1500)
        self.folders.append(Path(folder).name)
        return "id-1"


def make_state(*sessions: FakeSession) -> tuple[Any, list[tuple[str, str]]]:
    """Return the state of a notebook with these sessions, and the jobs that it remembers."""
    remembered: list[tuple[str, str]] = []
    managed = [
        SimpleNamespace(session=session, set_last_job=lambda job, name="": remembered.append((job, name)))
        for session in sessions
    ]
    manager = SimpleNamespace(sessions={str(number): one for number, one in enumerate(managed)})
    return SimpleNamespace(manager=manager), remembered


def write(parent: Path) -> Path:
    (parent / "mine").mkdir()
    return parent / "mine"


def test_job_of_named_session_is_remembered() -> None:
    others, session = FakeSession(), FakeSession()
    state, remembered = make_state(others, session)
    submit: Any = make_notebook_host(state).submit_job
    assert submit(session, write) == "id-1"
    assert session.folders == ["mine"]
    assert remembered == [("id-1", "mine")]


def test_job_of_own_session_is_not_remembered() -> None:
    state, remembered = make_state(FakeSession())
    submit: Any = make_notebook_host(state).submit_job
    assert submit(FakeSession(), write) == "id-1"
    assert remembered == []


def test_making_and_submitting_are_told_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    first_word = threading.Event()

    def tell(_: ProgressLine, text: str) -> None:
        told.append(text)
        first_word.set()

    monkeypatch.setattr(ProgressLine, "update", tell)
    monkeypatch.setattr(ProgressLine, "finish", tell)
    monkeypatch.setattr("flare_widgets.magics.progress._POLL_INTERVAL_S", 0.02)
    state, _ = make_state()

    def write_slowly(parent: Path) -> Path:
        assert first_word.wait(10)
        return write(parent)

    submit: Any = make_notebook_host(state).submit_job
    submit(FakeSession(), write_slowly)
    assert told[0] == "making the job: 0 s"
    assert told[-2:] == ["submitting the job 1.5 kB of 1.5 kB", "submitted the job mine: id-1"]
