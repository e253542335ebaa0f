"""A sweep of twelve jobs on a real federation, from one cell: its kernel is killed, the cell is run again."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import start_new_kernel
from training_jobs import fed_avg
from waiting import wait_until

from flare_widgets.api import Session, connect
from flare_widgets.api.job_status import has_ended
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import Monitor
from flare_widgets.monitoring.job.model import RANK_CONFIGURED, Argument
from flare_widgets.views.compare.view import compare

AT_ONCE = 4
RATES, BATCHES = (0.1, 0.2, 0.3, 0.4), (16, 32, 64)
NAMES = {f"swept rate={rate} batch={batch}" for rate in RATES for batch in BATCHES}
CELL = """
%load_ext flare_widgets
session = %flare connect '{kit}'
found = %flare sweep '{folder}' --arg rate=0.1,0.2,0.3,0.4 --arg batch=16,32,64 --at-once 4
"""


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[tuple[Any, BlockingKernelClient]]:
    manager, client = start_new_kernel(cwd=str(tmp_path))
    try:
        yield manager, client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def run(client: BlockingKernelClient, code: str) -> str:
    """Run a cell, and return what it printed; it must not fail."""
    printed: list[str] = []

    def on_output(message: dict[str, Any]) -> None:
        printed.append(message["content"].get("text", "") if message["msg_type"] == "stream" else "")

    reply = client.execute_interactive(code, allow_stdin=False, output_hook=on_output, timeout=120)["content"]
    assert reply["status"] == "ok", reply
    return "".join(printed)


def test_no_job_lost_or_doubled_when_kernel_dies(
    federation: LocalFederation, ours: Session, kernel: tuple[Any, BlockingKernelClient], tmp_path: Path
) -> None:
    manager, client = kernel
    folder = fed_avg(tmp_path, "swept", rounds=1, seconds=0.01, sites=1)
    cell = CELL.format(kit=federation.admin_kit, folder=folder)
    run(client, cell)
    wait_until(lambda: len(list_swept(ours)) > AT_ONCE, 60)
    manager.restart_kernel(now=True)
    client.wait_for_ready(timeout=60)
    before = {job["job_id"] for job in list_swept(ours)}
    assert AT_ONCE < len(before) < len(NAMES)
    run(client, cell)
    under_way: list[int] = []
    until = time.monotonic() + 200
    while time.monotonic() < until:
        listed = list_swept(ours)
        ended = [job for job in listed if has_ended(job["status"])]
        under_way.append(len(listed) - len(ended))
        if len(ended) == len(NAMES):
            break
        time.sleep(0.3)
    assert max(under_way) <= AT_ONCE
    listed = list_swept(ours)
    assert sorted(job["job_name"] for job in listed) == sorted(NAMES)
    assert before <= {job["job_id"] for job in listed}
    rows = json.loads(run(client, "import json\nprint(json.dumps(found.wait(60).records()))"))
    assert {row["job_id"] for row in rows} == {job["job_id"] for job in listed}
    assert {(row["arg.rate"], row["arg.batch"]) for row in rows} == {(r, b) for r in RATES for b in BATCHES}
    assert {row["status"] for row in rows} == {"FINISHED:COMPLETED"}
    assert all(row["metric"] == "accuracy" and row["value"] is not None for row in rows)
    assert "12 of 12 jobs done" in run(client, "print(repr(found))")
    # From the best job to its model in memory.
    best = "best = found.best.results().models[0].load()\nprint(best.tolist())"
    assert len(json.loads(run(client, best))) > 0
    check_arguments_elsewhere(federation, [row["job_id"] for row in rows if row["arg.batch"] == 16])


def list_swept(session: Session) -> list[dict[str, Any]]:
    return session.list_jobs(name_prefix="swept rate=")


def check_arguments_elsewhere(federation: LocalFederation, job_ids: list[str]) -> None:
    """Another session, that submitted none of the jobs, reads the arguments back from the server."""
    rates = [*RATES]
    with connect(federation.admin_kit) as session, contextlib.closing(Monitor(session)) as monitor:
        listed = {record["job_id"]: record for record in session.list_jobs(detailed=True).records()}
        assert [listed[job_id]["arg.rate"] for job_id in job_ids] == rates
        assert all(listed[job_id]["submit_time"].tzinfo for job_id in job_ids)
        jobs = monitor.watch_jobs()
        wait_until(lambda: sum(bool(job.arguments) for job in jobs.snapshot.jobs) >= len(job_ids), 20)
        view = compare(monitor, job_ids, baseline=job_ids[0])
        wait_until(lambda: all(record.get("round.accuracy") for record in view.records()), 60)
        assert [record["arg.rate"] for record in view.records()] == rates
        watches = [monitor.watch(job_id) for job_id in job_ids]
        for watch, rate in zip(watches, rates, strict=True):
            watch.wait(30)
            assert set(watch.snapshot.arguments) == {
                Argument("rate", str(rate), RANK_CONFIGURED),
                Argument("batch", "16", RANK_CONFIGURED),
            }
        assert "rate" in repr(view)
        view.make_static()
