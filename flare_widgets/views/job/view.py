"""The live view of one job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import traitlets

from ...api.job import Job, JobShortcuts
from ...api.saved_results import save_result_file
from ...errors import InvalidArgumentError
from ...formatting.text import SHORT_ID
from ...monitoring.job.format import describe
from ...monitoring.job.model import Results
from ...monitoring.job.records import MetricRecord
from ...monitoring.job.snapshot import JobSnapshot
from ...monitoring.results.files import RUN_FOLDER
from ...results.opening import fetch_result, make_fetch
from ..core.live_view import LiveView
from ..core.tab import describe_tab
from ..results.actions import FileActions
from ..results.view import ResultView
from ..results.view_model import list_names, listing_to_json
from .actions import JobActions, JobSession
from .events import build_events
from .html import job_html
from .log import LogFeed
from .metrics import MetricsJsonCache, describe_hidden_metrics
from .tables import TablesJsonCache
from .view_model import build_view_model

if TYPE_CHECKING:
    from ...api.transfer.progress import ProgressCallback


class JobSource(Protocol):
    """The interface of a job's watch that a view needs."""

    @property
    def job_id(self) -> str:
        """The job's id."""

    @property
    def snapshot(self) -> JobSnapshot:
        """The newest snapshot; updated before the listeners are called."""

    @property
    def done(self) -> bool:
        """True if the watch has ended, for whatever reason; set before the last call of the listeners."""

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Call `listener` at every new snapshot; return a function that ends that (and may be called twice).

        Listeners may be called from any thread, and with no lock held: they read the newest snapshot.
        """


@dataclass(frozen=True)
class JobReport:
    """A job in short, as its view has told the browser.

    Attributes
    ----------
    label
        The job in one line.
    has_ended
        True if it has ended.
    change_key
        The parts whose change deserves another line in a log.
    """

    label: str
    has_ended: bool
    change_key: tuple[object, ...]

    @classmethod
    def from_traits(cls, traits: Mapping[str, Any]) -> JobReport | None:
        """Read the traits of a :class:`JobView` that were sent to a browser; None if they are of another widget."""
        if not {"view_model", "label"} <= traits.keys() or "job_id" not in traits["view_model"]:
            return None
        job = traits["view_model"]
        progress = (job["progress"] or {}).get("text")
        change_key = (job["status"], progress, bool(job["failure"]), bool(job["troubles"]))
        return cls(traits["label"], job["has_ended"], change_key)


class JobView(JobShortcuts, LiveView):
    """One job, drawn live wherever it is displayed.

    When the job has ended and all available data was fetched, the view stays live, with the actions for an ended
    job, until :meth:`make_static` is called or the kernel ends. It costs nothing then: nothing is polled. If the
    watch ends before the job, the view becomes static.

    Parameters
    ----------
    watch
        The watch of the job.
    session
        The session for aborting, cloning, downloading and deleting the job; without one, no actions are offered.
    folder
        The folder for downloads; ``results`` in the working folder if not given.

    Attributes
    ----------
    view_model : dict
        The job, ready to be drawn: a :class:`.JobViewModel`.
    charts : list of dict
        Its metrics over the rounds and steps, see :class:`.Metric`.
    hidden_metrics : str
        The number of the metrics that are not among them, in words.
    tables : list of dict
        The evaluation of its models and the statistics of its features, see :class:`.ValueTable`.
    result : dict
        What is in its result, once it has ended: see :func:`.listing_to_json`.
    file_actions : dict
        The downloads of single files of it: see :meth:`.FileActions.asked_to_json`.
    events : dict
        The warnings and errors of its log, see :class:`.EventList`.
    label : str
        A summary in one sentence, as of `sent_at`, for screen readers.
    actions : list of dict
        The offered actions with their states: see :meth:`.Actions.to_json`.
    has_log : bool
        True if the logs of the job can be read, see :class:`.LogFeed`.
    """

    bundle = "job"
    patched = ("view_model", "charts", "tables", "events")

    view_model = traitlets.Dict().tag(sync=True)
    charts: traitlets.List[Any] = traitlets.List().tag(sync=True)
    hidden_metrics = traitlets.Unicode().tag(sync=True)
    tables: traitlets.List[Any] = traitlets.List().tag(sync=True)
    result = traitlets.Dict().tag(sync=True)
    file_actions = traitlets.Dict().tag(sync=True)
    events = traitlets.Dict().tag(sync=True)
    label = traitlets.Unicode().tag(sync=True)
    actions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    has_log = traitlets.Bool().tag(sync=True)

    def __init__(self, watch: JobSource, session: JobSession | None = None, *, folder: str | None = None) -> None:
        self._watch, self._session, self._folder = watch, session, folder
        self._results: Results | None = None
        self._result_json: dict[str, Any] = {}
        self._file_actions: FileActions | None = None
        self._metrics_json, self._tables_json = MetricsJsonCache(), TablesJsonCache()
        self._actions: JobActions | None = None
        self._log_feed: LogFeed | None = None
        if session is not None:
            self._log_feed = LogFeed(watch.job_id, session.start, lambda: watch.snapshot, self.send)
            self._actions = JobActions(session, watch.job_id, lambda: watch.snapshot, self._on_actions_change, folder)
        self._unsubscribe: Callable[[], None] = lambda: None
        first = watch.snapshot
        super().__init__(tab=describe_tab(session, "job", job=watch.job_id))
        unsubscribe = watch.subscribe(lambda _: self._request_update())
        self._unsubscribe = unsubscribe
        if self._is_finished():
            self._update_or_finish()
        elif watch.snapshot is not first:  # the job has changed before the subscription
            self._send_update()
        if self._is_finished():
            unsubscribe()

    def __repr__(self) -> str:
        return str(self._watch.snapshot)

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self._watch.job_id

    @property
    def snapshot(self) -> JobSnapshot:
        """All that is known of the job now."""
        return self._watch.snapshot

    @property
    def status(self) -> str:
        """The job's status, as last seen."""
        return self._watch.snapshot.status

    @property
    def metrics(self) -> list[MetricRecord]:
        """The metrics known so far, one flat record a value."""
        return self._watch.snapshot.metrics

    @property
    def job(self) -> Job:
        """The handle on the job: ``job.meta``, ``job.changes()``, ...

        Raises
        ------
        InvalidArgumentError
            The view was made without a session.
        """
        return self._require_session().job(self.job_id)

    def wait(self, timeout: float = 0.0) -> JobSnapshot:
        """Wait until the job has ended and all about it is known, and return its final snapshot.

        Parameters
        ----------
        timeout
            Seconds to wait; 0 for no limit. If that is not enough, the current snapshot is returned.
        """
        ended = threading.Event()
        unsubscribe = self._watch.subscribe(lambda _: ended.set() if self._watch.done else None)
        try:
            if not self._watch.done:
                ended.wait(timeout or None)
        finally:
            unsubscribe()
        return self._watch.snapshot

    def results(self) -> ResultView:
        """Return the finished job's result; see ``%flare results``.

        Raises
        ------
        JobNotDone
            The job is running.
        """
        session, name = self._require_session(), self._watch.snapshot.name
        folder, _ = fetch_result(session, self.job_id, name, self._folder)
        fetch = make_fetch(session, self.job_id, name, self._folder)
        return ResultView(folder, fetch=fetch, session=session)

    def _require_session(self) -> JobSession:
        if self._session is None:
            raise InvalidArgumentError("this view was made without a session", next_step="Pass one to show_job()")
        return self._session

    def _state(self) -> dict[str, Any]:
        snapshot, now = self._watch.snapshot, time.time()
        scalars = snapshot.step_metrics
        self._list_result(snapshot.recorded)
        files = None if self._is_static else self._file_actions
        return {
            "result": self._result_json,
            "file_actions": {} if files is None else files.asked_to_json(),
            "view_model": build_view_model(snapshot, now).to_json(),
            "charts": self._metrics_json(snapshot, scalars),
            "hidden_metrics": describe_hidden_metrics(snapshot, scalars),
            "tables": self._tables_json(snapshot),
            "events": build_events(snapshot).to_json(),
            "label": describe(snapshot, now),
            "has_log": self._log_feed is not None and not self._is_static,
            "actions": [] if self._is_static or self._actions is None else self._actions.to_json(),
        }

    def _list_result(self, results: Results | None) -> None:
        """Prepare the section of the result, if there is another one than before."""
        if results is self._results or results is None or not results.files:
            return
        self._results = results
        has_actions = self._session is not None and self._actions is not None
        self._result_json = listing_to_json(results, has_actions=has_actions)
        if self._actions is not None and self._file_actions is None:
            self._file_actions = FileActions(
                list_names(results.files),
                self._fetch_file,
                self._on_actions_change,
                self._actions.download_disabled_reason,
            )

    def _fetch_file(self, name: str, progress: ProgressCallback | None) -> Path:
        assert self._session is not None
        snapshot, path = self._watch.snapshot, RUN_FOLDER + name
        return save_result_file(self._session, snapshot.job_id, snapshot.name, path, self._folder, progress=progress)

    def _send_state(self) -> None:
        if self._actions is not None:
            self._actions.refresh()
        super()._send_state()

    def _mimebundle(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        return {"text/plain": str(snapshot), "text/html": job_html(snapshot, time.time(), notes=self._notes())}

    def _notes(self) -> list[str]:
        """Return the notes of the static form besides the snapshot: it has no buttons."""
        notes = [] if self._actions is None else self._actions.outcomes
        deleted = self._actions is not None and self._actions.deleted
        if not self._watch.snapshot.ended or deleted:
            return notes
        short = self._watch.job_id[:SHORT_ID]
        return [*notes, f"%flare download {short} fetches its results, %flare logs {short} shows its logs."]

    def _facts(self) -> object:
        return replace(self._watch.snapshot, facts_at=None), self._notes()

    def _milestone(self) -> object:
        report = JobReport.from_traits({"view_model": self.view_model, "label": self.label})
        return report and report.change_key

    def _is_finished(self) -> bool:
        return self._watch.done

    def _is_of_lasting_use(self) -> bool:
        return self._watch.snapshot.ended

    def _unfollow(self) -> None:
        self._unsubscribe()

    def _dispose(self) -> None:
        if self._log_feed is not None:
            self._log_feed.close()

    def _handle_message(self, message: dict[str, Any]) -> None:
        if self._actions is None or self._log_feed is None or self._is_static:
            return
        is_handled = self._actions.handle_message(message) or self._log_feed.handle_message(message)
        if not is_handled and self._file_actions is not None:
            self._file_actions.handle_message(message)

    def _on_actions_change(self) -> None:
        if not self._is_static:
            self._request_update()
        elif self._actions is not None and not self._actions.is_busy():
            # An action still running when the view became static: its result is added to the static form.
            self._outputs.replace(self._mimebundle)
