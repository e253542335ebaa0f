"""What a job's status means."""

from __future__ import annotations

_LEGACY_ENDED = frozenset({"FINISHED_OK", "FINISHED_EXCEPTION", "ABORTED", "ABANDONED", "FAILED"})


def is_terminal(status: str) -> bool:
    """Whether a job in this status has ended (FLARE's rule: ``FINISHED...``, and a few words of old servers)."""
    return status.startswith("FINISHED") or status in _LEGACY_ENDED
