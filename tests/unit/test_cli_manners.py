"""``flare-widgets`` as a program: exit codes, what goes where, and closed or full streams."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kits
import pytest
from servers import FlareServer, ok

import flare_widgets
from flare_widgets import cli, errors
from flare_widgets.cli import exit_code_for, jobs
from flare_widgets.cli.command import ExitCode, OutputLost, StatusLine
from flare_widgets.errors import FlareError
from flare_widgets.federation import LocalFederation, RunningFederation
from flare_widgets.wire import fobs
from flare_widgets.wire.frames import Frame

JOB_ID = "76b8f0c2-0000-4000-8000-000000000001"


class FakeSession:
    """A session that submits whatever it is given."""

    def __init__(self) -> None:
        self.submitted: list[tuple[str, str | None]] = []
        self.failure: BaseException | None = None

    def submit_job(self, folder: str, token: str | None, progress: Any) -> str:
        progress(1, 2)
        self.submitted.append((folder, token))
        return JOB_ID

    def list_jobs(self, **_: Any) -> list[dict[str, Any]]:
        if self.failure is not None:
            raise self.failure
        return []


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> FakeSession:
    session = FakeSession()

    @contextlib.contextmanager
    def open_session(*_: Any) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(session=session, find_job_id=lambda job: job)

    monkeypatch.setattr(jobs, "open_session", open_session)
    return session


def run_program(line: str, *, module: str = "flare_widgets") -> subprocess.CompletedProcess[str]:
    """Run the command line in a shell, which can close its streams."""
    program = f"{sys.executable} -m {module} {line}"
    return subprocess.run(["sh", "-c", program], capture_output=True, text=True, timeout=60)


# -- exit codes ------------------------------------------------------------------------------------------------


def all_errors(kind: type[FlareError] = FlareError) -> list[type[FlareError]]:
    below = [each for sub in kind.__subclasses__() for each in all_errors(sub)]
    return [each for each in [kind, *below] if each.__module__ == errors.__name__]


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
def test_exit_code_of_error_follows_its_group(kind: type[FlareError]) -> None:
    error = kind("it failed")
    groups = [
        (errors.PermissionDenied, ExitCode.NOT_PERMITTED),
        (errors.NoConnection, ExitCode.NO_CONNECTION),
        (errors.JobTimeout, ExitCode.TIMEOUT),
        (errors.SystemTimeout, ExitCode.TIMEOUT),
    ]
    expected = next((code for group, code in groups if isinstance(error, group)), ExitCode.FAILED)
    assert exit_code_for(error) is expected
    assert exit_code_for(OutputLost("no")) is ExitCode.OUTPUT_LOST


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (errors.ConfigError("no kit", next_step="Pass one"), 1),
        (errors.NoConnection("no answer"), 3),
        (errors.ReadOnlySession("read-only"), 4),
        (errors.JobTimeout("too late"), 5),
        (KeyboardInterrupt(), 130),
        (OSError(errno.EACCES, "Permission denied", "/hidden/file"), 1),
        (ValueError("no number"), 1),
    ],
)
def test_failure_is_said_on_stderr_only(
    failure: BaseException, code: int, session: FakeSession, capsys: pytest.CaptureFixture[str]
) -> None:
    session.failure = failure
    assert cli.main(["jobs"]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == (0 if code == 130 else 1)
    assert "/hidden" not in err


def test_every_exit_code_is_documented() -> None:
    help_text = " ".join(cli.make_parser().format_help().split())
    for code in ExitCode:
        assert f"{code.value} {code.meaning}" in help_text
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text()
    assert "<!-- made: exit-codes -->" in page


@pytest.mark.parametrize("line", ["", "nothing", "jobs --limit few", "submit", "up --scheme carrier-pigeon"])
def test_invalid_line_is_usage_error(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(line.split())
    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (2, "")
    assert "usage: flare-widgets" in err


# -- streams ---------------------------------------------------------------------------------------------------


def test_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr() == (f"flare-widgets {flare_widgets.__version__}\n", "")


@pytest.mark.parametrize("module", ["flare_widgets", "flare_widgets.cli"])
def test_package_runs_as_program(module: str) -> None:
    done = run_program("--version", module=module)
    assert (done.returncode, done.stdout) == (0, f"flare-widgets {flare_widgets.__version__}\n")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "0>&- 2>&-"])
@pytest.mark.parametrize(("line", "code"), [("jobs --kit /nonexistent", 1), ("jobs --limit few", 2)])
def test_error_without_stderr_is_no_output(line: str, code: int, streams: str) -> None:
    done = run_program(f"{line} {streams}")
    assert (done.returncode, done.stdout) == (code, "")


@pytest.mark.parametrize("stream", [">&-", ">/dev/full"])
def test_result_that_is_lost_has_exit_code(stream: str, tmp_path: Path) -> None:
    done = run_program(f"check --offline --json {tmp_path} {stream}")
    assert done.returncode == ExitCode.OUTPUT_LOST
    assert "the result cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


class FullDisk:
    """An output on a full disk."""

    encoding = "utf-8"

    def __init__(self, number: int = errno.ENOSPC) -> None:
        self.number = number

    def write(self, _: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def flush(self) -> None:
        raise OSError(self.number, os.strerror(self.number))

    def isatty(self) -> bool:
        return False


@pytest.mark.parametrize("output", [None, FullDisk(), FullDisk(errno.EIO)])
@pytest.mark.parametrize("more", [[], ["--json"], ["--monitor"]])
def test_id_of_submitted_job_is_never_lost(
    output: Any, more: list[str], session: FakeSession, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "stdout", output)
    assert cli.main(["submit", "jobs/hello", "--token", "mine", *more]) == ExitCode.OUTPUT_LOST
    assert session.submitted == [("jobs/hello", "mine")]
    assert f"the job was submitted: its id is {JOB_ID}" in capsys.readouterr().err


class TokenServer(FlareServer):
    """Takes each submit token once, as FLARE's server does.

    Attributes
    ----------
    submitted
        The ids of the jobs, by token.
    """

    def __init__(self) -> None:
        super().__init__()
        self.submitted: dict[str, str] = {}

    def _answer(self, frame: Frame) -> bytes | None:
        if frame.headers.get("sm__ch") != "aux_communication":
            return super()._answer(frame)
        headers = fobs.decode(frame.payload)[fobs.HEADERS]
        line = json.loads(headers["ObjectStreamer.CTX"]["conn_data"])["data"][0]["data"]
        token = line.partition("--submit-token ")[2]
        job_id = self.submitted.setdefault(token, f"{len(self.submitted) + 1:08}-0000-4000-8000-000000000001")
        result = {"__rc__": "OK", "ObjectStreamer.END_RESULT": json.dumps(ok(job_id=job_id))}
        return self._stream("return_only", "x", {fobs.HEADERS: result}, {"sm__ri": frame.headers["sm__ri"]})


def test_repeated_token_finds_job_whose_id_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    server = TokenServer()
    folder = tmp_path / "hello"
    (folder / "app").mkdir(parents=True)
    (folder / "meta.json").write_text('{"deploy_map": {"app": ["@ALL"]}, "min_clients": 1}')
    with server.running() as port:
        kit = str(kits.write_kit(tmp_path / "kit", host="127.0.0.1", port=port))
        line = ["submit", str(folder), "--kit", kit, "--token"]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", FullDisk())
            assert cli.main([*line, "T"]) == ExitCode.OUTPUT_LOST
        assert server.submitted["T"] in capsys.readouterr().err
        assert cli.main([*line, "T"]) == ExitCode.DONE
        assert capsys.readouterr() == (f"{server.submitted['T']}\n", "")
        assert list(server.submitted) == ["T"]
        assert cli.main([*line, "another"]) == ExitCode.DONE
        assert capsys.readouterr().out.strip() != server.submitted["T"]


def test_id_is_said_when_reader_has_gone(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", FullDisk(errno.EPIPE))
    assert cli.main(["submit", "jobs/hello"]) == ExitCode.DONE
    assert JOB_ID in capsys.readouterr().err


@pytest.mark.parametrize("failure", [KeyboardInterrupt(), errors.NoConnection("no answer")])
def test_id_is_said_when_watching_as_json_ends(
    failure: BaseException, session: FakeSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def watch(*_: Any) -> None:
        raise failure

    monkeypatch.setattr("flare_widgets.monitoring.console.watch_job", watch)
    assert cli.main(["submit", "jobs/hello", "--monitor", "--json"]) == exit_code_of(failure)
    out, err = capsys.readouterr()
    assert out == ""
    assert JOB_ID in err


def exit_code_of(failure: BaseException) -> int:
    return ExitCode.INTERRUPTED if isinstance(failure, KeyboardInterrupt) else ExitCode.NO_CONNECTION


def test_status_line_without_stderr_is_harmless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    line = StatusLine()
    line.update("preparing")
    line.clear()


def test_submit_without_stderr_prints_id(
    session: FakeSession, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    assert cli.main(["submit", "jobs/hello"]) == ExitCode.DONE
    assert capsys.readouterr().out == f"{JOB_ID}\n"
    assert len(session.submitted) == 1


def test_lost_terminal_does_not_end_command(monkeypatch: pytest.MonkeyPatch) -> None:
    class LostTerminal(FullDisk):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stderr", LostTerminal(errno.EIO))
    line = StatusLine()
    line.update("preparing")
    line.clear()
    assert sys.stderr is None


# -- up --------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> RunningFederation:
    """A federation that runs on this machine; a start of another would fail."""
    monkeypatch.setattr(RunningFederation, "is_in_default_folder", True)
    up = RunningFederation(
        "local", ("a", "b"), 8002, Path("/f"), 0.0, 600.0, False, "tcp", {"ada@example.org": "lead"}
    )  # fmt: skip
    monkeypatch.setattr(LocalFederation, "list_running", lambda: [up])
    monkeypatch.setattr(LocalFederation, "start", lambda _: pytest.fail("started another"))
    return up


@pytest.mark.parametrize(
    "line",
    ["", "-n 2", "--sites a,b", "--scheme tcp", "--users ada@example.org=lead", "--keep 600", "--name local -n 2"],
)
def test_up_uses_running_federation_that_matches(
    line: str, running: RunningFederation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", *line.split(), "--json"]) == ExitCode.DONE
    assert json.loads(capsys.readouterr().out)["name"] == running.name


@pytest.mark.parametrize(
    ("line", "difference"),
    [
        ("-n 3", "with a, b"),
        ("--sites b,a", "with a, b"),
        ("--scheme http", "by tcp"),
        ("--users ada@example.org=member", "with ada@example.org additional users"),
        ("--keep 60", "kept for 600 s"),
        ("--scheme grpc --keep 60", "by tcp, kept for 600 s"),
    ],
)
def test_up_refuses_running_federation_that_differs(
    line: str, difference: str, running: RunningFederation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["up", *line.split()]) == ExitCode.FAILED
    out, err = capsys.readouterr()
    assert out == ""
    assert f"the federation 'local' is already running, {difference}. Leave out these options" in err
