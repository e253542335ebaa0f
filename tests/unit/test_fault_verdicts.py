"""The suite of faults notices what it looks for."""

from __future__ import annotations

import random
import socket
import time
from typing import Any

import pytest
import servers
from faults import fault_proxy
from faults.fault_proxy import FaultProxy
from faults.judge import Answer, find_doubles, judge_abort, judge_new_job, judge_read, judge_watch
from faults.report import count_injected, count_verdict, format_table, list_problems
from faults.run import Outcome
from faults.trials import Trial
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
