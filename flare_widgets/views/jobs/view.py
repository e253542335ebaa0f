"""The live view of all jobs of a session's study."""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ...api import Session, commands, job_table, permissions
from ...formatting.text import clean
from ...monitoring.job.format import label
from ...monitoring.job_list.watch import JobsSnapshot, JobsWatch, ListedJob
from ..core.actions import Action, Actions, Doing
from ..core.live_view import LiveView
from ..core.row_sync import Feed
from ..core.visibility import Lookers

_STATIC = Path(__file__).parents[1] / "static"
_FIRST_LIST = 3.0  # seconds that a new view waits for the server's first answer, so that its static form has something
_ROWS = 10  # messages a second with rows; as many are left for the traits
_MOST_JOBS = 1000  # of one wish
_COMMANDS = {"abort": "abort_job", "clone": "clone_job", "delete": "delete_job", "download": "download_job"}

NONE = "No jobs yet. %flare submit FOLDER, or the lesson 01."
"""What an empty table says."""

log = logging.getLogger("flare_widgets")


Below = tuple[LiveView, Callable[[], None]]
"""A view that is shown below the table, and what ends that it is kept fresh."""


class Jobs(Protocol):
    """What the view needs of a monitor: :class:`.Monitor` is one."""

    @property
    def session(self) -> Session:
        """Whose jobs."""

    def watch_jobs(self) -> JobsWatch:
        """Begin to watch all jobs."""


class JobsView(LiveView):
    """All jobs of the session's study, kept fresh while somebody looks: newest first, sorted and filtered at will.

    Select jobs by mouse (with Ctrl or Shift for several) or keyboard (arrows, Shift and arrows, Space, Ctrl+A) and
    open, compare, abort, clone, download or delete them. Enter or a click on a name opens a job below the table.

    Parameters
    ----------
    monitor
        The session's monitor.
    open_job
        Makes the view of a job by its id, and what ends its watch; without it, jobs cannot be opened.
    compare
        Makes the view of several jobs by their ids; likewise.

    Attributes
    ----------
    study : str
        The session's study.
    facts_at : float
        When the server last listed the jobs; 0 before it did.
    trouble : str
        One sentence when what is shown may be stale; else empty.
    ended : bool
        Whether there will be no news: the session is over, or the view was frozen.
    seq : int
        The number of the last change of the rows, which are no trait: see :class:`.Feed`.
    below : str
        A reference to the widget that stands below the table (``IPY_MODEL_`` and its id); empty for none.
    actions : list of dict
        What the view offers to do: see :class:`.Actions`.
    """

    _esm = _STATIC / "jobs.js"
    _css = _STATIC / "jobs.css"

    _most_messages = 20 - _ROWS

    study = traitlets.Unicode().tag(sync=True)
    facts_at = traitlets.Float().tag(sync=True)
    trouble = traitlets.Unicode().tag(sync=True)
    ended = traitlets.Bool().tag(sync=True)
    seq = traitlets.Int().tag(sync=True)
    below = traitlets.Unicode().tag(sync=True)
    actions = traitlets.List(traitlets.Dict()).tag(sync=True)

    def __init__(
        self,
        monitor: Jobs,
        open_job: Callable[[str], Below] | None = None,
        compare: Callable[[Sequence[str]], Below] | None = None,
    ) -> None:
        self._session = monitor.session
        self._user = permissions.User.of(monitor.session.kit)
        self._open_job, self._compare = open_job, compare
        self._below: Below | None = None
        self._refused: dict[tuple[str, str], list[str]] = {}
        self._came = threading.Event()
        self._offers = Actions(self._offered(), self._request)
        self._feed = Feed(self.send, most=_ROWS)
        self._watch = monitor.watch_jobs()
        self._lookers = Lookers(self._looked_at)
        self._lookers.expect()
        super().__init__()
        self._unsubscribe = self._watch.subscribe(self._on_snapshot)
        self._on_snapshot(self._watch.snapshot)  # another view may have had it asked for
        if not self._came.wait(_FIRST_LIST):
            log.info("the jobs were not listed within %g s", _FIRST_LIST)

    # -- what is shown -------------------------------------------------------------------------------------

    def _facts(self) -> dict[str, Any]:
        snapshot = self._watch.snapshot
        return {
            "study": self._session.study,
            "facts_at": snapshot.facts_at or 0.0,
            "trouble": snapshot.trouble,
            "ended": self._frozen or self._watch.done,
            "seq": self._feed.seq,
            "actions": self._offers.to_json(),
            "below": "" if self._below is None else f"IPY_MODEL_{self._below[0].model_id}",
        }

    def _forms(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        data = {"text/plain": jobs_text(snapshot), "text/html": jobs_html(snapshot)}
        below = self._below
        if below is None:
            return data
        also = below[0]._forms()
        return {kind: text + ("\n\n" if kind == "text/plain" else "") + also[kind] for kind, text in data.items()}

    def _done(self) -> bool:
        return self._watch.done

    def _release(self) -> None:
        self._unsubscribe()
        self._lookers.close()
        self._feed.close()
        self._watch.stop()
        _end(self._below)

    def _on_snapshot(self, snapshot: JobsSnapshot) -> None:
        if snapshot.facts_at is not None or snapshot.trouble:
            self._came.set()
        self._feed.replace({job.job_id: self._row(job) for job in snapshot.jobs})
        self._request()

    def _row(self, job: ListedJob) -> dict[str, Any]:
        row = job.to_json()
        row.pop("job_id")  # the key says it
        row.pop("submitter_organization", None)
        refused = self._refused_for(job.submitter, job.submitter_organization)
        return {**row, "refused": refused} if refused else row

    def _refused_for(self, submitter: str, organization: str) -> list[str]:
        """What the user may probably not do with the jobs of somebody."""
        who = submitter, organization
        if who not in self._refused:
            facts = {"submitter": submitter or None, "submitter_organization": organization or None}
            refused = [name for name, command in _COMMANDS.items() if permissions.why_not(self._user, command, **facts)]
            self._refused[who] = refused
        return self._refused[who]

    # -- the user's wishes ---------------------------------------------------------------------------------

    def _wish(self, wish: dict[str, Any]) -> None:
        if self._feed.receive(wish) or self._offers.wish(wish) or self._lookers.note(wish):
            return
        if wish["kind"] == "shut":
            self._put_below(None)

    def _looked_at(self, by_somebody: bool) -> None:
        if by_somebody:
            self._watch.resume()
        else:
            self._watch.pause()

    def _offered(self) -> list[Action]:
        def may(command: str) -> Callable[[], str]:
            return lambda: self._over() or permissions.refusal(self._session, command)

        offers = []
        if self._open_job is not None:
            offers.append(Action("open", "Open", start=self._open))
        if self._compare is not None:
            offers.append(Action("compare", "Compare", start=self._compare_jobs))
        return [
            *offers,
            Action("abort", "Abort", work=self._abort, danger=True, why_not=may("abort_job")),
            Action("clone", "Clone", start=self._clone, outcome=self._cloned, why_not=may("clone_job")),
            Action(
                "download",
                "Download",
                work=self._download,
                outcome=lambda folder: f"downloaded into {folder}",
                why_not=may("download_job"),
                cancels=True,
            ),
            Action("delete", "Delete", work=self._delete, danger=True, why_not=may("delete_job")),
        ]

    def _over(self) -> str:
        return "the session is over" if self._session.closed else ""

    def _open(self, doing: Doing) -> concurrent.futures.Future[str]:
        assert self._open_job is not None
        (job_id, *_) = self._asked_for(doing)
        self._put_below(self._open_job(job_id))
        return _at_once()

    def _compare_jobs(self, doing: Doing) -> concurrent.futures.Future[str]:
        assert self._compare is not None
        self._put_below(self._compare(self._asked_for(doing)))
        return _at_once()

    def _put_below(self, below: Below | None) -> None:
        with self._state_lock:
            before, self._below = self._below, below
        self._request()
        _end(before)

    def _abort(self, doing: Doing) -> str:
        return self._each(doing, "aborting", "abort requested for", self._session.abort_job)

    def _delete(self, doing: Doing) -> str:
        return self._each(doing, "deleting", "deleted", self._session.delete_job)

    def _clone(self, doing: Doing) -> concurrent.futures.Future[str]:
        return self._session.start(commands.clone_job(self._asked_for(doing)[0]))

    def _cloned(self, job_id: str) -> str:
        self._watch.refresh()
        return f"cloned: the new job is {job_id}"

    def _download(self, doing: Doing) -> str:
        (job_id, *_) = self._asked_for(doing)
        return self._session.download_job_result(job_id, progress=doing.transfer("received"))

    def _each(self, doing: Doing, verb: str, done: str, act: Callable[[str], Any]) -> str:
        """Do something with each of the jobs asked for; what fails for one is said when all were tried."""
        jobs = self._asked_for(doing)
        failed: list[tuple[str, Exception]] = []
        for number, job_id in enumerate(jobs):
            doing.say(f"{verb} {number + 1} of {len(jobs)}" if len(jobs) > 1 else f"{verb}…", number / len(jobs))
            try:
                act(job_id)
            except Exception as error:
                failed.append((job_id, error))
            self._watch.refresh()
        if len(failed) == len(jobs):
            raise failed[0][1]
        words = f"{done} {self._named([j for j in jobs if j not in dict(failed)])}"
        return "; ".join([words, *(f"not {self._named([job_id])}: {error}" for job_id, error in failed[:3])])

    def _asked_for(self, doing: Doing) -> list[str]:
        """The ids of the jobs that a wish is about: those of them that are in the table."""
        asked = doing.arguments.get("jobs")
        known = {job.job_id for job in self._watch.snapshot.jobs}
        jobs = [i for i in asked if isinstance(i, str) and i in known] if isinstance(asked, list) else []
        if not jobs:
            raise ValueError("none of these jobs is listed any more")
        return list(dict.fromkeys(jobs))[:_MOST_JOBS]

    def _named(self, job_ids: Sequence[str]) -> str:
        names = {job.job_id: job.name for job in self._watch.snapshot.jobs}
        if len(job_ids) > 3:
            return f"{len(job_ids)} jobs"
        return ", ".join(label(names.get(job_id, ""), job_id) for job_id in job_ids)


def jobs_text(snapshot: JobsSnapshot) -> str:
    """Return the jobs as text: the newest 200, and a line about all of them."""
    if not snapshot.jobs:
        return "\n".join(filter(None, [NONE if snapshot.facts_at else "", _caption(snapshot)]))
    return "\n".join([job_table.text_table(_listed(snapshot)), _caption(snapshot)])


def jobs_html(snapshot: JobsSnapshot) -> str:
    """Return the jobs as HTML for a saved notebook: the newest 200, and a line about all of them."""
    caption = _caption(snapshot)
    return job_table.html_table(
        _listed(snapshot), caption if snapshot.jobs else f"{NONE if snapshot.facts_at else ''} {caption}"
    )


def _caption(snapshot: JobsSnapshot) -> str:
    counts = snapshot.counts()
    total = len(snapshot.jobs)
    words = ", ".join(f"{n} {what}" for what, n in counts.items() if n)
    trouble = clean(snapshot.trouble)
    if snapshot.facts_at is None:
        return trouble or "the server has not answered yet"
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(snapshot.facts_at))
    jobs = f"{total} {'job' if total == 1 else 'jobs'}{f' ({words})' if words else ''}"
    said = f"{jobs}, as of {when}; %flare jobs asks again"
    return f"{trouble}; {said}" if trouble else said


def _listed(snapshot: JobsSnapshot) -> list[dict[str, Any]]:
    """The jobs in the words of ``list_jobs``, which the tables are made of."""
    return [
        {
            "job_id": job.job_id,
            "job_name": job.name,
            "status": job.status,
            "submit_time": _local(job.submitted_at),
            "duration": _lasted(job, snapshot.facts_at),
            "study": job.study,
        }
        for job in snapshot.jobs
    ]


def _lasted(job: ListedJob, now: float | None) -> str:
    seconds = job.duration
    if seconds is None and job.started_at is not None and now is not None:
        seconds = max(0.0, now - job.started_at)
    return "" if seconds is None else str(timedelta(seconds=int(seconds)))


def _local(at: float | None) -> str:
    try:
        return "" if at is None else datetime.fromtimestamp(at).isoformat(" ", "seconds")
    except (ValueError, OverflowError, OSError):
        return ""


def _end(below: Below | None) -> None:
    if below is not None:
        view, end = below
        view.freeze()
        end()


def _at_once() -> concurrent.futures.Future[str]:
    done: concurrent.futures.Future[str] = concurrent.futures.Future()
    done.set_result("")
    return done
