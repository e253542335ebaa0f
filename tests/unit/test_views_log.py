"""The feed of a job's logs: what is asked, when, and what is sent."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
from typing import Any

import pytest

from flare_widgets.errors import NoConnection
from flare_widgets.monitoring.job.model import SiteDeployment, SiteTask
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.views.job import log as views_log
from flare_widgets.views.job.log import LogFeed

JOB = "76b8d043-5f0e"
SITES = tuple(SiteDeployment(name, "deployed") for name in ("server", "site-1", "site-2", "a", "b", "c", "d"))

TASKS = (SiteTask("t7", "site-1", "train", 2),)


class Server:
    """Answers commands from what the test wrote, in a thread; and a browser that notes what it is sent."""

    def __init__(self):
        self.files = {"server": b"", "site-1": b"", "site-2": b""}
        self.asked = []
        self.sent = []
        self.times = []
        self.hold = threading.Event()
        self.hold.set()
        self.error = None
        self.feed = LogFeed(JOB, self.start, lambda: JobSnapshot(JOB, sites=SITES, tasks=TASKS), self.send)

    def start(self, command):
        self.asked.append(command.line)
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        threading.Thread(target=self._answer, args=(command.line, future)).start()
        return future

    def _answer(self, line, future):
        assert self.hold.wait(10)
        if self.error is not None:
            future.set_exception(self.error)
            return
        verb, target, option, path = line.split()
        file = self.files.get(target, b"")
        if verb == "ls":
            future.set_result(f"-rw-r--r-- 1 ada ada {len(file)} Nov 23 19:00 {path}\n")
        else:
            future.set_result(file[int(option.removeprefix("-c+")) - 1 :].decode())

    def send(self, message):
        self.times.append(time.monotonic())
        self.sent.append(json.loads(json.dumps(message)))

    def ask(self, target="server", since=1, epoch=0):
        """Ask as the browser does, and return the answer."""
        count = len(self.sent)
        assert self.feed.handle_message({"kind": "log", "target": target, "since": since, "epoch": epoch})
        end = time.monotonic() + 10
        while len(self.sent) == count:
            assert time.monotonic() < end, "no answer"
            time.sleep(0.005)
        return self.sent[-1]


@pytest.fixture
def server():
    server = Server()
    yield server
    server.feed.close()


@pytest.fixture
def at_any_time(monkeypatch):
    monkeypatch.setattr(views_log, "_READ_INTERVAL_S", 0.0)


def test_first_answer_has_lines(server):
    server.files["server"] = b"one\ntwo\n"
    answer = server.ask()
    assert answer == {
        "kind": "log",
        "target": "server",
        "epoch": answer["epoch"],
        "first": 1,
        "lines": ["one", "two"],
        "levels": "--",
        "origins": "ff",
        "marks": [],
        "more": False,
        "kept_from": 1,
        "left_out": 0,
        "state": "live",
        "message": "",
    }
    assert [line.split()[0] for line in server.asked] == ["ls", "tail"]


def test_records_sent_in_columns(server):
    server.files["site-1"] = (
        b"2026-11-28 02:45:02,961 - ClientRunner - INFO - [identity=site-1] - got task assignment: name=train, id=t7\n"
        b"2026-11-28 02:45:03,001 - TaskScriptRunner - INFO - \x1b[32mloss\x1b[0m 0.31\n  of 2\n"
        b"2026-11-28 02:45:03,002 - ClientRunner - INFO - got task assignment: name=validate, id=other\n"
    )
    answer = server.ask("site-1")
    assert answer["lines"] == [
        [
            "2026-11-28 02:45:02,961",
            "ClientRunner",
            "INFO",
            "identity=site-1",
            "got task assignment: name=train, id=t7",
        ],
        ["2026-11-28 02:45:03,001", "print", "INFO", "", "\x1b[32mloss\x1b[0m 0.31"],
        "  of 2",
        ["2026-11-28 02:45:03,002", "ClientRunner", "INFO", "", "got task assignment: name=validate, id=other"],
    ]
    assert answer["origins"] == "foof"
    assert answer["marks"] == [[1, "round 3"], [4, "task validate"]]


def test_rounds_marked_as_views_count(server):
    server.files["server"] = b"2026-11-28 02:45:02,961 - FedAvg - INFO - [wf=x] - \n-----\n   Round 4 started.   \n"
    answer = server.ask()
    assert answer["marks"] == [[3, "round 5"]]


def test_only_new_log_lines_are_sent(server, at_any_time):
    server.files["server"] = b"one\n" * 200
    epoch = server.ask()["epoch"]
    server.files["server"] += b"two\n"
    answer = server.ask(since=201, epoch=epoch)
    assert (answer["first"], answer["lines"]) == (201, ["two"])
    assert len(server.asked) == 3, "a look costs one command"


def test_log_polls_limited_per_second(server):
    server.files["server"] = b"one\n"
    epoch = server.ask()["epoch"]
    before = len(server.asked)
    for _ in range(5):
        assert server.ask(since=2, epoch=epoch)["lines"] == []
    assert len(server.asked) == before


def test_nothing_is_asked_unless_browser_asks(server, at_any_time):
    server.files["server"] = b"one\n"
    server.ask()
    asked = len(server.asked)
    server.files["server"] += b"two\n"
    time.sleep(0.3)
    assert len(server.asked) == asked
    assert len(server.sent) == 1


def test_long_log_sent_in_limited_pieces(server):
    server.files["server"] = b"".join(b"%06d %s\n" % (n, b"x" * 93) for n in range(20_000))
    answer = server.ask()
    received = list(answer["lines"])
    while answer["more"]:
        assert len(json.dumps(answer)) < 256_000
        answer = server.ask(since=answer["first"] + len(answer["lines"]), epoch=answer["epoch"])
        received += answer["lines"]
    assert [int(line[:6]) for line in received] == list(range(20_000))
    assert len(server.asked) == 2, "the pieces are the kernel's, not the server's"
    pauses = [later - sooner for sooner, later in zip(server.times, server.times[1:], strict=False)]
    assert len(pauses) >= 7
    assert sum(pauses) / len(pauses) > 0.045


def test_late_browser_gets_log_from_start(server):
    server.files["server"] = b"one\ntwo\n"
    epoch = server.ask()["epoch"]
    assert server.ask(since=3, epoch=epoch)["lines"] == []
    assert server.ask(since=1, epoch=0)["lines"] == ["one", "two"]
    # As one whose numbers are of another kernel.
    assert server.ask(since=700, epoch=99_999)["first"] == 1


def test_dropped_log_lines_are_not_offered(server, at_any_time, monkeypatch):
    monkeypatch.setattr("flare_widgets.monitoring.logs.viewer._MAX_LINES", 10)
    server.files["server"] = b"".join(b"%d\n" % n for n in range(1, 101))
    answer = server.ask()
    assert (answer["first"], answer["kept_from"], answer["lines"][0]) == (91, 91, "91")


def test_each_participant_has_log_of_own(server):
    server.files["site-1"] = b"of site 1\n"
    server.files["site-2"] = b"of site 2\n"
    assert server.ask("site-1")["lines"] == ["of site 1"]
    assert server.ask("site-2")["lines"] == ["of site 2"]


def test_few_logs_are_kept(server):
    for name in ("server", "site-1", "site-2", "a", "b", "c", "d"):
        server.ask(name)
    assert list(server.feed._open_logs) == ["a", "b", "c", "d"]


@pytest.mark.parametrize("target", ["site-9", "", None, 7, "-n", "server; reboot", ["server"]])
def test_only_participants_are_asked(server, target):
    assert server.feed.handle_message({"kind": "log", "target": target, "since": 1, "epoch": 0})
    assert server.asked == []


@pytest.mark.parametrize("since", [None, "1", -5, 10**30, True, 1.5])
def test_nonsense_as_number(server, since):
    server.files["server"] = b"one\n"
    epoch = server.ask()["epoch"]
    answer = server.ask(since=since, epoch=epoch)
    assert answer["first"] in (1, 2)


def test_other_messages_are_not_for_it(server):
    assert not server.feed.handle_message({"kind": "start", "action": "abort"})


def test_failed_log_poll_reported_and_delayed(server):
    server.error = NoConnection("the server is away")
    answer = server.ask()
    assert answer["state"] == "waiting"
    assert answer["message"] == "no answer, trying again: the server is away"
    asked = len(server.asked)
    server.ask()
    assert len(server.asked) == asked


def test_concurrent_browsers_share_one_log_poll(server):
    server.hold.clear()
    for _ in range(3):
        server.feed.handle_message({"kind": "log", "target": "server", "since": 1, "epoch": 0})
    assert len(server.asked) == 1
    server.hold.set()
    end = time.monotonic() + 10
    while not server.sent:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert len(server.asked) == 2


def test_after_end_nothing_is_sent(server):
    server.hold.clear()
    server.feed.handle_message({"kind": "log", "target": "server", "since": 1, "epoch": 0})
    server.feed.close()
    server.hold.set()
    time.sleep(0.2)
    assert server.sent == []
