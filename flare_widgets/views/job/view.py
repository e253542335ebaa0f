"""The live view of one job."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ...formatting.text import SHORT_ID
from ...monitoring.job.format import describe
from ...monitoring.job.snapshot import JobSnapshot
from ..core.html import job_html
from ..core.live_view import LiveView
from .actions import JobActions, JobSession
from .log import LogFeed
from .metrics import MetricsJson
from .view_model import picture

_STATIC = Path(__file__).parents[1] / "static"


class Watch(Protocol):
    """What a view needs of something that watches a job."""

    @property
    def job_id(self) -> str:
        """The job."""

    @property
    def snapshot(self) -> JobSnapshot:
        """The newest snapshot; renewed before the listeners are called."""

    @property
    def done(self) -> bool:
        """Whether the watch has ended, for whatever reason; set before the last call of the listeners."""

    def subscribe(self, listener: Callable[[JobSnapshot], None]) -> Callable[[], None]:
        """Have `listener` called at every new snapshot; return what ends that (and may be called twice).

        Listeners may be called from any thread, and with no lock held: they ask for the newest snapshot.
        """


class JobView(LiveView):
    """One job, drawn live wherever it is displayed.

    When its watch ends (which is when the job has, and all that can be learned of it was), or :meth:`freeze` is
    called, every output that shows the view is replaced by the static form, so that a saved notebook still shows it.

    Parameters
    ----------
    watch
        Who knows the job.
    session
        Who aborts, clones, downloads and deletes the job when the user says so; without one, nothing is offered.
    folder
        Where downloads go; the session's `download_dir` when not given.
    keep
        Whether the view stays live when its watch ends, with what can be done to an ended job, until :meth:`freeze` is
        called or the kernel is shut down. A kernel that is killed leaves nothing in its place.

    Attributes
    ----------
    snapshot : dict
        Status, times and sites of the newest snapshot, as :meth:`JobSnapshot.to_json` writes them.
    picture : dict
        The rest of what is drawn of it, in words: a :class:`.JobPicture`.
    metrics : list of dict
        Its metrics over the rounds, see :class:`.Metric`.
    sentence : str
        The same in one sentence, as of `sent_at`: what a screen reader hears.
    actions : list of dict
        What the view offers to do, and how it stands with that: see :meth:`.Actions.to_json`.
    has_log : bool
        Whether the logs of the job can be asked for, see :class:`.LogFeed`.
    """

    _esm = _STATIC / "job.js"
    _css = _STATIC / "job.css"

    snapshot = traitlets.Dict().tag(sync=True)
    picture = traitlets.Dict().tag(sync=True)
    metrics: traitlets.List[Any] = traitlets.List().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    actions: traitlets.List[Any] = traitlets.List().tag(sync=True)
    has_log = traitlets.Bool().tag(sync=True)

    def __init__(
        self, watch: Watch, session: JobSession | None = None, *, folder: str | None = None, keep: bool = False
    ) -> None:
        self._watch = watch
        self._metrics = MetricsJson()
        self._keep = keep
        self._actions: JobActions | None = None
        self._log: LogFeed | None = None
        if session is not None:
            self._log = LogFeed(watch.job_id, session.start, lambda: watch.snapshot, self.send)
            self._actions = JobActions(session, watch.job_id, lambda: watch.snapshot, self._acted, folder)
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__()
        unsubscribe = watch.subscribe(lambda _: self._request())
        self._unsubscribe = unsubscribe
        # Something may have happened between the first look and the subscription.
        if self._done():
            self.freeze()
        else:
            self._update()
        if self._frozen:
            unsubscribe()

    def __repr__(self) -> str:
        return str(self._watch.snapshot)

    def _facts(self) -> dict[str, Any]:
        snapshot, now = self._watch.snapshot, time.time()
        return {
            "snapshot": _life(snapshot),
            "picture": picture(snapshot, now).to_json(),
            "metrics": self._metrics(snapshot),
            "sentence": describe(snapshot, now),
            "has_log": self._log is not None and not self._frozen,
            "actions": [] if self._frozen or self._actions is None else self._actions.to_json(),
        }

    def _send_facts(self) -> None:
        if self._actions is not None:
            self._actions.review()
        super()._send_facts()

    def _forms(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        return {"text/plain": str(snapshot), "text/html": job_html(snapshot, time.time(), notes=self._notes())}

    def _notes(self) -> list[str]:
        """What the static form says besides the snapshot: it has no buttons."""
        notes = [] if self._actions is None else self._actions.outcomes
        deleted = self._actions is not None and self._actions.deleted
        if not self._watch.snapshot.ended or deleted:
            return notes
        short = self._watch.job_id[:SHORT_ID]
        return [*notes, f"%flare download {short} fetches its results, %flare logs {short} shows its logs."]

    def _done(self) -> bool:
        return self._watch.done and not self._keep

    def _release(self) -> None:
        self._unsubscribe()
        if self._log is not None:
            self._log.close()

    def _wish(self, wish: dict[str, Any]) -> None:
        if self._actions is None or self._log is None or self._frozen:
            return
        self._actions.wish(wish) or self._log.wish(wish)

    def _acted(self) -> None:
        if not self._frozen:
            self._request()
        elif self._actions is not None and not self._actions.busy():
            # What was under way when the view froze: what came of it is said in the form it left.
            self._outputs.replace(self._forms())


def _life(snapshot: JobSnapshot) -> dict[str, Any]:
    """What the browser counts on by itself; the rest comes drawn up."""
    plain = ("job_id", "name", "study", "submitter", "status", "duration", "facts_at", "trouble", "ended")
    return {
        **{name: getattr(snapshot, name) for name in plain},
        "timeline": [dataclasses.asdict(step) for step in snapshot.timeline],
        "sites": [dataclasses.asdict(site) for site in snapshot.sites],
    }
