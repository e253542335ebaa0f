"""Users and records that integration tests share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

ADMIN = "admin@nvidia.com"
LEAD, MEMBER = "lead@example.org", "member@example.org"


@dataclass(frozen=True)
class Finished:
    """A job that has run to its end.

    Attributes
    ----------
    job_id
        The job.
    folder
        The folder it was submitted from.
    before
        What that folder was like before.
    token
        The submit token.
    meta
        The final meta that waiting for it returned.
    """

    job_id: str
    folder: Path
    before: dict[str, Any]
    token: str
    meta: dict[str, Any]
