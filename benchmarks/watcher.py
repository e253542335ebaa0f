"""Watch jobs with one client, in this fresh process, and print as JSON when it saw what, and what that cost.

Run as ``python watcher.py CLIENT KIT SECONDS`` with CLIENT ``flare-widgets`` or ``nvflare``. It prints ``ready`` when
it is connected, takes the jobs' ids from standard input, a line each, and after the last one watches them for
SECONDS (0: until all have ended). Both clients do so at their default settings.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SETTLE = 2.0  # seconds before CPU and threads are looked at: connecting and the first looks are not watching

seen: dict[str, dict[str, float]] = {}
ended: dict[str, threading.Event] = {}


def note(job: str, *what: str) -> None:
    """Remember when something was first seen."""
    now = time.time()
    for one in what:
        seen[job].setdefault(one, now)
        if one.startswith("FINISHED"):
            ended[job].set()


def ours(kit: str) -> Callable[[str], None]:
    """Watch with our monitor: all jobs in its one thread."""
    from flare_widgets import JobSnapshot, Monitor, connect

    monitor = Monitor(connect(kit))

    def watch(job: str) -> None:
        def look(snapshot: JobSnapshot) -> None:
            note(job, snapshot.status, *(f"round {r.number}" for r in snapshot.rounds))

        monitor.watch(job).subscribe(look)

    return watch


def theirs(kit: str) -> Callable[[str], None]:
    """Watch with nvflare's ``monitor_job``, which blocks: each job in a thread."""
    from nvflare.fuel.flare_api.flare_api import new_secure_session

    session = new_secure_session(Path(kit).name, kit)

    def look(_: Any, job: str, meta: dict[str, Any]) -> bool:
        note(job, str(meta["status"]))
        return True

    def watch(job: str) -> None:
        threading.Thread(target=session.monitor_job, args=(job,), kwargs={"cb": look}, daemon=True).start()

    return watch


def main() -> None:
    """Watch, print, and end this process whatever threads a client has left."""
    out, sys.stdout = sys.stdout, sys.stderr  # a client may print
    client, kit, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    code = 1
    try:
        watch = {"flare-widgets": ours, "nvflare": theirs}[client](kit)
        print("ready", file=out, flush=True)
        for line in sys.stdin:
            job = line.strip()
            seen[job], ended[job] = {}, threading.Event()
            watch(job)
        numbers: dict[str, Any] = {}
        if seconds:
            time.sleep(SETTLE)
            print("begin", file=out, flush=True)
            began, used, threads = time.monotonic(), time.process_time(), 0
            while time.monotonic() - began < seconds:
                time.sleep(0.25)
                threads = max(threads, threading.active_count())
            wall = time.monotonic() - began
            numbers = {"cpu": (time.process_time() - used) / wall, "threads": threads}
        else:
            for event in ended.values():
                event.wait()
        print(json.dumps({"seen": seen, **numbers}), file=out, flush=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
