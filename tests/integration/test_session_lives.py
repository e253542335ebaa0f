"""A session outlives its server and its network: nothing is lost, nothing doubled, and the state is true."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import network
import pytest
from common import ADMIN
from fragile import Fragile
from jobs import write_job
from waiting import wait_until

from flare_widgets.api import (
    FlareError,
    MonitorReturnCode,
    NoConnection,
    OutcomeUnknown,
    Session,
    SessionState,
    SessionStatus,
    new_secure_session,
)
from flare_widgets.wire import keepalive
from flare_widgets.wire.session_state import TRANSITIONS

CONNECTING, READY, RECONNECTING = SessionState.CONNECTING, SessionState.READY, SessionState.RECONNECTING
EXPIRED, CLOSED = SessionState.EXPIRED, SessionState.CLOSED


class Observed:
    """A session, and every status it ever said it had."""

    def __init__(self, kit: Path) -> None:
        self.session = new_secure_session(ADMIN, str(kit))
        self.statuses: list[SessionStatus] = []
        self.session.subscribe(self.statuses.append)

    @property
    def states(self) -> list[SessionState]:
        """The states, in order, without repetitions: those only say another reason."""
        states = [status.state for status in self.statuses]
        return [state for n, state in enumerate(states) if n == 0 or state is not states[n - 1]]

    def was(self, *states: SessionState) -> bool:
        """Return True if those were all the states up to now, once they have been told."""
        with contextlib.suppress(AssertionError):
            wait_until(lambda: self.states == list(states), 15)
        assert self.states == list(states), self.statuses
        return self.session.state is states[-1]

    def close(self) -> None:
        began = time.monotonic()
        self.session.close()
        assert time.monotonic() - began < 1  # 0.05 s for the farewell, on any machine that is not overloaded
        wait_until(lambda: self.statuses[-1].state is CLOSED, 10)
        for before, after in zip(self.statuses, self.statuses[1:], strict=False):
            assert after.state in TRANSITIONS[before.state]
            assert after.since >= before.since


@pytest.fixture(scope="module")
def direct(fragile: Fragile) -> Iterator[Session]:
    """A session that nothing stands in the way of, to see what is on the server."""
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        yield session


@pytest.fixture
def proxy(fragile: Fragile, direct: Session) -> Iterator[network.Proxy]:
    with network.running(direct.kit.port) as proxy:
        yield proxy


@pytest.fixture
def observed(fragile: Fragile, proxy: network.Proxy, tmp_path: Path) -> Iterator[Observed]:
    """A session through a proxy."""
    observed = Observed(fragile.altered_kit(tmp_path, host="127.0.0.1", port=proxy.port))
    yield observed
    observed.close()


@pytest.fixture
def straight(fragile: Fragile) -> Iterator[Observed]:
    """A session that goes to the server itself."""
    observed = Observed(fragile.kit)
    yield observed
    observed.close()


@pytest.fixture
def call() -> Iterator[Callable[..., Future[Any]]]:
    pool = ThreadPoolExecutor(4)
    yield pool.submit
    pool.shutdown(wait=False)  # whoever still waits is told when the session is closed


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of 12 s is 2 s here."""
    monkeypatch.setattr(keepalive, "PROBE_AFTER_S", 1.0)
    monkeypatch.setattr(keepalive, "PROBE_TIMEOUT_S", 1.0)


def stored(folder: Path, name: str, ballast: int = 0) -> Path:
    """A job that is never started: it wants more sites than there are."""
    job = write_job(folder, name, ballast=ballast)
    meta = job / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 50'))
    return job


def named(session: Session, name: str) -> list[str]:
    return [job["job_id"] for job in session.list_jobs(name_prefix=name)]


class TestACutInTheMiddleOfAFrame:
    def test_while_listing(self, observed: Observed, proxy: network.Proxy) -> None:
        for direction in ("up", "down"):
            proxy.cut_after(direction, 9)
            assert isinstance(observed.session.list_jobs(), list)
        assert observed.was(READY, RECONNECTING, READY, RECONNECTING, READY)
        assert "connected again" in observed.statuses[-1].reason

    def test_in_upload(self, observed: Observed, proxy: network.Proxy, direct: Session, tmp_path: Path) -> None:
        job = stored(tmp_path, "cut-upload", ballast=3_000_000)
        proxy.cut_after("up", 1_500_000)
        assert named(direct, "cut-upload") == []
        job_id = observed.session.submit_job(str(job))
        assert named(direct, "cut-upload") == [job_id]
        assert observed.was(READY, RECONNECTING, READY)

    @pytest.mark.parametrize("token", [None, "my-own-token"])
    def test_when_submission_was_not_answered(
        self,
        observed: Observed,
        proxy: network.Proxy,
        direct: Session,
        call: Callable[..., Future[Any]],
        tmp_path: Path,
        token: str | None,
    ) -> None:
        name = f"unanswered-{token}"
        proxy.muted = True
        submitted = call(observed.session.submit_job, str(stored(tmp_path, name)), token)
        wait_until(lambda: named(direct, name))
        proxy.cut()
        assert [submitted.result(30)] == named(direct, name)
        assert observed.was(READY, RECONNECTING, READY)

    def test_when_clone_was_not_answered(
        self,
        observed: Observed,
        proxy: network.Proxy,
        direct: Session,
        call: Callable[..., Future[Any]],
        tmp_path: Path,
    ) -> None:
        job_id = direct.submit_job(str(stored(tmp_path, "cloned")))
        proxy.muted = True
        cloned = call(observed.session.clone_job, job_id)
        wait_until(lambda: len(named(direct, "cloned")) == 2)
        proxy.cut()
        with pytest.raises(
            OutcomeUnknown, match=r"It is unknown whether 'clone_job' was done.*list_jobs\(reverse=True\)"
        ):
            cloned.result(30)
        assert observed.was(READY, RECONNECTING, READY)
        # As the message says:
        newest = observed.session.list_jobs(name_prefix="cloned", reverse=True)[0]["job_id"]
        assert newest != job_id
        assert len(named(direct, "cloned")) == 2

    def test_in_download(self, observed: Observed, proxy: network.Proxy, direct: Session, tmp_path: Path) -> None:
        job_id = direct.submit_job(str(stored(tmp_path, "cut-download", ballast=3_000_000)))
        direct.abort_job(job_id)
        into = tmp_path / "results"

        def progress(received: int, _: int) -> None:
            if not cut:
                cut.append(received)
                proxy.cut_after("down", 100_000)

        cut: list[int] = []
        whole_or_nothing(observed.session, job_id, into, progress)
        assert cut
        assert observed.was(READY, RECONNECTING, READY)

    def test_while_monitoring(
        self,
        observed: Observed,
        proxy: network.Proxy,
        direct: Session,
        call: Callable[..., Future[Any]],
        tmp_path: Path,
    ) -> None:
        job_id = direct.submit_job(str(stored(tmp_path, "cut-monitor")))
        looks: list[str] = []

        def look(_: Any, job: str, meta: dict[str, Any]) -> bool:
            looks.append(meta["status"])
            return True

        watched = call(observed.session.monitor_job, job_id, 60, 0.05, look)
        for _ in range(3):
            looks.clear()
            wait_until(lambda: len(looks) > 2)
            proxy.cut()
        direct.abort_job(job_id)
        assert watched.result(60) is MonitorReturnCode.JOB_FINISHED
        assert observed.states.count(RECONNECTING) == 3
        assert observed.session.state is READY


def whole_or_nothing(session: Session, job_id: str, into: Path, progress: Callable[[int, int], None]) -> None:
    """Download; if that fails it says so and leaves nothing, and works the second time."""
    try:
        folder = session.download_job_result(job_id, str(into), progress=progress)
    except FlareError:
        assert list(into.iterdir()) == []
        wait_until(lambda: session.state is READY, 30)
        folder = session.download_job_result(job_id, str(into))
    (found,) = into.iterdir()
    assert Path(folder) == found
    assert (found / "meta.json").stat().st_size
    assert len(list((found / "job").rglob("ballast*"))) == 1


class TestANetworkThatGoesAwayWithoutAWord:
    def test_command_times_out_and_session_recovers(self, observed: Observed, proxy: network.Proxy) -> None:
        observed.session.set_timeout(0.5)
        proxy.stall()
        began = time.monotonic()
        with pytest.raises(NoConnection, match=r"did not answer 'list_jobs' within 0\.5 s"):
            observed.session.list_jobs()
        assert time.monotonic() - began < 2
        assert observed.was(READY, RECONNECTING)
        assert "no longer answers" in observed.statuses[1].reason
        with pytest.raises(NoConnection, match="The session keeps trying") as caught:
            observed.session.clone_job("j")
        assert not isinstance(caught.value, OutcomeUnknown)  # it was never sent
        proxy.resume()
        assert observed.was(READY, RECONNECTING, READY)  # without a command

    def test_upload_goes_on_over_new_connection(
        self, soon: None, observed: Observed, proxy: network.Proxy, direct: Session, tmp_path: Path
    ) -> None:
        def progress(sent: int, size: int) -> None:
            if not stalled:
                stalled.append(sent)
                proxy.stall()
                proxy.resume()

        stalled: list[int] = []
        job = stored(tmp_path, "stalled-upload", ballast=3_000_000)
        job_id = observed.session.submit_job(str(job), progress=progress)
        assert stalled
        assert named(direct, "stalled-upload") == [job_id]
        assert observed.was(READY, RECONNECTING, READY)

    def test_other_timeout_keeps_active_upload(self, observed: Observed, direct: Session, tmp_path: Path) -> None:
        link = observed.session._connection._connection
        assert link is not None

        def progress(sent: int, size: int) -> None:
            link._probe_requested.set()  # as a command does that was not answered in time
            time.sleep(0.1)

        job = stored(tmp_path, "doubted-upload", ballast=3_000_000)
        job_id = observed.session.submit_job(str(job), progress=progress)
        assert named(direct, "doubted-upload") == [job_id]
        assert observed.was(READY)
        assert observed.session._connection._connection is link


class TestAServerThatStopsAndContinues:
    def test_commands(self, fragile: Fragile, straight: Observed, direct: Session, tmp_path: Path) -> None:
        job_id = direct.submit_job(str(stored(tmp_path, "stopped-clone")))
        straight.session.set_timeout(0.5)
        with fragile.hung():
            with pytest.raises(NoConnection, match="did not answer 'list_jobs' within") as caught:
                straight.session.list_jobs()
            assert not isinstance(caught.value, OutcomeUnknown)
            with pytest.raises(OutcomeUnknown, match="did not answer 'clone_job' within"):
                straight.session.clone_job(job_id)
            assert straight.was(READY, RECONNECTING)
            with pytest.raises(NoConnection, match="The session keeps trying"):
                straight.session.list_jobs()
        assert straight.was(READY, RECONNECTING, READY)
        straight.session.unset_timeout()
        assert len(named(straight.session, "stopped-clone")) <= 2

    def test_transfers_and_monitoring(
        self,
        soon: None,
        fragile: Fragile,
        straight: Observed,
        direct: Session,
        call: Callable[..., Future[Any]],
        tmp_path: Path,
    ) -> None:
        job_id = direct.submit_job(str(stored(tmp_path, "stopped-job")))
        watched = call(straight.session.wait_for_job, job_id, 120, 0.2)
        done: list[Any] = []

        def resume() -> None:
            time.sleep(3)
            done[0].resume()

        def stop(*_: int) -> None:
            if not done:
                done.append(fragile.server())
                done[0].suspend()
                call(resume)

        new = straight.session.submit_job(
            str(stored(tmp_path / "2", "stopped-upload", ballast=3_000_000)), progress=stop
        )
        assert named(straight.session, "stopped-upload") == [new]
        assert straight.was(READY, RECONNECTING, READY)
        done.clear()
        straight.session.abort_job(new)
        whole_or_nothing(straight.session, new, tmp_path / "results", stop)
        wait_until(lambda: straight.session.state is READY, 30)
        straight.session.abort_job(job_id)
        assert watched.result(60)["job_id"] == job_id


def test_server_that_is_killed_and_restarted(
    fragile: Fragile, straight: Observed, direct: Session, call: Callable[..., Future[Any]], tmp_path: Path
) -> None:
    """While one job is watched, another submitted, and a third downloaded."""
    session = straight.session
    session.set_timeout(30)
    job_id = direct.submit_job(str(stored(tmp_path, "killed-job")))
    watched = call(session.wait_for_job, job_id, 120, 0.2)
    killed: list[Any] = []

    def kill(*_: int) -> None:
        if not killed:
            killed.append(fragile.server())
            killed[0].kill()
            killed[0].wait(10)

    submitted = session.submit_job(str(stored(tmp_path / "2", "killed-upload", ballast=3_000_000)), progress=kill)
    assert killed
    assert named(session, "killed-upload") == [submitted]
    assert straight.was(READY, RECONNECTING, READY)
    killed.clear()
    session.abort_job(submitted)
    downloaded = call(whole_or_nothing, session, submitted, tmp_path / "results", kill)
    wait_until(lambda: killed or downloaded.done())
    assert job_id in named(session, "killed-job")  # a read waits for the new server
    downloaded.result(60)
    assert straight.was(READY, RECONNECTING, READY, RECONNECTING, READY)
    session.abort_job(job_id)
    assert watched.result(60)["job_id"] == job_id


def test_expired_session_logs_in_with_notice(
    fragile: Fragile,
    straight: Observed,
    call: Callable[..., Future[Any]],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    session = straight.session

    def expired() -> bool:
        return session.state is EXPIRED

    def wait(*_: int) -> None:
        if not waited:
            waited.append(True)
            time.sleep(2.5)  # longer than a session may be idle here

    caplog.set_level(logging.INFO, "flare_widgets")
    fragile.forget_sessions(after=1.0)
    try:
        wait_until(expired, 20)
        assert isinstance(session.list_jobs(), list)
        assert "logged in again" in caplog.text
        assert "logged in again" in session.status.reason
        wait_until(expired, 20)
        waited: list[bool] = []
        job = stored(tmp_path, "expired", ballast=3_000_000)
        job_id = session.submit_job(str(job), progress=wait)
        assert waited
        assert named(session, "expired") == [job_id]
        wait_until(expired, 20)
        clone = session.clone_job(job_id)
        assert sorted(named(session, "expired")) == sorted([job_id, clone])
        waited.clear()
        session.abort_job(job_id)
        watched = call(session.wait_for_job, clone, 60, 1.2)
        whole_or_nothing(session, job_id, tmp_path / "results", wait)
        wait_until(expired, 20)
        session.abort_job(clone)
        assert watched.result(60)["job_id"] == clone
        assert set(straight.states) == {READY, EXPIRED, CONNECTING}
        assert all(a is EXPIRED for a, b in zip(straight.states, straight.states[1:], strict=False) if b is CONNECTING)
    finally:
        fragile.forget_sessions(after=1800)
