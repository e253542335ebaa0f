"""Jobs of several workflows."""

from __future__ import annotations

from pathlib import Path

from .job_writer import write_job
from .parts import TRAIN, build_aggregator, build_model, build_scatter_and_gather, build_selector, build_trainer
from .relays import build_cyclic_controller


def two_scatter_and_gather(folder: Path) -> Path:
    """Write a job of two ScatterAndGather workflows, of two and of three rounds."""
    return write_job(
        folder,
        "two-scatter-and-gather",
        workflows=[build_scatter_and_gather("pretrain", 2), build_scatter_and_gather("finetune", 3)],
        components=[*build_model(), build_aggregator(), build_selector()],
        executors=[build_trainer()],
        custom={"train.py": TRAIN},
    )


def scatter_and_gather_then_cyclic(folder: Path) -> Path:
    """Write a job of ScatterAndGather, and then CyclicController, of two rounds each."""
    return write_job(
        folder,
        "scatter-and-gather-then-cyclic",
        workflows=[build_scatter_and_gather("average", 2), build_cyclic_controller("relay", 2)],
        components=[*build_model(), build_aggregator(), build_selector()],
        executors=[build_trainer()],
        custom={"train.py": TRAIN},
    )
