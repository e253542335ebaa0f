"""What the tests of this folder share, besides fixtures."""

from __future__ import annotations

import time
from collections.abc import Callable
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


def wait_until(done: Callable[[], Any], seconds: float = 60) -> Any:
    """Wait until `done` returns something true, and return that."""
    deadline = time.monotonic() + seconds
    while not (result := done()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return result
