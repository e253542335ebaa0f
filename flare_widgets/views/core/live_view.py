"""The base class of live views: they follow an object, and leave their static form when it is over."""

from __future__ import annotations

import atexit
import contextvars
import threading
import time
from typing import Any, NoReturn, SupportsIndex

import anywidget
import traitlets

from ...monitoring.watch import refuse_copy
from .output_handles import OutputHandles
from .throttle import Throttle

_MAX_MESSAGES_PER_S = 20
"""The most messages a second of one view; Jupyter drops messages silently when a kernel floods it."""


class LiveView(anywidget.AnyWidget):
    """A view that follows an object.

    It is independent of the threads of its source: the source may change in any thread, at any rate. It
    sends only changes, at most 20 times a second, and prints nothing. When the source is over, and when the
    kernel ends, every output that shows it is replaced by the static form, so that a saved notebook still shows it.

    A subclass sets its attributes, then calls ``super().__init__()``, and provides its content by `_state` and
    `_mimebundle`. It calls `_request_update` (from any thread) on a change, and `make_static` after the last one.

    Attributes
    ----------
    sent_at : float
        This machine's clock when the state was sent, for a browser whose clock differs.
    """

    _max_messages_per_s = _MAX_MESSAGES_PER_S
    """A lower limit for a view that sends other messages too."""

    sent_at = traitlets.Float().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        # Traits are set from the monitor's thread, a timer's, and those that handle clicks and answers.
        self._state_lock = threading.RLock()
        self._static_lock = threading.RLock()
        self._outputs = OutputHandles()
        self._is_static = False
        super().__init__(sent_at=time.time(), **self._state(), **traits)
        self.on_msg(self._on_message)
        self._throttle = Throttle(self._send_update, 1 / self._max_messages_per_s)
        # When the kernel is shut down, there is still time to leave the static form.
        atexit.register(self.make_static)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        refuse_copy("view")

    def __copy__(self) -> NoReturn:  # ipywidgets has its own
        refuse_copy("view")

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        refuse_copy("view")

    def show(self) -> None:
        """Show the view in the current cell; in a terminal, print its text."""
        self._outputs.show(*self._repr_mimebundle_(), is_returned=True)

    def make_static(self) -> None:
        """Stop following and replace the live view by the static form of its last state.

        Happens automatically when there is nothing more to follow, and when the kernel is shut down. It may be called
        from any thread, and more than once; when it returns, the static form is in place.
        """
        with self._static_lock:
            if self._is_static:
                return
            with self._state_lock:
                self._is_static = True
                self._send_state()
            self._throttle.close()
            self._dispose()
            atexit.unregister(self.make_static)
            self._outputs.replace(self._mimebundle())

    # -- provided by a subclass ----------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """Return the current values of the traits that change together."""
        return {}

    def _mimebundle(self) -> dict[str, str]:
        """Return the static forms by MIME type: ``text/plain`` and ``text/html``."""
        raise NotImplementedError

    def _is_finished(self) -> bool:
        """Return whether there is nothing more to follow."""
        return False

    def _dispose(self) -> None:
        """Release the view's resources; called once, by :meth:`make_static`."""

    def _handle_message(self, message: dict[str, Any]) -> None:
        """Handle a message from the browser, by its ``kind``; must not block."""

    # -- called by a subclass ------------------------------------------------------------------------------

    def _request_update(self) -> None:
        """Schedule an update. May be called from any thread."""
        # Outside the context of the cell that made the view: messages sent in its name are lost after its end in a
        # notebook that is executed headlessly, which listens to the cell that runs now.
        contextvars.Context().run(self._update_or_finish)

    def _send_state(self) -> None:
        """Set the traits; the caller holds the lock."""
        # One message for all traits: the time is that of the state.
        with self.hold_sync():
            self.sent_at = time.time()
            for name, value in self._state().items():
                setattr(self, name, value)

    # -- internals -----------------------------------------------------------------------------------------

    def _update_or_finish(self) -> None:
        # The last update is not throttled: callers that wait for the end must find the static form in place. In
        # a notebook that is executed headlessly, messages after the cell's end are lost.
        if self._is_finished():
            self.make_static()
        else:
            self._throttle.request()

    def _send_update(self) -> None:
        with self._state_lock:
            if not self._is_static:
                self._send_state()

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "clock":
            self.send({"kind": "clock", "now": time.time()})
        elif isinstance(kind, str):
            self._handle_message(content)

    def __repr__(self) -> str:
        return self._mimebundle()["text/plain"]

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # The live view outranks the other forms where it can be drawn, so it is omitted if it adds nothing.
        live = None if self._is_static or self.comm is None else super()._repr_mimebundle_(**kwargs)
        data, metadata = live or ({}, {})
        return {**data, **self._mimebundle()}, metadata

    def _ipython_display_(self) -> None:
        # IPython would show the bundle too, but in an output that could not be made static at the end.
        if not self._outputs.was_already_shown():
            self._outputs.show(*self._repr_mimebundle_())

    @traitlets.observe("comm")
    def _enable_messages_during_cell(self, change: dict[str, Any]) -> None:
        """Receive clicks while a cell is running.

        JupyterLab sends a widget's messages to a separate thread (a subshell), but ipykernel 7.4 sends them
        to the thread that used the widget last, which is the one a running cell blocks. Other versions do not
        have this method.
        """
        if hasattr(change["new"], "_reply_subshell_for"):
            change["new"]._reply_subshell_for = lambda _data, default: default
