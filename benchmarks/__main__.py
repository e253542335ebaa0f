"""Measure flare-widgets and nvflare's own client against the same federation, and print a table."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from flare_widgets import LocalFederation

from .monitoring import server_of
from .server import StoredJobs, write_job
from .table import Number, Results, table, write

CLIENTS = {"flare-widgets": "flare_widgets.api", "nvflare": "nvflare.fuel.flare_api.flare_api"}
TOPICS = ("extension", "commands", "script", "at_once", "transfers", "listing")
MEGABYTES = (1, 100)
STORED = (1_000, 10_000)
PATIENCE = 300  # seconds for one client in one round

HERE = Path(__file__).resolve().parent


class Bench:
    """A run: each client in turn, in a fresh process each time, and the numbers of both.

    Parameters
    ----------
    rounds
        How often each client is measured.
    folder
        An empty folder.
    federation
        It runs, and has no jobs.
    """

    def __init__(self, rounds: int, folder: Path, federation: LocalFederation) -> None:
        self.numbers: dict[str, dict[str, list[Number]]] = {client: defaultdict(list) for client in CLIENTS}
        self._rounds = rounds
        self._folder = folder
        self._kit = str(federation.admin_kit)
        self._server = str(server_of(federation).pid)
        # nvflare's first connect looks through all of the working directory, so both get an empty one.
        self._empty = folder / "empty"
        self._empty.mkdir()
        self._jobs = StoredJobs(federation, folder)
        self._jobs.grow(10)
        for module in CLIENTS.values():
            self._run("-c", f"import {module}")  # so that no round compiles, or reads from a cold disk

    def extension(self) -> None:
        """Loading the magics, which nvflare has none of."""
        for number in range(1, self._rounds + 1):
            print(f"extension, round {number} of {self._rounds}: flare-widgets", file=sys.stderr)
            self._note("flare-widgets", self._worker("extension", "flare_widgets"))
            self._note("nvflare", {"load_ext": "none"})

    def commands(self) -> None:
        """Small commands, one after the other."""
        for client, module in self._turns("commands"):
            self._note(client, self._worker("commands", module))

    def script(self) -> None:
        """A whole script."""
        for client, module in self._turns("script"):
            began = time.perf_counter()
            self._run(str(HERE / "workers" / "script.py"), module, self._kit)
            self._note(client, {"script": (time.perf_counter() - began) * 1000})

    def at_once(self) -> None:
        """Small commands at once."""
        for client, module in self._turns("at_once"):
            self._note(client, self._worker("at_once", module, self._server))

    def transfers(self) -> None:
        """Jobs up and down."""
        for size in MEGABYTES:
            # One for each client: nvflare's writes its signatures into the folder.
            folders = {client: write_job(self._folder / client / f"job{size}", size * 10**6) for client in CLIENTS}
            for client, module in self._turns(f"transfers of {size} MB"):
                sent = self._worker("transfer", module, self._server, "submit", str(size), str(folders[client]))
                job_id = sent.pop("answer")
                self._jobs.end(job_id)
                into = self._folder / "results"
                received = self._worker("transfer", module, self._server, "download", str(size), job_id, str(into))
                data = list(Path(received.pop("answer")).rglob("data.bin"))
                if [file.stat().st_size for file in data] != [size * 10**6]:
                    raise SystemExit(f"{client} has downloaded {data}")
                self._note(client, {**sent, **received})
                shutil.rmtree(into)
                self._jobs.remove([job_id])

    def listing(self) -> None:
        """A server with many jobs. The last topic, for they stay."""
        for stored in STORED:
            self._jobs.grow(stored)
            for client, module in self._turns(f"listing {stored} jobs"):
                self._note(client, self._worker("listing", module, str(stored), self._server))

    def _turns(self, what: str) -> Iterator[tuple[str, str]]:
        for number in range(1, self._rounds + 1):
            # The first one finds a colder server, so they take turns at that too.
            for client, module in [*CLIENTS.items()][:: 1 if number % 2 else -1]:
                print(f"{what}, round {number} of {self._rounds}: {client}", file=sys.stderr)
                yield client, module

    def _note(self, client: str, numbers: dict[str, Number]) -> None:
        for key, number in numbers.items():
            self.numbers[client][key].append(number)

    def _worker(self, name: str, module: str, *arguments: str) -> dict[str, Any]:
        numbers: dict[str, Any] = json.loads(
            self._run(str(HERE / "workers" / f"{name}.py"), module, self._kit, *arguments)
        )
        return numbers

    def _run(self, *arguments: str) -> str:
        """Run this Python with arguments in the empty folder, and return the last line it printed."""
        command = [sys.executable, *arguments]
        # Bytecode is kept, as it is for every installed package, whatever this process was told.
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
        done = subprocess.run(
            command, cwd=self._empty, env=environment, capture_output=True, text=True, timeout=PATIENCE
        )
        if done.returncode:
            raise SystemExit(f"python {' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
        return (done.stdout.splitlines() or [""])[-1]


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each client is measured (default 3)")
    parser.add_argument("--only", choices=TOPICS, action="append", help="measure only this topic; may be repeated")
    parser.add_argument("--markdown", action="store_true", help="print GitHub markdown")
    parser.add_argument("--write", action="store_true", help="put it into docs/performance.md and README.md too")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be 1 or more")
    if options.write and options.only:
        parser.error("--write needs all topics")
    load = os.getloadavg()[0]
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, LocalFederation(2) as federation:
        bench = Bench(options.rounds, Path(folder), federation)
        for topic in TOPICS:
            if not options.only or topic in options.only:
                getattr(bench, topic)()
    minutes = (time.monotonic() - began) / 60

    version = metadata.version("nvflare")
    about = (
        f"{os.cpu_count()} cores ({platform.system()} {platform.machine()}), load {load:.1f} before, "
        f"Python {platform.python_version()}, nvflare {version}; {options.rounds} rounds in {minutes:.1f} minutes. "
        "Each number is a median; the range is in brackets where its maximum is more than twice its minimum. "
        "Ratio: nvflare's number divided by flare-widgets'."
    )
    ours, theirs = bench.numbers.values()
    results = Results(ours, theirs, version, about)
    print(f"{table(results, markdown=options.markdown)}\n\n{about}")
    if options.write:
        write(results, HERE.parent)


if __name__ == "__main__":
    main()
