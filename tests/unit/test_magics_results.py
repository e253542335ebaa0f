"""The verbs that hand on what is known of jobs, and the sweep of a variable: with what they return, and bad input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kits
import pytest
from fakes import Fake
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from servers import FlareServer, ok
from shells import flare, ipython, said

from flare_widgets.errors import JobNotFound
from flare_widgets.magics.verbs import VERBS, sweeps
from flare_widgets.monitoring.job.model import Point, Scheduling, Series
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.results.scalars import read_scalars
from flare_widgets.views.core.pretty import PrettyTable

FIRST, SECOND = "07d15d2a-0000", "1f00aa00-0000"


def snapshot_of(job_id: str) -> JobSnapshot:
    value = 0.5 if job_id == FIRST else 0.75
    series = Series("accuracy", "", (Point(0, value),))
    name = "baseline" if job_id == FIRST else "tuned"
    return JobSnapshot(job_id, name=name, status="FINISHED:COMPLETED", round_metrics=(series,))


class FakeWatch(Fake):
    """The watch of a job that has ended, whose result comes when it is waited for."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        self.snapshot = JobSnapshot(job_id, status="FINISHED:COMPLETED")
        self.is_stopped = False

    def wait_for_first_update(self, timeout: float | None = None) -> bool:
        return True

    def wait(self, timeout: float | None = None) -> None:
        self.snapshot = snapshot_of(self.job_id)

    def stop(self) -> None:
        self.is_stopped = True


class FakeState(Fake):
    """Two jobs, of which `tuned` is the last."""

    def __init__(self) -> None:
        self.watches: list[FakeWatch] = []
        self.variables: dict[str, Any] = {}
        self.managed_session = self

    @property
    def monitor(self) -> Any:
        return self

    def find_job_id(self, name: str | None) -> str:
        try:
            return {None: SECOND, "baseline": FIRST, FIRST[:4]: FIRST, "tuned": SECOND}[name]
        except KeyError:
            raise JobNotFound(f"no job {name}") from None

    def watch(self, job_id: str) -> FakeWatch:
        self.watches.append(FakeWatch(job_id))
        return self.watches[-1]


@pytest.fixture
def state() -> FakeState:
    return FakeState()


def run(state: FakeState, verb: str, *words: str) -> Any:
    found = VERBS[verb]
    return found.run(state, **vars(found.parser.parse_intermixed_args(words)))


def test_report_of_last_job_goes_into_working_folder(
    state: FakeState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    path = run(state, "report")
    assert path == tmp_path / "report-tuned-1f00aa00.html"
    assert "Report on tuned" in path.read_text()
    assert "written to report-tuned-1f00aa00.html" in capsys.readouterr().out
    assert [watch.is_stopped for watch in state.watches] == [True]


def test_report_compares_named_jobs_once_each(state: FakeState, tmp_path: Path) -> None:
    path = run(state, "report", "baseline", "tuned", FIRST[:4], "-o", str(tmp_path / "new" / "both.html"))
    html = path.read_text()
    assert path == tmp_path / "new" / "both.html"
    assert "<h1>Comparison of 2 jobs</h1>" in html
    # With the metrics of the results, which are waited for.
    assert "0.75" in html.split('class="flw-job ')[0]
    assert [watch.job_id for watch in state.watches] == [FIRST, SECOND]


def test_export_writes_event_files_of_each_job(state: FakeState, tmp_path: Path) -> None:
    folders = run(state, "export", "baseline", "tuned", "--tensorboard", str(tmp_path))
    assert folders == [str(tmp_path / "baseline-07d15d2a"), str(tmp_path / "tuned-1f00aa00")]
    for folder, value in zip(folders, (0.5, 0.75), strict=True):
        (file,) = Path(folder).rglob("events.out.tfevents.*")
        (series,) = read_scalars({"workspace/tb/all/events.out.tfevents.1": file.read_bytes()})
        assert [point.value for point in series.points] == [value]
    assert all(watch.is_stopped for watch in state.watches)


def test_export_records_runs_of_mlflow(state: FakeState, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str | None]] = []

    def to_mlflow(snapshot: JobSnapshot, *, experiment: str, tracking_uri: str | None) -> str:
        asked.append((snapshot.job_id, experiment, tracking_uri))
        return f"run-{len(asked)}"

    monkeypatch.setattr("flare_widgets.magics.verbs.results.to_mlflow", to_mlflow)
    words = ("baseline", "tuned", "--mlflow", "--experiment", "hello", "--uri", "file:runs")
    assert run(state, "export", *words) == ["run-1", "run-2"]
    assert asked == [(FIRST, "hello", "file:runs"), (SECOND, "hello", "file:runs")]


@pytest.mark.parametrize("words", [(), ("tuned",), ("--mlflow", "--tensorboard", "runs")])
def test_export_to_nothing_or_both_is_refused(state: FakeState, words: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="either --tensorboard FOLDER or --mlflow"):
        run(state, "export", *words)
    assert state.watches == []


def test_metrics_of_several_jobs_are_one_table(state: FakeState) -> None:
    rows = run(state, "metrics", "baseline", "tuned")
    assert isinstance(rows, PrettyTable)
    assert [(row["job"], row["metric"], row["value"]) for row in rows] == [
        ("baseline", "accuracy", 0.5),
        ("tuned", "accuracy", 0.75),
    ]


def test_job_without_metrics_says_why(state: FakeState, monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(job_id: str) -> JobSnapshot:
        return JobSnapshot(job_id, name="tuned", status="SUBMITTED", scheduling=Scheduling(1, 0.0, "2 of 5 sites"))

    monkeypatch.setattr(sys.modules[__name__], "snapshot_of", waiting)
    text = repr(run(state, "metrics", "tuned"))
    assert "tuned 1f00aa00 has no metrics: it has not started yet (waiting" in text
    assert "2 of 5 sites" in text


# -- in a shell: bad input is one line ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell that is connected to a server with one job, in a folder of its own."""
    server, folder = FlareServer(), tmp_path_factory.mktemp("notebook")
    meta = {"job_id": FIRST, "name": "baseline", "status": "FINISHED:COMPLETED"}
    listed = [{"job_id": FIRST, "job_name": "baseline", "status": "FINISHED:COMPLETED"}]
    server.commands |= {"list_jobs": ok(jobs=listed), "get_job_meta": ok(job_meta=meta)}
    with pytest.MonkeyPatch.context() as patch, server.running() as port, ipython() as shell:
        patch.chdir(folder)
        kits.write_kit(folder / "kits" / "ada@example.org", host="127.0.0.1", port=port)
        flare(shell, "connect ada")
        yield shell


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("report", "which job? Pass an id or a name"),
        ("report nobody", "no job of the study default has the name or the id 'nobody'"),
        ("report baseline --to", "expected one argument"),
        ("report baseline -o kits/ada@example.org/startup/client.crt/x.html", "the report cannot be written to"),
        ("export --tensorboard runs", "which job? Pass an id or a name"),
        ("export nobody --mlflow", "no job of the study default has the name or the id 'nobody'"),
        ("export baseline", "either --tensorboard FOLDER or --mlflow"),
        ("export baseline --wandb", "unrecognized option '--wandb'"),
        ("export baseline --tensorboard kits/ada@example.org/startup/client.crt", "cannot be written"),
        ("export baseline --csv", "rows = %flare metrics returns the values: pandas.DataFrame(rows).to_csv(FILE)"),
        ("submit baseline --arg rate=1", "%flare sweep FOLDER --arg NAME=VALUE passes arguments"),
        ("compare baseline", 'or a pattern in quotes, "baseline*", for all whose names begin like that'),
        (
            "sweep nothing --arg rate=1",
            "does not exist, and no variable is called that; pass a job folder",
        ),
        ("sweep nothing", "pass the values to try"),
        ("sweep number --arg rate=1", "the variable number is of type int; pass a job folder"),
        ("sweep make --arg speed=1", "the sweep passes speed"),
        ("sweep nobody_makes --arg rate=1", "must return a recipe or a job folder, got NoneType"),
    ],
)
def test_bad_input_is_one_line(shell: InteractiveShell, line: str, told: str) -> None:
    shell.user_ns |= {"number": 3, "make": lambda rate: None, "nobody_makes": lambda rate: None}
    with pytest.raises(UsageError) as error:
        flare(shell, line)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_result_of_any_origin_is_shown_as_view(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace" / "log.txt").write_text("done")
    shell.user_ns["folder"] = str(tmp_path)
    with capture_output() as captured:
        assert shell.run_cell("from flare_widgets.results import Result\nResult(folder)").success
    (shown,) = captured.outputs
    assert "flw-results" in shown.data["text/html"]
    assert shown.data["text/plain"].startswith("Result of a job in ")
    # That of a verb has its forms itself.
    assert "Result of a job in " in said(shell, "%flare results {folder}")


# -- the sweep of a variable ------------------------------------------------------------------------------------


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, Any]]:
    """The sweeps that were started: of what, and the values."""
    sweeps_started: list[tuple[Any, Any]] = []

    def start(state: Any, job: Any, parameters: Any, **options: Any) -> str:
        sweeps_started.append((job, parameters))
        return "the sweep"

    monkeypatch.setattr(sweeps, "start_sweep", start)
    return sweeps_started


def test_sweep_takes_recipe_or_function_in_variable(state: FakeState, started: list[tuple[Any, Any]]) -> None:
    recipe, path = SimpleNamespace(export=lambda folder: None), Path("jobs", "first")

    def make(rate: float, fast: bool) -> Any: ...

    state.variables |= {"recipe": recipe, "make": make, "path": path}
    for job in ("recipe", "make", "path", "jobs/hello"):
        run(state, "sweep", job, "--arg", "rate=0.1,1", "--arg", "fast=true,no")
    as_texts = {"rate": ["0.1", "1"], "fast": ["true", "no"]}
    # A script gets text in any case; a function gets numbers, true and false.
    as_values = {"rate": [0.1, 1], "fast": [True, "no"]}
    assert started == [(recipe, as_texts), (make, as_values), ("jobs/first", as_texts), ("jobs/hello", as_texts)]


def test_folder_goes_before_variable(
    state: FakeState, started: list[tuple[Any, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "train").mkdir()
    monkeypatch.chdir(tmp_path)
    state.variables["train"] = lambda rate: None
    run(state, "sweep", "train", "--arg", "rate=1")
    assert started == [("train", {"rate": ["1"]})]
