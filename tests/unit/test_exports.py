"""Data for other tools: event files of TensorBoard, runs of MLflow, and a report as one file."""

from __future__ import annotations

import struct
import sys
import types
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.errors import InvalidArgumentError, NotInstalled
from flare_widgets.monitoring.job.model import Point, Results, Round, Series, StatusChange
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.results.evaluation import Evaluation
from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries, read_scalars
from flare_widgets.results import to_mlflow, to_tensorboard
from flare_widgets.results.exports import _masked_checksum
from flare_widgets.views.report import report_html, write_report

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"
SNAPSHOT = JobSnapshot(
    "76b8d043-5f0e",
    name="hello",
    status="FINISHED:COMPLETED",
    duration=50.0,
    timeline=(StatusChange("RUNNING", 100.0, True), StatusChange("FINISHED:COMPLETED", 150.0, True)),
    rounds=(Round(0, 110.0), Round(1, 120.0)),
    round_metrics=(
        Series("accuracy", "", (Point(0, 0.5), Point(1, 0.75))),
        Series("accuracy", "site-1", (Point(0, 0.25),)),
    ),
    recorded=Results(
        scalars=(StepSeries("loss", "site-1", (StepPoint(0, 1.5), StepPoint(1000, 0.25))),),
        evaluations=(Evaluation("site-1", "SRV_best", "accuracy", 0.5),),
        files=(ResultFile("workspace/models/best.npy", 1000, "model"), ResultFile("workspace/log.txt", 3, "log")),
    ),
)


def read_back(folder: Path) -> dict[tuple[str, str], list[tuple[int, float]]]:
    files = {
        f"workspace/tb/{path.relative_to(folder).as_posix()}": path.read_bytes()
        for path in folder.rglob("events.out.tfevents.*")
    }
    return {(s.name, s.site): [(p.step, p.value) for p in s.points] for s in read_scalars(files)}


def test_event_files_are_read_back(tmp_path: Path) -> None:
    folder = to_tensorboard(SNAPSHOT, tmp_path)
    assert folder == tmp_path / "hello-76b8d043"
    assert read_back(folder) == {
        ("accuracy", "all sites"): [(1, 0.5), (2, 0.75)],
        ("accuracy", "site-1"): [(1, 0.25)],
        ("loss", "site-1"): [(0, 1.5), (1000, 0.25)],
    }


def test_event_files_are_replaced_not_doubled(tmp_path: Path) -> None:
    to_tensorboard(SNAPSHOT, tmp_path)
    to_tensorboard(SimpleNamespace(snapshot=SNAPSHOT), tmp_path)
    assert len(list(tmp_path.rglob("events.out.tfevents.*"))) == 2


def test_records_have_the_checksums_of_the_format(tmp_path: Path) -> None:
    # The value of the CRC catalogue for CRC-32C, rotated and shifted.
    assert _masked_checksum(b"123456789") == ((0xE3069283 >> 15 | 0xE3069283 << 17) + 0xA282EAD8) & 0xFFFFFFFF
    data = next(to_tensorboard(SNAPSHOT, tmp_path).rglob("events*")).read_bytes()
    (size,) = struct.unpack_from("<Q", data)
    assert struct.unpack_from("<I", data, 8) == (_masked_checksum(data[:8]),)
    assert struct.unpack_from("<I", data, 12 + size) == (_masked_checksum(data[12 : 12 + size]),)
    assert b"brain.Event:2" in data[12 : 12 + size]


def test_hostile_names_stay_in_the_folder(tmp_path: Path) -> None:
    names = ("../../x", "..", "/etc", "a/b", "a\\b", HOSTILE, "模型", "模型2", "CON")
    metrics = tuple(Series(HOSTILE, name, (Point(0, 1e300),)) for name in names)
    folder = to_tensorboard(replace(SNAPSHOT, name="../evil", round_metrics=metrics, recorded=None), tmp_path)
    assert folder.parent == tmp_path
    assert len(list(folder.iterdir())) == len(names)
    assert all(len(path.relative_to(folder).parts) == 2 for path in folder.rglob("events*"))


class FakeMlflow:
    """MLflow's client, as far as it is used: it records what it gets."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []
        self.experiments: dict[str, str] = {}
        self.uris: list[str | None] = []

    def module(self) -> types.ModuleType:
        module = types.ModuleType("mlflow")
        module.MlflowClient = self.client  # type: ignore[attr-defined]
        module.entities = SimpleNamespace(  # type: ignore[attr-defined]
            Metric=lambda key, value, timestamp, step: (key, value, timestamp, step),
            Param=lambda key, value: (key, value),
        )
        return module

    def client(self, *, tracking_uri: str | None) -> FakeMlflow:
        self.uris.append(tracking_uri)
        return self

    def get_experiment_by_name(self, name: str) -> Any:
        found = self.experiments.get(name)
        return None if found is None else SimpleNamespace(experiment_id=found)

    def create_experiment(self, name: str) -> str:
        self.experiments[name] = f"id-{len(self.experiments)}"
        return self.experiments[name]

    def create_run(self, experiment_id: str, **about: Any) -> Any:
        self.calls.append(("run", (experiment_id, about)))
        return SimpleNamespace(info=SimpleNamespace(run_id="run-1"))

    def log_batch(self, run_id: str, **batch: Any) -> None:
        self.calls.append(("batch", batch))

    def set_terminated(self, run_id: str, status: str, *, end_time: int) -> None:
        self.calls.append(("end", (status, end_time)))


@pytest.fixture
def mlflow(monkeypatch: pytest.MonkeyPatch) -> FakeMlflow:
    fake = FakeMlflow()
    monkeypatch.setitem(sys.modules, "mlflow", fake.module())
    return fake


def test_mlflow_gets_metrics_parameters_and_status(mlflow: FakeMlflow) -> None:
    run = to_mlflow(SNAPSHOT, experiment="mine", tracking_uri="file:x", parameters={"rate": 0.1, "a<b": HOSTILE})
    assert (run, mlflow.uris, mlflow.experiments) == ("run-1", ["file:x"], {"mine": "id-0"})
    (_, (experiment, about)), (_, params), (_, metrics), (_, end) = mlflow.calls
    assert (experiment, about["run_name"], about["start_time"]) == ("id-0", "hello", 100_000)
    assert about["tags"] == {"flare.job_id": "76b8d043-5f0e", "flare.status": "FINISHED:COMPLETED"}
    assert [name for name, _ in params["params"]] == ["rate", "a_b"]
    assert "\x1b" not in params["params"][1][1]
    assert [(key, value, step) for key, value, _, step in metrics["metrics"]] == [
        ("accuracy", 0.5, 1),
        ("accuracy", 0.75, 2),
        ("site-1/accuracy", 0.25, 1),
        ("site-1/loss", 1.5, 0),
        ("site-1/loss", 0.25, 1000),
        ("evaluation/SRV_best/accuracy/site-1", 0.5, 0),
    ]
    assert end == ("FINISHED", 150_000)


def test_mlflow_run_of_running_job_stays_open(mlflow: FakeMlflow) -> None:
    mlflow.experiments["flare"] = "7"
    to_mlflow(replace(SNAPSHOT, status="RUNNING", timeline=SNAPSHOT.timeline[:1], duration=None))
    assert mlflow.calls[0][1][0] == "7"
    assert "end" not in [kind for kind, _ in mlflow.calls]


def test_many_metrics_go_in_batches(mlflow: FakeMlflow) -> None:
    series = StepSeries("loss", "site-1", tuple(StepPoint(step, 1.0) for step in range(2500)))
    to_mlflow(replace(SNAPSHOT, round_metrics=(), recorded=Results(scalars=(series,))))
    assert [len(call["metrics"]) for kind, call in mlflow.calls if kind == "batch"] == [1000, 1000, 500]


def test_export_without_mlflow_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(NotInstalled, match="pip install mlflow"):
        to_mlflow(SNAPSHOT)


class Page(HTMLParser):
    """The elements of a page, and what they refer to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.references: list[str] = []
        self.handlers: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.references += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href", "action")]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]


@pytest.mark.parametrize("count", [1, 2])
def test_report_is_one_page_without_scripts(tmp_path: Path, count: int) -> None:
    hostile = replace(
        SNAPSHOT,
        name=HOSTILE,
        round_metrics=(Series(HOSTILE, HOSTILE, (Point(0, 0.5), Point(1, 0.6))),),
        recorded=Results(files=(ResultFile(f"workspace/{HOSTILE}.npy", 5, "model"),)),
    )
    jobs = [replace(hostile, job_id=f"{n}6b8d043-5f0e") for n in range(count)]
    path = write_report(tmp_path / "new" / "report.html", jobs)
    html = path.read_text("utf-8")
    page = Page(html)
    assert page.tags[:2] == ["html", "head"]
    assert not {"script", "img", "iframe", "link", "object"} & set(page.tags)
    assert (page.references, page.handlers) == ([], [])
    assert "default-src 'none'" in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert page.tags.count("h1") == 1


def test_report_of_several_compares_them() -> None:
    html = report_html([replace(SNAPSHOT, job_id="a1" * 4, name="first"), replace(SNAPSHOT, job_id="b2" * 4)], 200.0)
    assert "<h1>Comparison of 2 jobs</h1>" in html
    assert html.count("flw-compare") > 0
    assert html.count('class="flw-job ') == 2


def test_comparison_in_report_is_not_shortened() -> None:
    metrics = tuple(
        Series(name, "", tuple(Point(n, n / 200) for n in range(200))) for name in ("accuracy", "loss", "f1", "auc")
    )
    jobs = [
        replace(SNAPSHOT, job_id=f"{n:08x}", name=f"job-{n}", round_metrics=metrics, recorded=None) for n in range(80)
    ]
    (comparison,) = html_of_comparison(report_html(jobs, 200.0))
    assert [f"job-{n}<" in comparison for n in range(80)] == [True] * 80
    assert all(f"{name} by round" in comparison for name in ("accuracy", "loss", "f1", "auc"))
    assert "live view has" not in comparison


def html_of_comparison(html: str) -> list[str]:
    """The comparisons in a report: what is before the first job."""
    return [each.split('class="flw-job ')[0] for each in html.split('class="flw-compare ')[1:]]


def test_report_shows_metrics_and_files_of_job() -> None:
    html = report_html([SNAPSHOT], 200.0)
    for words in ("Report on hello", "accuracy by round", "loss by step", "models/best.npy", "1 file, 1.0 kB"):
        assert words in html, words


def test_report_goes_into_folder_under_name_of_job(tmp_path: Path) -> None:
    assert write_report(tmp_path, [SNAPSHOT]) == tmp_path / "report-hello-76b8d043.html"


def test_report_on_nothing_is_refused() -> None:
    with pytest.raises(InvalidArgumentError):
        report_html([])
