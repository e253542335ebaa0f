"""The steps of ``%%flare`` around the making of a job: the key metric, the submission, and whose job is remembered."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.error import UsageError

from flare_widgets.authoring import CellError
from flare_widgets.authoring.jobs import WrittenJob
from flare_widgets.errors import FlareError, ReadOnlySession
from flare_widgets.magics import cell as cell_magic
from flare_widgets.magics.cell import _choose_key_metric, make_notebook_host, run_cell
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


CODE = """import nvflare.client as flare
flare.init()
while flare.is_running():
    model = flare.receive()
    flare.send(flare.FLModel(params=model.params, metrics={"loss": 1.0}))
"""


def make_connected_state(*, read_only: bool = False) -> Any:
    info = SimpleNamespace(client_info=[SimpleNamespace(name="site-1"), SimpleNamespace(name="site-2")])
    return SimpleNamespace(session=SimpleNamespace(read_only=read_only, get_system_info=lambda: info))


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """The sweeps that were started: the job's own arguments, the values, the name, and the jobs at a time."""
    sweeps: list[tuple[Any, ...]] = []
    jobs: list[Any] = []

    def write_one(job: Any, parent: Path, **_: Any) -> WrittenJob:
        jobs.append(job)
        (parent / job.name).mkdir()
        return WrittenJob(parent / job.name, "numpy")

    def start(_: Any, folder: Path, parameters: Any, *, name: str, at_once: int, wait: bool) -> str:
        assert folder.is_dir()
        sweeps.append((dict(jobs[-1].arguments), parameters, name, at_once, wait))
        return "the sweep"

    monkeypatch.setattr(cell_magic, "write_job", write_one)
    monkeypatch.setattr(cell_magic, "start_sweep", start)
    return sweeps


def test_cell_becomes_sweep(started: list[tuple[Any, ...]]) -> None:
    line = "--name tuned --model [0] --sweep rate=0.1,1 --sweep batch --arg data=a,b --at-once 4"
    found: Any = run_cell(make_connected_state(), {"batch": [16, 32]}, line, CODE)
    assert found == "the sweep"
    assert started == [({"data": "a,b"}, {"rate": ["0.1", "1"], "batch": [16, 32]}, "tuned", 4, False)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("--sweep rate=", "expected NAME=VALUE"),
        ("--sweep rate=1 --sweep rate=2", "rate is given twice"),
        ("--sweep rate=1,2 --arg rate=3", "rate is given twice"),
        ("--sweep missing", "no variable 'missing'"),
        ("--sweep single", "is not a list"),
        ("--sweep rate=1,2 --dry-run", "%flare sweep"),
    ],
)
def test_impossible_sweep_of_cell_is_refused(started: list[tuple[Any, ...]], line: str, told: str) -> None:
    with pytest.raises((UsageError, FlareError), match=told):
        run_cell(make_connected_state(), {"single": 1}, f"--model [0] {line}", CODE)
    assert started == []


def test_read_only_session_sweeps_nothing(started: list[tuple[Any, ...]]) -> None:
    with pytest.raises(ReadOnlySession):
        run_cell(make_connected_state(read_only=True), {}, "--model [0] --sweep rate=1,2", CODE)
    assert started == []


@pytest.mark.parametrize("code", ["x = 1", "import nvflare.client as flare\nflare.init()\nmodel = flare.receive()"])
def test_cell_without_calls_of_client_api_points_to_example(code: str) -> None:
    with pytest.raises(CellError, match="%%flare -h shows a cell that works"):
        run_cell(make_connected_state(), {}, "--model [0]", code)
    with pytest.raises(CellError) as error:
        run_cell(make_connected_state(), {}, "--model [0]", "while True")
    assert "-h" not in str(error.value)
