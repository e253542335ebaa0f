"""The live view of all jobs of a session's study."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Sequence
from math import ceil
from typing import TYPE_CHECKING, Any, Protocol

import traitlets

from ...api import Session, commands, permissions
from ...api.saved_results import SavedResult, save_result
from ...errors import InvalidArgumentError
from ...formatting.jobs import job_table
from ...formatting.reader_time import format_date_time, to_reader_time
from ...formatting.table import MAX_ROWS, Table
from ...formatting.text import sanitize
from ...monitoring.job.format import job_label
from ...monitoring.job.trouble import LOST
from ...monitoring.job.updates import NOT_MONITORED
from ...monitoring.job_list.watch import JobsSnapshot, JobsWatch, ListedJob
from ...script_arguments import describe_arguments
from ..core.actions import Action, ActionContext, Actions
from ..core.html import fit_to_notebook
from ..core.live_view import LiveView
from ..core.row_sync import RowSync
from ..core.tab import describe_tab
from ..core.visibility import VisibilityTracker
from ..job.timeline import readable_status, status_category

if TYPE_CHECKING:
    from ...api.transfer.progress import ProgressCallback

_FIRST_LIST_TIMEOUT_S = (
    3.0  # seconds to wait for the server's first answer in a new view, so that its static form has content
)
_MAX_ROW_MESSAGES_PER_S = 10  # messages a second with rows; as many are left for the traits
_MAX_JOBS_PER_ACTION = 1000  # per browser message
_COMMAND_OF_ACTION = {
    "abort": "abort_job",
    "clone": "clone_job",
    "delete": "delete_job",
    "download": "download_job",
    "results": "download_job",
}

NO_JOBS_TEXT = "No jobs yet. %flare submit FOLDER, or the lesson 01."
"""The text of an empty table."""

log = logging.getLogger("flare_widgets")


NestedView = tuple[LiveView, Callable[[], None]]
"""A view that is shown below the table, and a function that stops its updates."""

ResultOpener = Callable[[str, str, "ProgressCallback"], NestedView]
"""Makes the view of a job's result, by the job's id and name; it is told how much has been downloaded."""


class JobsMonitor(Protocol):
    """The interface of a monitor that the view needs: :class:`.Monitor` is one."""

    @property
    def session(self) -> Session:
        """The session whose jobs are shown."""

    def watch_jobs(self) -> JobsWatch:
        """Start watching all jobs."""


class JobsView(LiveView):
    """All jobs of the session's study, updated while the view is visible: newest first, sortable and filterable.

    Select jobs by mouse (with Ctrl or Shift for several) or keyboard (arrows, Shift and arrows, Space, Ctrl+A) and
    open, compare, abort, clone, download or delete them, or see their results. Enter or a click on a name opens a job
    below the table.

    Parameters
    ----------
    monitor
        The session's monitor.
    open_job
        Makes the view of a job by its id, and a function that ends its watch; without it, jobs cannot be opened.
    compare
        Makes the view of several jobs by their ids; without it, jobs cannot be compared.
    open_result
        Makes the view of a job's result; without it, results cannot be opened.
    folder
        The folder for downloads; ``results`` in the working folder if not given.

    Attributes
    ----------
    study : str
        The session's study.
    updated_at : float
        The time at which the server last listed the jobs; 0 before that.
    connection_problem, connection_label : str
        A sentence if the data may be stale, and the same in two words; else empty.
    is_paused : bool
        True if the server is not asked now, since no browser shows the view: nothing counts on but the list's age.
    has_ended : bool
        True if there will be no more updates: the session is over, or the view was made static.
    seq : int
        The number of the last change of the rows, which are not a trait: see :class:`.RowSync`.
    nested : str
        A reference to the widget below the table (``IPY_MODEL_`` and its id); empty for none.
    actions : list of dict
        The offered actions: see :class:`.Actions`.
    """

    bundle = "jobs"

    _max_messages_per_s = 20 - _MAX_ROW_MESSAGES_PER_S

    study = traitlets.Unicode().tag(sync=True)
    updated_at = traitlets.Float().tag(sync=True)
    connection_problem = traitlets.Unicode().tag(sync=True)
    connection_label = traitlets.Unicode().tag(sync=True)
    is_paused = traitlets.Bool().tag(sync=True)
    has_ended = traitlets.Bool().tag(sync=True)
    seq = traitlets.Int().tag(sync=True)
    nested = traitlets.Unicode().tag(sync=True)
    actions = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self,
        monitor: JobsMonitor,
        open_job: Callable[[str], NestedView] | None = None,
        compare: Callable[[Sequence[str]], NestedView] | None = None,
        open_result: ResultOpener | None = None,
        *,
        folder: str | None = None,
    ) -> None:
        self._session = monitor.session
        self._folder = folder
        self._user = permissions.User.from_kit(monitor.session.kit)
        self._open_job, self._compare, self._open_result = open_job, compare, open_result
        self._nested: NestedView | None = None
        self._denied_by_submitter: dict[tuple[str, str], list[str]] = {}
        self._first_list_arrived = threading.Event()
        self._actions = Actions(self._build_actions(), self._request_update)
        self._row_sync = RowSync(self.send, max_messages_per_s=_MAX_ROW_MESSAGES_PER_S, to_json=self._row_json)
        self._watch = monitor.watch_jobs()
        self._resumed_at, self._is_made = 0.0, False
        self._visibility = VisibilityTracker(self._on_visibility_change)
        self._visibility.expect_display()
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__(tab=describe_tab(monitor.session, "jobs"))
        self._is_made = True
        # Last, since the listener is called at once, in another thread.
        self._unsubscribe = self._watch.subscribe(self._on_snapshot)
        if self._is_static:
            self._unsubscribe()
        self._on_snapshot(self._watch.snapshot)  # another view may have requested it
        if not self._first_list_arrived.wait(_FIRST_LIST_TIMEOUT_S):
            log.info("the jobs were not listed within %g s", _FIRST_LIST_TIMEOUT_S)

    # -- content -------------------------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        snapshot = self._watch.snapshot
        return {
            "study": self._session.study,
            "updated_at": snapshot.facts_at or 0.0,
            "connection_problem": snapshot.trouble,
            "connection_label": snapshot.trouble_label,
            "is_paused": self._watch.paused or (snapshot.facts_at or 0.0) < self._resumed_at,
            "has_ended": self._is_static or self._watch.done,
            "seq": self._row_sync.seq,
            "actions": self._actions.to_json(),
            "nested": "" if self._nested is None else f"IPY_MODEL_{self._nested[0].model_id}",
        }

    def _mimebundle(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        data = {
            "text/plain": jobs_table(snapshot).to_text(),
            "text/html": fit_to_notebook(lambda share: jobs_table(snapshot, ceil(MAX_ROWS * share)).to_html()),
        }
        below = self._nested
        if below is None:
            return data
        also = below[0]._mimebundle()
        return {kind: text + ("\n\n" if kind == "text/plain" else "") + also[kind] for kind, text in data.items()}

    def _facts(self) -> object:
        snapshot, below = self._watch.snapshot, self._nested
        return snapshot.jobs, snapshot.trouble, None if below is None else below[0]._facts()

    def _milestone(self) -> object:
        below = self._nested
        return [job.status for job in self._watch.snapshot.jobs], None if below is None else below[0]._milestone()

    def _is_finished(self) -> bool:
        return self._watch.done

    def _dispose(self) -> None:
        self._unsubscribe()
        self._visibility.close()
        self._row_sync.close()
        self._watch.stop()
        _close_nested(self._nested)

    def _on_snapshot(self, snapshot: JobsSnapshot) -> None:
        if snapshot.facts_at is not None or snapshot.trouble:
            self._first_list_arrived.set()
        self._row_sync.replace({job.job_id: job for job in snapshot.jobs})
        self._request_update()

    def _row_json(self, job: ListedJob) -> dict[str, Any]:
        row = job.to_json()
        row.pop("job_id")  # it is the key of the row
        row.pop("submitter_organization", None)
        row.pop("ended")  # so says the category
        row.pop("is_lost", None)
        row["category"] = "lost" if job.is_lost else status_category(job.status, job.ended)
        row["status_text"] = LOST.lower() if job.is_lost else readable_status(job.status) or "unknown"
        refused = self._denied_actions(job.submitter, job.submitter_organization)
        return {**row, "denied_actions": refused} if refused else row

    def _denied_actions(self, submitter: str, organization: str) -> list[str]:
        """Return the actions that the user may probably not perform on jobs of this submitter."""
        who = submitter, organization
        if who not in self._denied_by_submitter:
            facts = {"submitter": submitter or None, "submitter_organization": organization or None}
            refused = [
                name
                for name, command in _COMMAND_OF_ACTION.items()
                if permissions.denial_reason(self._user, command, **facts)
            ]
            self._denied_by_submitter[who] = refused
        return self._denied_by_submitter[who]

    # -- actions -------------------------------------------------------------------------------------------

    def _handle_message(self, message: dict[str, Any]) -> None:
        if (
            self._row_sync.handle_message(message)
            or self._actions.handle_message(message)
            or self._visibility.handle_message(message)
        ):
            return
        if message["kind"] == "close":
            self._show_nested(None)

    def _on_visibility_change(self, is_visible: bool) -> None:
        if is_visible:
            self._resumed_at = time.time() if self._watch.paused else 0.0
            self._watch.resume()
        else:
            self._watch.pause()
        if self._is_made:
            self._request_update()

    def _build_actions(self) -> list[Action]:
        def may(command: str) -> Callable[[], str]:
            return lambda: self._closed_reason() or permissions.session_denial_reason(self._session, command)

        offers = []
        if self._open_job is not None:
            offers.append(Action("open", "Open", start=self._open, emphasis="primary"))
        if self._compare is not None:
            offers.append(Action("compare", "Compare", start=self._compare_jobs, emphasis="primary"))
        if self._open_result is not None:
            offers.append(
                Action(
                    "results",
                    "Results",
                    run=self._show_result,
                    disabled_reason=may("download_job"),
                    is_cancellable=True,
                )
            )
        return [
            *offers,
            Action("abort", "Abort", run=self._abort, is_destructive=True, disabled_reason=may("abort_job")),
            Action(
                "clone", "Clone", start=self._clone, describe_result=self._on_cloned, disabled_reason=may("clone_job")
            ),
            Action(
                "download",
                "Download",
                run=self._download,
                disabled_reason=may("download_job"),
                is_cancellable=True,
            ),
            Action("delete", "Delete", run=self._delete, is_destructive=True, disabled_reason=may("delete_job")),
        ]

    def _closed_reason(self) -> str:
        if self._session.closed:
            return "the session is over"
        is_lost = self._watch.snapshot.trouble_label not in ("", NOT_MONITORED)
        return "the server does not answer now" if is_lost else ""

    def _open(self, context: ActionContext) -> concurrent.futures.Future[str]:
        assert self._open_job is not None
        (job_id, *_) = self._selected_job_ids(context)
        self._show_nested(self._open_job(job_id))
        return _finished_future()

    def _compare_jobs(self, context: ActionContext) -> concurrent.futures.Future[str]:
        assert self._compare is not None
        self._show_nested(self._compare(self._selected_job_ids(context)))
        return _finished_future()

    def _show_result(self, context: ActionContext) -> str:
        assert self._open_result is not None
        (job_id, *_) = self._selected_job_ids(context)
        self._show_nested(self._open_result(job_id, self._name_of(job_id), context.progress_callback("received")))
        return ""

    def _show_nested(self, nested: NestedView | None) -> None:
        with self._state_lock:
            before, self._nested = self._nested, nested
        self._request_update()
        _close_nested(before)

    def _abort(self, context: ActionContext) -> str:
        return self._run_for_each(context, "aborting", "abort requested for", self._session.abort_job)

    def _delete(self, context: ActionContext) -> str:
        return self._run_for_each(context, "deleting", "deleted", self._session.delete_job)

    def _clone(self, context: ActionContext) -> concurrent.futures.Future[str]:
        return self._session.start(commands.clone_job(self._selected_job_ids(context)[0]))

    def _on_cloned(self, job_id: str) -> str:
        self._watch.refresh()
        return f"cloned: the new job is {job_id}"

    def _download(self, context: ActionContext) -> SavedResult:
        (job_id, *_) = self._selected_job_ids(context)
        progress = context.progress_callback("received")
        return save_result(self._session, job_id, self._name_of(job_id), self._folder, progress=progress)

    def _name_of(self, job_id: str) -> str:
        return next((job.name for job in self._watch.snapshot.jobs if job.job_id == job_id), "")

    def _run_for_each(self, context: ActionContext, present: str, past: str, act: Callable[[str], Any]) -> str:
        """Perform an action on each requested job; failures are reported after all were tried."""
        jobs = self._selected_job_ids(context)
        failed: list[tuple[str, Exception]] = []
        for number, job_id in enumerate(jobs):
            context.report(
                f"{present} {number + 1} of {len(jobs)}" if len(jobs) > 1 else f"{present}…", number / len(jobs)
            )
            try:
                act(job_id)
            except Exception as error:
                failed.append((job_id, error))
            self._watch.refresh()
        if len(failed) == len(jobs):
            raise failed[0][1]
        words = f"{past} {self._describe_jobs([j for j in jobs if j not in dict(failed)])}"
        return "; ".join([words, *(f"not {self._describe_jobs([job_id])}: {error}" for job_id, error in failed[:3])])

    def _selected_job_ids(self, context: ActionContext) -> list[str]:
        """Return the ids of the requested jobs that are in the table."""
        asked = context.arguments.get("jobs")
        known = {job.job_id for job in self._watch.snapshot.jobs}
        jobs = [i for i in asked if isinstance(i, str) and i in known] if isinstance(asked, list) else []
        if not jobs:
            raise InvalidArgumentError("none of these jobs is listed any more")
        return list(dict.fromkeys(jobs))[:_MAX_JOBS_PER_ACTION]

    def _describe_jobs(self, job_ids: Sequence[str]) -> str:
        names = {job.job_id: job.name for job in self._watch.snapshot.jobs}
        if len(job_ids) > 3:
            return f"{len(job_ids)} jobs"
        return ", ".join(job_label(names.get(job_id, ""), job_id) for job_id in job_ids)


def jobs_table(snapshot: JobsSnapshot, max_rows: int = MAX_ROWS) -> Table:
    """Return the jobs as a table for a saved notebook: the newest ones, and a summary line."""
    nothing = [NO_JOBS_TEXT] if snapshot.facts_at is not None and not snapshot.jobs else []
    total = len(snapshot.jobs)
    return job_table(_table_rows(snapshot, max_rows), *nothing, _caption(snapshot), max_rows=max_rows, total=total)


def _caption(snapshot: JobsSnapshot) -> str:
    counts = snapshot.counts()
    total = len(snapshot.jobs)
    words = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    trouble = sanitize(snapshot.trouble)
    if snapshot.facts_at is None:
        return trouble or "the server has not answered yet"
    jobs = f"{total} {'job' if total == 1 else 'jobs'}{f' ({words})' if words else ''}"
    said = f"{jobs}, as of {format_date_time(snapshot.facts_at)}; %flare jobs asks again"
    return f"{trouble}; {said}" if trouble else said


def _table_rows(snapshot: JobsSnapshot, max_rows: int) -> list[dict[str, Any]]:
    """Return the newest jobs with the keys of ``list_jobs``, for the tables."""
    return [
        {
            "job_id": job.job_id,
            "job_name": job.name,
            "status": LOST if job.is_lost else job.status,
            "submit_time": _format_local_time(job.submitted_at),
            "duration": _duration(job, snapshot.facts_at),
            "arguments": describe_arguments(dict(job.arguments)),
            "study": job.study,
        }
        for job in snapshot.jobs[:max_rows]
    ]


def _duration(job: ListedJob, now: float | None) -> float | None:
    if job.duration is None and job.started_at is not None and now is not None:
        return max(0.0, now - job.started_at)
    return job.duration


def _format_local_time(at: float | None) -> str:
    try:
        return "" if at is None else f"{to_reader_time(at):%Y-%m-%d %H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return ""


def _close_nested(nested: NestedView | None) -> None:
    if nested is not None:
        view, end = nested
        view.make_static()
        end()
        view.close()


def _finished_future() -> concurrent.futures.Future[str]:
    done: concurrent.futures.Future[str] = concurrent.futures.Future()
    done.set_result("")
    return done
