"""Importing, connecting, small commands, closing: how long they take, and what they leave in the process."""

from __future__ import annotations

import importlib
import sys
import threading
import time
from pathlib import Path
from typing import Any

from common import main, median, memory, timed

COMMANDS = 100  # in the first session, before threads and memory are looked at
SESSIONS = 5  # further ones, for the next connects
SAMPLES = 200  # timed calls of each command, in all further sessions together


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
        numbers[key] = median(samples)
    return numbers


if __name__ == "__main__":
    main(measure)
