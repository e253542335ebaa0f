"""The outputs that show a view, and their replacement by a static form at its end."""

from __future__ import annotations

import logging
import sys
import threading
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

log = logging.getLogger("flare_widgets")


class OutputHandles:
    """All outputs that show one view.

    A live widget does not survive in a saved notebook: without its kernel JupyterLab shows an error in its place,
    whatever else the output contains. So an output gets an id when it is shown, and when the view ends its
    content is replaced by data that needs no kernel.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._handles: list[DisplayHandle] = []
        self._static_data: dict[str, str] | None = None
        self._shown_in_cell: object = None

    def show(self, data: dict[str, Any], metadata: dict[str, Any], *, is_returned: bool = False) -> None:
        """Show data (by MIME type) in the caller's cell; in a terminal, its text.

        Parameters
        ----------
        data, metadata
            The data to show.
        is_returned
            True if the caller is a function that returns the view it shows, see :meth:`was_already_shown`.
        """
        self._shown_in_cell = _current_cell() if is_returned else None
        if not InteractiveShell.initialized():
            sys.stdout.write(f"{data['text/plain']}\n")
            return
        if not _is_in_kernel():
            display({"text/plain": data["text/plain"]}, raw=True)  # type: ignore[no-untyped-call]
            return
        handle = display(data, metadata=metadata, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        with self._lock:
            self._handles.append(handle)
            final = self._static_data
        if final is not None:
            # The view has ended since the data was made.
            _update_display(handle, final)

    def was_already_shown(self) -> bool:
        """Return whether the caller's cell has already shown this, and now shows it as its value too. True only once.

        ``show_job(...)`` shows a view and returns it; in a cell's last line, it must appear only once.
        """
        shown_by, self._shown_in_cell = self._shown_in_cell, None
        return shown_by is not None and shown_by == _current_cell()

    def adopt(self, handle: DisplayHandle, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show data in an output that showed another view. May be called from any thread."""
        with self._lock:
            self._handles.append(handle)
            final = self._static_data
        _update_display(handle, data if final is None else final, metadata if final is None else {})

    def release(self, handle: DisplayHandle) -> None:
        """Stop managing an output: another view is shown there now."""
        with self._lock:
            self._handles = [known for known in self._handles if known is not handle]

    def replace(self, data: dict[str, str]) -> None:
        """Replace everything shown so far by data. May be called from any thread; never prints."""
        with self._lock:
            self._static_data = data
            handles = list(self._handles)
        for handle in handles:
            _update_display(handle, data)


class Placeholder:
    """A placeholder below a view, in each of its cells, for another view that is not known yet."""

    def __init__(self) -> None:
        self._handles: list[DisplayHandle] = []
        self._occupant: OutputHandles | None = None

    def show(self) -> None:
        """Add the placeholder to the caller's cell. In a terminal it does nothing."""
        if InteractiveShell.initialized() and _is_in_kernel():
            nothing = {"text/plain": "", "text/html": ""}
            self._handles.append(display(nothing, raw=True, display_id=True))  # type: ignore[no-untyped-call]

    def fill(self, outputs: OutputHandles, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show a view there, in place of the previous one. May be called from any thread.

        Parameters
        ----------
        outputs
            The outputs of the view; the placeholder's outputs are added to them.
        data, metadata
            The data to show.
        """
        before, self._occupant = self._occupant, outputs
        for handle in self._handles:
            if before is not None:
                before.release(handle)
            outputs.adopt(handle, data, metadata)


def _current_cell() -> object:
    """Return a value that identifies the running cell; None outside of IPython."""
    if not InteractiveShell.initialized():
        return None
    shell = InteractiveShell.instance()
    # Only a kernel knows the request; a terminal counts executions.
    header = getattr(shell.display_pub, "parent_header", None) or {}
    return header.get("msg_id"), shell.execution_count


def _is_in_kernel() -> bool:
    # A terminal's shell has no kernel, and cannot change printed output: it would print again, from a thread.
    return getattr(InteractiveShell.instance(), "kernel", None) is not None


def _update_display(handle: DisplayHandle, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    try:
        handle.update(data, metadata=metadata or {}, raw=True)  # type: ignore[no-untyped-call]
    except Exception:
        # The kernel is shutting down, or a front end's hook failed. Other outputs must not fail because of it.
        log.warning("an output could not be replaced by its static form", exc_info=True)
