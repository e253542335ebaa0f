"""A session that does what a test says, for views of jobs: it records what it is asked."""

from __future__ import annotations

import concurrent.futures
import threading
from types import SimpleNamespace
from typing import Any

from fakes import Fake


class FakeSession(Fake):
    """Part of a session that a view of a job needs.

    Attributes
    ----------
    asked
        The lines of the commands given, and the future of each.
    """

    def __init__(self, role="project_admin", name="admin@nvidia.com"):
        self.read_only = False
        self.kit = SimpleNamespace(username=name, organization="nvidia", role=role)
        self.asked = []
        self.downloads = []
        self.go_on = threading.Event()

    def start(self, command):
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.asked.append((command.line, future))
        return future

    def answer(self, result):
        """Answer the last command."""
        future = self.asked[-1][1]
        future.set_exception(result) if isinstance(result, BaseException) else future.set_result(result)

    def download_job_result(self, job_id, destination=None, *, folder_name=None, progress=None):
        self.downloads.append((job_id, destination))
        progress(1_000_000, 0)
        assert self.go_on.wait(10)
        return f"{destination}/{folder_name}"
