"""The views that pages may open: made for a kind and its arguments, in a thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..api.job_status import has_ended
from ..formatting.text import sanitize
from ..manager import ManagedSession, SessionManager
from ..results import Result
from ..results.opening import fetch_result, make_fetch
from ..views.display import make_comparison, make_job_view, make_jobs_view, make_system_view
from ..views.jobs.view import NestedView
from ..views.results.view import LiveResultView
from ..views.submit.view import SubmitForm
from .hub import Made, Refused
from .paths import PathGuard

MAX_COMPARED_JOBS = 200
"""Jobs that a page may compare: each is watched."""

_JOB_ID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Factories:
    """Makers of views by kind.

    Parameters
    ----------
    manager
        The sessions.
    guard
        The paths that a page may name.
    results_folder
        The folder for downloads; None for the default.
    on_submission
        Called, in a thread, when a form has submitted a job.
    """

    def __init__(
        self,
        manager: SessionManager,
        guard: PathGuard,
        results_folder: str | None = None,
        on_submission: Callable[[], None] = lambda: None,
    ) -> None:
        self._manager = manager
        self._guard = guard
        self._results_folder = results_folder
        self._on_submission = on_submission
        self._makers: dict[str, Callable[[ManagedSession, Mapping[str, Any]], Made]] = {
            "compare": self._make_compare,
            "job": self._make_job,
            "jobs": self._make_jobs,
            "results": self._make_results,
            "submit": self._make_submit,
            "system": self._make_system,
        }

    def make(self, kind: str, args: Mapping[str, Any]) -> Made:
        """Return the view of a kind.

        Raises
        ------
        Refused
            There is no such kind, session or job.
        FlareError
            The server does not answer.
        """
        maker = self._makers.get(kind)
        if maker is None:
            raise Refused(f"This server cannot show {sanitize(kind, 40)!r}: reload the page, or update flare-widgets.")
        return maker(self.find_session(args.get("session")), args)

    def find_session(self, name: object) -> ManagedSession:
        """Return an open session by its name, or the current one if `name` is None.

        Raises
        ------
        Refused
            There is none.
        """
        wanted = self._manager.current if name is None else name
        managed = self._manager.sessions.get(wanted) if isinstance(wanted, str) else None
        if managed is None:
            whose = f" as {sanitize(wanted, 100)}" if isinstance(wanted, str) and wanted else ""
            raise Refused(f"Not connected{whose}: connect in the sidebar first.")
        found: ManagedSession = managed
        if found.session.closed:
            raise Refused(f"The session {sanitize(found.name, 100)} has ended: connect again in the sidebar.")
        return found

    def _make_jobs(self, managed: ManagedSession, _: Mapping[str, Any]) -> Made:
        def open_result(job_id: str, *_: object) -> NestedView:
            return self._make_result_view(managed, job_id), lambda: None

        return Made(
            make_jobs_view(managed.monitor, folder=self._results_folder, open_result=open_result), owner=managed
        )

    def _make_job(self, managed: ManagedSession, args: Mapping[str, Any]) -> Made:
        view, end = make_job_view(managed.monitor, _job_id(args.get("job")), folder=self._results_folder)
        return Made(view, end, managed)

    def _make_compare(self, managed: ManagedSession, args: Mapping[str, Any]) -> Made:
        asked = args.get("jobs")
        jobs = list(dict.fromkeys(_job_id(each) for each in asked)) if isinstance(asked, list) else []
        if not 2 <= len(jobs) <= MAX_COMPARED_JOBS:
            raise Refused(f"Choose two to {MAX_COMPARED_JOBS} jobs to compare.")
        view, end = make_comparison(managed.monitor, jobs)
        return Made(view, end, managed)

    def _make_system(self, managed: ManagedSession, _: Mapping[str, Any]) -> Made:
        return Made(make_system_view(managed.session, managed.monitor), owner=managed)

    def _make_submit(self, managed: ManagedSession, args: Mapping[str, Any]) -> Made:
        if self._guard.root is None:
            raise Refused("The files of this Jupyter server are not on its disk.")
        asked = args.get("folder")
        folder = self._guard.root if asked is None else self._guard.resolve_folder(asked)

        def note(_: str) -> None:
            self._on_submission()

        return Made(SubmitForm(managed.session, folder, note, within=self._guard.root), owner=managed)

    def _make_results(self, managed: ManagedSession, args: Mapping[str, Any]) -> Made:
        return Made(self._make_result_view(managed, args.get("job")), owner=managed)

    def _make_result_view(self, managed: ManagedSession, job: object) -> LiveResultView:
        """Make the view of a job's result, whose small files are downloaded; the others when somebody asks for them."""
        job_id, session = managed.session.job(_job_id(job)).id, managed.session
        meta = session.get_job_meta(job_id)
        if not has_ended(str(meta.get("status"))):
            raise Refused("This job has not ended: its results are there when it has.")
        name, parent = str(meta.get("name") or ""), self._find_results_folder()
        folder, _ = fetch_result(session, job_id, name, parent, max_whole_bytes=0)
        result = Result(folder, fetch=make_fetch(session, job_id, name, parent))
        return LiveResultView(result, shorten=self._guard.shorten, folder=self._guard.relative(folder))

    def _find_results_folder(self) -> str:
        """Return the folder for downloads: only a setting, not a link, may lead out of the root folder."""
        if self._results_folder is None:
            raise Refused("The files of this Jupyter server are not on its disk.")
        if relative := self._guard.relative(Path(self._results_folder)):
            self._guard.resolve(relative)
        return self._results_folder


def _job_id(value: object) -> str:
    if not isinstance(value, str) or not _JOB_ID.fullmatch(value):
        raise Refused("This is not the id of a job.")
    return value
