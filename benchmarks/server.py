"""Jobs on the measured server: a few, then thousands, and jobs of a size."""

from __future__ import annotations

import json
import random
import shutil
import time
import uuid
from pathlib import Path

from flare_widgets import LocalFederation, connect

_PATIENCE = 30.0


def write_job(folder: Path, size: int = 0) -> Path:
    """Make a job folder with so many random bytes in it. It needs more sites than there are: it never runs."""
    config = folder / "app" / "config"
    config.mkdir(parents=True)
    meta = {"name": "stored", "resource_spec": {}, "min_clients": 100, "deploy_map": {"app": ["@ALL"]}}
    (folder / "meta.json").write_text(json.dumps(meta))
    (config / "config_fed_server.json").write_text('{"format_version": 2, "workflows": []}')
    (config / "config_fed_client.json").write_text('{"format_version": 2, "executors": []}')
    if size:
        (folder / "app" / "data.bin").write_bytes(random.Random(size).randbytes(size))
    return folder


class StoredJobs:
    """The jobs that a federation's server has.

    Parameters
    ----------
    federation
        It runs, and has no jobs.
    folder
        For job folders.
    """

    def __init__(self, federation: LocalFederation, folder: Path) -> None:
        self._kit = federation.admin_kit
        self._store = federation.folder / "storage" / "jobs"
        self._aside = federation.folder / "storage" / "aside"  # on the same disk as the store
        with connect(self._kit) as session:
            self._first = session.submit_job(str(write_job(folder / "stored")))
            session.abort_job(self._first)
        # When the scheduler has seen that it does not wait any more, it marks it, and never looks at it again.
        deadline = time.monotonic() + _PATIENCE
        while not (self._store / self._first / "scheduled").exists():
            if time.monotonic() > deadline:
                raise SystemExit("the server's scheduler has not looked at the job")
            time.sleep(0.1)

    def grow(self, number: int) -> None:
        """Have the server store so many jobs in all: the first one again and again, put straight into its storage."""
        meta = json.loads((self._store / self._first / "meta").read_text())
        for _ in range(number - len(list(self._store.iterdir()))):
            job_id = str(uuid.uuid4())
            made = self._aside / job_id
            shutil.copytree(self._store / self._first, made)
            (made / "meta").write_text(json.dumps({**meta, "job_id": job_id}))
            made.rename(self._store / job_id)  # at once: the server may be listing

    def end(self, job_id: str) -> None:
        """End a job before it runs, so that it can be downloaded."""
        with connect(self._kit) as session:
            session.abort_job(job_id)

    def remove(self, job_ids: list[str]) -> None:
        """Delete jobs that have ended."""
        with connect(self._kit) as session:
            for job_id in job_ids:
                session.delete_job(job_id)
