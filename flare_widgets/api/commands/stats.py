"""What the parts of a running job count, and what went wrong in them."""

from __future__ import annotations

from typing import Any

from ..models import TargetType
from .command import Command, Effect, addressed, mapping, nothing


def show_stats(job_id: str, target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """What the parts of a running job say about themselves."""
    return Command(_line("show_stats", job_id, target_type, names), mapping, Effect.READ, needs_meta=False)


def show_errors(job_id: str, target_type: str, names: list[str] | None = None) -> Command[dict[str, Any]]:
    """The errors that the parts of a running job remember."""
    return Command(_line("show_errors", job_id, target_type, names), mapping, Effect.READ, needs_meta=False)


def reset_errors(job_id: str) -> Command[None]:
    """Make all parts of a running job forget their errors."""
    return Command(_line("reset_errors", job_id, TargetType.ALL, None), nothing, needs_meta=False)


def _line(verb: str, job_id: Any, target_type: Any, names: Any) -> str:
    # Other exceptions for a bad id than the other commands about jobs: so does the FLARE API.
    if not isinstance(job_id, str):
        raise TypeError(f"a job id is text, not {type(job_id).__name__}")
    if not job_id:
        raise ValueError("no job id was given")
    return addressed(verb, target_type, names, job_id)
