"""Large jobs and results on a real server: little memory, and links, servers and users that stop in the middle."""

from __future__ import annotations

import contextlib
import filecmp
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from common import ADMIN
from fragile import Fragile
from jobs import write_job
from network import WrappedTransport
from proxy import Proxy
from waiting import wait_until

from flare_widgets.api import NoConnection, Session, TransferCancelled, new_secure_session
from flare_widgets.api.transfer import remote_files, upload
from flare_widgets.kit import StartupKit
from flare_widgets.wire import frames, transports
from flare_widgets.wire.transports import Transport

ROOT = Path(__file__).resolve().parents[2]
MB = 1_000_000
SIZE = 60 * MB


def unstarted(folder: Path, name: str, ballast: int) -> Path:
    """A large job that is never started: it wants more sites than there are."""
    job = write_job(folder, name, ballast=ballast)
    meta = job / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 50'))
    return job


def over(session: Session, job_id: str) -> str:
    """End a job, so that it can be downloaded."""
    session.abort_job(job_id)
    wait_until(lambda: str(session.get_job_status(job_id)).startswith("FINISHED"), 20)
    return job_id


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A large job's folder."""
    return unstarted(tmp_path_factory.mktemp("large"), "large", SIZE)


@pytest.fixture(scope="module")
def stored(fragile: Fragile, large: Path) -> Iterator[str]:
    """The large job on the server; its result is large as well, since it has the job in it."""
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        job_id = over(session, session.submit_job(str(large)))
    yield job_id
    with new_secure_session(ADMIN, str(fragile.kit), timeout=30) as session:
        session.delete_job(job_id)


@pytest.fixture
def session(fragile: Fragile) -> Iterator[Session]:
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        yield session


@pytest.fixture
def way(fragile: Fragile) -> Proxy:
    """A way to the server that can be cut."""
    return Proxy(StartupKit.load(fragile.kit).port)


@contextlib.contextmanager
def connected(fragile: Fragile, way: Proxy, folder: Path) -> Iterator[Session]:
    """A session over a way that can be cut."""
    with way.running() as port, new_secure_session(ADMIN, str(fragile.altered_kit(folder, port=port))) as session:
        yield session


def is_whole(result: str, job: Path) -> bool:
    """Return True if a result has the same job in it, to the last byte."""
    for path in job.rglob("*"):
        twin = Path(result) / "job" / job.name / path.relative_to(job)
        if path.is_file() and not filecmp.cmp(path, twin, shallow=False):
            return False
    return (Path(result) / "meta.json").stat().st_size > 0


MEMORY = """
import json, sys
from flare_widgets.api import new_secure_session

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1000 for line in status if line.startswith("VmHWM"))

kit, job, into = sys.argv[1:]
with new_secure_session("", kit) as session:
    session.get_system_info()
    idle = peak()
    job_id = session.submit_job(job)
    up = peak()
    session.abort_job(job_id)
    while not session.get_job_status(job_id).startswith("FINISHED"):
        pass
    result = session.download_job_result(job_id, into)
    print(json.dumps([idle, up, peak(), result]))
    session.delete_job(job_id)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of a process")
def test_large_transfers_use_little_memory(fragile: Fragile, tmp_path: Path) -> None:
    job = unstarted(tmp_path, "very-large", 200 * MB)
    command = [sys.executable, "-c", MEMORY, str(fragile.kit), str(job), str(tmp_path / "into")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True)
    idle, after_upload, after_download, result = json.loads(done.stdout)
    assert is_whole(result, job)
    assert after_upload - idle < 40, "MB, for a job of 200 MB"
    assert after_download - idle < 40, "MB, for a result of 200 MB"
    assert [p.name for p in (tmp_path / "into").iterdir()] == [Path(result).name]


def test_cut_download_resumes_on_new_link(
    fragile: Fragile, way: Proxy, stored: str, large: Path, tmp_path: Path
) -> None:
    told: list[int] = []
    with connected(fragile, way, tmp_path) as session:
        way.cut_down = way.down + 20 * MB

        def progress(done: int, total: int) -> None:
            if told and told[-1] < 45 * MB <= done:
                way.cut_down = way.down  # and once more
            told.append(done)

        result = session.download_job_result(stored, str(tmp_path / "into"), progress=progress)
    assert way.cuts == 2
    assert is_whole(result, large)
    assert SIZE < way.down < SIZE + 22 * MB  # not from the beginning: what was on its way, and what is compared
    assert [p.name for p in (tmp_path / "into").iterdir()] == [stored]


def test_broken_download_resumes_at_next_call(
    fragile: Fragile, way: Proxy, stored: str, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "_RETRY_DELAYS_S", (0.1, 0.1))
    into = tmp_path / "into"
    with connected(fragile, way, tmp_path) as session:

        def gone(done: int, total: int) -> None:
            if done > 30 * MB and not way.closed:
                way.closed, way.cut_down = True, way.down

        with pytest.raises(NoConnection, match="The received part is kept"):
            session.download_job_result(stored, str(into), progress=gone)
        assert [p.name for p in into.iterdir()] == [f".{stored}.partial"]
        way.closed = False
        result = session.download_job_result(stored, str(into))
    assert is_whole(result, large)
    assert SIZE < way.down < SIZE + 12 * MB
    assert [p.name for p in into.iterdir()] == [stored]


def test_download_outlives_server_it_began_with(
    fragile: Fragile, session: Session, stored: str, large: Path, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if done > 20 * MB and not killed:
            server = fragile.server()
            server.kill()
            server.wait(10)
            killed.append(done)

    result = session.download_job_result(stored, str(tmp_path), progress=kill)
    assert killed
    assert is_whole(result, large)


def test_download_outlives_that_server_hangs(
    fragile: Fragile, session: Session, stored: str, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_files, "PART_TIMEOUTS_S", (0.5, 20.0))
    with contextlib.ExitStack() as stack:
        beats: list[int] = []

        def hang(done: int, total: int) -> None:
            if done > 20 * MB and not beats:
                stack.enter_context(fragile.hung())
            beats.extend([done] if done > 20 * MB else [])
            # Parts that were asked for ahead may have come. Told once a second: by now the request has been repeated.
            if len(beats) >= 3 and beats[-3] == beats[-1]:
                stack.close()

        result = session.download_job_result(stored, str(tmp_path), progress=hang)
    assert any(first == third < beats[-1] for first, third in zip(beats, beats[2:], strict=False))
    assert is_whole(result, large)


STOPS = {"cancel": TransferCancelled, "interrupt": KeyboardInterrupt}


def stop_at(at: int, how: str) -> Callable[[int, int], bool | None]:
    """A progress callback that stops a transfer when so many bytes are done."""

    def progress(done: int, total: int) -> bool | None:
        if done < at:
            return None
        if how == "interrupt":
            raise KeyboardInterrupt
        return False

    return progress


@pytest.mark.parametrize("how", STOPS)
def test_stopped_upload_leaves_nothing(
    fragile: Fragile,
    session: Session,
    large: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    server = fragile.server()

    def uploads() -> list[str]:
        return [f.path for f in server.open_files() if Path(f.path).parent == fragile.scratch]

    before = session.list_jobs()
    with pytest.raises(STOPS[how]):
        session.submit_job(str(large), progress=stop_at(30 * MB, how))
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: uploads() == [], 10)  # it was told, and has closed the file
    assert [job["job_id"] for job in session.list_jobs()] == [job["job_id"] for job in before]


@pytest.mark.parametrize("how", STOPS)
def test_stopped_download_leaves_nothing(
    fragile: Fragile, session: Session, stored: str, large: Path, tmp_path: Path, how: str
) -> None:
    ready = fragile.folder / "kits" / "server" / "transfer"  # where the server has what it offers
    before, stop, seen = set(ready.rglob("*.zip")), stop_at(30 * MB, how), list[Path]()

    def progress(done: int, total: int) -> bool | None:
        seen.extend(set(ready.rglob("*.zip")) - before)
        return stop(done, total)

    with pytest.raises(STOPS[how]):
        session.download_job_result(stored, str(tmp_path), progress=progress)
    assert list(tmp_path.iterdir()) == []
    assert seen
    wait_until(lambda: not set(ready.rglob("*.zip")) - before, 10)  # it was told
    assert session.get_job_meta(stored)["job_id"] == stored


INTERRUPTED = """
import json, sys
from flare_widgets.api import new_secure_session

def progress(done, total):
    if done > 20_000_000:
        print("midway", flush=True)
        sys.stdin.readline()

kit, job, stored, into = sys.argv[1:]
with new_secure_session("", kit) as session:
    for call in (lambda: session.submit_job(job, progress=progress),
                 lambda: session.download_job_result(stored, into, progress=progress)):
        try:
            call()
        except KeyboardInterrupt:
            print("interrupted", json.dumps([j["job_id"] for j in session.list_jobs()]), flush=True)
"""


def test_stop_button_stops_transfer(
    fragile: Fragile, session: Session, stored: str, large: Path, tmp_path: Path
) -> None:
    jobs = [job["job_id"] for job in session.list_jobs()]
    into, scratch = tmp_path / "into", tmp_path / "scratch"
    scratch.mkdir()
    command = [sys.executable, "-c", INTERRUPTED, str(fragile.kit), str(large), stored, str(into)]
    pipe, environment = subprocess.PIPE, {**os.environ, "TMPDIR": str(scratch)}
    process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    try:
        assert process.stdout is not None
        for _ in range(2):
            assert process.stdout.readline() == "midway\n"
            process.send_signal(signal.SIGINT)
            word, _, rest = process.stdout.readline().partition(" ")
            assert (word, json.loads(rest)) == ("interrupted", jobs)
        output, errors = process.communicate(timeout=30)
    finally:
        process.kill()
        process.communicate()
    assert (output, errors, process.returncode) == ("", "", 0)
    assert list(scratch.iterdir()) == []
    assert list(into.iterdir()) == []


class Losing(WrappedTransport):
    """A transport that loses a message: the first that is sent after so many bytes."""

    def __init__(self, real: Transport, after: int) -> None:
        super().__init__(real)
        self._left = after
        self.lost = 0

    async def send(self, frame: bytes) -> None:
        self._left -= len(frame)
        if self._left < 0 and not self.lost and frames.decode(frame).type is frames.FrameType.DATA:
            self.lost += 1
            return
        await self._real.send(frame)


def losing(monkeypatch: pytest.MonkeyPatch, after: int) -> list[Losing]:
    """Have connections lose a message; the connections."""
    opened: list[Losing] = []
    real_connect = transports.connect

    async def connect(kit: StartupKit) -> Transport:
        opened.append(Losing(await real_connect(kit), after))
        return opened[-1]

    monkeypatch.setattr(transports, "connect", connect)
    return opened


def test_lost_upload_chunk_is_resent(fragile: Fragile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = unstarted(tmp_path, "lost-chunk", 10 * MB)
    opened = losing(monkeypatch, 5 * MB)
    monkeypatch.setattr(upload, "PART_TIMEOUTS_S", (0.5, 20.0))
    told: list[int] = []
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        job_id = session.submit_job(str(job), progress=lambda done, total: told.append(done))
        result = session.download_job_result(over(session, job_id), str(tmp_path / "into"))
        assert [j["job_id"] for j in session.list_jobs(name_prefix="lost-chunk")] == [job_id]
        session.delete_job(job_id)
    assert [transport.lost for transport in opened] == [1]
    assert told != sorted(told)  # it began again
    assert is_whole(result, job)


def test_cut_upload_is_resent(fragile: Fragile, way: Proxy, session: Session, large: Path, tmp_path: Path) -> None:
    before = {job["job_id"] for job in session.list_jobs()}
    with connected(fragile, way, tmp_path) as cut:
        way.cut_up = way.up + 30 * MB
        job_id = cut.submit_job(str(large))
        assert {job["job_id"] for job in cut.list_jobs()} == before | {job_id}
        cut.abort_job(job_id)
    assert way.cuts == 1


def test_lost_download_request_is_resent(
    fragile: Fragile, stored: str, large: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = losing(monkeypatch, 20_000)
    monkeypatch.setattr(remote_files, "PART_TIMEOUTS_S", (0.5, 20.0))
    with new_secure_session(ADMIN, str(fragile.kit)) as session:
        result = session.download_job_result(stored, str(tmp_path))
    assert [transport.lost for transport in opened] == [1]
    assert is_whole(result, large)
