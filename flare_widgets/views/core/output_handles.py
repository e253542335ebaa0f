"""The outputs a view is shown in, and how they become static when it has nothing more to say."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

log = logging.getLogger("flare_widgets")


class Outputs:
    """All outputs that show one view.

    A live widget does not survive in a saved notebook: without its kernel JupyterLab shows an error in its place,
    whatever else the output contains. So an output is given an id when it is shown, and when the view ends its
    content is replaced by data that needs nobody.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[DisplayHandle] = []
        self._final: dict[str, str] | None = None
        self._shown_by: object = None

    def show(self, data: dict[str, Any], metadata: dict[str, Any], *, by_call: bool = False) -> None:
        """Show data (by MIME type) in the caller's cell; in a terminal, its text.

        Parameters
        ----------
        data, metadata
            What to show.
        by_call
            Whether the caller is a function that returns the view it shows, see :meth:`repeated`.
        """
        self._shown_by = _cell() if by_call else None
        if not InteractiveShell.initialized():
            sys.stdout.write(f"{data['text/plain']}\n")
            return
        if not _in_a_kernel():
            display({"text/plain": data["text/plain"]}, raw=True)  # type: ignore[no-untyped-call]
            return
        handle = display(data, metadata=metadata, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        with self._lock:
            self._handles.append(handle)
            final = self._final
        if final is not None:
            # The view ended between the making of the data and now.
            _update(handle, final)

    def repeated(self) -> bool:
        """Whether the caller's cell has already shown this, and now shows it as its value too. True only once.

        ``show_job(...)`` shows a view and returns it; when it is a cell's last line, one view is meant.
        """
        shown_by, self._shown_by = self._shown_by, None
        return shown_by is not None and shown_by == _cell()

    def take(self, handle: DisplayHandle, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show data in an output that something else was shown in. May be called from any thread."""
        with self._lock:
            self._handles.append(handle)
            final = self._final
        _update(handle, data if final is None else final, metadata if final is None else {})

    def leave(self, handle: DisplayHandle) -> None:
        """Have nothing more to do with an output: something else is shown there now."""
        with self._lock:
            self._handles = [known for known in self._handles if known is not handle]

    def replace(self, data: dict[str, str]) -> None:
        """Put data in place of everything shown so far. May be called from any thread; never prints."""
        with self._lock:
            self._final = data
            handles = list(self._handles)
        for handle in handles:
            _update(handle, data)


class Slot:
    """Room below a view, in each of its cells, for another view that is not known yet."""

    def __init__(self) -> None:
        self._handles: list[DisplayHandle] = []
        self._holder: Outputs | None = None

    def show(self) -> None:
        """Keep room in the caller's cell. In a terminal there is none to keep."""
        if InteractiveShell.initialized() and _in_a_kernel():
            nothing = {"text/plain": "", "text/html": ""}
            self._handles.append(display(nothing, raw=True, display_id=True))  # type: ignore[no-untyped-call]

    def fill(self, outputs: Outputs, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show a view there, in place of the one before. May be called from any thread.

        Parameters
        ----------
        outputs
            The outputs of the view, which these become some of.
        data, metadata
            What it shows.
        """
        before, self._holder = self._holder, outputs
        for handle in self._handles:
            if before is not None:
                before.leave(handle)
            outputs.take(handle, data, metadata)


def _cell() -> object:
    """Return what tells the running cell from others; None outside of IPython."""
    if not InteractiveShell.initialized():
        return None
    shell = InteractiveShell.instance()
    # Only a kernel knows the request; a terminal counts what it executes.
    header = getattr(shell.display_pub, "parent_header", None) or {}
    return header.get("msg_id"), shell.execution_count


def _in_a_kernel() -> bool:
    # A terminal's shell has no kernel, and cannot change what it has printed: it would print again, from a thread.
    return getattr(InteractiveShell.instance(), "kernel", None) is not None


def _update(handle: DisplayHandle, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    try:
        handle.update(data, metadata=metadata or {}, raw=True)  # type: ignore[no-untyped-call]
    except Exception:
        # The kernel is on its way out, or a front end's hook failed. Nobody else must fail for it.
        log.warning("an output could not be replaced by its static form", exc_info=True)
