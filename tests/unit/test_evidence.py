"""Gathering what is known of a job: what is asked, and answers that a real server would not give.

What real ones say is in ``tests/integration/test_failures.py``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest

from flare_widgets.errors import AuthorizationError, InternalError, NoConnection, SessionClosed
from flare_widgets.monitoring import collect_evidence, diagnose
from flare_widgets.monitoring.diagnosis import collect

JOB = "71e56621-645d-4c61-9aab-ed79565901a8"
ENDED = {
    "job_id": JOB,
    "status": "FINISHED:EXECUTION_EXCEPTION",
    "start_time": "2026-11-25T16:12:38+00:00",
    "job_deploy_detail": ["server: OK", *(f"s{n}: OK" for n in range(12))],
}


class Scripted:
    """A session whose answers are made up.

    Parameters
    ----------
    answer
        Returns or raises the answer to a line; a future is taken as it is.
    """

    def __init__(self, answer: Callable[[str], Any]) -> None:
        self.kit = SimpleNamespace(role="member")
        self.lines: list[str] = []
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

    def list_job_components(self, job_id: str) -> list[str]:
        raise InternalError("none")


def gathered(answer: Callable[[str], Any], meta: dict[str, Any] = ENDED) -> tuple[Any, Scripted]:
    session = Scripted(answer)
    return collect_evidence(session, meta), session  # type: ignore[arg-type]


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


def test_long_lines_and_logs_are_cut() -> None:
    found, _ = gathered(lambda line: ("x" * 9000 + "\n") * 1000 if line.startswith("tail s1 ") else "")
    log = next(log for log in found.logs if log.of == "s1")
    assert len(log.text.splitlines()) == 400
    assert max(map(len, log.text.splitlines())) == 4000
