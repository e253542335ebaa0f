"""Jobs that hand the model from site to site, by the server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .job_writer import build_part, write_job
from .parts import TRAIN, build_model, build_trainer


def build_cyclic_controller(name: str = "cyclic", rounds: int = 2, **arguments: Any) -> dict[str, Any]:
    """Return a CyclicController."""
    return build_part(
        name,
        ".workflows.cyclic_ctl.CyclicController",
        num_rounds=rounds,
        task_assignment_timeout=10,
        persistor_id="persistor",
        shareable_generator_id="shareable_generator",
        task_name="train",
        **arguments,
    )


def cyclic_controller(folder: Path) -> Path:
    """Write a job of CyclicController."""
    return write_job(
        folder,
        "cyclic-controller",
        workflows=[build_cyclic_controller(rounds=3)],
        components=build_model(),
        executors=[build_trainer()],
        custom={"train.py": TRAIN},
    )


def cyclic(folder: Path) -> Path:
    """Write a job of Cyclic, the ModelController."""
    return write_job(
        folder,
        "cyclic",
        workflows=[build_part("controller", ".workflows.cyclic.Cyclic", num_clients=2, num_rounds=2)],
        components=build_model()[:1],
        executors=[build_trainer()],
        custom={"train.py": TRAIN},
    )
