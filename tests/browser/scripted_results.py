"""A downloaded result that is as the test says. Imported by the kernels of the browser tests; no server is needed."""

from __future__ import annotations

import json
import math
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripted import ScriptedSession

from flare_widgets.errors import NoConnection
from flare_widgets.monitoring.job.model import Results
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.monitoring.results.scalars import StepPoint, StepSeries
from flare_widgets.monitoring.results.statistics import Bin, Histogram, Statistics
from flare_widgets.results import to_tensorboard
from flare_widgets.results.folder import LISTING
from flare_widgets.views.results.view import ResultView

JOB_ID = "76b8d043-5f0e-4c7e-9f61-0d3c5f2f8a11"
SITES = ("hospital-a", "hospital-b", "hospital-c")
SERVER_MODELS = ("SRV_FL_global_model.pt", "SRV_best_FL_global_model.pt")
HOSTILE = "<img src=x onerror=window.pwned++><script>window.pwned++</script>\u202e\x1b[2J"
BIG = "models/FL_global_model.pt"


def make_result(folder: Path, *, extra: str = "") -> Path:
    """Write a result with models, scalars, evaluation, statistics and files; `extra` is in every name."""
    run = folder / "workspace"
    evaluation = {
        site + extra: {
            model + extra: {"accuracy": 0.9 - 0.03 * abs(i - j) + 0.001 * j, "loss": 0.2 + 0.05 * abs(i - j)}
            for j, model in enumerate((*SERVER_MODELS, *SITES))
        }
        for i, site in enumerate(SITES)
    }
    features = {"age": (52.0, 14.0), "systolic pressure": (131.0, 18.0)}
    statistics = {
        feature + extra: {
            "count": {site: {"train": 400 + 10 * n} for n, site in enumerate(("Global", *SITES))},
            "mean": {site: {"train": mean + n} for n, site in enumerate(("Global", *SITES))},
            "stddev": {site: {"train": deviation} for site in ("Global", *SITES)},
            "histogram": {
                site: {
                    "train": [[b * 5, b * 5 + 5, round(90 * math.exp(-((b - 10 - n) ** 2) / 18))] for b in range(20)]
                }
                for n, site in enumerate(("Global", *SITES))
            },
        }
        for feature, (mean, deviation) in features.items()
    }
    files: dict[str, Any] = {
        "meta.json": {"job_id": JOB_ID, "name": "readmission" + extra, "status": "FINISHED:COMPLETED"},
        "workspace/cross_site_val/cross_val_results.json": evaluation,
        "workspace/statistics/statistics.json": statistics,
        "workspace/notes/thresholds.json": {"threshold" + extra: 0.35, "chosen by": "hospital-a"},
        "job/app/config/config_fed_client.json": {"task_script_args": "--rate 0.01 --batch 32"},
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(json.dumps(content))
    (run / "log.txt").write_text("2026-11-28 12:00:00 - started\n")
    (run / "models").mkdir()
    (run / "models" / "best_model.npy").write_bytes(
        b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little")
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (30, 4), }".ljust(117) + b"\n" + bytes(960)
    )  # fmt: skip
    (run / "models" / "model.pkl").write_bytes(b"\x80\x04N.")
    series = [
        StepSeries(metric, site, tuple(StepPoint(s, value(s, n)) for s in range(0, 400, 2)))
        for metric, value in (("train_loss", _loss), ("learning rate", lambda s, _: 0.01 * 0.99**s))
        for n, site in enumerate(SITES)
    ]
    written = to_tensorboard(JobSnapshot(JOB_ID, recorded=Results(scalars=tuple(series))), folder / "events")
    written.rename(run / "tb_events")
    (folder / "events").rmdir()
    # A file that is only on the server.
    (folder / LISTING).write_text(json.dumps({f"workspace/{BIG}": 250_000_000}))
    return folder


def _loss(step: int, site: int) -> float:
    return 1.2 * math.exp(-step / (90 + 15 * site)) + 0.15 + 0.06 * math.sin(step * (1.7 + site))


def _count(bin_number: int) -> int:
    return round(90 * math.exp(-(bin_number**2) / 18))


class Downloads:
    """The download of the file that is only on the server: it waits for `go_on`, then does as the test says."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.go_on = threading.Event()
        self.fails = False

    def __call__(self, path: str, progress: Callable[[int, int], bool] | None) -> Path:
        if progress is not None:
            progress(50_000_000, 0)
        assert self.go_on.wait(20)
        if self.fails:
            raise NoConnection("the server does not answer", next_step="Try again")
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(b"PK")
        return target


def open_result(extra: str = "") -> tuple[ResultView, Downloads]:
    """Return a result, and the downloads of the file that it has not."""
    folder = make_result(Path(tempfile.mkdtemp()), extra=extra)
    downloads = Downloads(folder)
    return ResultView(folder, fetch=downloads), downloads


class ScriptedFiles(ScriptedSession):
    """A session for one job, whose files are downloaded at once."""

    def download_result_file(
        self, job_id: str, path: str, destination: str | None = None, *, progress: Any = None
    ) -> str:
        self.asked.append(f"file {path}")
        progress(1, 0)
        return f"{destination}/{path}"


def list_results() -> Results:
    """Return the result of a job as its monitor reads it at the end."""
    files = (
        ResultFile("workspace/models/server.npy", 5_000_000, "model"),
        ResultFile("workspace/log.txt", 30_000, "log"),
        ResultFile("workspace/notes/thresholds.json", 46, "output"),
    )
    bins = tuple(Bin(5.0 * b, 5.0 * b + 5, _count(b - 10)) for b in range(20))
    return Results(files=files, statistics=Statistics(histograms=(Histogram("age", "Global", "train", bins),)))
