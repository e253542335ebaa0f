"""A sweep on a real federation: a few jobs at a time, resumed by running it again, none doubled; its arguments."""

from __future__ import annotations

import contextlib
from pathlib import Path

from training_jobs import fed_avg
from waiting import wait_until

from flare_widgets.api import Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import Monitor
from flare_widgets.monitoring.job.model import RANK_CONFIGURED, Argument
from flare_widgets.sweep import Sweep, sweep
from flare_widgets.views.compare.view import compare

RATES = ["0.1", "0.2", "0.3"]


def test_sweep_is_resumed_and_no_job_doubled(federation: LocalFederation, ours: Session, tmp_path: Path) -> None:
    folder = fed_avg(tmp_path, "swept", rounds=2)
    under_way: list[int] = []
    while_running: set[Argument] = set()

    def note_arguments(found: Sweep) -> None:
        snapshots = [job.snapshot for job in found.jobs if job.snapshot is not None]
        while_running.update(a for s in snapshots if s.status == "RUNNING" for a in s.arguments)

    with contextlib.closing(Monitor(ours)) as monitor:
        first = sweep(monitor, folder, {"rate": RATES}, at_once=2)
        first.subscribe(lambda s: under_way.append(sum(bool(j.job_id) and not j.is_done for j in s.jobs)))
        wait_until(lambda: first.jobs[1].job_id)
        first.stop()
    # As after a restart of the kernel: nothing is left but the server.
    with contextlib.closing(Monitor(ours)) as monitor:
        again = sweep(monitor, folder, {"rate": RATES}, at_once=2)
        again.subscribe(note_arguments)
        again.wait(180)
        assert [job.status for job in again] == ["FINISHED:COMPLETED"] * 3
        rows = again.rows()
    assert [job.job_id for job in again][:2] == [job.job_id for job in first][:2]
    assert max(under_way) <= 2
    listed = ours.list_jobs(name_prefix="swept rate=")
    assert {job["job_name"] for job in listed} == {f"swept rate={rate}" for rate in RATES}
    assert len(listed) == 3
    assert [row["rate"] for row in rows] == RATES
    assert all(row["metric"] and row["value"] is not None for row in rows)
    assert "best" in repr(again)
    meta = [ours.get_job_meta(job.job_id) for job in again]
    assert [m["name"] for m in meta] == [f"swept rate={rate}" for rate in RATES]
    assert while_running & {Argument("rate", rate, RANK_CONFIGURED) for rate in RATES}
    _check_arguments_elsewhere(federation, [job.job_id for job in again])


def _check_arguments_elsewhere(federation: LocalFederation, job_ids: list[str]) -> None:
    """Another session, that submitted none of the jobs, reads the arguments back from the server."""
    rates = [float(rate) for rate in RATES]
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
        for watch, rate in zip(watches, RATES, strict=True):
            watch.wait(30)
            assert watch.snapshot.arguments == (Argument("rate", rate, RANK_CONFIGURED),)
        assert "rate" in repr(view)
        view.make_static()
