"""A job's log read as it grows, without a server: a folder that the test writes is what commands are answered from."""

from __future__ import annotations

import re

import pytest

from flare_widgets.errors import AuthorizationError, InternalError, NoConnection
from flare_widgets.monitoring.logs import viewer
from flare_widgets.monitoring.logs.viewer import JobLog, LogState

JOB = "76b8d043-5f0e"


def record(number, level="INFO"):
    return f"2026-11-23 19:00:45,046 - Trainer - {level} - [identity=site-1, run={JOB}] - step {number}\n"


class Folder:
    """The run folder of a participant, and what its owner answers."""

    def __init__(self, target="site-1"):
        self.log = JobLog(JOB, target)
        self.file: bytes | None = None
        self.stored: str | None = None
        self.refuses = set()
        self.asked = []
        self.ended = False

    def write(self, *texts):
        self.file = (self.file or b"") + "".join(texts).encode()

    def look(self):
        """Ask as a feed does, until an answer says more than how to ask; return how often that was."""
        for count in range(1, 5):
            command = self.log.next_command()
            if command is None:
                return count - 1
            self.asked.append(command.line)
            verb = command.line.split()[0]
            if verb in self.refuses:
                self.log.handle_answer(
                    None, AuthorizationError(f"user 'ada' is not authorized for '{verb}'"), self.ended
                )
            else:
                self.log.handle_answer(self._answer(command.line), None, self.ended)
            if not self.log.needs_followup:
                return count
        raise AssertionError("it asks without end")

    def _answer(self, line):
        if line.startswith("get_job_log"):
            return {"logs": {} if self.stored is None else {"server": self.stored}}
        verb, target, *words = line.split()
        assert target == self.log.target
        assert words[-1] == f"{JOB}/log.txt"
        if self.file is None:
            return f"{verb}: cannot {'open' if verb == 'tail' else 'access'} '{words[-1]}': No such file or directory\n"
        if verb == "ls":
            return f"-rw-r--r-- 1 ada ada {len(self.file)} Nov 23 19:00 {words[-1]}\n"
        offset = int(words[0].removeprefix("-c+"))
        return self.file[offset - 1 :].decode("utf-8", "replace")


@pytest.fixture
def folder():
    return Folder()


def test_increments_only(folder):
    folder.write(*map(record, range(9)))
    assert folder.look() == 2, "how much there is, then the lines"
    folder.write(record(9))
    assert folder.look() == 1
    assert [line[-6:] for line in folder.log.lines] == [f"step {n}" for n in range(10)]
    assert folder.log.state is LogState.LIVE
    (offset,) = map(int, re.findall(r"-c\+(\d+)", folder.asked[-1]))
    assert offset > 5 * len(record(1)), "all of it was asked for again"
    assert folder.look() == 1
    assert len(folder.log.lines) == 10


def test_incomplete_line_is_held_back(folder):
    folder.write(record(1), "half of ")
    folder.look()
    assert len(folder.log.lines) == 1
    folder.write("a line, mit Umläuten: ä")
    folder.look()
    assert len(folder.log.lines) == 1
    folder.write("öü\n", record(2))
    folder.look()
    assert folder.log.lines[1] == "half of a line, mit Umläuten: äöü"
    assert len(folder.log.lines) == 3


def test_levels(folder):
    lines = [record(n, level) for n, level in enumerate(("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))]
    coloured = "\x1b[31m" + record(9, "ERROR").rstrip() + "\x1b[0m\n"
    folder.write("plain\n", *lines, "Traceback (most recent call last):\n", record(8), coloured)
    folder.look()
    assert folder.log.levels == "-diweeeie"
    assert folder.log.lines[-1].startswith("\x1b[31m2026"), "the colours are for the browser"


def test_unencodable_replaced_and_long_lines_truncated():
    folder = Folder("server")
    folder.file, folder.ended = None, True
    folder.stored = "a\ud800b\n" + "x" * 10_000 + "\r\n"
    folder.look()
    folder.log.lines[0].encode()
    assert folder.log.lines[0] == "a?b"
    assert folder.log.lines[1] == "x" * 4000 + "…"


def test_of_long_log_end_is_read(folder, monkeypatch):
    monkeypatch.setattr(viewer, "_MAX_FIRST_READ_BYTES", 1000)
    folder.write(*map(record, range(100)))
    folder.look()
    assert 0 < len(folder.log.lines) < 15
    assert folder.log.lines[-1].endswith("step 99")
    assert folder.log.lines[0].startswith("2026"), "begins with a piece of a line"
    assert folder.log.first == 1
    assert folder.log.left_out == len(folder.file) - sum(len(line) + 1 for line in folder.log.lines)


def test_memory_is_bounded_and_numbers_stay(folder, monkeypatch):
    monkeypatch.setattr(viewer, "_MAX_LINES", 100)
    folder.write(*map(record, range(1, 501)))
    folder.look()
    log = folder.log
    assert len(log.lines) == len(log.levels) == len(log.origins) == 100
    assert (log.first, log.next_number) == (401, 501)
    assert log.lines[0].endswith("step 401")
    monkeypatch.setattr(viewer, "_MAX_CHARS", 1000)
    folder.write(record(501))
    folder.look()
    assert sum(map(len, log.lines)) <= 1000
    assert log.lines[-1].endswith("step 501")
    assert log.lines[0].endswith(f"step {log.first}")


def test_log_that_was_renamed(folder):
    folder.write(*map(record, range(50)))
    folder.look()
    folder.file = record(50).encode()
    folder.look()
    assert "restarted" in folder.log.lines[50]
    assert folder.log.lines[51].endswith("step 50")
    folder.write(record(51))
    folder.look()
    assert folder.log.lines[-1].endswith("step 51")
    assert len(folder.log.lines) == 53


def test_invalid_bytes_do_not_repeat_log(folder):
    folder.file = record(1).encode() + b"\xff\xfe\xfd\n" + record(2).encode()
    folder.look()
    before = len(folder.log.lines)
    for number in range(3, 8):
        folder.write(record(number))
        folder.look()
    steps = [line[-1] for line in folder.log.lines if "step" in line]
    assert len(steps) == len(set(steps)), "lines twice"
    assert steps[-1] == "7"
    assert before == 3


class TestNoLog:
    def test_not_yet(self, folder):
        folder.look()
        assert (folder.log.state, folder.log.words) == (LogState.WAITING, "site-1 has no log of this job yet")
        folder.write(record(1))
        folder.look()
        assert (folder.log.state, folder.log.words) == (LogState.LIVE, "")
        server = Folder("server")
        server.look()
        assert server.log.words == "no log yet: the server starts it when the job runs"

    def test_site_left_none(self, folder):
        folder.ended = True
        folder.look()
        assert folder.log.state is LogState.NONE
        assert folder.log.words == (
            "site-1 has no log of this job: it stopped without leaving one, or removed it. "
            f"Its administrator can look for {JOB}/log.txt there"
        )
        assert folder.log.next_command() is None

    def test_site_that_may_not_be_asked(self, folder):
        folder.refuses = {"ls", "tail"}
        folder.look()
        assert folder.log.state is LogState.NONE
        assert folder.log.words.startswith("you may not read site-1's log: user 'ada' is not authorized for 'ls'.")
        assert folder.log.words.endswith("Its administrator can read 76b8d043-5f0e/log.txt there")

    def test_fully_forbidden_server_log_reports_reason(self):
        folder = Folder("server")
        folder.refuses = {"ls", "get_job_log"}
        assert folder.look() == 2
        assert folder.log.state is LogState.NONE
        assert folder.log.words.startswith("you may not read the server's log: ")

    def test_missing_answer_keeps_lines_and_retries(self, folder):
        folder.write(record(1))
        folder.look()
        folder.log.handle_answer(None, NoConnection("site-1 is hung\n\x1b[2J"), False)
        assert len(folder.log.lines) == 1
        assert folder.log.state is LogState.LIVE
        assert folder.log.words.startswith("site-1 cannot be asked for its log: site-1 is hung �[2J.")
        folder.write(record(2))
        folder.look()
        assert folder.log.words == ""
        assert len(folder.log.lines) == 2


class TestTheEnd:
    def test_of_sites_log(self, folder):
        folder.write(record(1))
        folder.look()
        folder.ended = True
        folder.write(record(2), "the last words")
        for _ in range(5):
            folder.look()
        assert folder.log.state is LogState.OVER
        assert folder.log.lines[-1] == "the last words"
        assert folder.log.next_command() is None
        assert len(folder.asked) == 6

    def test_stored_server_log_completes_live_lines(self):
        folder = Folder("server")
        folder.write(record(1), record(2))
        folder.look()
        folder.file, folder.ended = None, True
        folder.stored = "".join(map(record, (1, 2, 3))) + "end"
        assert folder.look() == 2
        assert [line[-6:] for line in folder.log.lines] == ["step 1", "step 2", "step 3", "end"]
        assert folder.log.state is LogState.OVER

    def test_forbidden_stored_log_keeps_live_lines(self):
        folder = Folder("server")
        folder.refuses = {"get_job_log"}
        folder.write(record(1))
        folder.look()
        folder.file, folder.ended = None, True
        folder.look()
        assert folder.log.state is LogState.OVER
        assert len(folder.log.lines) == 1
        assert "moved this log into the results" in folder.log.words
        assert "Download the job to get both" in folder.log.words

    def test_vanished_server_log_ends_with_reason(self):
        log = JobLog(JOB, "server")
        log.handle_answer("ls: cannot access 'log.txt': No such file or directory\n", None, True)
        log.handle_answer(None, NoConnection("away"), True)
        assert (log.state, log.has_error) == (LogState.WAITING, True)
        log.handle_answer(None, InternalError("no workspace"), True)
        assert log.state is LogState.NONE
        assert log.words == "the server no longer has this log: no workspace"

    def test_truncated_stored_log_is_marked(self):
        folder = Folder("server")
        folder.ended = True
        folder.stored = "... output truncated to last 5242880 bytes ...\niece of a line\n" + record(7)
        folder.look()
        assert folder.log.lines[0] == "… the server sends the last 5 MiB only"
        assert [line[-6:] for line in folder.log.lines[1:]] == ["step 7"]

    def test_gap_before_stored_log_is_marked(self):
        folder = Folder("server")
        folder.write(record(1))
        folder.look()
        folder.file, folder.ended = None, True
        folder.stored = record(8)
        folder.look()
        assert [line[-6:] for line in folder.log.lines] == ["step 1", "g here", "step 8"]

    def test_lines_stay_while_log_is_stored(self):
        folder = Folder("server")
        folder.write(record(1))
        folder.look()
        folder.file = None
        folder.look()
        assert folder.log.state is LogState.LIVE
        assert folder.log.words == ""


def test_forbidden_folder_fetches_whole_server_log():
    folder = Folder("server")
    folder.refuses = {"ls", "tail"}
    folder.stored = record(1)
    folder.look()
    assert len(folder.log.lines) == 1
    assert folder.log.is_expensive
    folder.stored += record(2)
    folder.look()
    assert [line[-1] for line in folder.log.lines] == ["1", "2"]
