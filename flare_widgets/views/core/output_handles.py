"""The outputs that show a view: the live view, and beside it the static form that a saved notebook keeps."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

from .static_form import EMPTY_PLACE, mark_static_form

log = logging.getLogger("flare_widgets")


@dataclass(frozen=True)
class LiveData:
    """The live form of a view as an output has it: data by MIME type, and their metadata."""

    data: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Place:
    """Two outputs of a cell: one for the live view, one for its static form."""

    live: DisplayHandle | None
    static: DisplayHandle


class OutputHandles:
    """All outputs that show one view.

    A live widget does not survive in a saved notebook: without its kernel JupyterLab shows an error in its place,
    whatever else the output contains. So the static form has an output of its own, which is renewed while
    the view lives, and remains when the view ends. A reader sees one of the two, see :mod:`.static_form`.

    Parameters
    ----------
    static_id
        The id of the view, see :func:`.mark_static_form`.

    Attributes
    ----------
    is_headless
        True if it was shown in a notebook that is executed without a person.
    renewal
        The number of renewals of the static form so far.
    """

    def __init__(self, static_id: str) -> None:
        self._static_id = static_id
        self._lock = threading.RLock()
        self._places: list[_Place] = []
        self._final_data: dict[str, str] | None = None
        self._is_over = False
        self._shown_in_cell: object = None
        self.is_headless = False
        self.renewal = 0

    @property
    def are_shown(self) -> bool:
        """True if there are outputs in a notebook."""
        return bool(self._places)

    def show(
        self, make_static: Callable[[], dict[str, str]], live: LiveData | None, *, is_returned: bool = False
    ) -> None:
        """Show a view in the caller's cell; in a terminal, its text.

        Parameters
        ----------
        make_static
            Returns its static form by MIME type. It is called when the live form is sent: pages draw it meanwhile.
        live
            Its live form; None if it has none (any more).
        is_returned
            True if the caller is a function that returns the view it shows, see :meth:`was_already_shown`.
        """
        self._shown_in_cell = _current_cell() if is_returned else None
        if not InteractiveShell.initialized():
            sys.stdout.write(f"{make_static()['text/plain']}\n")
            return
        if not _is_in_kernel():
            display({"text/plain": make_static()["text/plain"]}, raw=True)  # type: ignore[no-untyped-call]
            return
        self.is_headless |= is_headless()
        with self._lock:
            if live is None or self._is_over:
                self._places.append(_Place(None, _display(self._final_data or make_static())))
            else:
                place = _display({**live.data, **EMPTY_PLACE}, live.metadata)
                self._places.append(_Place(place, _display(self._mark(make_static()))))

    def was_already_shown(self) -> bool:
        """Return whether the caller's cell has already shown this, and now shows it as its value too. True only once.

        ``show_job(...)`` shows a view and returns it; in a cell's last line, it must appear only once.
        """
        shown_by, self._shown_in_cell = self._shown_in_cell, None
        return shown_by is not None and shown_by == _current_cell()

    def adopt(self, place: _Place, static: dict[str, str], live: LiveData | None) -> None:
        """Show a view in outputs that showed another view. May be called from any thread."""
        with self._lock:
            self._places.append(place)
            if not self._is_over and place.live is not None and live is not None:
                _update_display(place.live, {**live.data, **EMPTY_PLACE}, live.metadata)
                _update_display(place.static, self._mark(static))
            else:
                self._end(place, self._final_data or static)

    def release(self, place: _Place) -> None:
        """Stop managing outputs: another view is shown there now."""
        with self._lock:
            self._places = [known for known in self._places if known is not place]

    def renew(self, static: dict[str, str]) -> None:
        """Renew the static form beside the live view, unless the view has ended. May be called from any thread."""
        with self._lock:
            if not self._is_over:
                self.renewal += 1
                for place in self._places:
                    _update_display(place.static, self._mark(static))

    def static_form(self, make_static: Callable[[], dict[str, str]]) -> dict[str, Any]:
        """Return the static form, marked as in the notebook, and its number: for a page that has an older one."""
        with self._lock:
            return {"data": self._mark(self._final_data or make_static()), "renewal": self.renewal}

    def replace(self, make_static: Callable[[], dict[str, str]]) -> None:
        """Replace everything shown so far by a static form. May be called from any thread; never prints.

        Parameters
        ----------
        make_static
            Returns the static form by MIME type; not called if nothing is shown.
        """
        with self._lock:
            self._is_over = True
            if not self._places:
                return
            self.renewal += 1
            self._final_data = make_static()
            for place in self._places:
                self._end(place, self._final_data)

    def _end(self, place: _Place, static: dict[str, str]) -> None:
        if place.live is not None:
            _update_display(place.live, EMPTY_PLACE)
        # The mark hides the empty output.
        _update_display(place.static, static if place.live is None else self._mark(static))

    def _mark(self, static: dict[str, str]) -> dict[str, str]:
        return {**static, "text/html": mark_static_form(static["text/html"], self._static_id, self.renewal)}


class Placeholder:
    """A placeholder below a view, in each of its cells, for another view that is not known yet."""

    def __init__(self) -> None:
        self._places: list[_Place] = []
        self._occupant: OutputHandles | None = None

    def show(self) -> None:
        """Add the placeholder to the caller's cell. In a terminal it does nothing."""
        if InteractiveShell.initialized() and _is_in_kernel():
            self._places.append(_Place(_display(EMPTY_PLACE), _display(EMPTY_PLACE)))

    def fill(self, outputs: OutputHandles, static: dict[str, str], live: LiveData | None) -> None:
        """Show a view there, in place of the previous one. May be called from any thread.

        Parameters
        ----------
        outputs
            The outputs of the view; the placeholder's outputs are added to them.
        static, live
            See :meth:`.OutputHandles.show`.
        """
        before, self._occupant = self._occupant, outputs
        for place in self._places:
            if before is not None:
                before.release(place)
            outputs.adopt(place, static, live)


def is_headless() -> bool:
    """Return whether the running cell is executed without a person, as by nbconvert, and in a kernel at all."""
    kernel = getattr(InteractiveShell.instance(), "kernel", None) if InteractiveShell.initialized() else None
    # Tools that execute a notebook headlessly tell the kernel that no input is possible.
    return kernel is not None and not getattr(kernel, "_allow_stdin", False)


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


def _display(data: dict[str, Any], metadata: dict[str, Any] | None = None) -> DisplayHandle:
    handle: DisplayHandle = display(data, metadata=metadata or {}, raw=True, display_id=True)  # type: ignore[no-untyped-call]
    return handle


def _update_display(handle: DisplayHandle, data: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
    try:
        handle.update(data, metadata=metadata or {}, raw=True)  # type: ignore[no-untyped-call]
    except Exception:
        # The kernel is shutting down, or a front end's hook failed. Other outputs must not fail because of it.
        log.warning("an output could not be replaced by its static form", exc_info=True)
