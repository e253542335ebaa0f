"""The client of a soak, in a process of its own, so that what it holds is its own.

It tells what happens by lines of JSON: ``{"event": "submitted", ...}``.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import shutil
import sys
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil
from jobs import write_job

from flare_widgets import Monitor, connect
from flare_widgets.monitoring.job.watch import Watch

WATCHED = 20
"""Jobs that are watched at any time."""

SAMPLE_INTERVAL_S = 5.0
END_TIMEOUT_S = 180.0
"""For the last jobs to end."""

_BYTES_A_MB = 1e6


@dataclass(frozen=True)
class Sample:
    """The process at one moment.

    Attributes
    ----------
    second
        Seconds since the first.
    memory
        Its resident memory, in MB.
    free
        MB of that which C's allocator keeps for later use; 0 if it does not say.
    blocks
        Blocks of memory that Python's objects hold.
    threads, descriptors
        Their numbers.
    """

    second: float
    memory: float
    free: float
    blocks: int
    threads: int
    descriptors: int


class _MallocInfo(ctypes.Structure):
    """C's ``struct mallinfo2``, of which only the free bytes matter here."""

    _fields_ = [(name, ctypes.c_size_t) for name in (*"abcdefgh", "free", "top")]


def take_sample(second: float) -> Sample:
    """Look at this process, without garbage."""
    gc.collect()
    process = psutil.Process()
    return Sample(
        round(second, 1),
        process.memory_info().rss / _BYTES_A_MB,
        _count_free_bytes() / _BYTES_A_MB,
        sys.getallocatedblocks(),
        threading.active_count(),
        process.num_fds(),
    )


def _count_free_bytes() -> int:
    try:
        mallinfo = ctypes.CDLL(None).mallinfo2
    except AttributeError:  # of glibc only
        return 0
    mallinfo.restype = _MallocInfo
    return int(mallinfo().free)


def _tell(event: str, **more: Any) -> None:
    os.write(1, json.dumps({"event": event, **more}).encode() + b"\n")


def main() -> None:
    """Submit and watch jobs for some seconds; then wait for the last of them."""
    kit, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    with connect(kit, timeout=30) as session:
        monitor = Monitor(session)
        watches: list[Watch] = []
        submitted = 0
        began = time.monotonic()
        end = began + seconds
        next_sample = began
        while (now := time.monotonic()) < end or (watches and now < end + END_TIMEOUT_S):
            if next_sample <= now < end:
                _tell("sample", **asdict(take_sample(now - began)))
                next_sample += SAMPLE_INTERVAL_S
            for watch in [watch for watch in watches if watch.done]:
                watches.remove(watch)
                error = "" if watch.error is None else repr(watch.error)
                _tell("ended", job=watch.job_id, status=watch.snapshot.status, error=error)
            if now < end and len(watches) < WATCHED:
                made = write_job(folder, f"soak-{submitted}", sites=1)
                job = session.submit_job(str(made))
                _tell("submitted", job=job, name=made.name)
                submitted += 1
                watches.append(monitor.watch(job))
                shutil.rmtree(made)
            else:
                time.sleep(0.1)
        for watch in watches:
            _tell("unended", job=watch.job_id, status=watch.snapshot.status)
        monitor.close()


if __name__ == "__main__":
    main()
