"""Our client beside nvflare's while a job runs: watching it, what is refused meanwhile, and ending it.

The tests share two jobs that last until the last of the tests ends and removes them.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from common import Finished
from jobs import write_job
from oracle import Oracle, outcome
from test_session import same
from waiting import wait_until

from flare_widgets.api import InvalidArgumentError, JobTimeout, MonitorReturnCode, Session
from flare_widgets.federation import LocalFederation

ROOT = Path(__file__).resolve().parents[2]
TOKEN = f"token-{time.time_ns()}"


@pytest.fixture(scope="module")
def running(ours: Session, oracle: Oracle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """A job submitted by our client and its clone by nvflare's, both running."""
    folder = write_job(tmp_path_factory.mktemp("jobs"), "waiting-job", wait=True)
    mine = ours.submit_job(str(folder), TOKEN)
    other = oracle("clone_job", mine)["value"]
    try:
        for job in (mine, other):
            wait_until(lambda: ours.get_job_status(job) == "RUNNING")  # noqa: B023
        yield mine, other
    finally:
        for job in {mine, other} & {j["job_id"] for j in ours.list_jobs()}:
            ours.abort_job(job)


def test_clone_is_same_job_again(ours: Session, oracle: Oracle, running: tuple[str, str]) -> None:
    original, clone = (ours.get_job_meta(job) for job in running)
    for key in ("name", "deploy_map", "min_clients", "study", "submitter_name", "job_folder_name", "byoc"):
        assert clone[key] == original[key]
    assert clone["job_id"] != original["job_id"]


@pytest.mark.parametrize("method", ["get_system_info", "list_jobs"])
def test_what_runs_is_seen_by_both(ours: Session, oracle: Oracle, running: tuple[str, str], method: str) -> None:
    answer = same(getattr(ours, method), lambda: oracle(method))
    assert all(job in str(answer) for job in running)


@pytest.mark.parametrize("method", ["delete_job", "download_job_result"])
def test_what_needs_end_is_refused(ours: Session, oracle: Oracle, running: tuple[str, str], method: str) -> None:
    answer = same(lambda: getattr(ours, method)(running[0]), lambda: oracle(method, running[0]))
    assert answer["error"] == "JobNotDone"


@pytest.mark.parametrize("method", ["monitor_job", "monitor_job_and_return_job_meta", "wait_for_job"])
def test_waiting_has_end(ours: Session, oracle: Oracle, running: tuple[str, str], method: str) -> None:
    began = time.monotonic()
    mine = outcome(lambda: getattr(ours, method)(running[0], timeout=0.5, poll_interval=0.1))
    took = time.monotonic() - began
    other = oracle(method, running[0], timeout=0.5, poll_interval=0.1)
    assert (mine.get("value"), mine.get("error")) == (other.get("value"), other.get("error"))
    assert "TIMEOUT" in str(mine) or mine["error"] == JobTimeout.__name__
    assert 0.5 <= took < 3


@pytest.mark.parametrize("options", [{"timeout": -1}, {"poll_interval": 0}, {"poll_interval": -1}], ids=str)
@pytest.mark.parametrize("method", ["monitor_job", "wait_for_job"])
def test_impossible_times_are_refused(
    ours: Session, oracle: Oracle, running: tuple[str, str], method: str, options: dict[str, Any]
) -> None:
    answer = same(lambda: getattr(ours, method)(running[0], **options), lambda: oracle(method, running[0], **options))
    assert answer["error"] == "ValueError"  # as both are compared: nvflare's InvalidArgumentError, and ours
    with pytest.raises(InvalidArgumentError):
        getattr(ours, method)(running[0], **options)


class Callback:
    """Takes note of its calls, and returns what it is told."""

    def __init__(self, *results: Any) -> None:
        self._results = iter(results)
        self.calls: list[list[Any]] = []
        self.threads: set[threading.Thread] = set()

    def __call__(self, session: Session, job_id: str, meta: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        self.calls.append([session, job_id, meta["status"], list(args), kwargs])
        self.threads.add(threading.current_thread())
        result = next(self._results)
        if isinstance(result, BaseException):
            raise result
        return result


@pytest.mark.parametrize("method", ["monitor_job", "monitor_job_and_return_job_meta"])
@pytest.mark.parametrize("results", [[True, True, False], [False], [1, 0], ["x", None], [True, ""]], ids=str)
def test_callback_arguments_match_nvflare(
    ours: Session, oracle: Oracle, running: tuple[str, str], method: str, results: list[Any]
) -> None:
    callback = Callback(*results)
    job = running[0]
    mine = outcome(lambda: getattr(ours, method)(job, 0, 0.05, callback, "a", 1, key="value"))
    # By keyword, the callback's own positional arguments cannot be given: nvflare has the same parameters.
    other = oracle(method, job, timeout=0, poll_interval=0.05, cb=results, key="value")
    assert mine["value"] == other["value"]
    assert "ENDED_BY_CB" in str(mine)
    assert callback.calls == [[ours, job, "RUNNING", ["a", 1], {"key": "value"}]] * len(results)
    assert other["calls"] == [[True, job, "RUNNING", [], {"key": "value"}]] * len(results)
    assert callback.threads == {threading.current_thread()}


def test_callback_runs_in_thread_that_waits(ours: Session, running: tuple[str, str]) -> None:
    callback = Callback(True, True, False)
    with ThreadPoolExecutor(1) as pool:
        thread = pool.submit(threading.current_thread).result()
        code = pool.submit(ours.monitor_job, running[0], 0, 0.05, callback).result(20)
    assert code is MonitorReturnCode.ENDED_BY_CB
    assert callback.threads == {thread}


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt(), SystemExit(3)])
def test_what_callback_raises_comes_through(ours: Session, running: tuple[str, str], error: BaseException) -> None:
    callback = Callback(True, error)
    with pytest.raises(type(error)) as caught:
        ours.monitor_job(running[0], 0, 0.05, callback)
    assert caught.value is error
    assert ours.get_job_status(running[0]) == "RUNNING"


def test_callback_may_use_session(ours: Session, running: tuple[str, str]) -> None:
    found = []

    def callback(session: Session, job_id: str, meta: dict[str, Any]) -> bool:
        found.append(session.get_job_status(job_id))
        return len(found) < 2

    assert ours.monitor_job(running[0], 5, 0.05, callback) is MonitorReturnCode.ENDED_BY_CB
    assert found == ["RUNNING", "RUNNING"]


def test_callback_sees_end_too(ours: Session, finished: Finished) -> None:
    callback = Callback(True)
    assert ours.monitor_job(finished.job_id, 5, 0.05, callback) is MonitorReturnCode.JOB_FINISHED
    assert [call[2] for call in callback.calls] == ["FINISHED:COMPLETED"]
    assert ours.monitor_job(finished.job_id, 5, 0.05, Callback(False)) is MonitorReturnCode.ENDED_BY_CB


def test_sixteen_threads_share_session(ours: Session, running: tuple[str, str], finished: Finished) -> None:
    expected = {running[0]: "RUNNING", running[1]: "RUNNING", finished.job_id: "FINISHED:COMPLETED"}
    jobs = list(expected)

    def ask(number: int) -> list[str]:
        wrong = []
        for turn in range(12):
            job = jobs[(number + turn) % len(jobs)]
            meta = ours.get_job_meta(job)
            if (meta["job_id"], meta["status"]) != (job, expected[job]):
                wrong.append(f"{job}: {meta}")
            listed = ours.list_jobs(id_prefix=job)
            if [j["job_id"] for j in listed] != [job]:
                wrong.append(f"{job}: {listed}")
            if {c.name for c in ours.get_system_info().client_info} != {"site-1", "site-2"}:
                wrong.append("sites")
        return wrong

    with ThreadPoolExecutor(16) as pool:
        assert [w for wrong in pool.map(ask, range(16)) for w in wrong] == []


def test_threads_do_not_pile_up(federation: LocalFederation, finished: Finished, tmp_path: Path) -> None:
    code = """
import os, sys, threading
from concurrent.futures import ThreadPoolExecutor
from flare_widgets.api import new_secure_session
kit, job, into = sys.argv[1:]
with new_secure_session("", kit) as session:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(lambda _: session.get_job_status(job), range(200)))) == 1
    session.download_job_result(job, into)
    session.monitor_job(job)
    names = sorted(t.name for t in threading.enumerate() if t.name != "flare-resolve")
print(names, sorted(t.name for t in threading.enumerate()), len(os.listdir("/proc/self/task")))
"""
    output = run_script(code, str(federation.admin_kit), finished.job_id, str(tmp_path))
    assert output == "['MainThread', 'flare-io'] ['MainThread', 'flare-io'] 2"


WAITS = {
    "wait_for_job": "session.wait_for_job(job, poll_interval=60)",
    "monitor_job": "session.monitor_job(job, poll_interval=60)",
    "many calls": "[session.get_job_status(job) for _ in range(10**6)]",
}


@pytest.mark.parametrize("wait", WAITS)
def test_interrupt_returns_immediately_and_session_usable(
    federation: LocalFederation, running: tuple[str, str], wait: str
) -> None:
    code = f"""
import sys
from flare_widgets.api import new_secure_session
kit, job = sys.argv[1:]
with new_secure_session("", kit) as session:
    try:
        print("waiting", flush=True)
        {WAITS[wait]}
    except KeyboardInterrupt:
        print("interrupted", session.get_job_status(job), session.closed, flush=True)
"""
    arguments = [str(federation.admin_kit), running[0]]
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.2)  # to be in the midst of it; whenever the interrupt comes, it must work
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
    assert time.monotonic() - began < 5
    assert (output, errors, process.returncode) == ("interrupted RUNNING False\n", "", 0)


def test_jobs_aborted_and_deleted_like_nvflare(
    ours: Session, oracle: Oracle, running: tuple[str, str], tmp_path: Path
) -> None:
    mine, other = running
    told = ours.abort_job(mine)
    assert told == oracle("abort_job", other)["value"]
    assert told
    for job in running:
        assert ours.wait_for_job(job, timeout=60, poll_interval=0.2)["status"] == "FINISHED:ABORTED"
    assert ours.delete_job(mine) == {"job_id": mine, "submit_records_marked_deleted": 1}
    assert oracle("delete_job", other)["value"] == {"job_id": other, "submit_records_marked_deleted": 0}
    for job in running:
        answer = same(lambda: ours.get_job_meta(job), lambda: oracle("get_job_meta", job))  # noqa: B023
        assert answer["error"] == "JobNotFound"
        assert job not in [j["job_id"] for j in ours.list_jobs()]
    folder = str(write_job(tmp_path, "waiting-job", wait=True))
    answer = same(lambda: ours.submit_job(folder, TOKEN), lambda: oracle("submit_job", folder, TOKEN))
    assert (answer["error"], answer["attributes"]["job_id"]) == ("SubmitTokenJobDeleted", mine)


def run_script(code: str, *arguments: str) -> str:
    """Return the output of a new Python process."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
