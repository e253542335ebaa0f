"""What can be done to a job from its view."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ...api import commands, permissions
from ...api.commands import Command
from ...api.transfer.upload import Progress
from ...formatting.text import SHORT_ID, clean
from ...monitoring.job.snapshot import JobSnapshot
from ..core.actions import Action, Actions, Doing

T = TypeVar("T")


class JobSession(permissions.Asker, Protocol):
    """What a view of a job needs of a session."""

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it."""

    def download_job_result(
        self, job_id: str, destination: str | None = None, *, progress: Progress | None = None
    ) -> str:
        """Download a finished job and return the new folder."""


class JobActions(Actions):
    """Abort, clone, download and delete one job.

    Parameters
    ----------
    session
        Who does it.
    job_id
        The job.
    snapshot
        Returns what is known about it now.
    changed
        See :class:`.Actions`.
    folder
        Where downloads go; the session's `download_dir` when not given.
    """

    def __init__(
        self,
        session: JobSession,
        job_id: str,
        snapshot: Callable[[], JobSnapshot],
        changed: Callable[[], None],
        folder: str | None = None,
    ) -> None:
        self._session = session
        self._job = job_id
        self._snapshot = snapshot
        self._folder = folder
        self._status_at_abort = ""
        self.deleted = False
        offers = (
            Action(
                "download",
                "Download",
                work=self._download,
                outcome=lambda folder: f"downloaded into {folder}",
                why_not=lambda: self._before_the_end("there are no results to download") or self._no("download_job"),
                cancels=True,
            ),
            Action(
                "clone",
                "Clone",
                start=lambda _: session.start(commands.clone_job(job_id)),
                outcome=_cloned,
                why_not=lambda: self._no("clone_job"),
            ),
            Action(
                "abort",
                "Abort",
                start=self._abort,
                outcome=lambda said: f"abort requested: {said}" if said else "abort requested",
                why_not=self._cannot_abort,
                danger=True,
                confirm="Abort this job?",
                no="Keep running",
            ),
            Action(
                "delete",
                "Delete",
                start=lambda _: session.start(commands.delete_job(job_id)),
                outcome=self._gone,
                why_not=self._cannot_delete,
                danger=True,
                confirm="Delete this job? The server's copy of it and of its results will be gone for good.",
                no="Keep it",
            ),
        )
        super().__init__(offers, changed)

    def review(self) -> None:
        """Take notice of a new snapshot: that abort was requested means nothing once the status has changed."""
        if self._snapshot().status != self._status_at_abort:
            self.reset("abort")

    def _abort(self, _: Doing) -> concurrent.futures.Future[str]:
        self._status_at_abort = self._snapshot().status
        return self._session.start(commands.abort_job(self._job))

    def _download(self, doing: Doing) -> str:
        return self._session.download_job_result(self._job, self._folder, progress=doing.transfer("received"))

    def _gone(self, _: Any) -> str:
        self.deleted = True
        return "deleted: the job and its results are gone from the server"

    def _cannot_abort(self) -> str:
        if self._snapshot().ended:
            return "the job has ended"
        if self.stands("abort") == "done":
            return "it was requested; the status follows in a few seconds"
        return self._no("abort_job")

    def _cannot_delete(self) -> str:
        if self.busy("download"):
            return "it is being downloaded"
        return self._before_the_end("only a job that has ended can be deleted") or self._no("delete_job")

    def _before_the_end(self, words: str) -> str:
        return "" if self._snapshot().ended else f"{words} while it is {clean(self._snapshot().status) or 'unknown'}"

    def _no(self, command: str) -> str:
        if self.deleted:
            return "the job was deleted"
        return permissions.refusal(self._session, command, submitter=self._snapshot().submitter or None)


def _cloned(job_id: str) -> str:
    return f"cloned as {job_id}: %flare monitor {job_id[:SHORT_ID]} shows it"
