"""What all live views have in common: they follow something, and leave their static form when it is over."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
from typing import Any

import anywidget
import traitlets

from .output_handles import Outputs
from .throttle import Coalescer

_MOST_MESSAGES = 20
"""Messages a second that one view sends at most; Jupyter drops messages silently when a kernel floods it."""


class LiveView(anywidget.AnyWidget):
    """A view that follows something.

    It takes no notice of the thread that brings the news: what it follows may be renewed anywhere, at any rate. It
    sends only what changed, at most 20 times a second, and prints nothing. When what it shows is over, and when the
    kernel ends, every output that shows it is replaced by the static form, so that a saved notebook still shows it.

    A subclass sets what it needs, then calls ``super().__init__()``, and says what it shows by `_facts` and `_forms`.
    It calls `_request` (from any thread) when there is news, and `freeze` when there will be no more.

    Attributes
    ----------
    sent_at : float
        This machine's clock when the facts were sent, for a browser whose clock differs.
    """

    _most_messages = _MOST_MESSAGES
    """Fewer for a view that sends other messages too."""

    sent_at = traitlets.Float().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        # Traits are set from the monitor's thread, a timer's, and those that serve clicks and answers.
        self._state_lock = threading.RLock()
        self._freeze_lock = threading.RLock()
        self._outputs = Outputs()
        self._frozen = False
        super().__init__(sent_at=time.time(), **self._facts(), **traits)
        self.on_msg(self._on_message)
        self._updates = Coalescer(self._update, 1 / self._most_messages)
        # A kernel that is shut down meanwhile still has the time to leave the static form.
        atexit.register(self.freeze)

    def show(self) -> None:
        """Show the view in the current cell; in a terminal, print its text."""
        self._outputs.show(*self._repr_mimebundle_(), by_call=True)

    def freeze(self) -> None:
        """Stop following and leave the static form of what is known in place of the live view.

        Happens by itself when there is nothing more to follow, and when the kernel is shut down. It may be called
        from any thread, and more than once; when it returns, the static form is in place.
        """
        with self._freeze_lock:
            if self._frozen:
                return
            with self._state_lock:
                self._frozen = True
                self._send_facts()
            self._updates.close()
            self._release()
            atexit.unregister(self.freeze)
            self._outputs.replace(self._forms())

    # -- what a subclass gives -----------------------------------------------------------------------------

    def _facts(self) -> dict[str, Any]:
        """Return the traits that change together, as of now."""
        return {}

    def _forms(self) -> dict[str, str]:
        """Return the static forms by MIME type: ``text/plain`` and ``text/html``."""
        raise NotImplementedError

    def _done(self) -> bool:
        """Whether there is nothing more to follow."""
        return False

    def _release(self) -> None:
        """Give up what the view holds; called once, when it freezes."""

    def _wish(self, wish: dict[str, Any]) -> None:
        """Do what the user asks for, a message from the browser by its ``kind``; the caller may not wait."""

    # -- what it calls -------------------------------------------------------------------------------------

    def _request(self) -> None:
        """Take notice of news, soon. May be called from any thread."""
        # Out of the context of the cell that made the view: what is sent in its name is lost when it has ended in a
        # notebook that is executed without a screen, which listens to the cell that runs now.
        contextvars.Context().run(self._react)

    def _send_facts(self) -> None:
        """Set the traits; the caller holds the lock."""
        # One message for all: the time is that of the facts.
        with self.hold_sync():
            self.sent_at = time.time()
            for name, value in self._facts().items():
                setattr(self, name, value)

    # -- the machinery -------------------------------------------------------------------------------------

    def _react(self) -> None:
        # The last one does not wait its turn: who waits for the end must find the static form in place. In
        # a notebook that is executed without a screen, what comes after the cell's end is lost.
        if self._done():
            self.freeze()
        else:
            self._updates.request()

    def _update(self) -> None:
        with self._state_lock:
            if not self._frozen:
                self._send_facts()

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "clock":
            self.send({"kind": "clock", "now": time.time()})
        elif isinstance(kind, str):
            self._wish(content)

    def __repr__(self) -> str:
        return self._forms()["text/plain"]

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # The live view outranks the other forms where it can be drawn, so it is left out when it adds nothing.
        live = None if self._frozen or self.comm is None else super()._repr_mimebundle_(**kwargs)
        data, metadata = live or ({}, {})
        return {**data, **self._forms()}, metadata

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
