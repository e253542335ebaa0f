"""The demo: a lesson executed for real, without a screen, told line by line.

Cells tagged ``show-in-demo`` have their text printed; the cell tagged ``final-status`` decides the exit code.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.exporters import HTMLExporter

from .monitoring.console import LiveLine

_CELL_TIMEOUT = 300
_EXPECTED = "FINISHED:COMPLETED"
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def run(lesson: Path, out: Path) -> int:
    """Execute a lesson in a copy, and keep the result as a notebook and as HTML.

    Parameters
    ----------
    lesson
        The notebook; it is not changed.
    out
        The folder for the results; a folder of the lesson's name in it is replaced.

    Returns
    -------
    int
        0 when the lesson's job completed, else 1.
    """
    folder = out / lesson.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    notebook = nbformat.read(lesson, as_version=4)  # type: ignore[no-untyped-call]
    executed, page = folder / lesson.name, folder / f"{lesson.stem}.html"
    _say(f"{lesson}: a real federation on this machine, a real job")
    started = time.monotonic()
    failure = _execute(notebook, folder)
    nbformat.write(notebook, executed)  # type: ignore[no-untyped-call]
    page.write_text(_html(notebook), encoding="utf-8")
    status = _final_status(notebook)
    _say("")
    if failure:
        _say(failure)
    _say(f"final status: {status or 'unknown'}, after {time.monotonic() - started:.0f} s in all")
    _say(f"the executed notebook: {executed}")
    _say(f"the same as a page:    {page}")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin":
        _say("make lab opens the lesson in JupyterLab")
    return 0 if status == _EXPECTED and not failure else 1


def _execute(notebook: Any, folder: Path) -> str:
    """Execute a notebook in `folder`; return why it failed, empty when it did not."""

    def on_cell_start(cell: Any, **_: Any) -> None:
        heading = headings.get(cell.id)
        if heading:
            _say(f"\n{heading}")

    def on_cell_executed(cell: Any, **_: Any) -> None:
        told.pause()
        if "show-in-demo" in cell.metadata.get("tags", ()):
            for output in cell.outputs:
                if output.output_type == "stream":
                    _say("  " + output.text.rstrip("\n").replace("\n", "\n  "))

    headings = _headings(notebook)
    told = _Told()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    client = _Client(
        notebook,
        told,
        timeout=_CELL_TIMEOUT,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # Stored widget state would make the page fetch a widget manager from the internet.
        store_widget_state=False,
        # Jupyter warns of unencrypted sockets; these are on the loopback, and for this one run.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        on_cell_start=on_cell_start,
        on_cell_executed=on_cell_executed,
    )
    try:
        client.execute(env={**os.environ, "PATH": path})
    except CellExecutionError as e:
        return _COLOUR.sub("", str(e))
    return ""


class _Told:
    """Tells how a job comes along while a cell is executed."""

    def __init__(self) -> None:
        self._line = LiveLine(sys.stdout, indent="  ")
        self._ended = self._over = False
        self._views: dict[str, dict[str, Any]] = {}

    def __call__(self, view: str, state: Mapping[str, Any]) -> None:
        """Take what a job view is told: the traits of :class:`.JobView`, those that have changed."""
        traits = self._views.setdefault(view, {})
        traits.update(state)
        if self._over or not {"snapshot", "picture", "sentence"} <= traits.keys():
            return  # another view of the same job, or no job view
        job, picture = traits["snapshot"], traits["picture"]
        progress = (picture["progress"] or {}).get("words")
        self._line.tell(
            traits["sentence"], (job["status"], progress, bool(picture["fault"]), bool(picture["troubles"]))
        )
        self._ended = job["ended"]

    def pause(self) -> None:
        """Let others print; the line stays, as part of the story."""
        self._line.keep()
        self._over = self._ended


class _Client(NotebookClient):
    """A notebook client that listens to what job views are told."""

    def __init__(self, notebook: Any, told: _Told, **settings: Any) -> None:
        super().__init__(notebook, **settings)
        self._told = told

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in ("comm_open", "comm_msg"):
            self._told(msg["content"]["comm_id"], msg["content"].get("data", {}).get("state", {}))
        return super().process_message(msg, cell, cell_index)


def _headings(notebook: Any) -> dict[str, str]:
    """Return the heading above each code cell that follows one."""
    found, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            first = cell.source.partition("\n")[0]
            heading = first.lstrip("# ") if first.startswith("#") else heading
        elif heading:
            found[cell.id], heading = heading, ""
    return found


def _final_status(notebook: Any) -> str:
    for cell in notebook.cells:
        if "final-status" in cell.metadata.get("tags", ()):
            for output in cell.get("outputs", ()):
                text = output.get("data", {}).get("text/plain", "")
                if text:
                    return str(text).strip("'\"")
    return ""


def _html(notebook: Any) -> str:
    exporter = HTMLExporter(template_name="lab", mathjax_url="", require_js_url="", jquery_url="")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook)
    # What is left of the links to scripts elsewhere: the page must be whole without the internet.
    return re.sub(r'<script src="">\s*</script>', "", str(body))


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201
