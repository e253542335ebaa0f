"""Measure whether the views of an hour stay small: a job of many rounds, its log, and the table of jobs.

``python -m benchmarks.browser_hour [--minutes N] [--a-second N]``: three minutes. Every second of the hour has its
news, which come as fast as the views take them. It needs a Chromium, as the browser tests do, and no federation: the
jobs are scripted. Memory of the page is what is left after its garbage was collected.
"""

from __future__ import annotations

import argparse
import json

from playwright.sync_api import CDPSession

from .browser import NotebookPage, opened

SETUP = """
import json, threading, time
from dataclasses import replace
from pathlib import Path
import psutil
from flare_widgets.monitoring.job.model import Point, Round, Series, SiteTask, Workflow
from flare_widgets.views.display import show_job
from flare_widgets.views.jobs.view import JobsView
from scripted import ScriptedSession, ScriptedWatch
from scripted_jobs import ScriptedMonitor

monitor, watch, session = ScriptedMonitor(1000), ScriptedWatch(), ScriptedSession()
watch.say("RUNNING")
SITES, EVERY, second = ("site-1", "site-2"), 10, 0

def live(seconds, pause):
    global second
    for second in range(second + 1, second + 1 + seconds):
        jobs = list(monitor.snapshot.jobs)
        for i in range(20):
            jobs[i] = replace(jobs[i], status="RUNNING", progress=f"round {second}/1000000")
        monitor.say(jobs=tuple(jobs))
        for who in ("server", *SITES):
            session.log(who, f"INFO step {second} of {who}, loss 0.1234")
        if second % EVERY == 0:
            learn(second // EVERY)
        else:
            watch.say()
        time.sleep(pause)
    note()

def learn(number):
    now = time.time()
    old = watch.snapshot
    points = tuple(Point(n, 1 / (n + 1)) for n in range(number))
    watch.say(
        workflows=(Workflow("", first_round=0, total_rounds=360),),
        rounds=(*old.rounds, Round(number - 1, now, now)),
        tasks=(*old.tasks, *(SiteTask(f"{s}-{number}", s, "train", number - 1, now, now, "OK") for s in SITES)),
        round_metrics=tuple(Series(name, site, points) for name in ("loss", "accuracy") for site in ("", *SITES)),
    )

def note():
    process = psutil.Process()
    Path("kernel.json").write_text(json.dumps([process.memory_info().rss / 1e6, threading.active_count()]))
"""
SHOW_JOB = "view = show_job(watch, session)"
SHOW_JOBS = "table = JobsView(monitor, monitor.open_job)\ntable.show()"
STEPS = 6


def small(page_memory: CDPSession) -> tuple[float, float, float]:
    """Return the page's memory (MB), nodes and listeners, once what nobody needs is gone."""
    for _ in range(3):
        page_memory.send("HeapProfiler.collectGarbage")
    found = {m["name"]: m["value"] for m in page_memory.send("Performance.getMetrics")["metrics"]}
    return found["JSHeapUsedSize"] / 1e6, found["Nodes"], found["JSEventListeners"]


def measure(notebook: NotebookPage, minutes: float, a_second: float) -> list[tuple[float, ...]]:
    """Return a row of numbers for each part of the hour."""
    page = notebook.page
    page.set_viewport_size({"width": 1280, "height": 3000})  # both views are seen, else nothing would be drawn
    notebook.fill(SETUP, SHOW_JOB, SHOW_JOBS)
    for cell in range(3):
        notebook.run(cell)
    page.get_by_role("button", name="Log", exact=True).click()
    memory = page.context.new_cdp_session(page)
    memory.send("Performance.enable")
    rows: list[tuple[float, ...]] = []
    seconds = max(1, int(minutes * 60 / STEPS))
    # The first minute fills what is filled once: caches, the visible rows, the charts.
    for done in (60, *[seconds] * STEPS):
        notebook.run_code(f"live({done}, {1 / a_second})")
        page.wait_for_timeout(1000)
        kernel = json.loads((notebook.lab.root / "kernel.json").read_text())
        rows.append(((rows[-1][0] if rows else 0) + done / 60, *small(memory), *kernel))
    return rows


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60, help="how much of the hour")
    parser.add_argument("--a-second", type=float, default=20, help="seconds of the hour that go by in one of ours")
    options = parser.parse_args()
    with opened() as notebook:
        rows = measure(notebook, options.minutes, options.a_second)
    print("| minutes | page, MB | nodes | listeners | kernel, MB | threads |")
    print(f"|{'---:|' * 6}")
    for row in rows:
        print(f"| {row[0]:,.0f} | {row[1]:,.1f} | {row[2]:,.0f} | {row[3]:,.0f} | {row[4]:,.1f} | {row[5]:,.0f} |")


if __name__ == "__main__":
    main()
