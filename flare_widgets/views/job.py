"""The live view of one job."""

from __future__ import annotations

import atexit
import concurrent.futures
import contextvars
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import anywidget
import traitlets

from ..errors import FlareError
from ..monitoring.snapshot import JobSnapshot
from ..monitoring.text import describe
from .coalesce import Coalescer
from .outputs import Outputs
from .static_html import job_html

_STATIC = Path(__file__).parent / "static"
_MOST_MESSAGES = 20
"""Messages a second that one view sends at most; Jupyter drops messages silently when a kernel floods it."""

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


class JobView(anywidget.AnyWidget):
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
    sent_at : float
        This machine's clock when the snapshot was sent, for a browser whose clock differs.
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
    sent_at = traitlets.Float().tag(sync=True)
    can_abort = traitlets.Bool().tag(sync=True)
    abort_state = traitlets.Dict(default_value=_IDLE).tag(sync=True)

    def __init__(self, watch: Watch, abort: Callable[[], concurrent.futures.Future[str]] | None = None) -> None:
        self._watch = watch
        self._abort = abort
        # Traits are set from the monitor's thread, a timer's, and those that serve clicks and answers.
        self._state_lock = threading.RLock()
        self._freeze_lock = threading.RLock()
        self._outputs = Outputs()
        self._frozen = False
        self._status_at_abort = ""
        self._unsubscribe: Callable[[], None] = lambda: None
        super().__init__(
            **_facts(watch.snapshot),
            can_abort=abort is not None and not watch.snapshot.ended,
        )
        self.on_msg(self._on_message)
        self._updates = Coalescer(self._update, 1 / _MOST_MESSAGES)
        # A kernel that is shut down while the job runs still has the time to leave the static form.
        atexit.register(self.freeze)
        unsubscribe = watch.subscribe(self._on_snapshot)
        self._unsubscribe = unsubscribe
        # Something may have happened between the first look and the subscription.
        if watch.done:
            self.freeze()
        else:
            self._update()
        if self._frozen:
            unsubscribe()

    def show(self) -> None:
        """Show the job in the current cell; in a terminal, print it as one line."""
        self._outputs.show(*self._repr_mimebundle_(), by_call=True)

    def freeze(self) -> None:
        """Stop following the job and leave the static form of what is known in place of the live view.

        Happens by itself when the watch ends, and when the kernel is shut down. It may be called from any
        thread, and more than once; when it returns, the static form is in place.
        """
        with self._freeze_lock:
            if self._frozen:
                return
            with self._state_lock:
                self._frozen = True
                self._send_snapshot(self._watch.snapshot)
                self.can_abort = False
            self._updates.close()
            self._unsubscribe()
            atexit.unregister(self.freeze)
            self._outputs.replace(self._static_form())

    def _on_snapshot(self, _: JobSnapshot) -> None:
        # Out of the context of the cell that made the view: what is sent in its name is lost when it has ended in a
        # notebook that is executed without a screen, which listens to the cell that runs now.
        contextvars.Context().run(self._react)

    def _react(self) -> None:
        # The last one does not wait its turn: who waits for the job's end must find the static form in place. In
        # a notebook that is executed without a screen, what comes after the cell's end is lost.
        if self._watch.done:
            self.freeze()
        else:
            self._updates.request()

    def _update(self) -> None:
        with self._state_lock:
            if self._frozen:
                return
            snapshot = self._watch.snapshot
            self._send_snapshot(snapshot)
            self.can_abort = self._abort is not None and not snapshot.ended
            if self.abort_state["state"] == "sent" and snapshot.status != self._status_at_abort:
                self.abort_state = _IDLE

    def _send_snapshot(self, snapshot: JobSnapshot) -> None:
        # One message for all: the time is that of the snapshot.
        with self.hold_sync():
            for name, value in _facts(snapshot).items():
                setattr(self, name, value)

    # -- the user's wishes ---------------------------------------------------------------------------------

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "clock":
            self.send({"kind": "clock", "now": time.time()})
        elif kind == "abort":
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

    # -- the forms -----------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return str(self._watch.snapshot)

    def _static_form(self) -> dict[str, str]:
        snapshot = self._watch.snapshot
        return {"text/plain": str(snapshot), "text/html": job_html(snapshot, time.time())}

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # The live view outranks the other forms where it can be drawn, so it is left out when it adds nothing.
        live = None if self._frozen or self.comm is None else super()._repr_mimebundle_(**kwargs)
        data, metadata = live or ({}, {})
        return {**data, **self._static_form()}, metadata

    def _ipython_display_(self) -> None:
        # IPython would show the bundle too, but in an output that nobody could make static at the end.
        if not self._outputs.repeated():
            self._outputs.show(*self._repr_mimebundle_())

    @traitlets.observe("comm")
    def _answer_while_busy(self, change: dict[str, Any]) -> None:
        """Let clicks reach us while a cell is running.

        JupyterLab sends a widget's messages to a thread of their own (a subshell), but ipykernel 7.4 sends them
        to the thread that used the widget last, which is the one a running cell blocks. Other versions do not
        have this method.
        """
        if hasattr(change["new"], "_reply_subshell_for"):
            change["new"]._reply_subshell_for = lambda _data, default: default


def _facts(snapshot: JobSnapshot) -> dict[str, Any]:
    """The traits that change together with the snapshot."""
    now = time.time()
    return {"snapshot": snapshot.recent().to_json(), "sentence": describe(snapshot, now), "sent_at": now}
