"""Jobs of controllers that their authors have written: with named steps, with steps and rounds, analyses."""

from __future__ import annotations

from pathlib import Path

from .evaluation import VALIDATOR, build_global_evaluation
from .job_writer import build_executor, build_part, write_job
from .parts import build_aggregator, build_model, build_numpy_trainer, build_scatter_and_gather

_STEPS = '''\
"""Controllers that hand out tasks by name, and an executor that takes its time for each."""

import json
import os
import time

from nvflare.apis.controller_spec import Task
from nvflare.apis.executor import Executor
from nvflare.apis.fl_constant import ReturnCode
from nvflare.apis.impl.controller import Controller
from nvflare.apis.shareable import Shareable, make_reply

SECONDS = 1


class Steps(Controller):
    """Hands out each task to all sites, and waits for them."""

    def __init__(self, names=("local_sums", "local_regression", "residuals", "report")):
        super().__init__()
        self.names = names

    def start_controller(self, fl_ctx):
        pass

    def stop_controller(self, fl_ctx):
        pass

    def process_result_of_unknown_task(self, client, task_name, client_task_id, result, fl_ctx):
        pass

    def control_flow(self, abort_signal, fl_ctx):
        for name in self.names:
            self.take_step(name, abort_signal, fl_ctx)
        folder = fl_ctx.get_engine().get_workspace().get_run_dir(fl_ctx.get_job_id())
        with open(os.path.join(folder, "report.json"), "w") as file:
            json.dump({"steps": list(self.names)}, file)

    def take_step(self, name, abort_signal, fl_ctx):
        task = Task(name=name, data=Shareable(), timeout=60)
        self.broadcast_and_wait(task=task, min_responses=2, fl_ctx=fl_ctx, abort_signal=abort_signal)


class OneStep(Steps):
    """Hands out one task."""

    def __init__(self, name):
        super().__init__([name])


class StepsInRounds(Steps):
    """Hands out two tasks in each round."""

    def __init__(self, iterations=3):
        super().__init__(["gradient", "line_search"])
        self.iterations = iterations

    def control_flow(self, abort_signal, fl_ctx):
        for iteration in range(self.iterations):
            fl_ctx.set_prop("current_round", iteration, private=True, sticky=True)
            self.log_info(fl_ctx, f"iteration {iteration + 1}/{self.iterations}")
            super().control_flow(abort_signal, fl_ctx)


class Worker(Executor):
    def execute(self, task_name, shareable, fl_ctx, abort_signal):
        time.sleep(SECONDS)
        return make_reply(ReturnCode.OK)
'''

_SURVIVAL = '''\
"""An analysis in two passes of the task of training: histograms from the sites, their sum to the sites."""

import json
import os
import time

import nvflare.client as flare
from nvflare.app_common.abstract.fl_model import FLModel
from nvflare.app_common.workflows.model_controller import ModelController

SECONDS = 1


class SurvivalCurve(ModelController):
    def __init__(self):
        super().__init__(persistor_id="")
        self.num_rounds = 2

    def run(self):
        self.info("collecting histograms")
        first = FLModel(params={}, start_round=1, current_round=1, total_rounds=self.num_rounds)
        results = self.send_model_and_wait(data=first)
        total = [sum(column) for column in zip(*(result.params["events"] for result in results))]
        self.info("handing out the sum of the histograms")
        second = FLModel(params={"events": total}, start_round=1, current_round=2, total_rounds=self.num_rounds)
        self.send_model_and_wait(data=second)
        with open(os.path.join(self.get_run_dir(), "km_global.json"), "w") as file:
            json.dump({"events": total}, file)


def main():
    flare.init()
    while flare.is_running():
        model = flare.receive()
        if model is None:
            break
        time.sleep(SECONDS)
        flare.send(flare.FLModel(params={} if model.params else {"events": [3, 2, 1]}))


if __name__ == "__main__":
    main()
'''


def named_steps(folder: Path) -> Path:
    """Write a job of an own controller with four named tasks, and no rounds."""
    return write_job(
        folder,
        "named-steps",
        workflows=[build_part("controller", "steps.Steps")],
        executors=[build_executor(["*"], "steps.Worker")],
        custom={"steps.py": _STEPS},
    )


def steps_in_rounds(folder: Path) -> Path:
    """Write a job of an own controller with two named tasks in each of three rounds."""
    return write_job(
        folder,
        "steps-in-rounds",
        workflows=[build_part("controller", "steps.StepsInRounds", iterations=3)],
        executors=[build_executor(["*"], "steps.Worker")],
        custom={"steps.py": _STEPS},
    )


def steps_around_training(folder: Path) -> Path:
    """Write a job of four workflows: an own step, ScatterAndGather, GlobalModelEval, and an own step."""
    components = [*build_model(), build_aggregator(), build_part("locator", ".np.np_model_locator.NPModelLocator")]
    return write_job(
        folder,
        "steps-around-training",
        workflows=[
            build_part("init", "steps.OneStep", name="init_training"),
            build_scatter_and_gather(rounds=2),
            build_global_evaluation(),
            build_part("post", "steps.OneStep", name="post_validation"),
        ],
        components=components,
        executors=[
            build_numpy_trainer(),
            build_executor(["validate"], "slow_validator.SlowValidator"),
            build_executor(["init_training", "post_validation"], "steps.Worker"),
        ],
        custom={"steps.py": _STEPS, "slow_validator.py": VALIDATOR},
    )


def survival_curve(folder: Path) -> Path:
    """Write a job of the shape of FLARE's example of Kaplan-Meier analysis."""
    executor = build_executor(
        ["train"],
        ".executors.client_api_executor.ClientAPIExecutor",
        execution_mode="in_process",
        params_exchange_format="raw",
        server_expected_format="raw",
        task_script_path="survival.py",
    )
    return write_job(
        folder,
        "survival-curve",
        workflows=[build_part("km", "survival.SurvivalCurve")],
        executors=[executor],
        custom={"survival.py": _SURVIVAL},
    )
