"""Checks of a cell before a job is made of it, and the content of that job."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flare_widgets import hooks
from flare_widgets.authoring import (
    AuthoringNotInstalled,
    CellError,
    CellJob,
    NotebookEnv,
    RecipeError,
    check_code,
    format_arguments,
    to_plain_data,
    write_job,
)
from flare_widgets.authoring.arguments import parse_literal
from flare_widgets.authoring.checks import extract_definitions, guess_framework
from flare_widgets.authoring.notebook_env import NotebookHost
from flare_widgets.cell_jobs import LIVE_METRICS_MODULE
from flare_widgets.errors import InvalidArgumentError, SessionClosed
from flare_widgets.script_arguments import read_recorded_arguments

CLIENT = """\
import numpy as np
import nvflare.client as flare

flare.init()
while flare.is_running():
    model = flare.receive()
    flare.send(flare.FLModel(params=model.params))
"""

NET = """\
import argparse

import torch
from torch import nn
import nvflare.client as flare

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(2, 1)

def main():
    flare.init()
    flare.send(flare.receive())

main()
"""

needs_nvflare = pytest.mark.skipif(importlib.util.find_spec("nvflare") is None, reason="needs the extra 'local'")


def told(code: str, **more: Any) -> list[str]:
    return [str(problem) for problem in check_code(code, **more)]


@pytest.mark.parametrize(
    "code",
    [
        CLIENT,
        CLIENT.replace("import nvflare.client as flare", "from nvflare import client as flare"),
        CLIENT.replace("import nvflare.client as flare", "import nvflare.client")
        .replace("flare.", "nvflare.client.")
        # the first replacement doubles what the import line said
        .replace("import nvnvflare.client.client", "import nvflare.client"),
        "from nvflare.client import init, receive, send as answer\ninit()\nanswer(receive())\n",
        "from nvflare.client import *\ninit()\nsend(receive())\n",
        "import nvflare.client.lightning as flare\ntrainer = object()\nflare.patch(trainer)\n",
        "import nvflare.client as flare\n@flare.train\ndef f(model):\n    return model\nflare.init()\nf()\n",
    ],
)
def test_client_api_spellings_are_accepted(code: str) -> None:
    assert told(code) == []


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ("init", "the cell has no flare.init(): begin with flare.init(), which connects the code to its site"),
        ("receive", "the cell has no flare.receive(): without flare.receive() the site never gets the model"),
        ("send", "the cell has no flare.send(): without flare.send() the server never gets the site's result"),
    ],
)
def test_forgotten_call_is_told(call: str, why: str) -> None:
    assert told(CLIENT.replace(f"flare.{call}(", "print(")) == [why]


def test_missing_client_api_gets_hint() -> None:
    (words,) = told("print('flare.init() flare.receive() flare.send()')")
    assert "does not use FLARE's Client API: begin with import nvflare.client as flare" in words
    assert told("# import nvflare.client as flare\nx = 1") == [words]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("x = 1\ny = (", "line 3: '(' was never closed: y = ("),
        ("x = 1\n\n%pip install torch\n", "line 4: '%pip install torch' works only in notebooks"),
        ("!ls\n", "line 2: '!ls' works only in notebooks"),
        ("def f():\nreturn 1\n", "line 3: expected an indented block"),
    ],
)
def test_syntax_errors_have_line_of_cell(code: str, words: str) -> None:
    (problem,) = told(code, first_line=2)
    assert problem.startswith(words)


def test_notebook_variables_distinguished_from_typos() -> None:
    code = CLIENT + "print(rate, modle)\nprint(rate)\n"
    assert told(code, first_line=2, notebook_names={"rate", "model"}) == [
        "line 9: 'rate' is a variable of this notebook, which sites do not have: define it in the cell, or pass it "
        "with --arg rate and read it with argparse",
        "line 9: 'modle' is not defined in the cell",
    ]


@pytest.mark.parametrize(
    "code",
    [
        "def f(a, *b, c=1, **d):\n    return a, b, c, d\n",
        "f = lambda x: [y for y in x if (z := y)]\nprint(z)\n",
        "try:\n    import torch as t\nexcept ImportError as e:\n    t = e\n",
        "import os.path\nprint(os, __name__, __file__, print)\n",
        "for i, (j, *k) in []:\n    print(i, j, k)\n",
        "def g():\n    global later\n    later = 1\nprint(later)\n",
        "with open('x') as file:\n    print(file)\nclass A:\n    b = 1\n    c = b\nprint(A)\n",
        "match []:\n    case [1, *rest]:\n        print(rest)\n    case {'a': x, **others} as whole:\n"
        "        print(x, others, whole)\n",
        "from math import *\nprint(sqrt(2))\n",
    ],
)
def test_bound_names_are_not_reported_undefined(code: str) -> None:
    assert told(CLIENT + code) == []


def test_framework_is_guessed_by_imports() -> None:
    assert guess_framework(CLIENT) == "numpy"
    assert guess_framework(CLIENT + "from sklearn.linear_model import SGDClassifier") == "sklearn"
    assert guess_framework(NET) == "pytorch"
    assert guess_framework(CLIENT + "import torchvision_lookalike") == "numpy"


def test_definitions_do_nothing() -> None:
    kept = extract_definitions(NET)
    assert "class Net" in kept
    assert "import torch" in kept
    assert "nvflare" not in kept
    assert not [line for line in kept.splitlines() if line.startswith("main()")]


def test_definitions_stay_in_their_lines() -> None:
    """So that a failure on the server names a line of the cell, too."""
    kept, code = extract_definitions(NET).split("\n"), NET.split("\n")
    assert all(line in ("", original) for line, original in zip(kept, code, strict=False))
    assert kept.index("class Net(nn.Module):") == code.index("class Net(nn.Module):")
    decorated = 'x = 1\r\n@f(\r\n    1)\r\ndef g():\r\n    return """\r\n"""\r\ny = 2'
    assert extract_definitions(decorated) == '\n@f(\n    1)\ndef g():\n    return """\n"""\n\n'
    assert "flare" not in extract_definitions("import torch; flare.init()\nclass A: pass")


def test_arguments_are_words_that_arrive_unchanged() -> None:
    arguments = {"rate": 0.1, "n": 3, "fast": True, "name": "a'b\"c$d", "minus": "-x", "empty": "", "default": None}
    line = format_arguments(arguments)
    assert line == "--rate=0.1 --n=3 --fast=true --name=a'b\"c$d --minus=-x --empty="
    # Just as FLARE's runner of scripts does it.
    assert len(line.split()) == 6
    assert format_arguments({"x": np.float64(0.5), "y": np.int64(3)}) == "--x=0.5 --y=3"


@pytest.mark.parametrize(
    "value", ["two words", "a\nb", "{site}", "${secret:X}", [1], {"a": 1}, object(), math.nan, b"x"]
)
def test_unpassable_arguments_are_refused(value: object) -> None:
    with pytest.raises(InvalidArgumentError, match="argument text"):
        format_arguments({"text": value})


@pytest.mark.parametrize("name", ["", "a b", "-x", "x=1", "1x"])
def test_names_of_arguments_are_checked(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="invalid argument name"):
        format_arguments({name: 1})


def test_plain_values() -> None:
    value = {"coef": np.zeros((1, 2)), "n": np.int64(2), "names": ("a", None), "flag": np.True_}
    assert to_plain_data("it", value) == {"coef": [[0.0, 0.0]], "n": 2, "names": ["a", None], "flag": True}
    assert json.loads(json.dumps(to_plain_data("it", value))) == to_plain_data("it", value)
    for bad in (lambda: 1, {1: 2}, [math.inf], np.array([object()])):
        with pytest.raises(InvalidArgumentError, match="the model"):
            to_plain_data("the model", bad)


def test_literals() -> None:
    assert [parse_literal(text) for text in ("0.1", "[0,0]", "true", "abc", '"1"', "")] == [
        0.1,
        [0, 0],
        True,
        "abc",
        "1",
        "",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"framework": "jax"}, "must be one of numpy, pytorch, sklearn"),
        ({"name": "../evil"}, "invalid job name"),
        ({"name": ""}, "invalid job name"),
        ({"rounds": 0}, "the number of rounds must be >= 1"),
        ({"sites": ["a", "a"]}, "named twice"),
        ({"sites": ["a/b"]}, "invalid site name"),
        ({"sites": ["a"], "min_sites": 2}, "from 1 to 1, the number of sites"),
        ({"min_sites": 0}, "from 1 to the number of sites"),
        ({"model": None}, "pass it with --model"),
        ({"model": 3}, "an array or a list of numbers"),
        ({"framework": "sklearn", "model": [1]}, "a dict with the initial parameters"),
        ({"framework": "pytorch", "model": "Nest"}, "a class of the cell (it has none)"),
        ({"code": NET, "model": "Nest"}, "a class of the cell (it has Net)"),
        ({"arguments": {"a": "b c"}}, "does not arrive unchanged"),
    ],
)
def test_impossible_options_refused_before_writing(more: Mapping[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        write_job(CellJob(**{"code": CLIENT, "model": [0, 0], **more}), tmp_path / "jobs")
    assert words in str(caught.value)
    assert not (tmp_path / "jobs").exists()


def test_wrong_code_reports_all_problems(tmp_path: Path) -> None:
    with pytest.raises(CellError) as caught:
        write_job(CellJob("import nvflare.client as flare\nflare.init()\n"), tmp_path)
    assert len(caught.value.problems) == 2
    assert str(caught.value).count(";") == 1


@pytest.mark.parametrize(
    ("framework", "missing", "words"),
    [
        ("numpy", "nvflare", "NVIDIA FLARE"),
        ("sklearn", "joblib", "pip install scikit-learn"),
        ("pytorch", "torch", "needs torch, here as well as at the sites"),
    ],
)
def test_what_is_not_installed_is_named(
    framework: str, missing: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == missing else find("json" if name == "nvflare" else name, *more),
    )
    code, model = (NET, None) if framework == "pytorch" else (CLIENT, [0] if framework == "numpy" else {})
    with pytest.raises(AuthoringNotInstalled) as caught:
        write_job(CellJob(code, framework=framework, model=model), tmp_path)
    assert words in str(caught.value)
    if missing == "nvflare":
        with pytest.raises(AuthoringNotInstalled, match="flare-widgets"):
            NotebookEnv()


@needs_nvflare
def test_numpy_job_folder_written_and_rewritten(tmp_path: Path) -> None:
    job = CellJob(
        CLIENT, "twice", 4, ["lyon", "turin"], 2, model=np.zeros(2), arguments={"rate": 0.1}, key_metric="loss"
    )
    written = write_job(job, tmp_path)
    assert written.folder == tmp_path / "twice"
    assert written.framework == "numpy"
    meta = json.loads((written.folder / "meta.json").read_text())
    assert meta["name"] == "twice"
    assert meta["min_clients"] == 2
    assert read_recorded_arguments(meta) == {"rate": "0.1"}
    assert {site for sites in meta["deploy_map"].values() for site in sites} == {"server", "lyon", "turin"}
    for script in written.folder.rglob("notebook_cell.py"):
        assert script.read_text() == CLIENT
    assert len([*written.folder.rglob("notebook_cell.py")]) == 2
    server = (written.folder / "app_server" / "config" / "config_fed_server.json").read_text()
    assert '"num_rounds": 4' in server
    assert '"key_metric": "loss"' in server
    assert f'"path": "{LIVE_METRICS_MODULE}.LiveMetrics"' in server
    assert (written.folder / "app_server" / "custom" / f"{LIVE_METRICS_MODULE}.py").is_file()
    assert written.follows_suggestions
    client = (written.folder / "app_lyon" / "config" / "config_fed_client.json").read_text()
    assert '"--rate=0.1"' in client

    # Again, from a cell, so that a traceback counts the lines as the notebook does. The old one is replaced, but only
    # a job folder is.
    configs = {path: path.read_text() for path in written.folder.rglob("*.json")}
    (written.folder / "stale").touch()
    assert write_job(job, tmp_path, first_line=2).folder == written.folder
    # Nothing in it is of its time: the sweep of a cell is resumed by making the same job again.
    assert {path: path.read_text() for path in written.folder.rglob("*.json")} == configs
    for script in written.folder.rglob("notebook_cell.py"):
        assert script.read_text() == "\n" + CLIENT
    assert not (written.folder / "stale").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(InvalidArgumentError, match="is not a job folder"):
        write_job(CellJob(CLIENT, "mine", model=[0]), tmp_path)
    assert (tmp_path / "mine" / "thesis.txt").exists()


@needs_nvflare
def test_suggested_settings_are_followed_or_left_out(tmp_path: Path) -> None:
    wanted = {"key_metric": "loss", "key_metric_mode": "min"}
    written = write_job(CellJob(CLIENT, model=[0], suggestions=wanted), tmp_path)
    config = (written.folder / "app" / "config" / "config_fed_server.json").read_text()
    assert '"key_metric": "loss"' in config
    assert '"negate_key_metric": true' in config
    older = write_job(CellJob(CLIENT, model=[0], suggestions={**wanted, "of_a_later_one": "x"}), tmp_path)
    assert not older.follows_suggestions
    assert '"key_metric": "loss"' not in (older.folder / "app" / "config" / "config_fed_server.json").read_text()


@needs_nvflare
def test_what_recipe_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"FLARE's recipe refused: .*key_metric_mode"):
        write_job(CellJob(CLIENT, model=[0], key_metric_mode="most"), tmp_path)


@needs_nvflare
def test_environment_without_session_gives_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "get_notebook_host", None)
    environment = NotebookEnv(extra={"a": 1})
    assert environment.get_extra_prop("a") == 1
    assert environment.get_extra_prop("b", 2) == 2
    with pytest.raises(SessionClosed, match="%flare connect KIT"):
        environment.get_job_status("x")
    environment.stop()


@needs_nvflare
def test_environment_uses_current_host_session(monkeypatch: pytest.MonkeyPatch) -> None:
    class Session:
        closed = False

        def get_job_status(self, job_id: str) -> str:
            return f"status of {job_id}"

    sessions: list[Session] = []

    def current() -> Any:
        sessions.append(Session())
        return sessions[-1]

    host = NotebookHost(current, lambda session, write: "", lambda session, job: None)
    monkeypatch.setattr(hooks, "get_notebook_host", lambda: host)
    environment = NotebookEnv()
    assert sessions == []
    assert environment.get_job_status("x") == "status of x"
    assert environment.get_job_status("x") == "status of x"
    assert len(sessions) == 2
    with pytest.raises(InvalidArgumentError, match="not both"):
        NotebookEnv(current(), kit="kit")


class FakeJob:
    """A recipe's job, which writes a folder with code for the server."""

    name = "mine"

    def export_job(self, folder: str) -> None:
        app = Path(folder) / self.name / "app"
        (app / "config").mkdir(parents=True)
        (app / "custom").mkdir()
        (app / "custom" / "client.py").touch()
        (app / "config" / "config_fed_server.json").write_text("{}")
        (app.parent / "meta.json").write_text('{"deploy_map": {"app": ["@ALL"]}}')

    @property
    def _deploy_map(self) -> dict[str, Any]:
        return {}


class FakeSession:
    closed = False

    def __init__(self) -> None:
        self.files: list[str] = []

    def submit_job(self, folder: str) -> str:
        self.files = sorted(path.name for path in Path(folder).rglob("*") if path.is_file())
        return "id"


@needs_nvflare
@pytest.mark.parametrize(("live", "added"), [(True, [f"{LIVE_METRICS_MODULE}.py"]), (False, [])])
def test_recipe_gets_live_metrics_unless_declined(
    monkeypatch: pytest.MonkeyPatch, live: bool, added: list[str]
) -> None:
    monkeypatch.setattr(hooks, "get_notebook_host", None)
    session: Any = FakeSession()
    assert NotebookEnv(session, live_metrics=live).deploy(FakeJob()) == "id"
    assert session.files == sorted(["client.py", "config_fed_server.json", "meta.json", *added])


@needs_nvflare
@pytest.mark.parametrize("show", [True, False])
def test_environment_submits_through_notebook(monkeypatch: pytest.MonkeyPatch, show: bool, tmp_path: Path) -> None:
    """So that the job is remembered and its making is reported, whether it is shown or not."""
    told: list[str] = []

    def submit(session: Any, write: Any) -> str:
        told.append(f"submit {write(tmp_path).name}")
        return "id"

    host: Any = NotebookHost(lambda: FakeSession(), submit, lambda session, job: told.append(f"show {job}"))  # type: ignore[arg-type, return-value]
    monkeypatch.setattr(hooks, "get_notebook_host", lambda: host)
    assert NotebookEnv(show=show).deploy(FakeJob()) == "id"
    assert told == ["submit mine", *(["show id"] if show else [])]


@needs_nvflare
@pytest.mark.parametrize(("given", "parent"), [(None, "configured"), ("mine", "mine")])
def test_result_goes_beside_notebook(given: str | None, parent: str, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)

    class Ended(FakeSession):
        def wait_for_job(self, job_id: str, timeout: float) -> dict[str, str]:
            return {"name": "made in a cell"}

        def download_job_result(self, job_id: str, into: str, *, folder_name: str, progress: None) -> str:
            return f"{into}/{folder_name}"

    host = NotebookHost(Ended, lambda *_: "", lambda *_: None, lambda: "configured")  # type: ignore[arg-type]
    monkeypatch.setattr(hooks, "get_notebook_host", lambda: host)
    folder = NotebookEnv(download_to=given).get_job_result("76b8d043-1")
    assert folder == str(tmp_path / parent / "made-in-a-cell-76b8d043")
