"""Jobs written in cells, and FLARE's recipes run from a notebook, on a real federation."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from common import ADMIN
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from shells import ipython
from waiting import wait_until

from flare_widgets import NotebookEnv
from flare_widgets.api import new_secure_session
from flare_widgets.authoring.recipes import is_recipe
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobSnapshot
from flare_widgets.sweep.variants import JobTemplate, make_templates, write_variant
from flare_widgets.views.job.view import JobView

NUMPY = """\
import argparse

import numpy as np
import nvflare.client as flare

parser = argparse.ArgumentParser()
parser.add_argument("--step", type=float)
parser.add_argument("--label")
arguments = parser.parse_args()

flare.init()
while flare.is_running():
    model = flare.receive()
    params = {"numpy_key": model.params["numpy_key"] + arguments.step}
    print("label is", repr(arguments.label))
    flare.send(flare.FLModel(params=params, metrics={"loss": 1.0 / (1 + model.current_round)}))
"""

PYTORCH = """
import nvflare.client as flare
import torch
from torch import nn


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(1, 1)

    def forward(self, x):
        return self.line(x)


flare.init()
x = torch.linspace(-1, 1, 50).unsqueeze(1)
y = 3 * x + 2
net = Line()
optimizer = torch.optim.SGD(net.parameters(), lr=0.3)
while flare.is_running():
    model = flare.receive()
    if model is None:
        break
    net.load_state_dict(model.params)
    loss = nn.functional.mse_loss(net(x), y)
    metrics = {"loss": loss.item()}
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
    flare.send(flare.FLModel(params=net.state_dict(), metrics=metrics, meta={"NUM_STEPS_CURRENT_ROUND": 20}))
"""
SKLEARN = """\
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler
import nvflare.client as flare

flare.init()
x, y = load_breast_cancer(return_X_y=True)
x = StandardScaler().fit_transform(x)
number = int(flare.get_site_name().split("-")[-1])
mine = np.arange(len(y)) % 2 == number - 1
learner = SGDClassifier(loss="log_loss", random_state=0)
while flare.is_running():
    model = flare.receive()
    learner.set_params(alpha=model.params.get("alpha", 0.001))
    learner.partial_fit(x[mine][:1], y[mine][:1], classes=[0, 1])
    if "coef" in model.params:
        learner.coef_, learner.intercept_ = model.params["coef"].copy(), model.params["intercept"].copy()
        accuracy = learner.score(x, y)
    else:
        accuracy = 0.5
    learner.partial_fit(x[mine], y[mine])
    flare.send(flare.FLModel(
        params={"coef": learner.coef_, "intercept": learner.intercept_},
        params_type=flare.ParamsType.FULL,
        metrics={"accuracy": float(accuracy)},
        meta={"NUM_STEPS_CURRENT_ROUND": int(mine.sum())},
    ))
"""

# After FLARE's hello-numpy: each site adds one to every number.
HELLO = """\
import nvflare.client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    flare.send(flare.FLModel(
        params={"numpy_key": model.params["numpy_key"] + 1},
        metrics={"weight_mean": float(model.params["numpy_key"].mean())},
    ))
"""

# Two metrics, none of which FLARE selects the best model by, and a third one by step.
METRICS = """\
import time

import nvflare.client as flare
from nvflare.client.tracking import SummaryWriter

flare.init()
writer = SummaryWriter()
shift = int(flare.get_site_name().split("-")[-1])
while flare.is_running():
    model = flare.receive()
    if model is None:
        break
    for batch in range(2):
        writer.add_scalar("batch loss", 0.5 + batch, global_step=2 * model.current_round + batch)
    time.sleep(1)
    metrics = {"loss": 1.0 / (shift + model.current_round)}
    metrics["f1"] = 0.25 * shift
    flare.send(flare.FLModel(params={"numpy_key": model.params["numpy_key"] + 1}, metrics=metrics))
"""


@pytest.fixture
def shell(federation: LocalFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.chdir(tmp_path)
    with ipython() as shell:
        shell.run_line_magic("flare", f"connect '{federation.admin_kit}'")
        yield shell


def cell(shell: InteractiveShell, line: str, code: str) -> Any:
    with capture_output():
        return shell.run_cell_magic("flare", line, code)


def test_cell_for_numpy_runs_to_end(shell: InteractiveShell, federation: LocalFederation) -> None:
    shell.user_ns.update(start=np.zeros(2), step=1.5)
    line = "--name steps --rounds 2 --model start --arg step --arg 'label=it\"s' --wait"
    end = cell(shell, f"{line} --key-metric loss --key-metric-mode min", NUMPY)
    assert isinstance(end, JobSnapshot)
    assert end.status == "FINISHED:COMPLETED", end.failure
    assert end.name == "steps"
    with new_secure_session(ADMIN, str(federation.admin_kit)) as session:
        result = Path(session.download_job_result(end.job_id, str(Path.cwd())))
    # Two rounds of a step of one and a half, which came by the command line, as did the quote.
    assert np.load(result / "workspace" / "models" / "server.npy").tolist() == [3.0, 3.0]


def values_by_series(snapshot: JobSnapshot) -> dict[tuple[str, str], dict[int, float]]:
    return {(s.name, s.site): {p.round: p.value for p in s.points} for s in snapshot.round_metrics}


def test_every_metric_of_cell_is_live(shell: InteractiveShell) -> None:
    """From the first round on, for each site; and what was live is what the result says at the end."""
    with capture_output() as shown:
        shell.run_cell_magic("flare", "--name two --rounds 5 --model [0,0]", METRICS)
    assert "the cell sends 2 metrics (loss, f1): choose" in shown.stdout
    of_sites = {(name, site) for name in ("loss", "f1") for site in ("site-1", "site-2")}
    seen: list[JobSnapshot] = []

    def first_round_is_there() -> bool:
        with capture_output():
            seen.append(shell.run_line_magic("flare", "monitor --text"))
        found = values_by_series(seen[-1])
        return all(0 in found.get(series, {}) for series in of_sites)

    wait_until(first_round_is_there, 60)
    live = seen[-1]
    assert not live.ended
    assert live.has_live_metrics
    assert values_by_series(live)["loss", "site-2"][0] == 0.5
    with capture_output():
        end = shell.run_line_magic("flare", "wait")
    assert end.status == "FINISHED:COMPLETED", end.failure
    recorded = values_by_series(end)
    # Each site and metric once, with all rounds; nothing that was live has another value now.
    assert set(recorded) == {*of_sites, ("loss", ""), ("f1", "")}
    assert all(list(points) == [0, 1, 2, 3, 4] for points in recorded.values())
    assert all(points.items() <= recorded[series].items() for series, points in values_by_series(live).items())
    steps = {series.site: [point.step for point in series.points] for series in end.step_metrics}
    assert steps == {"site-1": [*range(10)], "site-2": [*range(10)]}


def test_failing_line_is_that_of_cell(shell: InteractiveShell) -> None:
    code = METRICS.replace("    time.sleep(1)\n", "    assert model.current_round < 1, 'no data'\n")
    end = cell(shell, "--name broken --rounds 3 --model [0,0] --wait", code)
    assert end.failure is not None
    line = code.splitlines().index("    assert model.current_round < 1, 'no data'") + 2
    assert end.failure.sentence.endswith(f"failed in round 2, in line {line} of the cell: AssertionError: no data")
    assert end.failure.next_step == f"Correct line {line} of the cell and run the cell again."


def test_sklearn_cell_completes_at_named_sites(shell: InteractiveShell) -> None:
    shell.user_ns["settings"] = {"alpha": 0.0005}
    end = cell(shell, "--name cancer --rounds 3 --sites site-2,site-1 --model settings --wait", SKLEARN)
    assert end.status == "FINISHED:COMPLETED", end.failure
    accuracy = [point.value for series in end.round_metrics for point in series.points if series.name == "accuracy"]
    assert max(accuracy) > 0.9


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is large: install it to test this too")
def test_cell_for_pytorch_runs_to_end(shell: InteractiveShell) -> None:
    end = cell(shell, "--name line --rounds 2 --model Line --wait", PYTORCH)
    assert end.status == "FINISHED:COMPLETED", end.failure
    (loss,) = (series for series in end.round_metrics if series.name == "loss" and not series.site)
    assert loss.points[-1].value < 0.01


def test_dry_run_sends_nothing(shell: InteractiveShell) -> None:
    with capture_output():
        before = shell.run_line_magic("flare", "jobs -n 1")
    folder = cell(shell, "--name dry --model [0,0] --arg step=2 --dry-run", NUMPY)
    assert folder == Path.cwd() / "jobs" / "dry"
    assert json.loads((folder / "meta.json").read_text())["min_clients"] == 2
    assert cell(shell, "--name dry --model [0,0] --dry-run elsewhere", NUMPY) == Path.cwd() / "elsewhere" / "dry"
    with capture_output():
        assert shell.run_line_magic("flare", "jobs -n 1") == before


@pytest.mark.parametrize(
    ("line", "code", "words"),
    [
        ("--model [0]", "x = (", "line 2: '(' was never closed: x = ("),
        ("--model [0]", NUMPY.replace("flare.send", "print"), "has no flare.send()"),
        ("--model [0]", NUMPY + "print(secret)\n", "line 18: 'secret' is a variable of this notebook"),
        ("--model [0] --sites site-9,site-1", NUMPY, "site 'site-9' is not connected; connected sites: site-1"),
        ("--model [0] --arg nothing", NUMPY, "the notebook has no variable 'nothing'"),
        ("--model thing", NUMPY, "the model is a object, which does not travel in a job"),
        ("--model [0] --arg 'label=two words'", NUMPY, "does not arrive unchanged"),
        ("--modle [0]", NUMPY, "unrecognized option '--modle'; did you mean '--model'?"),
        ("--model [0] --min-sites 0", NUMPY, "from 1 to the number of sites, got 0"),
    ],
)
def test_invalid_cell_refused_in_one_line(shell: InteractiveShell, line: str, code: str, words: str) -> None:
    shell.user_ns.update(secret=1, thing=object())
    with capture_output():
        before = shell.run_line_magic("flare", "jobs -n 1")
    with pytest.raises(UsageError) as caught:
        cell(shell, line, code)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    with capture_output():
        assert shell.run_line_magic("flare", "jobs -n 1") == before


def test_without_session_only_dry_run_works(shell: InteractiveShell) -> None:
    with capture_output():
        shell.run_line_magic("flare", "close")
    with pytest.raises(UsageError, match="not connected"):
        cell(shell, "--model [0]", NUMPY)
    assert (cell(shell, "--model [0] --dry-run", NUMPY) / "meta.json").is_file()


def test_sweep_makes_same_jobs_of_recipes_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe
    from nvflare.job_config.api import FedJob

    monkeypatch.chdir(tmp_path)
    Path("client.py").write_text(HELLO)

    def make(rounds: int) -> Any:
        return NumpyFedAvgRecipe(
            name="swept", model=[0.0], min_clients=2, num_rounds=rounds, train_script="client.py", train_args="--fast"
        )

    def templates(job: Any, name: str) -> list[JobTemplate]:
        (tmp_path / name).mkdir()
        return make_templates(job, [{"rounds": 2}, {"rounds": 3}], tmp_path / name)

    first, again = templates(make, "first"), templates(make, "again")
    assert [each.digest for each in first] == [each.digest for each in again]
    assert first[0].digest != first[1].digest
    for made, rounds in zip(first, (2, 3), strict=True):
        assert f'"num_rounds": {rounds}' in next(made.folder.rglob("config_fed_server.json")).read_text()
    # The arguments of a recipe as it is are those of its script.
    (recipe, _) = templates(make(2), "recipe")
    variant = write_variant(recipe, {"rate": "0.1"}, "swept rate=0.1", tmp_path / "variant")
    assert '"--fast --rate=0.1"' in next(variant.rglob("config_fed_client.json")).read_text()
    assert is_recipe(FedJob(name="job"))


def test_hello_numpy_by_flares_own_recipe(shell: InteractiveShell, federation: LocalFederation) -> None:
    from nvflare.app_common.np.recipes.fedavg import NumpyFedAvgRecipe
    from nvflare.recipe.run import Run
    from nvflare.recipe.spec import ExecEnv

    Path("client.py").write_text(HELLO)
    recipe = NumpyFedAvgRecipe(
        name="hello-numpy",
        model=[[1, 2, 3], [4, 5, 6], [7, 8, 9]],
        min_clients=2,
        num_rounds=2,
        train_script="client.py",
    )
    environment = NotebookEnv(download_to="results")
    assert isinstance(environment, ExecEnv)
    with capture_output() as shown:
        run = recipe.execute(environment)
    assert type(run) is Run
    assert any(
        "hello-numpy" in str(output.data) or run.get_job_id()[:8] in str(output.data) for output in shown.outputs
    )
    assert run.get_status() in ("SUBMITTED", "APPROVED", "DISPATCHED", "RUNNING")
    assert environment.get_job_result(run.get_job_id(), timeout=0.5) is None
    # The magics know the job, too.
    with capture_output():
        view = shell.run_line_magic("flare", "monitor")
    assert isinstance(view, JobView)
    assert view.view_model["job_id"] == run.get_job_id()

    result = run.get_result()
    assert run.get_status() == "FINISHED:COMPLETED"
    assert Path(result).parent.resolve() == Path("results").resolve()
    expected = (np.arange(1, 10).reshape(3, 3) + 2).tolist()
    assert np.load(Path(result) / "workspace" / "models" / "server.npy").tolist() == expected
    # The session was the notebook's, and stays.
    with capture_output():
        shell.run_line_magic("flare", "status")

    # One that is not shown is remembered all the same.
    hidden = recipe.execute(NotebookEnv(show=False))
    with capture_output():
        assert shell.run_line_magic("flare", "monitor --text").job_id == hidden.get_job_id()
        shell.run_line_magic("flare", "abort --yes")

    # A session of its own is closed at the end, and a job can be aborted.
    own = NotebookEnv(kit=federation.admin_kit, show=False)
    run = recipe.execute(own)
    run.abort()
    assert own._own_session is not None
    session = own._own_session
    assert session.wait_for_job(run.get_job_id(), timeout=60)["status"] == "FINISHED:ABORTED"
    own.stop()
    assert session.closed
