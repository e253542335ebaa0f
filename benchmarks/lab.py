"""Measure the JupyterLab extension: what JupyterLab's own requests notice of it, and how soon a tab has its rows.

``python -m benchmarks.lab``: two minutes. It needs a Chromium, as the browser tests do, and no federation: a scripted
FLARE server has 1,000 jobs, of which one ends each second. The pages that follow them are websockets without a browser.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "unit"))
sys.path.insert(
    0, str(Path(__file__).resolve().parents[1] / "tests" / "browser")
)  # the first: each folder has a conftest

from conftest import ARGUMENTS, CHROMIUM, tab
from fake_federation import FakeFederation
from flare_sidebar import FlareSidebar
from jupyter_server_process import JupyterServer, LabPage
from lab_server import ROOT, LabServer
from playwright.sync_api import sync_playwright

JOBS = 1_000
RUNNING = 300
PAGES = 10
REQUESTS = ("api/status", "api/contents")
SAMPLES = 300
ROUNDS = 3
FOLLOWED_S = 10.0
OPENED = 6

# From the click to the frame that has the rows.
_CLICK = """() => new Promise(resolve => {
  const label = [...document.querySelectorAll('.flw-lab button')].find(button => button.textContent === 'All jobs');
  const begun = performance.now();
  const look = () => {
    if (document.querySelector('.flw-tab .flw-jobs .flw-row:not(.flw-header)')) resolve(performance.now() - begun);
    else requestAnimationFrame(look);
  };
  label.click();
  requestAnimationFrame(look);
})"""


class Changes:
    """The running jobs of a federation, of which one ends each second.

    Parameters
    ----------
    federation
        The federation.
    jobs
        The ids of the jobs, in the order in which they end.
    """

    def __init__(self, federation: FakeFederation, jobs: Sequence[str]) -> None:
        self._federation = federation
        self._jobs = jobs
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        for job in self._jobs:
            if self._is_over.wait(1.0):
                return
            self._federation.end(job)


class Follower:
    """A page that follows the table of jobs, and counts what it is sent.

    Parameters
    ----------
    server, session
        The Jupyter server, and the name of its session.
    """

    def __init__(self, server: JupyterServer, session: str) -> None:
        self._page = LabPage(server)
        self._page.ask("visible", visible=True)
        model = self._page.open("jobs", session=session)["model"]
        self._page.send(model, kind="visible", visible=True, view="benchmark")
        self._page.send(model, kind="resync", feed="rows", token="benchmark")
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def read(self) -> tuple[int, int]:
        """Return the frames and the bytes so far."""
        frames = list(self._page.frames)
        return len(frames), sum(len(frame.encode()) for frame in frames)

    def close(self) -> None:
        """End it."""
        self._page.__exit__(None, None, None)
        self._thread.join()

    def _read(self) -> None:
        try:
            self._page.hear(lambda _: False, 3600)
        except Exception:
            return  # it was closed


class Load(NamedTuple):
    """Times of requests, one after the other.

    Attributes
    ----------
    taken_ms
        The milliseconds of each.
    cpu_percent
        Of the Jupyter server meanwhile, of one core.
    """

    taken_ms: list[float]
    cpu_percent: float


def read_cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has taken."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def time_requests(server: JupyterServer) -> Load:
    """Time JupyterLab's own requests, one after the other on one connection."""
    base = urlsplit(server.url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port or 0, timeout=30)
    taken = []
    cpu, start = read_cpu_s(server.pid), time.monotonic()
    for number in range(SAMPLES):
        began = time.perf_counter()
        connection.request("GET", f"{base.path}{REQUESTS[number % len(REQUESTS)]}", headers=server.with_token)
        connection.getresponse().read()
        taken.append((time.perf_counter() - began) * 1000)
        time.sleep(0.01)
    connection.close()
    return Load(taken, (read_cpu_s(server.pid) - cpu) / (time.monotonic() - start) * 100)


def measure_requests(root: Path, home: Path) -> dict[str, str]:
    """Return the times of requests without and with the pages in turn, and what the pages are sent."""
    found: dict[bool, list[Load]] = {False: [], True: []}
    with JupyterServer(root, home) as server, LabPage(server) as first:
        time_requests(server)  # the first ones are slower
        session = first.ask("connect", folder="kits/ada")["value"]["session"]
        for _ in range(ROUNDS):
            found[False].append(time_requests(server))
            pages = [Follower(server, session) for _ in range(PAGES)]
            time.sleep(2)
            before = [page.read() for page in pages]
            began = time.monotonic()
            found[True].append(time_requests(server))
            time.sleep(max(0.0, FOLLOWED_S - (time.monotonic() - began)))
            seconds = time.monotonic() - began
            news = [(a - c, b - d) for (a, b), (c, d) in zip([page.read() for page in pages], before, strict=True)]
            for page in pages:
                page.close()
    frames, size = (sum(each) / seconds for each in zip(*news, strict=True))

    def both(read: Callable[[Load], float]) -> str:
        return " / ".join(f"{median(read(load) for load in loads):.1f}" for loads in found.values())

    return {
        "JupyterLab's own requests, p50, ms: alone / followed": both(lambda load: median(load.taken_ms)),
        "… p95, ms": both(lambda load: quantiles(load.taken_ms, n=20)[-1]),
        "… longest, ms": both(lambda load: max(load.taken_ms)),
        "CPU of the Jupyter server meanwhile, % of a core": both(lambda load: load.cpu_percent),
        f"frames a second, {PAGES} pages together": f"{frames:.1f}",
        "kB a second": f"{size / 1000:.1f}",
    }


def measure_clicks(root: Path, home: Path) -> dict[str, str]:
    """Return the time from the click on *All jobs* until its tab has rows, the first time and later."""
    lab = LabServer(root, home, ("browser", "server"))
    times = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            with tab(browser, lab) as (page, _):
                sidebar = FlareSidebar(page, lab).open()
                sidebar.connect("ada")
                sidebar.section("active jobs").get_by_text("running").first.wait_for()
                for _ in range(OPENED):
                    times.append(page.evaluate(_CLICK))
                    sidebar.command("application:close-all")
                    page.locator(".flw-tab").wait_for(state="detached")
        finally:
            browser.close()
            lab.close()
    return {
        "click on All jobs until rows, the first time, ms": f"{times[0]:.0f}",
        "… later, median, ms": f"{median(times[1:]):.0f}",
    }


def measure_container() -> dict[str, str]:
    """Return the size of what a page loads before anything is opened."""
    (container,) = (ROOT / "flare_widgets" / "labextension" / "static").glob("remoteEntry*.js")
    content = container.read_bytes()
    return {"the extension in the page, kB: plain / packed": f"{len(content) / 1000:.1f} / {packed(content):.1f}"}


def packed(content: bytes) -> float:
    """Return the kB of content as a server sends it."""
    return len(gzip.compress(content, 9)) / 1000


def main() -> None:
    """Measure, and print a table."""
    argparse.ArgumentParser(prog="python -m benchmarks.lab", description=__doc__).parse_args()
    load = os.getloadavg()[0]
    federation = FakeFederation("site-1", "site-2")
    ids = [f"{number:08x}-0000-4000-8000-000000000000" for number in range(JOBS)]
    for number, job_id in enumerate(ids):
        federation.add_job(job_id, f"job-{number}", "RUNNING" if number < RUNNING else "FINISHED:COMPLETED")
    with tempfile.TemporaryDirectory() as folder, federation.running():
        root = Path(folder, "root")
        federation.write_kit(root / "kits" / "ada")
        with Changes(federation, ids[:RUNNING]):
            found = measure_requests(root, Path(folder, "server"))
            found |= measure_clicks(root, Path(folder, "lab"))
    print(f"{JOBS:,} jobs, {PAGES} pages; {os.cpu_count()} cores, load {load:.1f} before.\n")
    print("| measure | |\n|---|---:|")
    for title, value in (found | measure_container()).items():
        print(f"| {title} | {value} |")


if __name__ == "__main__":
    main()
