"""placeholder until merged"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Failure:
    """Why a job ended badly."""

    sentence: str
    site: str = ""
    next_step: str = ""
