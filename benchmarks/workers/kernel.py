"""One kernel of a classroom: a session, a watched job and the table of jobs; prints how old its facts became."""

from __future__ import annotations

import json
import os
import sys
import threading
import time

from flare_widgets import Monitor, connect

LOOK_S = 0.1


def main() -> None:
    """Watch from the first line of standard input to the second, and print the ages of the oldest facts as JSON."""
    kit, job_id = sys.argv[1:]
    monitor = Monitor(connect(kit))
    job, table = monitor.watch(job_id), monitor.watch_jobs()
    for watch in (job, table):
        watch.subscribe(lambda _: None)  # as a view does
    job.wait_for_first_update(60)
    print("ready", flush=True)
    sys.stdin.readline()
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), ended.set()), daemon=True).start()
    ages: dict[str, list[float]] = {"job": [], "table": []}
    used, began = time.process_time(), time.monotonic()
    while not ended.wait(LOOK_S):
        now = time.time()
        for name, snapshot in (("job", job.snapshot), ("table", table.snapshot)):
            ages[name].append(now - (snapshot.facts_at or began))
    cpu = (time.process_time() - used) / (time.monotonic() - began)
    print(json.dumps({"cpu": cpu, "status": job.snapshot.status, **{name: max(found) for name, found in ages.items()}}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
