"""Views where they are shown: in executed notebooks (a real kernel, no browser) and in terminals."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
WIDGET = "application/vnd.jupyter.widget-view+json"
EMPTY_PLACE = {"text/plain": "", "text/html": '<div class="flw-place"></div>'}

SCRIPT = """
import threading
from dataclasses import replace
from flare_widgets.monitoring.job.model import StatusChange
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.views.display import show_job
from flare_widgets.views.job.view import JobView

class Watch:
    job_id = "76b8d043-5f0e"
    done = False
    snapshot = JobSnapshot(job_id, name="hello-numpy", status="RUNNING",
                           timeline=(StatusChange("RUNNING", 101.0, True),), facts_at=110.0)

    def __init__(self):
        self.listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def _end(self):
        self.done = True
        self.snapshot = replace(self.snapshot, status="FINISHED:COMPLETED", duration=49.0)
        for listener in list(self.listeners):
            listener(self.snapshot)

    def end(self):
        thread = threading.Thread(target=self._end, name="flare-monitor")
        thread.start()
        thread.join()

watch = Watch()
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "IPYTHONDIR": str(tmp_path / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
    }


@pytest.fixture(scope="module")
def kernel(tmp_path_factory):
    """A kernel for all notebooks, since each takes seconds to start."""
    folder = tmp_path_factory.mktemp("kernel")
    manager = KernelManager(kernel_name="python3", client_class="jupyter_client.asynchronous.AsyncKernelClient")
    manager.start_kernel(cwd=folder, env=environment(folder))
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def execute(kernel):
    """Execute cells without a screen; return the outputs of each cell after the first (the script)."""

    def run(*cells: str):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (SCRIPT, *cells)])
        client = NotebookClient(notebook, timeout=60, km=kernel)
        try:
            client.execute()
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
        return [cell.outputs for cell in notebook.cells[1:]]

    return run


PERSON = "get_ipython().kernel._allow_stdin = True\n"
"""Has a notebook that is executed take itself for one that a person works with."""


def forms(output):
    return set(output.data)


def test_executed_notebook_keeps_static_form(execute):
    (place, static), ended, after = execute("view = show_job(watch)", "watch.end()", "1 + 1")
    assert place.data == EMPTY_PLACE
    assert forms(static) == {"text/plain", "text/html"}
    assert static.data["text/plain"] == "hello-numpy 76b8d043  FINISHED:COMPLETED  49 s"
    assert "FINISHED:COMPLETED" in static.data["text/html"]
    assert ended == []
    assert after[0].data["text/plain"] == "2"


def test_static_form_stands_beside_live_view(execute):
    ((live, static),) = execute("view = show_job(watch)")
    assert forms(live) == {"text/plain", "text/html", WIDGET}
    assert {**live.data, **EMPTY_PLACE} == live.data, "whoever cannot draw it shows the job twice"
    assert forms(static) == {"text/plain", "text/html"}
    assert static.data["text/plain"].startswith("hello-numpy 76b8d043  RUNNING")
    # As on GitHub, which removes style sheets: the one has no words, the other has all.
    bare = [
        re.sub(r"<style.*?</style>|<[^>]*>", "", output.data["text/html"], flags=re.DOTALL) for output in (live, static)
    ]
    assert bare[0].strip() == ""
    assert "Snapshot from" in bare[1]
    assert "{" not in bare[1]


def test_live_view_is_sent_before_static_form_is_made(execute):
    ((live, made, static),) = execute("""
        class Slow(JobView):
            def _mimebundle(self):
                display("made now")
                return super()._mimebundle()

        Slow(watch).show()""")
    assert WIDGET in live.data
    assert made.data["text/plain"] == "'made now'"
    assert static.data["text/plain"].startswith("hello-numpy 76b8d043  RUNNING")


def test_ended_view_of_person_stays_live_beside_its_end(execute):
    (live, static), _, (static_id,) = execute(PERSON + "view = show_job(watch)", "watch.end()", "print(view.static_id)")
    assert forms(live) == {"text/plain", "text/html", WIDGET}
    assert static.data["text/plain"] == "hello-numpy 76b8d043  FINISHED:COMPLETED  49 s"
    assert f"flw-drawn-{static_id.text.strip()}" in static.data["text/html"]


def test_milestone_renews_static_form_at_once(execute):
    # Nothing waits for the end of an interval: the first renewal of a view is not too early.
    (_, static), _ = execute(
        PERSON + "view = show_job(watch)",
        "watch.snapshot = replace(watch.snapshot, status='PAUSED')\nwatch.listeners[0](watch.snapshot)",
    )
    assert "PAUSED" in static.data["text/html"]


def test_every_view_output_becomes_static(execute):
    first, second, third, _ = execute("view = show_job(watch)", "view", "display(view); display(view)", "watch.end()")
    outputs = [*first, *second, *third]
    assert len(outputs) == 8
    assert [forms(output) for output in outputs] == [{"text/plain", "text/html"}] * 8
    assert ["FINISHED:COMPLETED" in output.data["text/plain"] for output in outputs] == [False, True] * 4


def test_cell_value_view_is_shown_once(execute):
    once, again = execute("show_job(watch)", "_")
    assert len(once) == 2
    assert len(again) == 2


def test_ended_job_view_is_displayed_static(execute):
    _, (late,) = execute("view = JobView(watch)\nwatch.end()", "view")
    assert late.data.keys() == {"text/plain", "text/html"}


def test_unreplaceable_output_is_logged_only(execute):
    _, ended, log, status = execute(
        "view = show_job(watch)\nother = show_job(watch)",
        textwrap.dedent("""
            import logging, logging.handlers
            handler = logging.handlers.BufferingHandler(100)
            logging.getLogger("flare_widgets").addHandler(handler)
            def broken(*_, **__):
                raise RuntimeError("on its way out")
            view._outputs._places[0].static.update = broken
            watch.end()
        """),
        "[r.getMessage() for r in handler.buffer]",
        "other.view_model['status']",
    )
    assert ended == []
    assert log[0].data["text/plain"] == "['an output could not be replaced by its static form']"
    assert status[0].data["text/plain"] == "'FINISHED:COMPLETED'"


def terminal(tmp_path: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=tmp_path,
        env=environment(tmp_path),
    )
    assert "Traceback" not in done.stderr
    return done.stdout


SESSION = SCRIPT + "view = show_job(watch)\nwatch.end()\nprint('the end', view.view_model['status'])\n"


def test_plain_python_prints_one_line(tmp_path):
    lines = terminal(tmp_path, "-c", SESSION).splitlines()
    assert len(lines) == 2, lines
    assert lines[0].startswith("hello-numpy 76b8d043  RUNNING  ")
    assert lines[1] == "the end FINISHED:COMPLETED"


def test_terminal_ipython_prints_one_line(tmp_path):
    lines = terminal(tmp_path, "-m", "IPython", "--simple-prompt", "--no-banner", "-c", SESSION).splitlines()
    assert len(lines) == 2, lines
    assert lines[0].startswith("hello-numpy 76b8d043  RUNNING  ")
    assert lines[1] == "the end FINISHED:COMPLETED"
