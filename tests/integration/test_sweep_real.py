"""A sweep on a real federation: a few jobs at a time, resumed by running it again, none doubled."""

from __future__ import annotations

import contextlib
from pathlib import Path

from training_jobs import fed_avg
from waiting import wait_until

from flare_widgets.api import Session
from flare_widgets.monitoring import Monitor
from flare_widgets.sweep import sweep

RATES = ["0.1", "0.2", "0.3"]


def test_sweep_is_resumed_and_no_job_doubled(ours: Session, tmp_path: Path) -> None:
    folder = fed_avg(tmp_path, "swept", rounds=2)
    under_way: list[int] = []
    with contextlib.closing(Monitor(ours)) as monitor:
        first = sweep(monitor, folder, {"rate": RATES}, at_once=2)
        first.subscribe(lambda s: under_way.append(sum(bool(j.job_id) and not j.is_done for j in s.jobs)))
        wait_until(lambda: first.jobs[1].job_id)
        first.stop()
    # As after a restart of the kernel: nothing is left but the server.
    with contextlib.closing(Monitor(ours)) as monitor:
        again = sweep(monitor, folder, {"rate": RATES}, at_once=2).wait(180)
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
