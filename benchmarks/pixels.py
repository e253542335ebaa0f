"""Measure what a person sees in a real JupyterLab: from an event at the server to the pixel, and large jobs and tables.

``python -m benchmarks.pixels [--only live|sites|jobs]``: six minutes. Events are those of real jobs of a local
federation, on the same clock; large jobs and tables are made. It needs a Chromium, as the browser tests do.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

from flare_widgets import LocalFederation, connect

from . import browser, jobs
from .browser import NotebookPage
from .monitoring import happened, quantile, say

JOBS = 8
ROUNDS = 6
ROUND_S = 2.0
SITES, SITE_ROUNDS = 1_000, 50
LISTED = 100_000

_CONNECT = """
from flare_widgets import Monitor, connect
from flare_widgets.views.display import show_job
session = connect({kit!r})
monitor = Monitor(session)"""
_SUBMIT = """
job_id = session.submit_job({folder!r})
view = show_job(monitor.watch(job_id))"""
# When a text of the job view was on the screen: in the task after the frame that it changed in.
_WATCH = """() => {
  const seen = window.__seen = {};
  let wanted = false;
  const note = () => {
    wanted = false;
    const now = Date.now() / 1000;
    for (const view of document.querySelectorAll('.flw-job.flw-live')) {
      const status = view.querySelector('.flw-word')?.textContent;
      const round = view.querySelector('.flw-round')?.textContent.match(/round (\\d+)/)?.[1];
      for (const text of [status, round && `round ${round}`]) if (text) seen[text] ??= now;
    }
  };
  window.__watching?.disconnect();
  window.__watching = new MutationObserver(() => {
    if (wanted) return;
    wanted = true;
    requestAnimationFrame(() => setTimeout(note));
  });
  window.__watching.observe(document.body, { childList: true, subtree: true, characterData: true });
}"""
_HAS_ENDED = "() => Object.keys(window.__seen).some((text) => text.startsWith('FINISHED'))"
_PAINT = """([selector]) => {
  window.__painted = null;
  window.__answered = null;
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const slot = (_, { direction, msg }) => {
    if (direction !== 'recv' || msg.header.msg_type !== 'comm_open') return;
    window.__answered ??= performance.now();
  };
  kernel.anyMessage.connect(slot);
  const look = () => {
    const found = document.querySelector(selector);
    if (!found || !found.getBoundingClientRect().height) return requestAnimationFrame(look);
    requestAnimationFrame(() => setTimeout(() => {
      window.__painted = performance.now() - window.__answered;
      kernel.anyMessage.disconnect(slot);
    }));
  };
  requestAnimationFrame(look);
}"""
_IS_WHOLE = "() => !document.querySelector('.flw-live [aria-busy=true]')"
_SCROLL = """async ([selector]) => {
  const grid = document.querySelector(selector), frames = [];
  let before = performance.now();
  for (let step = 0; step <= 120; step++) {
    grid.scrollTop = step / 120 * grid.scrollHeight;
    grid.scrollLeft = step / 120 * grid.scrollWidth;
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    frames.push(now - before);
    before = now;
  }
  return frames;
}"""
_MADE_JOB = """
import sys
sys.path.insert(0, {root!r})
from benchmarks.scale import MadeJob
from flare_widgets.views.job.view import JobView
job = MadeJob({sites}, {rounds})"""
_SHOW_MADE = """view = JobView(job)
view.show()"""


def live(notebook: NotebookPage) -> dict[str, list[float]]:
    """Return the seconds from the events of real jobs until they are seen."""
    found: dict[str, list[float]] = {"status": [], "round": []}
    page = notebook.page
    with tempfile.TemporaryDirectory() as temporary, LocalFederation(2, start_timeout=120) as federation:
        folder = Path(temporary)
        made = jobs.training(folder, {"seen": ROUNDS}, ROUND_S)["seen"]
        notebook.fill(_CONNECT.format(kit=str(federation.admin_kit)))
        notebook.run(0)
        with connect(federation.admin_kit) as session:
            for number in range(JOBS):
                say(f"job {number + 1} of {JOBS}")
                notebook.fill(_SUBMIT.format(folder=made))
                page.evaluate(_WATCH)
                notebook.run(0)
                page.wait_for_function(
                    "() => Object.keys(window.__seen).some(k => k.startsWith('FINISHED'))", timeout=120_000
                )
                seen = page.evaluate("() => window.__seen")
                job_id = session.list_jobs(reverse=True, limit=1)[0]["job_id"]
                for event, at in happened(session, job_id, folder / "results").items():
                    kind, _, round_number = event.partition("round ")
                    # The view counts from 1. The beginning of a round is the end of the one before.
                    text = f"round {int(round_number) + 1}" if round_number else kind
                    if text in seen and text != "round 1":
                        found["round" if round_number else "status"].append(seen[text] - at)
                    elif text != "round 1":
                        raise SystemExit(f"{text!r} of job {job_id} was not seen: {seen}")
    return found


def first_paint(notebook: NotebookPage, selector: str) -> float:
    """Return the milliseconds from the answer of the kernel until a part of the view is painted."""
    page = notebook.page
    page.evaluate("() => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = 1 }")
    page.evaluate(_PAINT, [selector])
    page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-cell')")
    page.wait_for_function("() => window.__painted !== null", timeout=120_000)
    return float(page.evaluate("() => window.__painted"))


def page_memory(notebook: NotebookPage) -> float:
    """Return the MB of the page's own objects, after a collection."""
    client = notebook.page.context.new_cdp_session(notebook.page)
    client.send("HeapProfiler.collectGarbage")
    return float(client.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def large(notebook: NotebookPage, setup: str, show: str, first: str, scrolled: str) -> dict[str, float]:
    """Return how a view of many sites or jobs appears and scrolls."""
    notebook.fill(setup, show)
    notebook.run(0)
    before = page_memory(notebook)
    found = {"from the kernel's answer to the first paint, ms": first_paint(notebook, first)}
    notebook.page.wait_for_function(_IS_WHOLE, timeout=120_000)
    found["until all of it is there, ms"] = float(notebook.page.evaluate("() => performance.now() - window.__answered"))
    for button in notebook.page.locator(".flw-job .flw-fold-sites:visible").all():
        button.click()  # all rows that a page shows at once
    frames = notebook.page.evaluate(_SCROLL, [scrolled])
    found["a frame while scrolling through all, p50, ms"] = median(frames)
    found["p95, ms"] = quantile(frames, 0.95)
    found["the longest, ms"] = max(frames)
    found["the page's memory, MB more"] = page_memory(notebook) - before
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("live", "sites", "jobs"))
    only = parser.parse_args().only
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before")
    with browser.opened() as notebook:
        if only in (None, "live"):
            for kind, values in live(notebook).items():
                p50, p95 = median(values), quantile(values, 0.95)
                print(f"{kind}: p50 {p50:.2f} s, p95 {p95:.2f} s, of {len(values)}", flush=True)
        root = str(Path(__file__).resolve().parents[1])
        made = _MADE_JOB.format(root=root, sites=SITES, rounds=SITE_ROUNDS)
        parts: dict[str, tuple[Any, ...]] = {
            # The static form has a matrix too.
            "sites": (made, _SHOW_MADE, ".flw-live .flw-matrix-box", ".flw-live .flw-matrix-scroll"),
            "jobs": (
                browser.SETUP.format(count=LISTED),
                browser.SHOW,
                ".flw-jobs .flw-row:not(.flw-header)",
                ".flw-jobs .flw-list",
            ),
        }
        for name, part in parts.items():
            if only in (None, name):
                for title, number in large(notebook, *part).items():
                    print(f"{name}: {title:50} {number:10,.1f}", flush=True)


if __name__ == "__main__":
    main()
