"""Measure how soon each client sees what happens to a job, and what watching costs; print a table.

``python -m benchmarks.monitoring``: two and a half minutes. Both clients at their default settings, on one federation
on this machine, so that the server's times and ours are of one clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from importlib import metadata
from pathlib import Path
from typing import Any

import psutil

from flare_widgets import LocalFederation, Session, connect

from . import jobs

CLIENTS = ("flare-widgets", "nvflare")
BATCHES = (9, 3)  # rounds of the jobs that run at the same time, once and once more
AT_ONCE = 2
ROUND = 1.0  # seconds that a site takes
MANY = 20
WINDOW = 8.0  # seconds in which CPU is measured
PATIENCE = 240

_ROUND = re.compile(r"^\s*Round (\d+) started\.", re.MULTILINE)


class Watcher:
    """A fresh process in which a client watches."""

    def __init__(self, client: str, kit: Path, folder: Path, seconds: float = 0.0) -> None:
        worker = str(Path(__file__).resolve().with_name("watcher.py"))
        self.process = subprocess.Popen(
            [sys.executable, worker, client, str(kit), str(seconds)],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(folder / f"{client}.log").open("a"),
            text=True,
        )
        self._log = folder / f"{client}.log"

    def until(self, word: str) -> None:
        """Wait for a word of it."""
        assert self.process.stdout is not None
        if self.process.stdout.readline().strip() != word:
            raise SystemExit(f"a watcher failed:\n{self._log.read_text()[-3000:]}")

    def watch(self, ids: list[str]) -> None:
        """Have it watch these jobs, and no more."""
        assert self.process.stdin is not None
        self.process.stdin.write("".join(f"{job}\n" for job in ids))
        self.process.stdin.close()

    def result(self) -> dict[str, Any]:
        """Return its numbers."""
        assert self.process.stdout is not None
        text = self.process.stdout.read()
        if self.process.wait(PATIENCE):
            raise SystemExit(f"a watcher failed:\n{self._log.read_text()[-3000:]}")
        found: dict[str, Any] = json.loads(text)
        return found


@contextmanager
def watchers(kit: Path, folder: Path) -> Iterator[dict[str, Watcher]]:
    """One watcher of each client, connected."""
    started = {client: Watcher(client, kit, folder) for client in CLIENTS}
    try:
        for watcher in started.values():
            watcher.until("ready")
        yield started
    finally:
        for watcher in started.values():
            watcher.process.kill()


def happened(session: Session, job: str, folder: Path) -> dict[str, float]:
    """Return when things happened to a job that has ended, by the server's own record and log of the job."""
    meta = session.get_job_meta(job)
    start = datetime.fromisoformat(meta["start_time"].replace("Z", "+00:00"))
    days, _, clock = meta["duration"].rpartition(" days, ")
    hours, minutes, seconds = clock.split(":")
    lasted = timedelta(days=int(days or 0), hours=int(hours), minutes=int(minutes), seconds=float(seconds))
    times = {"RUNNING": start.timestamp(), str(meta["status"]): (start + lasted).timestamp()}
    result = session.download_job_result(job, str(folder))
    for line in Path(result, "workspace", "log.json").read_text().splitlines():
        record = json.loads(line)
        for number in _ROUND.findall(record["message"]):
            at = datetime.strptime(record["asctime"], "%Y-%m-%d %H:%M:%S,%f")
            times[f"round {number}"] = at.astimezone().timestamp()
    return times


def latencies(session: Session, kit: Path, folder: Path, made: dict[str, str]) -> dict[str, dict[str, list[float]]]:
    """Have both clients watch the same jobs; return seconds, by the client, from the event to its being seen."""
    found: dict[str, dict[str, list[float]]] = {client: {"status": [], "round": []} for client in CLIENTS}
    for rounds in BATCHES:
        with watchers(kit, folder) as started:
            ids = [session.submit_job(made[f"rounds-{rounds}"]) for _ in range(AT_ONCE)]
            for watcher in started.values():
                watcher.watch(ids)
            results = {client: watcher.result()["seen"] for client, watcher in started.items()}
        for job in ids:
            truth = happened(session, job, folder / "results")
            if len(truth) != rounds + 2:
                raise SystemExit(f"job {job} did not go as it should: {truth}")
            for client, seen in results.items():
                for what, at in truth.items():
                    kind = "round" if what.startswith("round") else "status"
                    if what in seen[job]:
                        found[client][kind].append(seen[job][what] - at)
                    elif kind == "status" or client == CLIENTS[0]:
                        raise SystemExit(f"{client} did not see {what!r} of job {job}")
    return found


def costs(client: str, kit: Path, folder: Path, ids: list[str], server: psutil.Process) -> dict[str, float]:
    """Have a client watch jobs for a while; return its CPU and the server's, as parts of a core, and its threads."""
    watcher = Watcher(client, kit, folder, WINDOW)
    try:
        watcher.until("ready")
        watcher.watch(ids)
        watcher.until("begin")
        before, began = used(server), time.monotonic()
        numbers = watcher.result()
        lasted = time.monotonic() - began
        return {"cpu": numbers["cpu"], "threads": numbers["threads"], "server": (used(server) - before) / lasted}
    finally:
        watcher.process.kill()


def used(process: psutil.Process) -> float:
    """Return the seconds of CPU that a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def server_of(federation: LocalFederation) -> psutil.Process:
    """Return the process that answers commands: the one that listens on the federation's port."""
    for process in psutil.Process().children(recursive=True):
        listening = [c for c in process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        if any(c.laddr.port == federation.port for c in listening):
            return process
    raise SystemExit("the federation's server was not found")


def say(words: str) -> None:
    """Tell on standard error how far it is."""
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr)


def measure() -> tuple[dict[str, dict[str, list[float]]], dict[str, dict[str, float]]]:
    """Measure all; return the latencies, and the costs by what was watched by whom."""
    with tempfile.TemporaryDirectory() as temporary, LocalFederation(2) as federation:
        folder, kit = Path(temporary), federation.admin_kit
        say("making jobs")
        made = jobs.training(folder, {**{f"rounds-{n}": n for n in BATCHES}, "endless": 10_000}, ROUND)
        idle, server = jobs.waiting(folder), server_of(federation)
        with connect(kit) as session:
            say(f"latencies: {AT_ONCE} jobs of {BATCHES[0]} rounds, then {AT_ONCE} of {BATCHES[1]}")
            seen = latencies(session, kit, folder, made)
            ids = [session.submit_job(made["endless"])]
            while session.get_job_meta(ids[0])["status"] != "RUNNING":
                time.sleep(0.2)
            say("CPU: nobody watches")
            time.sleep(12.0)  # the first ten seconds of a job are looked at more often
            before = used(server)
            time.sleep(WINDOW)
            found = {"nobody": {"server": (used(server) - before) / WINDOW}}
            say("CPU: 1 job")
            for client in CLIENTS:
                found[f"1 {client}"] = costs(client, kit, folder, ids, server)
            ids += [session.submit_job(idle)]
            ids += [session.clone_job(ids[1]) for _ in range(MANY - 2)]
            submitted = time.monotonic()
            say(f"CPU: {MANY} jobs")
            for client in CLIENTS:
                found[f"{MANY} {client}"] = costs(client, kit, folder, ids, server)
            time.sleep(max(0.0, 32.0 - (time.monotonic() - submitted)))
            found[f"later {CLIENTS[0]}"] = costs(CLIENTS[0], kit, folder, ids, server)
            say("tidying up")
            for job in ids:
                session.abort_job(job)
    return seen, found


def quantile(values: list[float], part: float) -> float:
    """Return a quantile of some values."""
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def table(seen: dict[str, dict[str, list[float]]], found: dict[str, dict[str, float]], *, markdown: bool) -> str:
    """Return the numbers as a table, as text or as GitHub markdown."""
    ours, theirs = CLIENTS
    lines = [["measure", ours, f"nvflare {metadata.version('nvflare')}", "ratio"]]

    def row(title: str, mine: float, other: float | None, form: str) -> None:
        ratio = "-" if other is None or not mine else f"{other / mine:.1f}"
        lines.append([title, form.format(mine), "-" if other is None else form.format(other), ratio])

    for kind, title in (("status", "status change until seen"), ("round", "end of a round until seen")):
        for name, part in (("p50", 0.5), ("p95", 0.95)):
            values = [seen[client][kind] for client in CLIENTS]
            theirs_took = quantile(values[1], part) if values[1] else None
            row(f"{title}, {name}, s", quantile(values[0], part), theirs_took, "{:.2f}")
    idle = found["nobody"]["server"]
    for count, words in (("1", "1 job"), (str(MANY), f"{MANY} jobs, submitted just now")):
        mine, other = found[f"{count} {ours}"], found[f"{count} {theirs}"]
        row(f"{words}: CPU of the client, % of a core", 100 * mine["cpu"], 100 * other["cpu"], "{:.1f}")
        row(
            f"{words}: CPU of the server, % of a core",
            100 * max(0.0, mine["server"] - idle),
            100 * max(0.0, other["server"] - idle),
            "{:.1f}",
        )
        row(f"{words}: threads of the client", mine["threads"], other["threads"], "{:.0f}")
    mine, words = found[f"later {ours}"], f"{MANY} jobs, half a minute later"
    row(f"{words}: CPU of the client, % of a core", 100 * mine["cpu"], None, "{:.1f}")
    row(f"{words}: CPU of the server, % of a core", 100 * max(0.0, mine["server"] - idle), None, "{:.1f}")
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + (":" if markdown else "-") for width in widths[1:])])
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" if markdown else "  ".join(line) for line in padded)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.monitoring", description=__doc__)
    parser.add_argument("--markdown", action="store_true", help="print GitHub markdown")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    seen, found = measure()
    print(table(seen, found, markdown=options.markdown))
    counts = {kind: len(values) for kind, values in seen[CLIENTS[0]].items()}
    print(f"\n{os.cpu_count()} cores ({platform.system()} {platform.machine()}), load {load:.1f} before, ", end="")
    print(f"Python {platform.python_version()}, nvflare {metadata.version('nvflare')}.")
    print(
        f"Seen: {counts['status']} changes to RUNNING and to an end, {counts['round']} rounds of {ROUND:g} s; both ",
        end="",
    )
    print("clients watched the same jobs at the same time. nvflare's monitor_job tells of no rounds.")
    print(f"CPU: in {WINDOW:g} s, one client after the other. The server's is what it uses beyond the ", end="")
    print(f"{100 * found['nobody']['server']:.1f} % of when the job runs and nobody watches.")
    print(f"{MANY} jobs: one that runs and {MANY - 1} that wait for sites (a server runs four at most). ", end="")
    print("nvflare leaves a thread for 65 s with each command: its number still rises.")


if __name__ == "__main__":
    main()
