"""The suite of faults notices what it looks for."""

from __future__ import annotations

import random
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest
import servers
from faults import fault_proxy
from faults.client import Hung
from faults.fault_proxy import FaultProxy
from faults.judge import Answer, find_doubles, judge_abort, judge_new_job, judge_read, judge_watch
from faults.report import count_injected, count_verdict, format_table, list_problems
from faults.run import Outcome
from faults.soak import Soaked, compare_jobs, report_growth
from faults.soak_client import Sample, take_sample
from faults.trials import Lane, Trial
from waiting import wait_until


@pytest.mark.parametrize(
    ("outcome", "jobs", "verdicts"),
    [
        ("done", ["a"], set()),
        ("done", [], {"lost"}),
        ("done", ["b"], {"wrong state"}),
        ("done", ["a", "b"], {"doubled"}),
        ("refused", [], set()),
        ("refused", ["a"], {"told no"}),
        ("unknown", ["a"], set()),
        ("unknown", [], set()),
        ("unknown", ["a", "b"], {"doubled"}),
        ("interrupted", ["a"], set()),
        ("wrong", [], {"wrong state"}),
    ],
)
def test_new_job_verdict(outcome: str, jobs: list[str], verdicts: set[str]) -> None:
    assert set(judge_new_job(Answer(outcome, "a"), jobs)) == verdicts


@pytest.mark.parametrize(
    ("outcome", "status", "verdicts"),
    [
        ("done", "FINISHED:ABORTED", set()),
        ("done", "SUBMITTED", {"wrong state"}),
        ("refused", "FINISHED:ABORTED", {"told no"}),
        ("unknown", "FINISHED:ABORTED", set()),
        ("refused", "SUBMITTED", set()),
    ],
)
def test_abort_verdict(outcome: str, status: str, verdicts: set[str]) -> None:
    assert set(judge_abort(Answer(outcome), status)) == verdicts


@pytest.mark.parametrize(
    ("state", "seen", "status", "verdicts"),
    [
        ("JOB_ENDED", "FINISHED:ABORTED", "FINISHED:ABORTED", set()),
        ("JOB_ENDED", "FINISHED:COMPLETED", "FINISHED:ABORTED", {"wrong state"}),
        ("WATCHING", "SUBMITTED", "FINISHED:ABORTED", {"hung"}),
        ("WATCHING", "RUNNING", "RUNNING", set()),
        ("FAILED", "SUBMITTED", "FINISHED:ABORTED", {"wrong state"}),
    ],
)
def test_watch_verdict(state: str, seen: str, status: str, verdicts: set[str]) -> None:
    answer = Answer("done", {"state": state, "status": seen, "error": "None"})
    assert set(judge_watch(answer, status)) == verdicts


def test_read_verdict() -> None:
    assert judge_read(Answer("done", 1), lambda value: value == 1) == {}
    assert set(judge_read(Answer("done", 2), lambda value: value == 1)) == {"wrong state"}
    assert judge_read(Answer("refused"), lambda value: False) == {}


def test_doubles_at_the_end() -> None:
    listed = [{"job_name": name} for name in ("a", "b", "b", "c", "c")]
    assert find_doubles(["a", "b"], listed) == {"b": 2}


def test_report_counts_verdicts() -> None:
    good = Trial("http", 0, "reset", "list", True, True, Answer("done", seconds=0.1), 0.02)
    bad = Trial("http", 1, "server killed", "submit", True, True, Answer("done"), None, {"lost": "no such job"})
    missed = Trial("http", 1, "reset", "list", False, False, Answer("done"))
    outcome = Outcome([good, bad, bad, missed], ["lost: job x"], [], {"server killed": 1})
    assert count_injected([outcome]) == 2
    assert count_verdict("lost", outcome.trials) == 2
    assert list_problems([outcome]) == ["http, lane 1: submit and server killed: lost: no such job"] * 2 + [
        "lost: job x"
    ]
    rows = [line.split(" | ") for line in format_table([outcome]).splitlines()]
    assert [row[:4] for row in rows[2:]] == [
        ["| reset", "1", "1", "0"],
        ["| server killed", "1", "2", "2"],
        ["| **sum**", "2", "3", "2"],
    ]


@pytest.mark.parametrize("outcomes", [["done"], ["refused", "done"], ["refused", "refused"]])
def test_client_hangs_only_if_server_answers(outcomes: list[str]) -> None:
    answers = iter(outcomes)
    asked: list[str] = []
    client = SimpleNamespace(
        begin=asked.append,
        wait=lambda _: {"outcome": next(answers), "value": {"state": "READY"}, "error": "no connection"},
    )
    judge = SimpleNamespace(wait_until_up=lambda: asked.append("server"))
    lane = Lane.__new__(Lane)
    lane.client, lane._judge = client, judge  # type: ignore[assignment]
    if outcomes[-1] == "done":
        assert lane.hold() == {"state": "READY"}
    else:
        with pytest.raises(Hung, match="no connection"):
            lane.hold()
    assert asked == ["usable", "server", "usable"][: 2 * len(outcomes) - 1]


def test_soak_compares_jobs_with_server() -> None:
    soaked = Soaked()
    for job in "abcd":
        soaked.take({"event": "submitted", "job": job, "name": f"soak-{job}"})
    for job, status in {"a": "FINISHED:COMPLETED", "b": "FINISHED:COMPLETED", "c": "FINISHED:ABORTED"}.items():
        soaked.take({"event": "ended", "job": job, "status": status, "error": "lost" if job == "c" else ""})
    soaked.take({"event": "unended", "job": "d", "status": "RUNNING"})
    assert [problem.partition(": ")[0] for problem in soaked.problems] == [
        "the watch of c failed",
        "the watch of d has not ended",
    ]
    listed = [
        {"job_id": job, "job_name": f"soak-{name}", "status": "FINISHED:COMPLETED"}
        for job, name in {"a": "a", "x": "a", "b": "b", "d": "d"}.items()
    ]
    assert compare_jobs(soaked, ["b", "d"], listed) == []
    assert compare_jobs(soaked, ["a", "c"], listed) == ["lost: job c", "doubled: 2 jobs named soak-a"]
    listed[2]["status"] = "FINISHED:ABORTED"
    assert compare_jobs(soaked, ["b"], listed) == [
        "the watch of b ended with FINISHED:COMPLETED, but it is FINISHED:ABORTED"
    ]


@pytest.mark.parametrize(
    ("seconds", "grows", "words"),
    [
        (1800, {}, []),
        (1800, {"memory": 1.0}, ["memory in MB: +1.00 a minute"]),
        (600, {"memory": 1.0}, []),
        (1800, {"blocks": 200}, ["blocks that Python's objects hold: +"]),
        (1800, {"free": 9.0}, []),
        (600, {"threads": 1}, ["threads grew from"]),
        (600, {"descriptors": 1}, ["descriptors grew from"]),
    ],
)
def test_soak_notices_growth(seconds: int, grows: dict[str, float], words: list[str]) -> None:
    usual: dict[str, Any] = {"memory": 50.0, "free": 5.0, "blocks": 100_000, "threads": 7, "descriptors": 8}
    samples = [
        Sample(second, **{name: value + second // 60 * grows.get(name, 0) for name, value in usual.items()})
        for second in range(0, seconds, 30)
    ]
    _, problems = report_growth(samples)
    assert [problem[: len(start)] for problem, start in zip(problems, words, strict=True)] == words


def test_sample_counts_what_is_held() -> None:
    before = take_sample(0)
    held = [[n] for n in range(10_000)]
    after = take_sample(1)
    assert after.blocks > before.blocks + len(held)
    assert after.memory > 10
    assert (after.threads, after.descriptors) >= (1, 3)


class Echo:
    """A connection through a proxy to a server that sends back what it gets."""

    def __init__(self, fault: str, *, after: int = 1, seconds: float = 0.0) -> None:
        self.proxy = FaultProxy(0, random.Random(1))
        self.heard = b""
        self._arm: dict[str, Any] = {"fault": fault, "up": True, "after": after, "seconds": seconds}

    def exchange(self, data: bytes, expected: int, *, ends: bool = False) -> tuple[bytes, str]:
        """Send something; return what came back, and how it ended, or was silent after `expected` bytes."""

        async def echo(reader: Any, writer: Any) -> None:
            while piece := await reader.read(1 << 16):
                self.heard += piece
                writer.write(piece)

        with servers.plain(echo) as port:
            self.proxy._server = port
            with self.proxy.running() as own, socket.create_connection(("127.0.0.1", own), 5) as client:
                self.proxy.arm(**self._arm)
                client.sendall(data)
                got = b""
                try:
                    while len(got) <= expected:
                        client.settimeout(5 if ends or len(got) < expected else 0.2)
                        piece = client.recv(1 << 16)
                        if not piece:
                            return got, "closed"
                        got += piece
                except TimeoutError:
                    return got, "silent"
                except ConnectionResetError:
                    return got, "reset"
                return got, "more"


@pytest.mark.parametrize(
    ("fault", "came", "end"),
    [
        ("reset", b"", "reset"),
        ("close", b"", "closed"),
        ("black hole", b"", "silent"),
        ("repeat bytes", b"abcdabcd", "silent"),
        ("drop bytes", b"", "silent"),
        ("stall", b"abcd", "silent"),
        ("delay", b"abcd", "silent"),
        ("slow line", b"abcd", "silent"),
    ],
)
def test_proxy_injects_fault(fault: str, came: bytes, end: str) -> None:
    echo = Echo(fault, seconds=0.2)
    assert echo.exchange(b"abcd", len(came), ends=end != "silent") == (came, end)
    assert echo.proxy.fired_at is not None


def test_proxy_sends_half_then_resets() -> None:
    echo = Echo("half a frame, reset")
    assert echo.exchange(b"abcd", 3, ends=True)[1] == "reset"
    assert echo.heard == b"ab"


def test_proxy_flips_one_byte() -> None:
    came, _ = Echo("flip a byte").exchange(b"abcd", 4)
    assert sum(a != b for a, b in zip(came, b"abcd", strict=True)) == 1


def test_proxy_fault_waits_for_its_bytes() -> None:
    echo = Echo("reset", after=100)
    assert echo.exchange(b"abcd", 4) == (b"abcd", "silent")
    assert echo.proxy.fired_at is None


def test_proxy_refuses_connections_for_a_while() -> None:
    async def echo(reader: Any, writer: Any) -> None:
        writer.write(await reader.read(100))

    with servers.plain(echo) as port:
        proxy = FaultProxy(port, random.Random(1))
        with proxy.running() as own:
            with socket.create_connection(("127.0.0.1", own), 5) as client:
                proxy.arm("reset, refuse connections", up=True, after=1, seconds=0.5)
                client.sendall(b"a")
                with pytest.raises(ConnectionResetError):
                    client.recv(10)
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", own), 5)

            def is_back() -> bool:
                try:
                    with socket.create_connection(("127.0.0.1", own), 5) as client:
                        client.sendall(b"a")
                        return client.recv(10) == b"a"
                except ConnectionRefusedError:
                    return False

            began = time.monotonic()
            assert wait_until(is_back, 10)
            assert time.monotonic() - began > 0.1


def test_every_proxy_fault_is_tested() -> None:
    tested = {"flip a byte", "reset, refuse connections", "half a frame, reset"}
    (mark,) = [m for m in test_proxy_injects_fault.pytestmark if m.name == "parametrize"]  # type: ignore[attr-defined]
    assert tested | {row[0] for row in mark.args[1]} == set(fault_proxy.FAULTS)
