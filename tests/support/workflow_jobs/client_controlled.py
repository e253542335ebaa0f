"""Jobs that the sites control among themselves: swarm learning, cyclic learning, evaluation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .evaluation import EVALUATING, build_evaluating_trainer
from .job_writer import build_executor, build_part, write_job
from .parts import TRAIN, build_aggregator, build_selector, build_trainer

_TASKS = ("train", "validate", "submit_model")


def _swarm_server(rounds: int) -> dict[str, Any]:
    return build_part(
        "swarm_controller",
        ".ccwf.SwarmServerController",
        num_rounds=rounds,
        start_task_timeout=60,
        progress_timeout=300,
        configure_task_timeout=60,
        max_status_report_interval=60,
    )


def _swarm_client() -> dict[str, Any]:
    return build_executor(
        ["swarm_*"],
        ".ccwf.SwarmClientController",
        learn_task_name="train",
        learn_task_timeout=100,
        persistor_id="persistor",
        aggregator_id="aggregator",
        shareable_generator_id="shareable_generator",
        metric_comparator_id="metric_comparator",
        min_responses_required=2,
        wait_time_after_min_resps_received=2,
    )


def _evaluation_server() -> dict[str, Any]:
    return build_part("evaluation", ".ccwf.CrossSiteEvalServerController", start_task_timeout=60, progress_timeout=300)


def _evaluation_client() -> dict[str, Any]:
    return build_executor(
        ["cse_*"],
        ".ccwf.CrossSiteEvalClientController",
        submit_model_task_name="submit_model",
        validation_task_name="validate",
        persistor_id="persistor",
    )


def _site_components() -> list[dict[str, Any]]:
    return [
        build_part("persistor", ".ccwf.comps.np_file_model_persistor.NPFileModelPersistor"),
        build_part("shareable_generator", ".ccwf.comps.simple_model_shareable_generator.SimpleModelShareableGenerator"),
        build_part("metric_comparator", ".ccwf.common.NumberMetricComparator"),
    ]


def swarm(folder: Path) -> Path:
    """Write a job of swarm learning, in HOCON."""
    return write_job(
        folder,
        "swarm",
        workflows=[_swarm_server(3)],
        executors=[build_trainer(_TASKS, train_with_evaluation=True), _swarm_client()],
        client_components=[*_site_components(), build_aggregator(), build_selector()],
        custom={"train.py": TRAIN},
        form="hocon",
        meta_form="hocon",
    )


def swarm_then_evaluation(folder: Path) -> Path:
    """Write a job of swarm learning, and then an evaluation of each site's model by each site."""
    return write_job(
        folder,
        "swarm-then-evaluation",
        workflows=[_swarm_server(2), _evaluation_server()],
        components=[build_part("json_generator", ".widgets.validation_json_generator.ValidationJsonGenerator")],
        executors=[
            build_evaluating_trainer(),
            _swarm_client(),
            _evaluation_client(),
        ],
        client_components=[*_site_components(), build_aggregator()],
        custom={"evaluating.py": EVALUATING},
    )


def client_controlled_cyclic(folder: Path) -> Path:
    """Write a job in which the sites hand the model to each other."""
    client = build_executor(
        ["cyclic_*"],
        ".ccwf.CyclicClientController",
        learn_task_name="train",
        persistor_id="persistor",
        shareable_generator_id="shareable_generator",
    )
    return write_job(
        folder,
        "client-controlled-cyclic",
        workflows=[build_part("cyclic_controller", ".ccwf.CyclicServerController", num_rounds=3)],
        executors=[build_trainer(_TASKS), client],
        client_components=_site_components()[:2],
        custom={"train.py": TRAIN},
    )
