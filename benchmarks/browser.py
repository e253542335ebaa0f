"""Measure the table of jobs in a real JupyterLab: how soon it is there, what news costs, how it scrolls.

``python -m benchmarks.browser``: half a minute. ``--long`` also measures 100 and 30,000 jobs. It needs a Chromium, as
the browser tests do, and no federation: the jobs are scripted (``tests/browser/scripted_jobs.py``).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "browser"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from conftest import ARGUMENTS, CHROMIUM, tab
from lab_page import NotebookPage
from lab_server import LabServer
from playwright.sync_api import sync_playwright

SETUP = (
    "from flare_widgets.views.jobs.view import JobsView\nfrom scripted_jobs import ScriptedMonitor\n"
    "monitor = ScriptedMonitor({count})"
)
SHOW = "view = JobsView(monitor, monitor.open_job)\nview.show()"
# Twenty jobs change at each look, a thousand looks a second: far more than any server says.
FLOOD = """
import time
from dataclasses import replace
end, looks = time.monotonic() + {seconds}, 0
jobs = list(monitor.snapshot.jobs)
while time.monotonic() < end:
    looks += 1
    for i in range(min(20, len(jobs))):
        jobs[i] = replace(jobs[i], status="RUNNING", progress="round %d/1000000" % looks)
    monitor.say(jobs=tuple(jobs))
"""
# Of the messages for the table: how many, how long, and until when.
_COUNT = """() => {
  const count = window.__count = { messages: 0, bytes: 0 };
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  window.__counter?.();
  const slot = (_, { direction, msg }) => {
    if (direction !== 'recv' || msg.header.msg_type !== 'comm_msg') return;
    count.messages++;
    count.bytes += JSON.stringify(msg.content).length;
  };
  kernel.anyMessage.connect(slot);
  window.__counter = () => kernel.anyMessage.disconnect(slot);
}"""
_PAINT = """([code]) => {
  window.__painted = null;
  const begun = performance.now();
  const look = () => {
    if (document.querySelector('.flw-jobs .flw-row:not(.flw-header)')) window.__painted = performance.now() - begun;
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.jupyterapp.commands.execute('notebook:run-cell');
}"""
_SCROLL = """async () => {
  const grid = document.querySelector('.flw-jobs .flw-list'), frames = [];
  let before = performance.now(), empty = 0;
  for (let step = 0; step <= 120; step++) {
    grid.scrollTop = step / 120 * grid.scrollHeight;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
    const { top, height } = grid.getBoundingClientRect();
    const middle = document.elementFromPoint(grid.getBoundingClientRect().left + 60, top + height / 2);
    if (!middle?.closest('.flw-row')) empty++;
  }
  return { frames, empty, elements: grid.querySelectorAll('*').length };
}"""


def measure(notebook: NotebookPage, count: int, seconds: float) -> dict[str, float]:
    """Return what was measured with so many jobs."""
    page = notebook.page
    notebook.fill(SETUP.format(count=count), SHOW)
    notebook.run(0)
    page.evaluate(_COUNT)
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    page.evaluate(_PAINT, [SHOW])
    page.wait_for_function("() => window.__painted !== null", timeout=60_000)
    found = {"first rows, ms": page.evaluate("() => window.__painted")}
    found["the whole table, kB"] = page.evaluate("() => window.__count.bytes") / 1000
    scrolled: dict[str, Any] = page.evaluate(_SCROLL)
    frames = scrolled["frames"]
    found["a frame while scrolling through all, p50, ms"] = median(frames)
    found["the longest frame, ms"] = max(frames)
    found["frames without rows, of 121"] = scrolled["empty"]
    found["elements of the table"] = scrolled["elements"]
    page.evaluate(_COUNT)
    notebook.run_code(FLOOD.format(seconds=seconds))
    counted = page.evaluate("() => window.__count")
    found["flood: messages a second"] = counted["messages"] / seconds
    found["flood: a message, kB"] = counted["bytes"] / max(1, counted["messages"]) / 1000
    page.evaluate(_COUNT)
    for _ in range(5):
        notebook.run_code("monitor.say()")
    page.wait_for_timeout(300)
    found["a look without news, bytes"] = page.evaluate("() => window.__count.bytes") / 5
    return found


@contextlib.contextmanager
def opened() -> Iterator[NotebookPage]:
    """Open an empty notebook in a JupyterLab of its own, until the end of the block."""
    if CHROMIUM is None:
        sys.exit("no Chromium found: install one, or set CHROMIUM to its path")
    with tempfile.TemporaryDirectory() as root, tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        lab = LabServer(Path(root), Path(home))
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            with tab(browser, lab) as (page, _):
                notebook = NotebookPage(page, lab)
                notebook.create("")
                yield notebook
                notebook.shut_down_kernels()
        finally:
            browser.close()
            lab.close()


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--long", action="store_true", help="also 100 and 30,000 jobs")
    counts = (100, 1_000, 10_000, 30_000) if parser.parse_args().long else (1_000, 10_000)
    with opened() as notebook:
        columns = [measure(notebook, count, 3.0) for count in counts]
    print(f"| jobs | {' | '.join(f'{count:,}' for count in counts)} |")
    print(f"|---|{'---:|' * len(counts)}")
    for title in columns[0]:
        print(f"| {title} | {' | '.join(f'{column[title]:,.1f}' for column in columns)} |")


if __name__ == "__main__":
    main()
