"""Handles on real jobs, and both faces of a session on a real federation."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from common import Finished
from jobs import contents, write_job
from nbclient import NotebookClient
from oracle import outcome
from waiting import wait_until

from flare_widgets.api import (
    AsyncJob,
    AsyncSession,
    Job,
    JobNotDone,
    JobNotFound,
    JobNotRunning,
    JobTimeout,
    MonitorReturnCode,
    NoConnection,
    Session,
    SessionClosed,
    connect_async,
)
from flare_widgets.federation import LocalFederation

SITES = ["site-1", "site-2"]


@pytest.fixture(scope="module")
def running(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Job]:
    """A job that runs until the end of this module, with all its processes up."""
    job = ours.job(ours.submit_job(str(write_job(tmp_path_factory.mktemp("running"), "handled", wait=True))))

    def up() -> bool:
        try:
            stats = job.stats()
        except (JobNotRunning, JobNotFound, NoConnection):
            return False
        return all("ClientRunner" in stats.get(site, {}) for site in SITES) and "ServerRunner" in stats["server"]

    try:
        wait_until(up)
        yield job
    finally:
        job.abort()
        job.wait(timeout=60, poll_interval=0.2)


def awaited(main: Callable[[], Coroutine[Any, Any, Any]], seconds: float = 60) -> Any:
    return asyncio.run(asyncio.wait_for(main(), seconds))


def test_handle_says_what_session_says(ours: Session, finished: Finished) -> None:
    job = ours.job(finished.job_id[:20])
    assert job == ours.job(finished.job_id)
    assert (job.id, job.name) == (finished.job_id, "finished-job")
    assert job.meta == ours.get_job_meta(job.id) == job.wait() == finished.meta
    assert job.status == "FINISHED:COMPLETED"
    assert job.logs() == ours.get_job_logs(job.id)
    assert job.logs("all", tail_lines=2) == ours.get_job_logs(job.id, "all", 2)
    assert job.components() == ours.list_job_components(job.id) == []
    for ask in (job.stats, job.errors):
        with pytest.raises(JobNotRunning):
            ask()
    assert re.fullmatch(rf"<Job {job.id} finished-job FINISHED:COMPLETED, \d+ s ago>", repr(job))
    nobody = ours.job("99999999-9999-4999-8999-999999999999")
    with pytest.raises(JobNotFound):
        nobody.status  # noqa: B018
    with pytest.raises(JobNotFound, match="begins with 'zz'"):
        ours.job("zz")


def test_running_job_by_handle(ours: Session, running: Job) -> None:
    assert running.status == "RUNNING"
    assert running.stats("client", ["site-2"])["site-2"]["ClientRunner"]["job_id"] == running.id
    assert set(running.stats()) == {"server", *SITES}
    assert running.errors() == ours.show_errors(running.id, "all")
    with pytest.raises(JobTimeout, match="it is still running"):
        running.wait(timeout=0.2, poll_interval=0.1)
    for refused in (running.delete, running.download):
        with pytest.raises(JobNotDone):
            refused()


def test_jobs_are_handles_newest_first(ours: Session, running: Job, finished: Finished) -> None:
    jobs = ours.jobs()
    assert [job.id for job in jobs] == [entry["job_id"] for entry in ours.list_jobs(reverse=True)]
    assert jobs.index(running) < jobs.index(ours.job(finished.job_id))
    assert ours.jobs(limit=1) == jobs[:1]
    assert ours.jobs(submit_token=finished.token) == [ours.job(finished.job_id)]
    assert running in ours.jobs(name_prefix="handled")
    row = next(line for line in repr(jobs).splitlines() if finished.job_id[:8] in line)
    assert row.split()[:2] == ["finished-job", "FINISHED:COMPLETED"]
    assert finished.job_id in jobs._repr_html_()


async def started(job: AsyncJob) -> None:
    """Return when the job runs."""
    async for meta in job.changes(poll_interval=0.05):
        if meta["status"] == "RUNNING":
            return
    raise AssertionError("the job ended before it was seen running")


def test_life_of_job_by_awaiting(federation: LocalFederation, finished: Finished, tmp_path: Path) -> None:
    """Submitted, cloned, aborted, watched, fetched and removed, without a thread that waits."""
    folder = write_job(tmp_path, "by-handle", wait=True, sites=1)

    async def main() -> None:
        async with connect_async(federation.admin_kit) as session:
            sent: list[tuple[int, int]] = []
            job = await session.job(await session.submit_job(str(folder), progress=lambda *p: sent.append(p)))
            assert sent[-1][0] == sent[-1][1] > 0
            clone = await job.clone()
            assert isinstance(clone, AsyncJob)
            assert await clone.name == await job.name == "by-handle"
            seen: list[str] = []

            async def watch() -> None:
                async for meta in job.changes(poll_interval=0.05):
                    seen.append(meta["status"])

            watching = asyncio.create_task(watch())
            # Deleted while it is being deployed, a job ends FLARE's job runner: then no other job starts.
            await asyncio.gather(started(job), started(clone))
            ends = asyncio.gather(job.wait(poll_interval=0.1), clone.wait(poll_interval=0.1))
            assert all(isinstance(said, str) for said in await asyncio.gather(job.abort(), clone.abort()))
            metas = await ends
            await watching
            assert [meta["job_id"] for meta in metas] == [job.id, clone.id]
            assert {meta["status"] for meta in metas} == {"FINISHED:ABORTED"}
            assert seen[-1] == "FINISHED:ABORTED"
            assert len(seen) == len(set(seen))
            assert (await clone.delete())["job_id"] == clone.id
            with pytest.raises(JobNotFound):
                await clone
            assert clone not in await session.jobs()
            await job.delete()

            ended = await session.job(finished.job_id[:13])
            assert await ended == finished.meta
            received: list[tuple[int, int]] = []
            where = await ended.download(str(tmp_path / "there"), progress=lambda *p: received.append(p))
            assert received[-1][0] > 2_500_000
            assert session.session.download_job_result(finished.job_id, str(tmp_path / "here")) != where
            assert contents(Path(where)) == contents(tmp_path / "here" / finished.job_id)
        with pytest.raises(SessionClosed):
            await session.list_jobs()

    awaited(main)


def test_many_waiters_survive_one_timeout(ours: Session, running: Job, finished: Finished) -> None:
    async def main() -> None:
        patient = asyncio.ensure_future(running.aio.wait(poll_interval=0.05))
        impatient = asyncio.wait_for(running.aio.wait(poll_interval=0.05), 0.3)
        jobs = [ours.job(finished.job_id) for _ in range(100)]
        metas = await asyncio.gather(*jobs)
        assert metas == [finished.meta] * 100
        with pytest.raises(asyncio.TimeoutError):
            await impatient
        assert not patient.done()
        patient.cancel()
        with pytest.raises(asyncio.CancelledError):
            await patient
        assert await running.aio.status == "RUNNING"

    awaited(main)


def test_cancelled_download_cleaned_and_session_works(ours: Session, finished: Finished, tmp_path: Path) -> None:
    async def main() -> None:
        started = asyncio.Event()
        job = ours.job(finished.job_id).aio

        async def progress(done: int, total: int) -> None:
            started.set()
            await asyncio.sleep(0.01)

        task = asyncio.create_task(job.download(str(tmp_path / "into"), progress=progress))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert list((tmp_path / "into").iterdir()) == []
        assert await job.status == "FINISHED:COMPLETED"

    awaited(main)


def test_asynchronous_session_watches_with_callbacks(ours: Session, running: Job) -> None:
    seen: list[Any] = []

    async def cb(session: Any, job_id: str, meta: dict[str, Any], word: str) -> bool:
        assert isinstance(session, AsyncSession)
        seen.append((await session.get_job_status(job_id), meta["status"], word))
        return len(seen) < 3

    async def main() -> None:
        code, meta = await ours.aio.monitor_job_and_return_job_meta(running.id, 0, 0.01, cb, word="w")
        assert (code, meta) == (MonitorReturnCode.ENDED_BY_CB, None)
        assert await ours.aio.monitor_job(running.id, 0.1, 0.05) is MonitorReturnCode.TIMEOUT

    awaited(main)
    assert seen == [("RUNNING", "RUNNING", "w")] * 3


def test_cell_of_real_kernel_awaits_job(federation: LocalFederation, finished: Finished, running: Job) -> None:
    """While it does, other code of the kernel runs; the handle is shown as HTML; a blocking session works there too."""
    cells = [
        "import asyncio, flare_widgets\n"
        f"session = flare_widgets.connect({str(federation.admin_kit)!r})\n"
        f"job = session.job({finished.job_id!r})\n"
        "job",
        "(await job)['status']",
        f"turns = 0\nwaiting = asyncio.ensure_future(session.job({running.id!r}).aio.wait(poll_interval=0.05))\n"
        "while turns < 20:\n    await asyncio.sleep(0.01)\n    turns += 1\n"
        "waiting.cancel()\n(turns, session.job(job.id[:8]).status)",
        "session.jobs(name_prefix='finished-job')",
        "async with flare_widgets.connect_async(session.kit.root) as other:\n"
        "    name = await (await other.job(job.id)).name\nsession.close()\nname",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    shown = [cell.outputs[-1]["data"] for cell in notebook.cells]
    assert "not asked yet" in shown[0]["text/html"]
    assert finished.job_id in shown[0]["text/plain"]
    assert shown[1]["text/plain"] == "'FINISHED:COMPLETED'"
    assert shown[2]["text/plain"] == "(20, 'FINISHED:COMPLETED')"
    assert finished.job_id in shown[3]["text/html"]
    assert shown[4]["text/plain"] == "'finished-job'"


NO_JOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"

#: Calls that change nothing, of every method that has such; ``ended`` and ``running`` stand for jobs.
CALLS: list[tuple[Any, ...]] = [
    ("list_jobs",),
    ("list_jobs", True, 3),
    ("list_jobs", "x"),
    ("jobs", 2),
    *[(m, j) for m in ("get_job_meta", "get_job_status", "wait_for_job") for j in ("ended", NO_JOB, "")],
    ("job", "ended"),
    ("monitor_job", "ended"),
    ("monitor_job_and_return_job_meta", "ended"),
    ("wait_for_job", "running", 0.1, 0.05),
    ("get_system_info",),
    ("get_connected_client_list",),
    ("get_available_apps_to_upload",),
    *[(m, t) for m in ("check_status", "report_resources", "report_version") for t in ("all", "nobody")],
    ("get_client_job_status",),
    ("get_client_env",),
    ("show_stats", "running", "server"),
    *[("show_errors", j, "all") for j in ("running", "ended")],
    ("list_job_components", "ended"),
    ("get_job_logs", "ended", "all", 3),
    ("get_job_logs", "ended", "server", -1),
    ("download_job_components", "ended"),
    ("download_job_result", "running"),
    ("delete_job", "running"),
    ("submit_job", "/nowhere"),
    ("ls_target", "server"),
    ("cat_target", "server", None, "local/resources.json"),
    ("head_target", "server", "-n2", "log.txt"),
    ("head_target_log", "site-1", "-n1"),
    ("tail_target", "site-1", "-n2", "local/resources.json"),
    ("tail_target_log", "server", "-n0"),
    ("grep_target", "server", "-c", "no such text", "log.txt"),
    ("get_working_directory", "site-2"),
    ("list_studies",),
    ("show_study", "nope"),
    ("remove_client", "nope"),
    *[(m, "server") for m in ("restart", "shutdown")],  # refused: a job is running
    ("shutdown_system",),
    ("do_app_command", NO_JOB, "topic", None),
    *[("do_command", line) for line in ("check_status client", f"download_job {NO_JOB}", "submit_job /nowhere", "")],
]


def shown(value: Any) -> Any:
    """An outcome without what grows with time."""
    text = json.dumps(value, default=str)
    text = re.sub(r'"(duration|last_connect_time|client_last_conn_time|time)": ("[^"]*"|[\d.]+)', r'"\1": 0', text)
    return re.sub(r"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", "a time", text)


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_both_faces_answer_same(ours: Session, running: Job, finished: Finished, call: tuple[Any, ...]) -> None:
    jobs = {"ended": finished.job_id, "running": running.id}
    method, *arguments = [jobs.get(word, word) if isinstance(word, str) else word for word in call]

    def handles(value: Any) -> Any:
        if isinstance(value, (Job, AsyncJob)):
            return value.id
        return [v.id for v in value] if method == "jobs" else value

    def blocking() -> Any:
        return handles(getattr(ours, method)(*arguments))

    def awaiting() -> Any:
        return handles(awaited(lambda: getattr(ours.aio, method)(*arguments)))

    def asked() -> tuple[Any, Any] | None:
        before, other, after = shown(outcome(blocking)), shown(outcome(awaiting)), shown(outcome(blocking))
        return (before, other) if before == after else None

    mine, other = wait_until(asked, 20)
    assert mine == other
    assert not ours.closed
