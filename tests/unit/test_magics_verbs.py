"""Answers of ``%flare`` to a wrong name, to a person who says no, and where there is nothing: in a real shell."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import kits
import pytest
from fakes import Fake
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from servers import FlareServer, ok
from shells import answer_questions, flare, ipython, said

from flare_widgets.api import MonitorReturnCode
from flare_widgets.errors import AuthorizationError, InvalidTarget, JobNotDone, JobTimeout
from flare_widgets.magics.job_display import read_once, wait_until_all_ended, wait_until_ended
from flare_widgets.magics.job_logs import read_job_logs
from flare_widgets.manager.shared_session import SharedSession, shared_session_file, write_shared_session
from flare_widgets.monitoring import JobSnapshot

JOB = "07d15d2a-0000-4000-8000-000000000001"
OTHER = "1f00aa00-0000-4000-8000-000000000002"


@pytest.fixture(scope="module")
def server() -> FlareServer:
    server = FlareServer()
    listed = [{"job_id": JOB, "job_name": "first-line"}, {"job_id": OTHER, "job_name": "second"}]

    def list_jobs(line: str) -> Any:
        words = line.split()[1:]
        prefix = words[words.index("-n") + 1] if "-n" in words else ""
        ids = [word for word in words if not word.startswith("-") and not word.isdecimal() and word != prefix]
        found = [
            job for job in listed if job["job_name"].startswith(prefix) and job["job_id"].startswith((*ids, "")[0])
        ]
        return ok(jobs=found)

    invalid = {"status": "invalid_target", "info": "invalid target: site-9"}
    refused = {"data": [{"type": "error", "data": "invalid target: site-9"}], "meta": invalid}
    server.commands |= {
        "list_jobs": list_jobs,
        "check_status": ok(
            server_start_time=1.0,
            clients=[{"client_name": "hospital-a"}, {"client_name": "hospital-b"}],
            jobs=[{"job_id": JOB, "app_name": "app"}],
        ),
        "tail": refused,
        "list_studies": {
            "data": [{"type": "dict", "data": {"studies": []}}, {"type": "success", "data": ""}],
            "meta": {"status": "ok"},
        },
    }
    return server


@pytest.fixture(scope="module")
def shell(server: FlareServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell that is connected to the server, in a folder that holds its startup kit."""
    folder = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch, server.running() as port, ipython() as shell:
        patch.chdir(folder)
        kits.write_kit(folder / "kits" / "ada@example.org", host="127.0.0.1", port=port)
        flare(shell, "connect ada")
        yield shell


def refused(shell: InteractiveShell, line: str) -> str:
    with pytest.raises(UsageError) as error:
        flare(shell, line)
    return str(error.value)


# -- wrong names ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("frist-line", "Did you mean 'first-line'? (%flare jobs)"),
        ("first", "Did you mean 'first-line'? (%flare jobs)"),
        ("07d15d2b", "Did you mean '07d15d2a'? (%flare jobs)"),
        ("1f0aa00", "Did you mean '1f00aa00'? (%flare jobs)"),
        ("deadbeef", "List the jobs to see their names and ids (%flare jobs)"),
    ],
)
def test_unknown_job_suggests_one(shell: InteractiveShell, word: str, meant: str) -> None:
    for verb in ("clone", "meta", "logs", "download", "delete --yes"):
        assert refused(shell, f"{verb} {word}") == (
            f"no job of the study default has the name or the id '{word}'. {meant}"
        )


def test_unknown_site_lists_sites(shell: InteractiveShell) -> None:
    assert refused(shell, "tail site-9") == (
        "invalid target: site-9. Connected sites: hospital-a and hospital-b (%flare sites)"
    )


def test_unknown_kit_suggests_one(shell: InteractiveShell) -> None:
    assert "Did you mean 'ada@example.org'?" in refused(shell, "connect ada@exmaple.org")


def test_disabling_absent_site_says_so(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answer_questions(monkeypatch, "n")
    assert flare(shell, "disable hospital-c") is None
    (question,) = asked
    assert "No site of this name is connected. Connected sites: hospital-a and hospital-b." in question


# -- no is an answer -----------------------------------------------------------------------------------------


def test_declined_question_is_no_error(
    shell: InteractiveShell, server: FlareServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_questions(monkeypatch, "n")
    with capture_output() as captured:
        result = shell.run_cell("%flare study remove heart")
    assert result.success
    assert result.result is None
    (shown,) = [output.data for output in captured.outputs]
    assert shown["text/plain"] == "Cancelled; nothing was changed."
    assert "opacity" in shown["text/html"]
    assert captured.stderr == ""
    assert not any(line.startswith("remove_study") for line in server.lines)


# -- nothing, and where things are ---------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--name 'first*'", "--id zzz"])
def test_filter_without_match_does_not_say_that_there_are_no_jobs(shell: InteractiveShell, option: str) -> None:
    listed = flare(shell, f"jobs {option}")
    assert listed == []
    assert "No job has a name or an id that begins like that" in repr(listed)
    assert repr(flare(shell, "jobs --name first")).count("first-line") == 1


def test_no_studies_names_default(shell: InteractiveShell) -> None:
    assert "default" in repr(flare(shell, "studies"))


def test_kits_have_short_paths_and_no_empty_column(shell: InteractiveShell) -> None:
    listed = flare(shell, "kits")
    assert [row["folder"] for row in listed] == [str(Path.cwd() / "kits" / "ada@example.org")]
    heading, row = repr(listed).splitlines()[:2]
    assert "problem" not in heading
    assert str(Path("kits", "ada@example.org")) in row.split()


def test_status_names_running_jobs(shell: InteractiveShell) -> None:
    assert f"first-line ({JOB}) is running" in repr(flare(shell, "status"))


@pytest.mark.parametrize("line", ["%flare tail?", "%flare tail ?", "%%flare?", "%flare?"])
def test_question_mark_shows_help(shell: InteractiveShell, line: str) -> None:
    shown = said(shell, line)
    assert "%flare tail" in shown or "%%flare" in shown
    assert "not found" not in shown


# -- a job that has ended ------------------------------------------------------------------------------------


class LateWatch(Fake):
    """The watch of a job whose status is known, and whose result takes longer than a test lasts."""

    job_id = JOB

    def __init__(self, status: str) -> None:
        self.snapshot = JobSnapshot(JOB, name="first-line", status=status, facts_at=1.0)
        self.waits: list[float | None] = []
        self.stopped = False

    def wait_for_first_update(self, timeout: float | None = None) -> bool:
        return True

    def wait(self, timeout: float | None = None) -> MonitorReturnCode:
        self.waits.append(timeout)
        return MonitorReturnCode.TIMEOUT

    def stop(self) -> None:
        self.stopped = True


@pytest.mark.usefixtures("shell")
def test_timeout_of_ended_job_is_no_error() -> None:
    watch = LateWatch("FINISHED:COMPLETED")
    with capture_output():
        assert wait_until_ended(watch, 0.05) is watch.snapshot
    running = LateWatch("RUNNING")
    with capture_output(), pytest.raises(JobTimeout, match="it is still running"):
        wait_until_ended(running, 0.05)
    assert watch.stopped
    assert running.stopped


class EndingWatch(LateWatch):
    """A watch of a job that ends as soon as somebody has looked at it."""

    snapshot: Any = property(lambda self: next(self.looks, JobSnapshot(JOB, status="FINISHED:COMPLETED")))

    def __init__(self) -> None:
        self.looks = iter([JobSnapshot(JOB, status="RUNNING")])
        self.waits, self.stopped = [], False


@pytest.mark.usefixtures("shell")
def test_jobs_that_end_meanwhile_are_no_error() -> None:
    with capture_output():
        ends = wait_until_all_ended([EndingWatch(), EndingWatch()], 10)
    assert [end.status for end in ends] == ["FINISHED:COMPLETED"] * 2


@pytest.mark.usefixtures("shell")
@pytest.mark.parametrize(("status", "waits"), [("FINISHED:COMPLETED", 1), ("RUNNING", 0)])
def test_text_waits_for_result_of_ended_job(status: str, waits: int) -> None:
    watch = LateWatch(status)
    with capture_output():
        assert read_once(watch) is watch.snapshot
    assert len(watch.waits) == waits
    assert watch.stopped


# -- logs that the server does not have ----------------------------------------------------------------------


class LogSession(Fake):
    """A session whose logs are where a test puts them; everything else is refused as a server does."""

    def __init__(self, **found: Any) -> None:
        self.found = found

    def get_job_logs(self, job_id: str, target: str) -> dict[str, Any]:
        if "denied" in self.found:
            raise AuthorizationError("your role does not permit 'get_job_log'")
        if "server" in self.found:
            return {"logs": {"server": self.found["server"]}}
        return {"logs": {}, "unavailable": {target: "client log stream not available for this job"}}

    def tail_target(self, target: str, options: str, file: str) -> str:
        if "disconnected" in self.found:
            raise InvalidTarget(f"invalid target: {target}")
        return str(self.found.get("tail", f"tail: cannot open '{file}' for reading: No such file or directory\n"))

    def get_job_meta(self, job_id: str) -> dict[str, Any]:
        return {"job_deploy_detail": ["server: OK", "site-1: OK", "site-2: OK"]}

    def list_job_components(self, job_id: str) -> list[str]:
        return list(self.found.get("components", {}))

    def read_job_components(self, job_id: str, names: list[str], *, timeout: float) -> Any:
        return SimpleNamespace(files={name: self.found["components"][name] for name in names})

    def read_result_files(self, job_id: str, wanted: Any, *, timeout: float) -> Any:
        if "result" not in self.found:
            raise JobNotDone("job 07d15d2a is still running")
        files = self.found["result"]
        return SimpleNamespace(files={name: text for name, text in files.items() if wanted(name, len(text))})


@pytest.mark.parametrize(
    ("found", "target", "text", "source"),
    [
        ({"tail": "a\n"}, "site-1", "a\n", "this is 07d15d2a/log.txt in the folder of site-1"),
        ({"components": {"ERRORLOG_site-1": b"e\xff"}}, "site-1", "e\N{REPLACEMENT CHARACTER}", "its errors only"),
        (
            {"disconnected": True, "components": {"ERRORLOG_site-1": b"e"}},
            "site-1",
            "e",
            "what site-1 sent at the end, its errors only (ERRORLOG_site-1)",
        ),
        ({"result": {"workspace/site-1/log.txt": b"r"}}, "site-1", "r", "workspace/site-1/log.txt of the job's result"),
        ({"result": {"workspace/log.txt": b"r"}, "denied": True}, "server", "r", "workspace/log.txt of the job's"),
        ({"tail": "live\n", "denied": True}, "server", "live\n", "does not permit 'get_job_log'; this is 07d15d2a/log"),
    ],
)
def test_log_is_read_elsewhere(found: dict[str, Any], target: str, text: str, source: str) -> None:
    logs = read_job_logs(LogSession(**found), JOB, target)
    assert logs.texts == {target: text}
    assert source in logs.sources[target]
    assert logs.unavailable == {}


def test_long_log_is_read_from_whole_line_on() -> None:
    logs = read_job_logs(LogSession(tail="cut\n" + "x" * (1 << 20)), JOB, "site-1")
    assert logs.texts["site-1"].startswith("x")
    assert "the last 1.0 MB of" in logs.sources["site-1"]


def test_log_that_is_nowhere_says_why() -> None:
    logs = read_job_logs(LogSession(result={}), JOB, "site-1")
    assert logs.texts == {}
    assert logs.unavailable["site-1"] == (
        f"client log stream not available for this job; site-1 has no {JOB}/log.txt. "
        f"Its administrator can look for {JOB}/log.txt in its folder"
    )
    growing = read_job_logs(LogSession(result={"workspace/site-1/log.txt": b"r"}), JOB, "site-1", is_growing=True)
    assert growing.texts == {}


def test_log_of_site_without_part_lists_sites_of_job() -> None:
    with pytest.raises(InvalidTarget, match="site-9 has no part in job 07d15d2a") as error:
        read_job_logs(LogSession(disconnected=True), JOB, "site-9")
    assert error.value.next_step == "Sites of the job: site-1 and site-2"


def test_all_logs_include_those_at_sites() -> None:
    logs = read_job_logs(LogSession(tail="a\n", server="s\n"), JOB, "all")
    assert logs.texts == {"server": "s\n", "site-1": "a\n", "site-2": "a\n"}
    assert set(logs.sources) == {"site-1", "site-2"}


def test_all_logs_without_right_are_refused() -> None:
    with pytest.raises(AuthorizationError):
        read_job_logs(LogSession(denied=True), JOB, "all")


# -- which kit, if none is given -----------------------------------------------------------------------------


def test_connect_without_name_takes_only_kit(shell: InteractiveShell) -> None:
    told = said(shell, "%flare connect --name only")
    assert "connected with the only startup kit here: kits/ada@example.org" in told
    flare(shell, "close only")


def test_connect_without_name_follows_sidebar(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit = Path("kits/ada@example.org").resolve()
    kits.write_kit(Path("kits/other"), host="127.0.0.1", port=9)
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "4321")
    file = shared_session_file(tmp_path, 4321)
    write_shared_session(file, SharedSession(kit, "heart", "ada in the sidebar"))
    try:
        told = said(shell, "%flare connect --name like-it")
        assert "connected as the sidebar is: ada in the sidebar" in told
        assert flare(shell, "use like-it").study == "heart"
        assert flare(shell, "connect --name configured kits/ada@example.org").study == "default"
        file.unlink()
        assert refused(shell, "connect --name nobody").startswith("which startup kit?")
    finally:
        shutil.rmtree("kits/other")
        for name in ("like-it", "configured"):
            flare(shell, f"close {name}")
        flare(shell, "connect ada")
