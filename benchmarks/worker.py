"""Measure one client of the FLARE API, in this fresh process, and print the numbers as JSON.

Run as ``python worker.py MODULE KIT``. Both clients go through the same lines; only the imported module differs.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

COMMANDS = 100  # in the first session, before threads and memory are looked at
SESSIONS = 5  # further ones, for the next connects
SAMPLES = 200  # timed calls of each command, in all further sessions together


def timed(call: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    """Return how many milliseconds a call took, and what it returned."""
    began = time.perf_counter()
    result = call(*arguments)
    return (time.perf_counter() - began) * 1000, result


def memory() -> float:
    """Return the resident memory of this process now, in MB."""
    statm = Path("/proc/self/statm")
    if statm.exists():  # psutil would load modules of its own
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def measure(module: str, kit: str) -> dict[str, float]:
    """Measure a client; return milliseconds, MB and numbers, by the keys of the table's rows.

    Parameters
    ----------
    module
        What has ``new_secure_session``.
    kit
        The startup kit, a folder of the user's name.
    """

    def connect() -> Any:
        return api.new_secure_session(Path(kit).name, kit)

    numbers: dict[str, float] = {}
    modules = set(sys.modules)
    numbers["import"], api = timed(importlib.import_module, module)
    numbers["connect_first"], session = timed(connect)
    try:
        numbers["ready"] = numbers["import"] + numbers["connect_first"]
        numbers["threads_connected"] = threading.active_count()
        for _ in range(COMMANDS // 2):
            job = session.list_jobs()[0]["job_id"]
            session.get_job_meta(job)
        numbers["threads_commands"] = threading.active_count()
        numbers["memory"] = memory()
    finally:
        numbers["close"], _ = timed(session.close)
    time.sleep(1)  # what ends soon after close() has ended
    numbers["threads_closed"] = threading.active_count()
    loaded = sys.modules.keys() - modules
    numbers["modules"] = len(loaded)
    numbers["packages"] = len({name.partition(".")[0] for name in loaded} - sys.stdlib_module_names)

    connects, lists, metas = [], [], []
    for _ in range(SESSIONS):
        took, session = timed(connect)
        connects.append(took)
        try:
            session.list_jobs()
            session.get_job_meta(job)
            for _ in range(SAMPLES // SESSIONS):
                lists.append(timed(session.list_jobs)[0])
                metas.append(timed(session.get_job_meta, job)[0])
        finally:
            session.close()
    for key, samples in {"connect_next": connects, "list_jobs": lists, "get_job_meta": metas}.items():
        numbers[key] = sorted(samples)[len(samples) // 2]
    return numbers


def main() -> None:
    """Print the numbers; end this process whatever threads a client has left."""
    out, sys.stdout = sys.stdout, sys.stderr  # a client may print
    code = 1
    try:
        print(json.dumps(measure(sys.argv[1], sys.argv[2])), file=out, flush=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
