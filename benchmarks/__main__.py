"""Measure flare-widgets and nvflare's own client against the same federation, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from statistics import median

from flare_widgets import LocalFederation, connect

CLIENTS = {"flare-widgets": "flare_widgets.api", "nvflare": "nvflare.fuel.flare_api.flare_api"}
JOBS = 20
PATIENCE = 300  # seconds for one client in one round
ROWS = {
    "import": "import, ms",
    "connect_first": "first connect and login, ms",
    "ready": "import and first connect, ms",
    "connect_next": "next connect and login, ms",
    "list_jobs": f"list_jobs ({JOBS} jobs) p50, ms",
    "get_job_meta": "get_job_meta p50, ms",
    "close": "close after 100 commands, ms",
    "threads_connected": "threads, connected",
    "threads_commands": "threads after 100 commands",
    "threads_closed": "threads 1 s after close",
    "memory": "memory after 100 commands, MB",
    "modules": "modules loaded",
    "packages": "packages loaded, beside Python's own",
}


def store_jobs(kit: Path, folder: Path) -> None:
    """Give the server jobs to list. They need more sites than there are and are aborted: nothing ever runs."""
    job = folder / "listed"
    config = job / "app" / "config"
    config.mkdir(parents=True)
    meta = {"name": "listed", "resource_spec": {}, "min_clients": 100, "deploy_map": {"app": ["@ALL"]}}
    (job / "meta.json").write_text(json.dumps(meta))
    (config / "config_fed_server.json").write_text('{"format_version": 2, "workflows": []}')
    (config / "config_fed_client.json").write_text('{"format_version": 2, "executors": []}')
    with connect(kit) as session:
        ids = [session.submit_job(str(job))]
        ids += [session.clone_job(ids[0]) for _ in range(JOBS - 1)]
        for job_id in ids:
            session.abort_job(job_id)
        stored = [(one["job_id"] in ids, one["status"]) for one in session.list_jobs()]
    if stored != [(True, "FINISHED:ABORTED")] * JOBS:
        raise SystemExit(f"the server does not have the {JOBS} jobs it should have: {stored}")


def run(folder: Path, *arguments: str) -> str:
    """Run this Python with arguments in a folder, and return the last line it printed."""
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=PATIENCE)
    if done.returncode:
        raise SystemExit(f"python {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return (done.stdout.splitlines() or [""])[-1]


def measure(rounds: int) -> dict[str, list[dict[str, float]]]:
    """Measure each client once a round, one after the other, and return their numbers."""
    results: dict[str, list[dict[str, float]]] = {client: [] for client in CLIENTS}
    worker = str(Path(__file__).resolve().with_name("worker.py"))
    # nvflare's first connect looks through all of the working directory, so both get an empty one.
    with tempfile.TemporaryDirectory() as folder, LocalFederation(2) as federation:
        empty = Path(folder) / "empty"
        empty.mkdir()
        store_jobs(federation.admin_kit, Path(folder))
        for module in CLIENTS.values():
            run(empty, "-c", f"import {module}")  # so that no round compiles, or reads from a cold disk
        for number in range(1, rounds + 1):
            for client, module in CLIENTS.items():
                print(f"round {number} of {rounds}: {client}", file=sys.stderr)
                results[client].append(json.loads(run(empty, worker, module, str(federation.admin_kit))))
    return results


def cell(key: str, samples: list[float]) -> str:
    """Return the median as text, with the least and the most when they are more than a factor of 2 apart."""
    form = "{:.0f}" if key.startswith(("threads", "modules", "packages")) else "{:.1f}"
    text = form.format(median(samples))
    if max(samples) > 2 * min(samples):
        text += f" ({form.format(min(samples))} to {form.format(max(samples))})"
    return text


def table(results: dict[str, list[dict[str, float]]], *, markdown: bool) -> str:
    """Return the numbers as a table, as text or as GitHub markdown."""
    lines = [["measure", "flare-widgets", f"nvflare {metadata.version('nvflare')}", "ratio"]]
    for key, title in ROWS.items():
        ours, theirs = ([numbers[key] for numbers in rounds] for rounds in results.values())
        ratio = f"{median(theirs) / median(ours):.1f}" if median(ours) else "-"
        lines.append([title, cell(key, ours), cell(key, theirs), ratio])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * widths[0], *("-" * (width - 1) + (":" if markdown else "-") for width in widths[1:])])
    padded = [[line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])] for line in lines]
    return "\n".join("| " + " | ".join(line) + " |" if markdown else "  ".join(line) for line in padded)


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each client is measured (default 5)")
    parser.add_argument("--markdown", action="store_true", help="print GitHub markdown")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    machine = f"{os.cpu_count()} cores ({platform.system()} {platform.machine()}), load {os.getloadavg()[0]:.1f} before"
    print(table(measure(options.rounds), markdown=options.markdown))
    print(f"\n{machine}, Python {platform.python_version()}, nvflare {metadata.version('nvflare')}.")
    print(f"Rounds: {options.rounds}. Medians; in brackets the least and the most, if more than twice the least.")
    print("Ratio: nvflare's number divided by flare-widgets'.")


if __name__ == "__main__":
    main()
