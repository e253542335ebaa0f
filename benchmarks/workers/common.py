"""Shared parts of the workers. Each measures one client of the FLARE API, in a fresh process of its own.

A worker is run as ``python WORKER.py MODULE KIT [MORE ...]`` and prints its numbers as one line of JSON. Both clients
go through the same lines; only the imported module differs.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")


def timed(call: Callable[..., T], *arguments: Any) -> tuple[float, T]:
    """Return how many milliseconds a call took, and what it returned."""
    began = time.perf_counter()
    result = call(*arguments)
    return (time.perf_counter() - began) * 1000, result


def median(samples: list[float]) -> float:
    """Return the middle one; with an even number, the greater of the two."""
    return sorted(samples)[len(samples) // 2]


def connect(module: str, kit: str) -> Any:
    """Return a new session of a client, given the module that has ``new_secure_session``."""
    return importlib.import_module(module).new_secure_session(Path(kit).name, kit)


def memory() -> float:
    """Return the resident memory of this process now, in MB."""
    statm = Path("/proc/self/statm")
    if statm.exists():  # psutil would load modules of its own
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    import psutil

    return float(psutil.Process().memory_info().rss) / 1e6


def server_cpu(pid: str) -> float:
    """Return the milliseconds of CPU that a server's process has used so far, all its threads together."""
    stat = Path("/proc") / pid / "stat"
    if stat.exists():
        used = stat.read_text().rpartition(")")[2].split()[11:13]
        return sum(map(int, used)) * 1000 / os.sysconf("SC_CLK_TCK")
    import psutil

    times = psutil.Process(int(pid)).cpu_times()
    return float(times.user + times.system) * 1000


def peak_memory() -> float:
    """Return the most that this process ever had resident, in MB."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not getrusage: on Linux a child begins with what its parent had at the fork.
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        if found:
            return int(found[1]) * 1024 / 1e6
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def main(measure: Callable[..., dict[str, Any]]) -> None:
    """Print what is measured; end this process whatever threads a client has left."""
    out, sys.stdout = sys.stdout, sys.stderr  # a client may print
    code = 1
    try:
        print(json.dumps(measure(*sys.argv[1:])), file=out, flush=True)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)
