"""Commands for the statistics and errors of a running job's components."""

from __future__ import annotations

from typing import Any

from ...errors import InvalidArgumentError, InvalidArgumentType
from ..models import TargetType
from .command import Command, Effect, read_mapping, read_nothing, target_line


def show_stats(job_id: str, target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Return runtime statistics of a running job's components."""
    return Command(
        _job_target_line("show_stats", job_id, target_type, names),
        read_mapping,
        Effect.READ,
        needs_meta=False,
        job_id=job_id,
    )


def show_errors(job_id: str, target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """Return the errors recorded by a running job's components."""
    return Command(
        _job_target_line("show_errors", job_id, target_type, names),
        read_mapping,
        Effect.READ,
        needs_meta=False,
        job_id=job_id,
    )


def reset_errors(job_id: str) -> Command[None]:
    """Clear the recorded errors of all components of a running job."""
    return Command(
        _job_target_line("reset_errors", job_id, TargetType.ALL, None), read_nothing, needs_meta=False, job_id=job_id
    )


def _job_target_line(verb: str, job_id: Any, target_type: Any, names: Any) -> str:
    # A bad id raises other exceptions than in other job commands, as in the FLARE API.
    if not isinstance(job_id, str):
        raise InvalidArgumentType(f"a job id must be text, not {type(job_id).__name__}")
    if not job_id:
        raise InvalidArgumentError("no job id was given")
    return target_line(verb, target_type, names, job_id)
