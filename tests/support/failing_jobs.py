"""Jobs that end badly, each in its own way: small ones, whose failure comes about for real.

Two families: jobs with a workflow and an executor of their own (:func:`workflow_job`), and FLARE's FedAvg with a
training script that uses the Client API (:func:`script_job`), in the job's process or in one of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROUNDS = '''\
"""A workflow of a few rounds without a model, and what sites do in it."""

import os
import signal
import time

from nvflare.apis.controller_spec import Task
from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable


class Rounds(Controller):
    """Sends the task `train` to all sites, round by round."""

    def __init__(self, rounds=3, timeout=0, fail_in=None):
        super().__init__()
        self.rounds = rounds
        self.timeout = timeout
        self.fail_in = fail_in

    def start_controller(self, fl_ctx):
        pass

    def control_flow(self, abort_signal, fl_ctx):
        for number in range(self.rounds):
            self.log_info(fl_ctx, f"Round {number} started.")
            task = Task("train", data=Shareable(), timeout=self.timeout, result_received_cb=self.check)
            self.broadcast_and_wait(task, fl_ctx, min_responses=2, abort_signal=abort_signal)
            if abort_signal.triggered:
                return
            if self.timeout and len([t for t in task.client_tasks if t.result_received_time]) < 2:
                raise TimeoutError(f"only some sites answered within {self.timeout} s")
            self.aggregate(number)

    def check(self, client_task, fl_ctx):
        if client_task.result.get_return_code() != ReturnCode.OK:
            self.log_error(fl_ctx, "cannot go on with such a result")
            self.system_panic("a site failed", fl_ctx)

    def aggregate(self, number):
        if number == self.fail_in:
            weights = {"conv1": 1.0}
            return weights["conv2"]

    def stop_controller(self, fl_ctx):
        pass

    def process_result_of_unknown_task(self, client, task_name, client_task_id, result, fl_ctx):
        pass


class Train(Executor):
    """Does what it is told in the second round, on one site."""

    def __init__(self, how="", site="site-2", seconds=0.1):
        super().__init__()
        self.how = how
        self.site = site
        self.seconds = seconds
        self.calls = 0

    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        self.calls += 1
        if self.calls == 2 and fl_ctx.get_identity_name() == self.site:
            self.misbehave()
        wait = time.monotonic() + self.seconds
        while time.monotonic() < wait and not abort_signal.triggered:
            time.sleep(0.05)
        return Shareable()

    def misbehave(self):
        if self.how == "raise":
            raise ValueError("shapes (10,) and (12,) not aligned")
        if self.how == "exit":
            os._exit(3)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.how == "sleep":
            time.sleep(20)
'''

SCRIPT = '''\
"""Training by the Client API, with a mistake in the second round on one site."""

import os
import sys

import nvflare.client as flare


def step(weights, number):
    if number == 1 and flare.get_site_name() == "site-2":
        {mistake}
    return weights


def main():
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        number = model.current_round
        print(f"round {{number}} on {{flare.get_site_name()}}")
        weights = step(model.params, number)
        flare.send(flare.FLModel(params=weights, metrics={{"accuracy": 0.5}}))


if __name__ == "__main__":
    main()
'''

_FED_AVG = "nvflare.app_common.workflows.fedavg.FedAvg"

MISTAKES = {
    "raise": 'raise ValueError("shapes (10,) and (12,) not aligned")',
    "chain": "\n        ".join(
        [
            "try:",
            "    {}['lr']",
            "except KeyError as e:",
            '    raise RuntimeError("no learning rate\\nfor this site") from e',
        ]
    ),
    "exit": "os._exit(3)",
    "sys.exit": "sys.exit(4)",
    "import": "import torchvision_of_mine",
}


def write_job(
    folder: Path,
    name: str,
    *,
    server: dict[str, Any],
    client: dict[str, Any],
    custom: dict[str, str],
    **meta: Any,
) -> Path:
    """Make a job folder.

    Parameters
    ----------
    folder, name
        Where to put it, and the folder's and the job's name.
    server, client
        The configurations.
    custom
        Texts of files of the `custom` folder, by name.
    **meta
        What is to be different in ``meta.json``.
    """
    job = folder / name
    (job / "app" / "config").mkdir(parents=True)
    if custom:
        (job / "app" / "custom").mkdir()
    described = {"name": name, "resource_spec": {}, "min_clients": 2, "deploy_map": {"app": ["@ALL"]}, **meta}
    described = {key: value for key, value in described.items() if value is not None}
    _write(job / "meta.json", described)
    _write(job / "app" / "config" / "config_fed_server.json", {"format_version": 2, **server})
    _write(job / "app" / "config" / "config_fed_client.json", {"format_version": 2, **client})
    for file, text in custom.items():
        (job / "app" / "custom" / file).write_text(text)
    return job


def workflow_job(
    folder: Path,
    name: str,
    *,
    workflow: str = "rounds_workflow.Rounds",
    executor: str = "rounds_workflow.Train",
    server: dict[str, Any] | None = None,
    client: dict[str, Any] | None = None,
    more: dict[str, str] | None = None,
    custom: bool = True,
    **meta: Any,
) -> Path:
    """Make a job with a workflow and an executor of its own.

    Parameters
    ----------
    folder, name
        See :func:`write_job`.
    workflow, executor
        Their classes.
    server, client
        Their arguments.
    more
        More files of the `custom` folder.
    custom
        Whether it brings code at all; FLARE permits other classes to jobs that do.
    **meta
        See :func:`write_job`.
    """
    return write_job(
        folder,
        name,
        server={"workflows": [{"id": "rounds", "path": workflow if custom else _FED_AVG, "args": server or {}}]},
        client={"executors": [{"tasks": ["*"], "executor": {"path": executor, "args": client or {}}}]},
        custom={"rounds_workflow.py": ROUNDS, **(more or {})} if custom else {},
        **meta,
    )


def script_job(folder: Path, name: str, mistake: str, *, external: bool = False, broken: bool = False) -> Path:
    """Make a job of FedAvg with a training script.

    Parameters
    ----------
    folder, name
        See :func:`write_job`.
    mistake
        One of :data:`MISTAKES`.
    external
        Whether the script runs in a process of its own.
    broken
        Whether the script is no Python at all.
    """
    script = SCRIPT.format(mistake=MISTAKES[mistake])
    if broken:
        script = script.replace("def main():", "def main(:")
    how: dict[str, Any] = {"execution_mode": "in_process", "task_script_path": "train.py"}
    if external:
        how = {"execution_mode": "external_process", "command": ["python3", "-u", "custom/train.py"]}
    path = "nvflare.app_common.executors.client_api_executor.ClientAPIExecutor"
    arguments = {**how, "params_exchange_format": "numpy"}
    persistor = "nvflare.app_common.np.np_model_persistor.NPModelPersistor"
    return write_job(
        folder,
        name,
        server={
            "workflows": [{"id": "controller", "path": _FED_AVG, "args": {"num_clients": 2, "num_rounds": 3}}],
            "components": [{"id": "persistor", "path": persistor, "args": {"model": [1.0, 2.0]}}],
        },
        client={"executors": [{"tasks": ["*"], "executor": {"path": path, "args": arguments}}]},
        custom={"train.py": script},
    )


def timeout_job(folder: Path, name: str) -> Path:
    """Make a job of FLARE's ScatterAndGather whose sites do not train within its `train_timeout`."""
    common = "nvflare.app_common."
    arguments = {
        "min_clients": 2,
        "num_rounds": 2,
        "train_timeout": 3,
        "wait_time_after_min_received": 0,
        "aggregator_id": "aggregator",
        "persistor_id": "persistor",
        "shareable_generator_id": "generator",
        "train_task_name": "train",
    }
    components = {
        "persistor": (f"{common}np.np_model_persistor.NPModelPersistor", {"model": [1.0, 2.0]}),
        "generator": (f"{common}shareablegenerators.full_model_shareable_generator.FullModelShareableGenerator", {}),
        "aggregator": (
            f"{common}aggregators.intime_accumulate_model_aggregator.InTimeAccumulateWeightedAggregator",
            {"expected_data_kind": "WEIGHTS"},
        ),
    }
    workflow = {"id": "sag", "path": f"{common}workflows.scatter_and_gather.ScatterAndGather", "args": arguments}
    executor = {"path": "rounds_workflow.Train", "args": {"seconds": 30}}
    return write_job(
        folder,
        name,
        server={
            "workflows": [workflow],
            "components": [{"id": i, "path": path, "args": args} for i, (path, args) in components.items()],
        },
        client={"executors": [{"tasks": ["*"], "executor": executor}]},
        custom={"rounds_workflow.py": ROUNDS},
    )


OTHER = {"other.py": "import os\n\nimport tensorflow_of_mine\n"}

MINE = {"mine.py": "class Mine:\n    def __init__(self):\n        1 / 0\n"}

BRIDGE = {
    "bridge.py": '''\
"""A part that cannot start, and those who wait for it in vain."""

import logging
import sys
import time

from nvflare.apis.executor import Executor
from nvflare.apis.impl.controller import Controller
from nvflare.app_common.tie.process_mgr import CommandDescriptor, start_process


def start_part():
    try:
        raise OSError("licence file /opt/licence.key not found")
    except OSError as e:
        logging.getLogger("Starter").error(f"Exception starting the part: {type(e).__name__}: {e}")


class Bridge(Controller):
    def __init__(self, how):
        super().__init__()
        self.how = how

    def start_controller(self, fl_ctx):
        pass

    def control_flow(self, abort_signal, fl_ctx):
        if self.how == "part":
            start_part()
        else:
            program = "import sys; sys.exit('part: error: port 9091 is in use')"
            start_process(CommandDescriptor(f'{sys.executable} -c "{program}"', log_file_name="part_log.txt"), fl_ctx)
        time.sleep(3)
        self.system_panic("failed to start bridge: RuntimeError: cannot connect to part after 3.0 seconds", fl_ctx)

    def stop_controller(self, fl_ctx):
        pass

    def process_result_of_unknown_task(self, client, task_name, client_task_id, result, fl_ctx):
        pass


class Dial(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        start_part()
        time.sleep(2)
        raise RuntimeError("cannot connect to part after 2.0 seconds")
'''
}

CASES: dict[str, Callable[[Path, str], Path]] = {
    # The long ones first: only four jobs run at once.
    "external-exception": lambda folder, name: script_job(folder, name, "chain", external=True),
    "script-exception": lambda folder, name: script_job(folder, name, "raise"),
    "executor-exception": lambda folder, name: workflow_job(folder, name, client={"how": "raise"}),
    "hard-exit": lambda folder, name: workflow_job(folder, name, client={"how": "exit"}),
    "external-exit": lambda folder, name: script_job(folder, name, "exit", external=True),
    "script-import": lambda folder, name: script_job(folder, name, "import"),
    "script-syntax": lambda folder, name: script_job(folder, name, "raise", broken=True),
    "server-exception": lambda folder, name: workflow_job(folder, name, server={"fail_in": 1}),
    "server-class": lambda folder, name: workflow_job(folder, name, workflow="rounds_workflow.Nowhere"),
    "client-class": lambda folder, name: workflow_job(folder, name, executor="no_such_file.Train"),
    "server-package": lambda folder, name: workflow_job(folder, name, workflow="other.Other", more=OTHER),
    "client-package": lambda folder, name: workflow_job(folder, name, executor="other.Other", more=OTHER),
    "bad-arguments": lambda folder, name: workflow_job(folder, name, client={"nosuch": 1}),
    "init-exception": lambda folder, name: workflow_job(folder, name, workflow="mine.Mine", more=MINE),
    "forbidden-class": lambda folder, name: workflow_job(folder, name, executor="json.JSONDecoder", custom=False),
    "timeout": lambda folder, name: workflow_job(folder, name, server={"timeout": 8}, client={"how": "sleep"}),
    "scatter-timeout": timeout_job,
    "first-cause": lambda folder, name: workflow_job(
        folder, name, workflow="bridge.Bridge", server={"how": "part"}, more=BRIDGE
    ),
    "other-log": lambda folder, name: workflow_job(
        folder, name, workflow="bridge.Bridge", server={"how": "program"}, more=BRIDGE
    ),
    "first-cause-site": lambda folder, name: workflow_job(folder, name, executor="bridge.Dial", more=BRIDGE),
    "aborted": lambda folder, name: workflow_job(folder, name, server={"rounds": 200}, client={"seconds": 0.5}),
    "few-sites": lambda folder, name: workflow_job(folder, name, min_clients=5),
    "missing-site": lambda folder, name: workflow_job(folder, name, mandatory_clients=["site-9"]),
    "resources": lambda folder, name: workflow_job(
        folder, name, resource_spec={f"site-{number}": {"num_of_gpus": 4} for number in (1, 2)}
    ),
}
"""The jobs that fail of themselves, but for `aborted`, and wait for ever, the last three."""

ALIKE = frozenset(
    {
        *("executor-exception", "script-syntax", "timeout"),  # as script-exception and server-exception
        *("server-class", "bad-arguments", "client-package", "init-exception"),  # as client-class and server-package
        "external-exit",  # as hard-exit and script-import
    }
)
"""Jobs that leave the same kinds of records in FLARE's logs as others: run with FULL=1, and for the recordings."""

WAITING = ("few-sites", "missing-site", "resources")

REFUSED: dict[str, dict[str, Any]] = {
    "refused": {"deploy_map": None},
    "refused-number": {"min_clients": -1},
    "refused-app": {"deploy_map": {"nosuch": ["@ALL"]}},
}
"""Mistakes in the ``meta.json`` of jobs that the server does not accept."""


def _write(file: Path, value: Any) -> None:
    file.write_text(json.dumps(value, indent=2))
