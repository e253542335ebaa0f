"""The demo: a lesson executed for real, without a browser, reported line by line.

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

from .api.job_status import JobStatus
from .formatting.text import format_duration, strip_colours
from .monitoring.console import LiveLine
from .views.core import patches
from .views.job.view import JobReport

_EMPTY_SCRIPT = re.compile(r'<script src="">\s*</script>')
_CELL_TIMEOUT_S = 300


def run(lesson: Path, out: Path) -> int:
    """Execute a copy of a lesson, and save the result as a notebook and as HTML.

    Parameters
    ----------
    lesson
        The notebook; it is not changed.
    out
        The folder for the results; a folder in it with the lesson's name is replaced.

    Returns
    -------
    int
        0 if the lesson's job completed, else 1.
    """
    folder = out / lesson.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    notebook = nbformat.read(lesson, as_version=4)  # type: ignore[no-untyped-call]
    executed, page = folder / lesson.name, folder / f"{lesson.stem}.html"
    _echo(f"{lesson}: a real federation on this machine, and a real job")
    started = time.monotonic()
    failure = _execute_notebook(notebook, folder)
    nbformat.write(notebook, executed)  # type: ignore[no-untyped-call]
    page.write_text(_render_html(notebook), encoding="utf-8")
    status = _read_final_status(notebook)
    _echo("")
    if failure:
        _echo(failure)
    _echo(f"final status: {status or 'unknown'}, {format_duration(time.monotonic() - started)} in total")
    _echo(f"executed notebook: {executed}")
    _echo(f"as a web page:      {page}")
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform == "darwin":
        _echo("To open the lesson in JupyterLab: make lab")
    return 0 if status == JobStatus.COMPLETED and not failure else 1


def _execute_notebook(notebook: Any, folder: Path) -> str:
    """Execute a notebook in `folder`; return the reason it failed, empty if it did not."""

    def on_cell_start(cell: Any, **_: Any) -> None:
        heading = headings.get(cell.id)
        if heading:
            _echo(f"\n{heading}")

    def on_cell_executed(cell: Any, **_: Any) -> None:
        told.end_line()
        if "show-in-demo" in cell.metadata.get("tags", ()):
            for output in cell.outputs:
                if output.output_type == "stream":
                    _echo("  " + output.text.rstrip("\n").replace("\n", "\n  "))

    headings = _find_headings(notebook)
    told = _JobViewPrinter()
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    client = _ListeningClient(
        notebook,
        told,
        timeout=_CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(folder)}},
        # Stored widget state would make the page fetch a widget manager from the internet.
        store_widget_state=False,
        # Jupyter warns about unencrypted sockets; these are on the loopback, and for this one run.
        extra_arguments=["--IPKernelApp.log_level=ERROR"],
        on_cell_start=on_cell_start,
        on_cell_executed=on_cell_executed,
    )
    try:
        client.execute(env={**os.environ, "PATH": path})
    except CellExecutionError as e:
        return strip_colours(str(e))
    return ""


class _JobViewPrinter:
    """Printer of a job's progress while a cell is executed."""

    def __init__(self) -> None:
        self._line = LiveLine(sys.stdout, indent="  ")
        self._has_job_ended = self._is_finished = False
        self._traits_by_view: dict[str, dict[str, Any]] = {}

    def __call__(self, comm_id: str, state: Mapping[str, Any]) -> None:
        """Process the changed traits of a :class:`.JobView`."""
        traits = self._traits_by_view.setdefault(comm_id, {})
        patches.receive(traits, state)
        report = JobReport.from_traits(traits)
        if report is None or self._is_finished:
            return  # no job view, or another view of the same job
        self._line.update(report.label, report.change_key)
        self._has_job_ended = report.has_ended

    def end_line(self) -> None:
        """End the current line so that others can print; the line stays as part of the output."""
        self._line.end_line()
        self._is_finished = self._has_job_ended


class _ListeningClient(NotebookClient):
    """A notebook client that listens to messages for job views."""

    def __init__(self, notebook: Any, printer: _JobViewPrinter, **settings: Any) -> None:
        super().__init__(notebook, **settings)
        self._printer = printer

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        if msg["msg_type"] in ("comm_open", "comm_msg"):
            self._printer(msg["content"]["comm_id"], msg["content"].get("data", {}).get("state", {}))
        return super().process_message(msg, cell, cell_index)


def _find_headings(notebook: Any) -> dict[str, str]:
    """Return the heading above each code cell that follows one."""
    found, heading = {}, ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            first = cell.source.partition("\n")[0]
            heading = first.lstrip("# ") if first.startswith("#") else heading
        elif heading:
            found[cell.id], heading = heading, ""
    return found


def _read_final_status(notebook: Any) -> str:
    for cell in notebook.cells:
        if "final-status" in cell.metadata.get("tags", ()):
            for output in cell.get("outputs", ()):
                text = output.get("data", {}).get("text/plain", "")
                if text:
                    return str(text).strip("'\"")
    return ""


def _render_html(notebook: Any) -> str:
    exporter = HTMLExporter(template_name="lab", mathjax_url="", require_js_url="", jquery_url="")  # type: ignore[no-untyped-call]
    body, _ = exporter.from_notebook_node(notebook)
    # Remains of the links to external scripts: the page must work without the internet.
    return _EMPTY_SCRIPT.sub("", str(body))


def _echo(text: str) -> None:
    print(text, flush=True)  # noqa: T201
