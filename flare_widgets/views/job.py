"""The live view of one job."""

from __future__ import annotations

import concurrent.futures
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import traitlets

from ..errors import FlareError
from ..monitoring.snapshot import JobSnapshot
from ..monitoring.text import describe
from .live import LiveView
from .static_html import job_html

_STATIC = Path(__file__).parent / "static"

_IDLE = {"state": "idle", "words": ""}

log = logging.getLogger("flare_widgets")


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
    abort
        Starts to abort the job and returns at once; the future's result is what the server says. None when that
        is not possible: then there is no button.

    Attributes
    ----------
    snapshot : dict
        The newest snapshot as :meth:`JobSnapshot.to_json` writes it, without what is long past
        (:meth:`JobSnapshot.recent`).
    sentence : str
        The same in one sentence, as of `sent_at`: what a screen reader hears.
    can_abort : bool
        Whether the view offers to abort.
    abort_state : dict
        What became of the user's wish to abort: ``state`` is ``idle``, ``asked``, ``sent`` or ``failed``, and
        ``words`` what the server or the error said.
    """

    _esm = _STATIC / "job.js"
    _css = _STATIC / "job.css"

    snapshot = traitlets.Dict().tag(sync=True)
    sentence = traitlets.Unicode().tag(sync=True)
    can_abort = traitlets.Bool().tag(sync=True)
    abort_state = traitlets.Dict(default_value=_IDLE).tag(sync=True)

    def __init__(self, watch: Watch, abort: Callable[[], concurrent.futures.Future[str]] | None = None) -> None:
        self._watch = watch
        self._abort = abort
        self._status_at_abort = ""
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__()
        unsubscribe = watch.subscribe(lambda _: self._request())
        self._unsubscribe = unsubscribe
        # Something may have happened between the first look and the subscription.
        if watch.done:
            self.freeze()
        else:
            self._update()
        if self._frozen:
            unsubscribe()

    def __repr__(self) -> str:
        return str(self._watch.snapshot)

    def _facts(self) -> dict[str, Any]:
        snapshot = self._watch.snapshot
        return {
            "snapshot": snapshot.recent().to_json(),
            "sentence": describe(snapshot, time.time()),
            "can_abort": self._abort is not None and not self._frozen and not snapshot.ended,
        }

    def _send_facts(self) -> None:
        super()._send_facts()
        if self.abort_state["state"] == "sent" and self._watch.snapshot.status != self._status_at_abort:
            self.abort_state = _IDLE

    def _forms(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        return {"text/plain": str(snapshot), "text/html": job_html(snapshot, time.time())}

    def _done(self) -> bool:
        return self._watch.done

    def _release(self) -> None:
        self._unsubscribe()

    def _wish(self, wish: dict[str, Any]) -> None:
        if wish["kind"] == "abort":
            self._ask_abort()

    def _ask_abort(self) -> None:
        with self._state_lock:
            if self._abort is None or self._frozen or self.abort_state["state"] in ("asked", "sent"):
                return
            self._status_at_abort = self._watch.snapshot.status
            self.abort_state = {"state": "asked", "words": ""}
        try:
            self._abort().add_done_callback(self._abort_done)
        except Exception as error:
            self._say_abort("failed", error)

    def _abort_done(self, future: concurrent.futures.Future[str]) -> None:
        if future.cancelled():
            self._say_abort("failed", "the request was cancelled")
            return
        error = future.exception()
        self._say_abort("sent" if error is None else "failed", error or future.result())

    def _say_abort(self, state: str, what: object) -> None:
        if isinstance(what, BaseException) and not isinstance(what, FlareError):
            # Not one of the failures we know: its text alone may mean nothing to the user.
            log.error("aborting job %s failed", self._watch.job_id, exc_info=what)
            what = f"{type(what).__name__}: {what}"
        with self._state_lock:
            moved_on = self._watch.snapshot.status != self._status_at_abort
            self.abort_state = _IDLE if state == "sent" and moved_on else {"state": state, "words": str(what)}
