"""Gathering what is known of a job: what is asked, and answers that a real server would not give.

What real ones say is in ``tests/integration/test_failures.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import Fake

from flare_widgets.api.transfer.result_files import ResultFiles
from flare_widgets.errors import AuthorizationError, InternalError, NoConnection, SessionClosed
from flare_widgets.monitoring import collect_evidence, diagnose
from flare_widgets.monitoring.diagnosis import collect
from flare_widgets.monitoring.diagnosis.other_logs import read_other_logs, select_other_logs

JOB = "71e56621-645d-4c61-9aab-ed79565901a8"
ENDED = {
    "job_id": JOB,
    "status": "FINISHED:EXECUTION_EXCEPTION",
    "start_time": "2026-11-25T16:12:38+00:00",
    "job_deploy_detail": ["server: OK", *(f"s{n}: OK" for n in range(12))],
}


class Scripted(Fake):
    """A session whose answers are made up.

    Parameters
    ----------
    answer
        Returns or raises the answer to a line; a future is taken as it is.
    """

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.kit = SimpleNamespace(role="member")
        self.lines: list[str] = []
        self.result: dict[str, str] | None = None
        self.result_bytes = 1000
        self.components: dict[str, bytes] = {}
        self._answer = answer

    def start(self, command: Any) -> Future[Any]:
        self.lines.append(command.line)
        future: Future[Any] = Future()
        try:
            answer = self._answer(command.line)
        except SessionClosed:
            raise
        except Exception as e:
            future.set_exception(e)
        else:
            if isinstance(answer, Future):
                return answer
            future.set_result(answer)
        return future

    def read_result_files(self, job_id: str, wanted: Callable[[str, int], bool], *, timeout: float) -> ResultFiles:
        self.lines.append(f"download_job {job_id}")
        if self.result is None:
            raise AuthorizationError("no")
        files = {f"workspace/{name}": text.encode() for name, text in self.result.items()}
        return ResultFiles({path: content for path, content in files.items() if wanted(path, self.result_bytes)})

    def list_job_components(self, job_id: str) -> list[str]:
        if not self.components:
            raise InternalError("none")
        return list(self.components)

    def read_job_components(self, job_id: str, names: Collection[str], *, timeout: float) -> ResultFiles:
        self.lines.append(f"download_job_components {job_id} {' '.join(names)}")
        return ResultFiles({name: self.components[name] for name in names})


def gathered(answer: Callable[[str], Any], meta: dict[str, Any] = ENDED) -> tuple[Any, Scripted]:
    session = Scripted(answer)
    return collect_evidence(session, meta), session


def refusing(error: Exception) -> Callable[[str], Any]:
    def answer(line: str) -> Any:
        raise error

    return answer


@pytest.mark.parametrize("nonsense", [None, 5, [], {}, {"logs": 5}, {"logs": {"server": 5}}, [5], "", "\x00" * 50])
def test_answers_without_sense(nonsense: Any) -> None:
    found, _ = gathered(lambda _: nonsense)
    assert found.meta == ENDED
    failure = diagnose(found)
    assert failure is not None
    assert failure.kind == "unknown"


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (AuthorizationError("no"), "your role (member) may not read it"),
        (NoConnection("x"), "no answer in time"),
        (SessionClosed("x"), "the session is closed"),
        (InternalError("disk\nfull"), "disk full"),
        (InternalError('error: Unknown command "get_job_log"'), "this version of the server does not send it"),
        (ZeroDivisionError("mine"), "mine"),
    ],
)
def test_every_refusal_is_said(error: Exception, says: str) -> None:
    found, _ = gathered(refusing(error), {**ENDED, "job_deploy_detail": ["server: OK", "s1: OK"]})
    assert found.logs == ()
    assert [m.partition(":")[0] for m in found.missing] == [
        "the server's log of the job",
        "who is connected to the server",
        "s1's log",
    ]
    assert all(f": {says}" in m for m in found.missing)


def test_unresponsive_target_is_not_awaited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collect, "STEP_TIMEOUT_S", 0.1)
    began = time.monotonic()
    found, _ = gathered(lambda line: Future() if line.startswith("tail") else "some text")
    assert time.monotonic() - began < 3
    assert "s1's log: no answer in time" in "\n".join(found.missing)
    assert ("s1", "parent") in [(log.of, log.what) for log in found.logs]


def test_many_sites_sampled_blamed_first() -> None:
    blame = "2026-11-25 16:12:53,132 - JobRunner - INFO - reported failure from s11: exception"
    found, session = gathered(lambda line: blame if line.startswith("grep server") else "text")
    asked = {line.split()[1] for line in session.lines if line.startswith("tail")}
    assert "s11" in asked
    assert len(asked) == collect.MAX_SITES
    assert not any("more sites" in m for m in found.missing)
    found, _ = gathered(lambda _: "text")
    assert "the logs of 4 more sites, which were not asked" in found.missing


@pytest.mark.parametrize("job", ["../server", "a b", "", 5, None, "x" * 500])
def test_impossible_job_is_not_asked_for(job: Any) -> None:
    _, session = gathered(lambda _: "text", {**ENDED, "job_id": job})
    assert session.lines == ["check_status server"]


def test_unstarted_job_costs_two_questions() -> None:
    _, session = gathered(lambda _: "", {"job_id": JOB, "status": "SUBMITTED", "start_time": ""})
    assert session.lines == ["check_status server", f"grep server {JOB} log.txt"]


@pytest.mark.parametrize("known", [True, False])
def test_reason_of_failed_deployment_is_awaited(known: bool) -> None:
    early = {"job_id": JOB, "status": "FINISHED:FAILED_TO_RUN", "start_time": ""}
    whole = {**early, "job_deploy_detail": ["server: OK", "site-1: NVFLARE_ERROR: BYOC not permitted"]}
    found, session = gathered(lambda line: whole if line.startswith("get_job_meta") else "", whole if known else early)
    assert found.meta == whole
    assert [line for line in session.lines if "get_job_meta" in line] == ([] if known else [f"get_job_meta {JOB}"])


def test_long_lines_and_logs_are_cut() -> None:
    found, _ = gathered(lambda line: ("x" * 9000 + "\n") * 1000 if line.startswith("tail s1 ") else "")
    log = next(log for log in found.logs if log.of == "s1")
    assert len(log.text.splitlines()) == 400
    assert max(map(len, log.text.splitlines())) == 4000


GAVE_UP = "failed to start connector: RuntimeError: cannot create channel after 10 seconds"
SERVERS_LOG = (
    f"2026-11-25 16:12:53,132 - ServerRunner - ERROR - Aborting current RUN due to FATAL_SYSTEM_ERROR: {GAVE_UP}"
)
OUTPUT = "flower-superlink: error: argument --x: this option is no longer supported"
ONE_SITE = {**ENDED, "job_deploy_detail": ["server: OK", "s1: OK"]}


def give_up(line: str) -> Any:
    """A server that tells only a consequence, and whose folder of the job is gone."""
    if line.startswith("get_job_log"):
        return {"logs": {"server": SERVERS_LOG}}
    return f"ls: cannot access '{JOB}': No such file or directory" if line.startswith("ls server") else ""


def test_other_logs_are_read_from_result() -> None:
    session = Scripted(give_up)
    session.result = {"superlink_log.txt": OUTPUT, "log.txt": SERVERS_LOG, "error_log.txt": "x", "model.pt": "x"}
    found = collect_evidence(session, ONE_SITE)
    assert [(log.of, log.name, log.text) for log in found.logs if log.what == "output"] == [
        ("server", "superlink_log.txt", OUTPUT)
    ]
    failure = diagnose(found)
    assert failure is not None
    assert failure.sentence == f"The server failed: {OUTPUT} (superlink_log.txt), which led to: {GAVE_UP}"


def test_other_logs_given_by_caller_need_no_download() -> None:
    session = Scripted(give_up)
    found = collect_evidence(session, ONE_SITE, {"superlink_log.txt": OUTPUT, "log.json": "x"})
    assert [log.name for log in found.logs if log.what == "output"] == ["superlink_log.txt"]
    assert not any(line.startswith("download") for line in session.lines)


def test_other_logs_in_folder_are_read_there() -> None:
    def answer(line: str) -> Any:
        if line.startswith("ls server"):
            return "app_server\nerror_log.txt\nlog.txt\nsuperlink_log.txt\n"
        return OUTPUT if line.endswith("superlink_log.txt") else give_up(line)

    session = Scripted(answer)
    found = collect_evidence(session, ONE_SITE)
    assert [(log.name, log.text) for log in found.logs if log.what == "output"] == [("superlink_log.txt", OUTPUT)]
    assert [line for line in session.lines if "superlink" in line] == [f"tail server -c65536 {JOB}/superlink_log.txt"]
    assert not any(line.startswith("download") for line in session.lines)


@pytest.mark.parametrize(
    ("result", "size", "says"),
    [
        (None, 0, "the other logs in the server's folder of the job: your role (member) may not read it"),
        (
            {"superlink_log.txt": OUTPUT},
            1 << 30,
            "the other logs in the server's folder of the job: workspace/superlink_log.txt has more than 4 MB",
        ),
        ({}, 0, ""),
    ],
)
def test_other_logs_out_of_reach_are_noted(result: dict[str, str] | None, size: int, says: str) -> None:
    session = Scripted(give_up)
    session.result, session.result_bytes = result, size
    found = collect_evidence(session, ONE_SITE)
    assert not any(log.what == "output" for log in found.logs)
    assert any(note.startswith(says) for note in found.missing) == bool(found.missing)
    assert (says != "") == any("other logs" in note for note in found.missing)


def test_explained_failure_costs_no_further_question() -> None:
    def answer(line: str) -> Any:
        return {"logs": {"server": SERVERS_LOG.replace(GAVE_UP, "model.pt is damaged")}} if "job_log" in line else ""

    _, session = gathered(answer, ONE_SITE)
    assert not any(line.startswith(("ls", "download")) for line in session.lines)


def test_other_logs_of_site_with_consequence_are_read() -> None:
    own = "2026-11-25 16:12:53,132 - FlowerExecutor - ERROR - client app exited with code 1"

    def answer(line: str) -> Any:
        answers = {f"tail s1 -n400 {JOB}/log.txt": own, f"ls s1 {JOB}": "log.txt\nclient_app_log.txt"}
        return OUTPUT if line.endswith("client_app_log.txt") else answers.get(line, "")

    found, session = gathered(answer, ONE_SITE)
    assert [(log.of, log.name) for log in found.logs if log.what == "output"] == [("s1", "client_app_log.txt")]
    failure = diagnose(found)
    assert failure is not None
    assert failure.sentence == f"s1 failed: {OUTPUT} (client_app_log.txt), which led to: client app exited with code 1"
    assert not any(line.startswith("download") for line in session.lines)


def test_select_other_logs_by_name() -> None:
    names = ["log.txt", "log.json", "log_fl.txt", "error_log.txt", "audit.log", "fl_app.txt", "superlink_log.txt"]
    names += ["train.log", "stderr.txt", "run_out.txt", "../x_log.txt", "a b.log", "model.pt", "notes.txt", "x.log.exe"]
    assert select_other_logs(names) == ["stderr.txt", "run_out.txt", "superlink_log.txt", "train.log"]
    assert len(select_other_logs(f"{n}.log" for n in range(50))) == 5


def test_ends_of_other_logs_are_read() -> None:
    files = {"workspace/y.log": b"a" * 100_000 + b"\xff end", "workspace/app/z.log": b"z", "workspace/log.txt": b"x"}
    found = read_other_logs(files)
    assert list(found) == ["y.log"]
    assert found["y.log"].endswith("\ufffd end")
    assert len(found["y.log"]) <= 65536
    assert read_other_logs({}) == {}


def test_only_needed_error_logs_are_read() -> None:
    session = Scripted(lambda line: refuse_site(line))
    session.components = {"ERRORLOG_s1": b"x" * 300_000 + b"\nValueError: bad", "model": b"", "ERRORLOG_other": b""}
    found = collect_evidence(session, ONE_SITE)
    assert [line for line in session.lines if "components" in line] == [f"download_job_components {JOB} ERRORLOG_s1"]
    log = next(log for log in found.logs if (log.of, log.what) == ("s1", "errors"))
    assert log.text.endswith("ValueError: bad")
    assert len(log.text) < 5000


def refuse_site(line: str) -> Any:
    if " s1 " in line:
        raise AuthorizationError("no")
    return ""
