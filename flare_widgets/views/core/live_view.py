"""The base class of live views: they follow an object, and leave their static form in the saved notebook."""

from __future__ import annotations

import atexit
import contextlib
import contextvars
import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any, ClassVar, NoReturn, SupportsIndex, cast

import anywidget
import traitlets

from ...formatting.reader_time import reader_zone, set_reader_zone
from ...monitoring.watch import refuse_copy
from . import patches
from .output_handles import LiveData, OutputHandles, Placeholder, is_headless
from .static_form import new_static_id
from .throttle import Throttle

_MAX_MESSAGES_PER_S = 20
"""The most messages a second of one view; Jupyter drops messages silently when a kernel floods it."""
_RENEWAL_INTERVAL_S = 10.0
"""Seconds between two renewals of a static form: each marks the notebook as changed, and is saved with it."""
_SOON_S = 0.5
"""Seconds between two of them at milestones, such as rounds."""
_RESYNC_INTERVAL_S = 1.0
"""Seconds between two times that all is sent to pages that have missed something."""

_BUNDLES = Path(__file__).parents[1] / "static"

HOST: ContextVar[Callable[[LiveView], Any] | None] = ContextVar("flare_widgets_host", default=None)
"""Makes the channel of each view that is made in this context, in place of a kernel's comm; None in a kernel.

A channel has what a widget uses of its comm: ``comm_id``, ``on_msg``, ``send``, ``close``.
"""


@contextlib.contextmanager
def hosted_by(make_channel: Callable[[LiveView], Any] | None) -> Iterator[None]:
    """Have `make_channel` make the channels of the views that are made in the block; see :data:`HOST`."""
    token = HOST.set(make_channel)
    try:
        yield
    finally:
        HOST.reset(token)


@functools.cache
def _read_bundle(name: str) -> str:
    return (_BUNDLES / name).read_text(encoding="utf-8")


class LiveView(anywidget.AnyWidget):
    """A view that follows an object.

    It is independent of the threads of its source: the source may change in any thread, at any rate. It
    sends only changes, at most 20 times a second, and prints nothing. Beside it stands its static form,
    which is renewed now and then, so that a saved notebook shows it whatever becomes of the kernel. When
    the source is over, and when the kernel ends, only the static form remains; a view that is of use even then
    stays live as long as the kernel.

    A subclass sets its attributes, then calls ``super().__init__()``, and provides its content by `_state` and
    `_mimebundle`. It calls `_request_update` (from any thread) on each change.

    Attributes
    ----------
    bundle : str
        The name of its front-end module and style sheet: a class attribute.
    sent_at : float
        This machine's clock when the state was sent, for a browser whose clock differs.
    static_id : str
        The id by which a front end marks the view as drawn, see :mod:`.static_form`.
    renewal : int
        The number of renewals of the static form, by which a page finds that the one in its notebook is old.
    tab : dict
        Which tab of JupyterLab shows the same: see :func:`.describe_tab`.
    patched : tuple of str
        The names of traits that may be large: only what changes in them is sent, see :mod:`.patches`. A class
        attribute.
    revision, patch : int, dict
        The number of patches so far, and the last one.
    """

    bundle: ClassVar[str] = ""
    patched: ClassVar[tuple[str, ...]] = ()
    comm: Any

    _max_messages_per_s = _MAX_MESSAGES_PER_S
    """A lower limit for a view that sends other messages too."""

    sent_at = traitlets.Float().tag(sync=True)
    static_id = traitlets.Unicode().tag(sync=True)
    renewal = traitlets.Int().tag(sync=True)
    tab = traitlets.Dict().tag(sync=True)
    revision = traitlets.Int().tag(sync=True)
    patch = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        # Traits are set from the monitor's thread, a timer's, and those that handle clicks and answers.
        self._state_lock = threading.RLock()
        # Held for a moment, lest a page that joins get a trait and the number of a patch that it has not.
        self._traits_lock = threading.RLock()
        self._static_lock = threading.RLock()
        self._renewal_lock = threading.Lock()
        static_id = new_static_id()
        self._outputs = OutputHandles(static_id)
        self._is_static = False
        self._is_settled = False
        self._was_drawn = False
        self._shown: tuple[object, object] = (None, None)
        self._renew_later = Throttle(self._renew_static_form, _RENEWAL_INTERVAL_S)
        self._renew_soon = Throttle(self._renew_static_form, _SOON_S)
        # As text, of the instance: a class that has a path keeps each of its instances alive (anywidget's issue 929).
        # Pages that show a view outside of a notebook have the bundle already.
        is_bundle_needed = self.bundle and HOST.get() is None
        self._esm = _read_bundle(f"{self.bundle}.js") if is_bundle_needed else ""
        self._css = _read_bundle(f"{self.bundle}.css") if is_bundle_needed else ""
        super().__init__(sent_at=time.time(), static_id=static_id, **self._state(), **traits)
        self.on_msg(self._on_message)
        self._throttle = Throttle(self._send_update, 1 / self._max_messages_per_s)
        self._resync = Throttle(self._send_whole, _RESYNC_INTERVAL_S)
        # When the kernel is shut down, there is still time to leave the static form.
        atexit.register(self.make_static)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        refuse_copy("view")

    def __copy__(self) -> NoReturn:  # ipywidgets has its own
        refuse_copy("view")

    def __deepcopy__(self, memo: dict[int, Any]) -> NoReturn:
        refuse_copy("view")

    @property
    def is_static(self) -> bool:
        """True if the view no longer follows anything."""
        return self._is_static

    def open(self) -> None:
        """Open the channel to the front ends, if there is none."""
        make_channel = HOST.get()
        if make_channel is None:
            super().open()
        elif self.comm is None:
            self.comm = make_channel(self)

    def close(self) -> None:
        """Remove the view from all front ends, and release it; :meth:`make_static` first leaves its static form."""
        is_open = self.comm is not None
        super().close()
        if is_open:
            self.layout.close()  # a widget of its own, which ipywidgets keeps

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """Return the values of the traits, all of one moment: what a page that joins begins with."""
        with self._traits_lock:
            return cast("dict[str, Any]", super().get_state(key, drop_defaults))

    def send_state(self, key: Any = None) -> None:
        """Send all traits to the pages, or those that are named, without those that are patched."""
        if key is not None:
            names = [key] if isinstance(key, str) else key
            key = [name for name in names if name not in self.patched and name != "revision"]
        # In the order of the patches.
        with self._traits_lock:
            super().send_state(key)

    def show(self) -> None:
        """Show the view in the current cell; in a terminal, print its text."""
        self._show(is_returned=True)

    def show_in(self, placeholder: Placeholder) -> None:
        """Show the view in place of a placeholder, or of the view that is shown there."""
        self._shown = self._content()
        placeholder.fill(self._outputs, self._mimebundle(), self._live_data())

    def make_static(self) -> None:
        """Stop following and replace the live view by the static form of its last state.

        Happens automatically when the kernel is shut down, and when there is nothing more to follow, unless
        the view is still of use then. It may be called from any thread, and more than once; when it returns, the
        static form is in place.
        """
        with self._static_lock:
            if self._is_static:
                return
            with self._state_lock:
                self._is_static = True
                self._send_state()
                self._send_whole()
            for throttle in (self._throttle, self._resync, self._renew_later, self._renew_soon):
                throttle.close()
            if not self._is_settled:
                self._unfollow()
            self._dispose()
            atexit.unregister(self.make_static)
            self._outputs.replace(self._mimebundle)
            self._tell_renewal()

    # -- provided by a subclass ----------------------------------------------------------------------------

    def _state(self) -> dict[str, Any]:
        """Return the current values of the traits that change together."""
        return {}

    def _mimebundle(self) -> dict[str, str]:
        """Return the static forms by MIME type: ``text/plain`` and ``text/html``."""
        raise NotImplementedError

    def _facts(self) -> object:
        """Return what the static form shows, without its age: when it has changed, the form is renewed."""
        return self._state()

    def _milestone(self) -> object:
        """Return a part of the facts whose change should be in the static form soon."""
        return None

    def _is_finished(self) -> bool:
        """Return whether there is nothing more to follow."""
        return False

    def _is_of_lasting_use(self) -> bool:
        """Return whether the live view is of use when there is nothing more to follow."""
        return False

    def _unfollow(self) -> None:
        """Stop following the source; called once, when there is nothing more to follow, or before `_dispose`."""

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
        state = self._state()
        changes = {name: patches.diff(getattr(self, name), state[name]) for name in self.patched}
        changes = {name: change for name, change in changes.items() if change is not None}
        # One message for all traits: the time is that of the state.
        with self._traits_lock, self.hold_sync():
            self.sent_at = time.time()
            if changes:
                self.revision += 1
                self.patch = {"seq": self.revision, "changes": changes}
            for name, value in state.items():
                setattr(self, name, value)

    def _send_whole(self) -> None:
        """Send the traits that are patched, for pages that have missed something, and for the saved notebook."""
        if self.patched:
            with self._traits_lock:
                super().send_state([*self.patched, "revision", "patch"])

    # -- internals -----------------------------------------------------------------------------------------

    def _update_or_finish(self) -> None:
        if not self._is_finished() or self._is_settled:
            self._throttle.request()
        # A notebook that is executed without a person has no use for a live view.
        elif self._is_of_lasting_use() and (self._was_drawn or not self._outputs.is_headless):
            self._settle()
        else:
            self.make_static()

    def _settle(self) -> None:
        """Bring the live view and its static form to their last state."""
        # Not throttled: callers that wait for the end must find both in place. In a notebook that is executed
        # headlessly, messages after the cell's end are lost.
        with self._static_lock:
            if self._is_settled or self._is_static:
                return
            with self._state_lock:
                self._send_state()
                self._send_whole()
            self._renew_static_form()
            self._is_settled = True
            self._unfollow()

    def _send_update(self) -> None:
        with self._state_lock:
            if self._is_static:
                return
            self._send_state()
        self._request_renewal()

    def _request_renewal(self) -> None:
        if not self._outputs.are_shown:
            return
        (urgent, facts), (urgent_before, facts_before) = self._content(), self._shown
        if urgent != urgent_before:
            self._renew_soon.request()
        elif facts != facts_before:
            self._renew_later.request()

    def _renew_static_form(self) -> None:
        with self._renewal_lock:
            # Before the form is made: a change meanwhile makes another one.
            content = self._content()
            if not self._is_static and self._outputs.are_shown and content != self._shown:
                self._shown = content
                self._outputs.renew(self._mimebundle())
                self._tell_renewal()

    def _tell_renewal(self) -> None:
        with self._traits_lock:
            self.renewal = self._outputs.renewal

    def _content(self) -> tuple[object, object]:
        """Return what the static form shows: what should be in it soon, and all of it."""
        return (self._milestone(), reader_zone()), self._facts()

    def _on_message(self, _: Any, content: Any, __: Any) -> None:
        self._was_drawn = True
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "clock":
            set_reader_zone(content.get("zone"))
            self._request_renewal()
            self.send({"kind": "clock", "now": time.time()})
        elif kind == "static_form":
            self.send({"kind": "static_form", **self._outputs.static_form(self._mimebundle)})
        elif kind == "resync" and content.get("feed") == patches.FEED:
            self._resync.request()
        elif isinstance(kind, str):
            self._handle_message(content)

    def __repr__(self) -> str:
        return self._mimebundle()["text/plain"]

    def _show(self, *, is_returned: bool = False) -> None:
        if self._is_settled and not self._was_drawn and is_headless():
            self.make_static()
        if not self._outputs.are_shown:
            self._shown = self._content()
        self._outputs.show(self._mimebundle, self._live_data(), is_returned=is_returned)

    def _live_data(self, **kwargs: Any) -> LiveData | None:
        """Return the live form; None if it adds nothing to the static one."""
        if self._is_static or self.comm is None:
            return None
        data, metadata = super()._repr_mimebundle_(**kwargs) or ({}, {})
        return LiveData(data, metadata)

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        live = self._live_data(**kwargs) or LiveData({}, {})
        return {**live.data, **self._mimebundle()}, live.metadata

    def _ipython_display_(self) -> None:
        # IPython would show the bundle, in one output: without its kernel, JupyterLab would show an error there.
        if not self._outputs.was_already_shown():
            self._show()

    @traitlets.observe("comm")
    def _enable_messages_during_cell(self, change: dict[str, Any]) -> None:
        """Receive clicks while a cell is running.

        JupyterLab sends a widget's messages to a separate thread (a subshell), but ipykernel 7.4 sends them
        to the thread that used the widget last, which is the one a running cell blocks. Other versions do not
        have this method.
        """
        if hasattr(change["new"], "_reply_subshell_for"):
            change["new"]._reply_subshell_for = lambda _data, default: default
