"""Handles on jobs, with a server that does as it is told. For real: the integration tests."""

from __future__ import annotations

import asyncio
import copy
import pickle
import threading
import time
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import kits
import pytest
from IPython.lib.pretty import pretty
from recording import Elements
from servers import FlareServer, ok

from flare_widgets.api import (
    AsyncJob,
    AsyncSession,
    InternalError,
    InvalidArgumentError,
    Job,
    JobNotFound,
    JobTimeout,
    MonitorReturnCode,
    NoConnection,
    Session,
    connect,
    connect_async,
)
from flare_widgets.api.job import JobHandle
from flare_widgets.errors import FlareError

DUPLICATES: dict[str, Callable[[Any], Any]] = {
    "pickle": pickle.dumps,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle in a list": lambda thing: pickle.dumps([thing]),
    "reduce": lambda thing: ForkingPickler.dumps(thing),  # as multiprocessing and concurrent.futures do
}

IDS = [f"{n}{n}4e28ba-2fa1-41d2-883f-0016d3cca42{n}" for n in (1, 2)]
IDS.append(IDS[0].replace("28ba", "99ba"))
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31m\u202egnp"


def entry(listed_id: str, **more: str) -> dict[str, str]:
    return {
        "job_id": listed_id,
        "job_name": "hello",
        "status": "RUNNING",
        "submit_time": "2026-11-23T22:40:03.858821+00:00",
        "duration": "0:00:15.837898",
        "study": "default",
        **more,
    }


class Life:
    """A job whose status changes with each look; the last for ever."""

    def __init__(self, *statuses: str) -> None:
        self.statuses = list(statuses)
        self.looks = 0

    def __call__(self, line: str) -> dict[str, Any]:
        self.looks += 1
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return ok(job_meta={"job_id": line.split()[1], "name": "hello", "status": status})


@pytest.fixture
def server() -> FlareServer:
    server = FlareServer()
    server.commands["list_jobs"] = ok(jobs=[entry(i) for i in IDS])
    server.commands["get_job_meta"] = Life("SUBMITTED", "RUNNING", "RUNNING", "FINISHED:COMPLETED")
    return server


def handle(session: Session, job_id: str = IDS[0]) -> Job:
    return session.job(job_id)


def asked(server: FlareServer, verb: str) -> int:
    return len([line for line in server.lines if line.split()[0] == verb])


def test_whole_id_costs_nothing(session: Session, server: FlareServer) -> None:
    before = len(server.lines)
    job = handle(session)
    assert job.id == IDS[0]
    assert repr(job) == str(job) == f"<Job {IDS[0]}, not asked yet>"
    assert "not asked yet" in job._repr_html_()
    assert len(server.lines) == before


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        (IDS[1][:1], IDS[1]),
        (IDS[0][:3], None),
        (IDS[0][:5], IDS[0]),
        (IDS[0][:-1], IDS[0]),
        ("3", None),
        ("-d", None),
        (IDS[0], IDS[0]),
    ],
)
def test_unique_id_prefix_finds_job(session: Session, prefix: str, found: str | None) -> None:
    """The server lists more than it was asked for: what does not begin so is not the job."""
    if found is not None:
        assert session.job(prefix).id == found
        return
    with pytest.raises(JobNotFound, match=f"id that begins with '{prefix}'") as caught:
        session.job(prefix)
    words = (
        f"2 jobs .*{IDS[0]}, {IDS[2]}. Pass more of it"
        if prefix == IDS[0][:3]
        else "Pass an id, not a name: list the jobs"
    )
    assert caught.match(words)


@pytest.mark.parametrize("job_id", ["", None, 5, ["x"]])
def test_invalid_id_is_refused_before_sending(session: Session, server: FlareServer, job_id: Any) -> None:
    before = len(server.lines)
    with pytest.raises(JobNotFound, match="pass the id of a job"):
        session.job(job_id)
    assert len(server.lines) == before


def test_handles_on_same_job_are_equal(session: Session, kit: Path) -> None:
    with connect(kit, timeout=5) as other:
        assert {handle(session), handle(other), session.job(IDS[0][:6])} == {handle(session)}
        assert handle(session) != handle(session, IDS[1])
        assert handle(session) != handle(session).aio
        assert handle(session).aio == handle(other).aio
        assert handle(session) != IDS[0]
    with pytest.raises(AttributeError):
        handle(session).id = "other"  # type: ignore[misc]
    with pytest.raises(AttributeError):
        handle(session).status = "other"


def test_last_known_state_shown_with_age(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = handle(session)
    assert job.name == "hello"
    assert asked(server, "get_job_meta") == 1
    assert repr(job) == f"<Job {IDS[0]} hello SUBMITTED, 0 s ago>"
    now = time.time()
    for later, age in ((30, "30 s"), (300, "5 min"), (8000, "2 h 13 min"), (200000, "2 days"), (-50, "0 s")):
        monkeypatch.setattr(time, "time", lambda later=later: now + later)
        assert repr(job).endswith(f" SUBMITTED, {age} ago>")
    monkeypatch.undo()
    assert job.name == "hello"
    assert asked(server, "get_job_meta") == 1  # a name does not change
    assert job.status == "RUNNING"
    assert job.meta["status"] == "RUNNING"
    assert "RUNNING" in repr(job)
    assert asked(server, "get_job_meta") == 3


def test_wait_ends_with_job_or_timeout(session: Session) -> None:
    job = handle(session)
    with pytest.raises(JobTimeout, match="it is still running"):
        job.wait(timeout=0.001, poll_interval=0.01)
    assert job.wait(poll_interval=0.001)["status"] == "FINISHED:COMPLETED"
    assert "FINISHED:COMPLETED" in repr(job)


def test_jobs_are_newest_first_in_table(session: Session, server: FlareServer) -> None:
    jobs = session.jobs(limit=3, name_prefix="h")
    assert server.lines[-1] == "list_jobs -r -m 3 -n h"
    session.jobs(reverse=False, id_prefix="1", submit_token="t")
    assert server.lines[-1] == "list_jobs 1 --submit-token t"
    assert [job.id for job in jobs] == IDS
    before = len(server.lines)
    heading, *rows, caption = repr(jobs).splitlines()
    assert pretty(jobs) == repr(jobs)
    assert heading.split() == ["name", "status", "submitted", "duration", "study", "id"]
    assert [row.split()[-1] for row in rows] == [i[:8] for i in IDS]
    assert caption.startswith("3 jobs, as of ")
    jobs.pop(0)
    jobs.reverse()
    assert [row.split()[-1] for row in repr(jobs).splitlines()[1:-1]] == [IDS[2][:8], IDS[1][:8]]
    assert [job.name for job in jobs] == ["hello", "hello"]
    assert len(server.lines) == before
    jobs.clear()
    assert repr(jobs).splitlines()[-1] == "no jobs"
    assert "no jobs" in jobs._repr_html_()


@pytest.mark.parametrize("field", ["job_id", "job_name", "status", "submit_time", "duration", "study"])
def test_hostile_words_are_only_text(session: Session, server: FlareServer, field: str) -> None:
    server.commands["list_jobs"] = ok(jobs=[entry(IDS[0], **{field: HOSTILE})])
    jobs = session.jobs()
    for shown in (jobs, jobs[0], jobs[0].aio):
        assert "\x1b" not in repr(shown)
        assert "\u202e" not in repr(shown)
        page = Elements(shown._repr_html_())
        assert page.tags <= {"table", "thead", "tbody", "tr", "th", "td", "div", "strong", "code", "small"}
        assert page.attributes <= {"class", "style", "title", "scope", "colspan"}
        assert "\x1b" not in page.words
    if field in ("job_name", "status"):
        assert "<script>alert(1)</script>" in Elements(jobs[0]._repr_html_()).words


@pytest.mark.parametrize("said", [5, None, [1], {"a": 1}, ""])
def test_invalid_job_facts_never_fail(session: Session, server: FlareServer, said: Any) -> None:
    facts = dict.fromkeys(("job_name", "status", "submit_time", "duration", "study"), said)
    server.commands["list_jobs"] = ok(jobs=[{"job_id": IDS[0], **facts}, {"job_id": said}, said])
    jobs = session.jobs()
    assert [job.id for job in jobs] == [IDS[0]]
    assert IDS[0] in repr(jobs[0])
    assert IDS[0][:8] in repr(jobs)
    assert IDS[0] in jobs._repr_html_()


def test_long_list_is_cut(session: Session, server: FlareServer) -> None:
    server.commands["list_jobs"] = ok(jobs=[entry(f"{n:08}{IDS[0][8:]}") for n in range(250)])
    jobs = session.jobs()
    assert len(jobs) == 250
    assert "... and 50 more" in repr(jobs)
    assert "... and 50 more" in jobs._repr_html_()
    assert len(repr(jobs).splitlines()) == 203


# What awaits


def test_many_jobs_are_awaited_without_threads(
    session: Session, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lives = {f"{n:08}{IDS[0][8:]}": Life("RUNNING", "FINISHED:COMPLETED") for n in range(50)}
    server.commands["get_job_meta"] = lambda line: lives[line.split()[1]](line)
    monkeypatch.setattr(JobHandle.wait, "__defaults__", (0.0, 0.01))  # `await job` has no poll_interval
    before = threading.active_count()

    async def main() -> list[dict[str, Any]]:
        metas = await asyncio.gather(*(session.job(job_id) for job_id in lives))
        assert threading.active_count() == before
        return metas

    metas = asyncio.run(main())
    assert [(m["job_id"], m["status"]) for m in metas] == [(job_id, "FINISHED:COMPLETED") for job_id in lives]
    assert {life.looks for life in lives.values()} == {2}


def test_handle_in_line_of_magic_is_its_id(session: Session) -> None:
    assert f"%flare report {handle(session)}" == f"%flare report {handle(session).id}"


def test_handle_that_was_awaited_knows_end(session: Session, server: FlareServer) -> None:
    server.commands["get_job_meta"] = Life("FINISHED:ABORTED")
    job = handle(session)

    async def main() -> dict[str, Any]:
        return await job

    assert asyncio.run(main())["status"] == "FINISHED:ABORTED"
    assert "FINISHED:ABORTED" in repr(job)


def test_await_keeps_loop_free_and_cancellable(session: Session, server: FlareServer) -> None:
    server.commands["get_job_meta"] = None  # hangs
    session.set_timeout(60)

    async def main() -> None:
        task = asyncio.ensure_future(session.job(IDS[0]).aio.wait())
        while asked(server, "get_job_meta") == 0:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await session.aio.list_jobs() != []

    asyncio.run(asyncio.wait_for(main(), 10))


def test_changes_are_told_once_each(session: Session) -> None:
    async def main() -> None:
        for job in (session.job(IDS[0]), session.job(IDS[0]).aio):
            session_statuses.append([meta["status"] async for meta in job.changes(poll_interval=0.001)])

    session_statuses: list[list[str]] = []
    asyncio.run(main())
    assert session_statuses == [["SUBMITTED", "RUNNING", "FINISHED:COMPLETED"], ["FINISHED:COMPLETED"]]


@pytest.mark.parametrize("status", [None, 5, ""])
def test_job_without_status_raises_error(session: Session, server: FlareServer, status: Any) -> None:
    server.commands["get_job_meta"] = ok(job_meta={"job_id": IDS[0], "status": status})

    async def main() -> None:
        async for _ in session.job(IDS[0]).changes():
            raise AssertionError("there is none")

    with pytest.raises(InternalError, match="did not return the status"):
        asyncio.run(main())
    with pytest.raises(InternalError, match="did not return the status"):
        session.job(IDS[0]).wait()
    with pytest.raises(InvalidArgumentError, match="poll_interval"):
        session.job(IDS[0]).wait(poll_interval=0)


def test_async_session_accepts_coroutine_callbacks(session: Session) -> None:
    seen: list[Any] = []

    async def later(owner: Any, job_id: str, meta: dict[str, Any], word: str) -> bool:
        await asyncio.sleep(0)
        seen.append((type(owner), job_id, meta["status"], word))
        return bool(meta["status"] != "RUNNING")

    def now(*arguments: Any) -> bool:
        seen.append(threading.current_thread() is threading.main_thread())
        return False

    async def main() -> None:
        code = await session.aio.monitor_job(IDS[0], 0, 0.001, later, "word")
        assert code is MonitorReturnCode.ENDED_BY_CB
        assert await session.aio.monitor_job(IDS[0], cb=now) is MonitorReturnCode.ENDED_BY_CB

    asyncio.run(main())
    assert seen == [(AsyncSession, IDS[0], status, "word") for status in ("SUBMITTED", "RUNNING")] + [True]
    with pytest.raises(TypeError, match=r"session\.aio"):
        session.monitor_job(IDS[0], 0, 0.001, later, "word")


def test_async_session_opens_by_both_ways(kit: Path, server: FlareServer) -> None:
    async def main() -> None:
        opening = connect_async(kit, study="mine", timeout=5)
        assert server.heard == []
        async with opening as session:
            assert isinstance(session, AsyncSession)
            job = (await session.jobs())[0]
            assert isinstance(job, AsyncJob)
            assert repr(session).startswith(f"<AsyncSession {kits.USER} → ")
            assert (session.username, session.study, session.closed) == (kits.USER, "mine", False)
            assert session.upload_dir == session.download_dir == str(kit / "transfer")
            session.set_timeout(7.5)
            await session.list_jobs()
            assert server.commanded[-1]["meta"] == {"cmd_timeout": 7.5}
            session.unset_timeout()
            await session.list_jobs()
            assert "meta" not in server.commanded[-1]
        assert session.closed
        session = await connect_async(kit, timeout=5)
        closed = [session.closed]
        await session.close()
        await session.close()
        assert [*closed, session.closed] == [False, True]
        with pytest.raises(ValueError, match="unsupported characters"):
            await connect_async(kit, study="A B")
        with pytest.raises(ValueError, match="timeout must be"):
            await (await connect_async(kit)).try_connect(0)

    asyncio.run(main())


def test_cancelled_opening_leaves_nothing_open(kit: Path, server: FlareServer) -> None:
    server.challenge = lambda answer: None

    async def main() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(connect_async(kit, timeout=60), 0.5)
        deadline = time.monotonic() + 10
        while server.sockets:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    asyncio.run(main())
    assert any(h.get("cn__topic") == "challenge" for h in server.heard)


def test_asynchronous_session_shares_connection(session: Session, server: FlareServer) -> None:
    async def main() -> None:
        assert [j["job_id"] for j in await session.aio.list_jobs()] == IDS
        assert len(server.sockets) == 1
        await session.aio.close()

    asyncio.run(main())
    assert session.closed


def test_lost_server_error_matches_both_faces(kit: Path, server: FlareServer) -> None:
    server.commands["get_job_meta"] = None
    with connect(kit, timeout=5) as session:
        session.set_timeout(0.1)
        with pytest.raises(NoConnection):
            session.get_job_meta("j")
        with pytest.raises(NoConnection):
            asyncio.run(session.aio.get_job_meta("j"))


def test_async_progress_runs_in_awaiting_loop(kit: Path, server: FlareServer, tmp_path: Path) -> None:
    """Its exception ends the transfer, as it does where nothing is awaited."""
    told: list[Any] = []

    class Enough(Exception):
        pass

    async def progress(done: int, total: int) -> None:
        await asyncio.sleep(0)
        told.append((threading.current_thread() is threading.main_thread(), asyncio.get_running_loop()))
        raise Enough

    folder = tmp_path / "job"
    folder.mkdir()
    (folder / "meta.json").write_text('{"name": "job", "deploy_map": {"app": ["@ALL"]}}')
    (folder / "app").mkdir()

    async def main() -> None:
        async with connect_async(kit, timeout=5) as session:
            from flare_widgets.api.transfer import upload as transfer

            def upload(link: Any, kit: Any, folder: Any, command: Any, progress: Any) -> Any:
                progress(1, 2)
                raise AssertionError("not reached")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(transfer, "upload_folder", upload)
                with pytest.raises(Enough):
                    await session.submit_job(str(folder), progress=progress)
            assert told == [(True, asyncio.get_running_loop())]

    asyncio.run(main())


@pytest.mark.parametrize("duplicate", DUPLICATES)
@pytest.mark.parametrize("kind", ["session", "asynchronous session", "job", "asynchronous job", "kit"])
def test_pickle_or_copy_says_what_to_hand_over(kit: Path, server: FlareServer, duplicate: str, kind: str) -> None:
    with connect(kit, timeout=5) as session:
        thing = {
            "session": session,
            "asynchronous session": session.aio,
            "job": session._create_job_handle(IDS[0]),
            "asynchronous job": session.aio._create_job_handle(IDS[0]),
            "kit": session.kit,
        }[kind]
        with pytest.raises(TypeError) as caught:
            DUPLICATES[duplicate](thing)
    assert isinstance(caught.value, FlareError)
    assert "cannot be pickled or copied" in str(caught.value)
    assert "Hand over" in str(caught.value)
    assert repr(str(kit)) in str(caught.value)
    assert (repr(IDS[0]) in str(caught.value)) == ("job" in kind)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)  # it comes back from another process


def lives(server: FlareServer, **statuses: list[str]) -> list[str]:
    """Let jobs have these statuses, one at each look; return their ids."""
    each = {f"{name}{IDS[0][len(name) :]}": Life(*statuses) for name, statuses in statuses.items()}
    server.commands["get_job_meta"] = lambda line: each[line.split()[1]](line)
    return list(each)


def test_many_jobs_are_awaited_together(session: Session, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING", "FINISHED:COMPLETED"], bb=["FINISHED:ABORTED"])
    ended = session.wait_for_jobs([*ids, ids[0]], poll_interval=0.001)
    assert {i: meta["status"] for i, meta in ended.items()} == {
        ids[0]: "FINISHED:COMPLETED",
        ids[1]: "FINISHED:ABORTED",
    }
    assert session.wait_for_jobs([]) == {}


def test_first_of_many_ends_the_wait(session: Session, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING"], bb=["RUNNING", "FINISHED:COMPLETED"])
    assert list(session.wait_for_jobs(ids, poll_interval=0.001, first=True)) == [ids[1]]


def test_jobs_that_do_not_end_are_counted(session: Session, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING"], bb=["FINISHED:COMPLETED"])
    with pytest.raises(JobTimeout) as caught:
        session.wait_for_jobs(ids, timeout=0.02, poll_interval=0.001)
    assert caught.value.job_id == ids[0]
    assert caught.value.description.startswith("1 of 2 jobs")


def test_jobs_come_as_they_complete(session: Session, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING", "RUNNING", "FINISHED:COMPLETED"], bb=["RUNNING", "FINISHED:COMPLETED"])
    assert [job.id for job in session.as_completed(ids, poll_interval=0.001)] == ids[::-1]


def test_jobs_come_as_they_complete_by_awaiting(kit: Path, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING", "FINISHED:COMPLETED"], bb=["FINISHED:COMPLETED"])

    async def collect() -> list[str]:
        async with await connect_async(kit, timeout=5) as session:
            return [job.id async for job in session.as_completed(ids, timeout=5, poll_interval=0.001)]

    assert asyncio.run(collect()) == ids[::-1]


def test_jobs_that_never_complete_time_out(session: Session, server: FlareServer) -> None:
    ids = lives(server, aa=["RUNNING"])
    with pytest.raises(JobTimeout):
        list(session.as_completed(ids, timeout=0.02, poll_interval=0.001))
