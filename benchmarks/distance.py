"""Measure both clients on a line to a distant server: a forwarder on this machine that delays what it carries."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from flare_widgets import LocalFederation, connect

from .__main__ import CLIENTS, HERE, PATIENCE
from .server import write_job

SCHEMES = ("http", "tcp")
MEGABYTES = 20
_READ_BYTES = 1 << 20


class Line:
    """A way to a port of this machine on which everything takes half a round trip, however much it is.

    Parameters
    ----------
    port
        The server's.
    round_trip_s
        Seconds of a round trip. Opening a connection takes one too.
    """

    def __init__(self, port: int, round_trip_s: float) -> None:
        self._server, self._round_trip_s = port, round_trip_s

    @contextlib.contextmanager
    def running(self) -> Iterator[int]:
        """Run it until the end of the block; the port it listens on."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="line", daemon=True)
        thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", 0, limit=_READ_BYTES)
        listener = asyncio.run_coroutine_threadsafe(start, loop).result()
        try:
            yield listener.sockets[0].getsockname()[1]
        finally:
            loop.call_soon_threadsafe(loop.stop)
            thread.join()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._server, limit=_READ_BYTES)
        await asyncio.sleep(self._round_trip_s)
        await asyncio.gather(self._carry(reader, there[1]), self._carry(there[0], writer))

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """Pass on what comes, each piece after half a round trip: there may be any number of them on the way."""
        loop = asyncio.get_running_loop()
        while data := await source.read(_READ_BYTES):
            loop.call_later(self._round_trip_s / 2, sink.write, data)
        loop.call_later(self._round_trip_s / 2, sink.close)


def move_kit(kit: Path, folder: Path, port: int) -> Path:
    """Return a copy of a startup kit with another port of this machine."""
    moved = shutil.copytree(kit, folder / "kit" / kit.name)
    path = moved / "startup" / "fed_admin.json"
    settings = json.loads(path.read_text())
    settings["admin"] |= {"port": port, "host": "localhost"}
    path.write_text(json.dumps(settings))
    return moved


def measure(scheme: str, rounds: int, round_trip_s: float) -> dict[str, dict[str, list[float]]]:
    """Return by client the seconds that each thing takes, in each round."""
    found: dict[str, dict[str, list[float]]] = {client: {} for client in CLIENTS}
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryDirectory() as name, LocalFederation(2, scheme=scheme) as federation:
        folder = Path(name)
        jobs = {client: write_job(folder / client / "job", MEGABYTES * 10**6) for client in CLIENTS}
        with connect(federation.admin_kit) as session:
            job_id = session.submit_job(str(jobs["flare-widgets"]))
            session.abort_job(job_id)
        settings = json.loads((federation.admin_kit / "startup" / "fed_admin.json").read_text())
        with Line(settings["admin"]["port"], round_trip_s).running() as port:
            kit = move_kit(federation.admin_kit, folder, port)
            for number in range(rounds):
                for client, module in [*CLIENTS.items()][:: -1 if number % 2 else 1]:
                    print(f"{scheme}, round {number + 1} of {rounds}: {client}", file=sys.stderr)
                    into = folder / f"{client}-{number}"
                    command = [sys.executable, str(HERE / "workers" / "distance.py"), module, str(kit)]
                    command += [str(jobs[client]), job_id, str(into)]
                    done = subprocess.run(
                        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE
                    )
                    if done.returncode:
                        raise SystemExit(f"{client} failed:\n{done.stderr[-3000:]}")
                    answer = json.loads(done.stdout.splitlines()[-1])
                    for what, seconds in answer["took"].items():
                        found[client].setdefault(what, []).append(seconds)
                    with connect(federation.admin_kit) as session:
                        session.abort_job(answer["submitted"])
                        session.delete_job(answer["submitted"])
    return found


def main() -> None:
    """Read the options, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.distance", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each client is measured (default 3)")
    parser.add_argument("--round-trip", type=float, default=0.1, metavar="SECONDS", help="default 0.1")
    parser.add_argument("--scheme", choices=SCHEMES, action="append", help="only this one; may be repeated")
    options = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {time.strftime('%H:%M')}, round trip {options.round_trip * 1000:.0f} ms")
    for scheme in options.scheme or SCHEMES:
        ours, theirs = measure(scheme, options.rounds, options.round_trip).values()
        for what in ours:
            print(f"{scheme:5} {what:9} {median(ours[what]):6.2f} s   nvflare {median(theirs[what]):6.2f} s")


if __name__ == "__main__":
    main()
