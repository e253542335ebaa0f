"""The actions of a job's view."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from ...api import commands, permissions
from ...api.commands import Command
from ...api.job import Job
from ...api.saved_results import SavedResult, save_result
from ...formatting.text import SHORT_ID, sanitize
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.job.updates import NOT_MONITORED
from ...results.opening import ReadableResults
from ..core.actions import Action, ActionContext, Actions

T = TypeVar("T")

_ONLY_CLONE = "clone it to run it again"


class JobSession(permissions.PermissionSource, ReadableResults, Protocol):
    """The interface of a session that a job's view needs."""

    def job(self, job_id: str) -> Job:
        """Return a handle on a job."""

    def start(self, command: Command[T]) -> concurrent.futures.Future[T]:
        """Send a command without waiting for it."""


class JobActions(Actions):
    """Abort, clone, download and delete one job.

    Parameters
    ----------
    session
        The session that performs them.
    job_id
        The job.
    get_snapshot
        Returns the current snapshot.
    on_change
        See :class:`.Actions`.
    folder
        The folder for downloads; ``results`` in the working folder if not given.
    """

    def __init__(
        self,
        session: JobSession,
        job_id: str,
        get_snapshot: Callable[[], JobSnapshot],
        on_change: Callable[[], None],
        folder: str | None = None,
    ) -> None:
        self._session = session
        self._job_id = job_id
        self._get_snapshot = get_snapshot
        self._folder = folder
        self._status_at_abort = ""
        self.deleted = False
        offers = (
            Action(
                "download",
                "Download",
                run=self._download,
                disabled_reason=self.download_disabled_reason,
                emphasis="primary",
                is_cancellable=True,
            ),
            Action(
                "clone",
                "Clone",
                start=lambda _: session.start(commands.clone_job(job_id)),
                describe_result=_describe_clone,
                disabled_reason=lambda: self._denial_reason("clone_job"),
            ),
            Action(
                "abort",
                "Abort",
                start=self._abort,
                describe_result=lambda said: f"abort requested: {said}" if said else "abort requested",
                disabled_reason=self._abort_disabled_reason,
                is_destructive=True,
                question="Abort this job?",
                cancel_label="Keep running",
            ),
            Action(
                "delete",
                "Delete",
                start=lambda _: session.start(commands.delete_job(job_id)),
                describe_result=self._mark_deleted,
                disabled_reason=self._delete_disabled_reason,
                is_destructive=True,
                question="Delete this job and its results from the server? This cannot be undone.",
                confirm_label="Delete job",
            ),
        )
        super().__init__(offers, on_change)

    def refresh(self) -> None:
        """Process a new snapshot: "abort requested" is obsolete once the status has changed."""
        if self._get_snapshot().status != self._status_at_abort:
            self.reset("abort")

    def download_disabled_reason(self) -> str:
        """Return the reason why the result, or a part of it, cannot be downloaded now; empty if it can."""
        return self._not_ended_reason("there are no results to download") or self._denial_reason("download_job")

    def _abort(self, _: ActionContext) -> concurrent.futures.Future[str]:
        self._status_at_abort = self._get_snapshot().status
        return self._session.start(commands.abort_job(self._job_id))

    def _download(self, context: ActionContext) -> SavedResult:
        name, progress = self._get_snapshot().name, context.progress_callback("received")
        return save_result(self._session, self._job_id, name, self._folder, progress=progress)

    def _mark_deleted(self, _: Any) -> str:
        self.deleted = True
        return "deleted: the job and its results are gone from the server"

    def _abort_disabled_reason(self) -> str:
        if self._get_snapshot().ended:
            return "the job has ended"
        if self.state_of("abort") == "done":
            return "abort is requested; the status is updated in a few seconds"
        if self._get_snapshot().is_zombie:
            return f"no process runs it any more: {_ONLY_CLONE}"
        return self._denial_reason("abort_job")

    def _delete_disabled_reason(self) -> str:
        if self.is_busy("download"):
            return "it is being downloaded"
        return self._not_ended_reason("only a job that has ended can be deleted") or self._denial_reason("delete_job")

    def _not_ended_reason(self, message: str) -> str:
        if self._get_snapshot().is_zombie:
            return f"the server still lists it as RUNNING, and no process runs it any more: {_ONLY_CLONE}"
        return (
            ""
            if self._get_snapshot().ended
            else f"{message} while it is {sanitize(self._get_snapshot().status) or 'unknown'}"
        )

    def _denial_reason(self, command: str) -> str:
        if self.deleted:
            return "the job was deleted"
        snapshot = self._get_snapshot()
        if not snapshot.ended and snapshot.trouble_label not in ("", NOT_MONITORED):
            return "the server does not answer now"
        return permissions.session_denial_reason(
            self._session, command, submitter=self._get_snapshot().submitter or None
        )


def _describe_clone(job_id: str) -> str:
    return f"cloned as {job_id}: %flare monitor {job_id[:SHORT_ID]} shows it"
