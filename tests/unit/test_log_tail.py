"""The tail of a log: a file that grows, is renamed, truncated or sent as a whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.monitoring.logs.records import MAX_LINE_CHARS
from flare_widgets.monitoring.logs.tail import OVERLAP_CHARS, LogTail, NewText, is_missing_file, read_sizes

CUT = "... output truncated to last 5242880 bytes ...\n"
TEXTS = st.text(st.sampled_from("ab\nä東"), max_size=400)


def lines(first: int, end: int) -> str:
    return "".join(f"2026-11-23 19:00:45,046 - Trainer - INFO - step {n}\n" for n in range(first, end))


def read(tail: LogTail, file: str) -> NewText | None:
    return tail.take(file.encode()[tail.request_offset :].decode())


def new_text(tail: LogTail, file: str) -> str:
    new = read(tail, file)
    assert new is not None
    return new.text


@given(st.lists(TEXTS, max_size=8))
def test_take_growing_file_gives_each_line_once(pieces: list[str]) -> None:
    tail, file, found = LogTail(), "", ""
    for piece in pieces:
        file += piece
        new = read(tail, file)
        assert new is not None
        found += new.text
        assert found + new.unfinished_line == file
        assert tail.position == tail.total_bytes == len(found.encode())
        assert tail.position - tail.request_offset <= 3 * OVERLAP_CHARS


@given(st.lists(TEXTS, max_size=8))
def test_take_whole_growing_file_gives_each_line_once(pieces: list[str]) -> None:
    tail, file, found = LogTail(), "", ""
    for piece in pieces:
        file += piece
        new = tail.take_whole(file)
        found += new.text
        assert found + new.unfinished_line == file
        assert new.is_joined


@pytest.mark.parametrize("other", ["", lines(50, 51), lines(50, 200)], ids=["truncated", "renamed", "grown since"])
def test_take_other_file_is_noticed(other: str) -> None:
    tail = LogTail()
    new_text(tail, lines(0, 20))
    assert read(tail, other) is None
    tail.move_to(0)
    assert new_text(tail, other) == other
    assert tail.total_bytes == len(lines(0, 20) + other)


def test_move_to_within_line_leaves_it_out() -> None:
    file, tail = lines(0, 20), LogTail()
    tail.move_to(5, is_within_line=True)
    new = read(tail, file)
    assert new is not None
    assert new.text == lines(1, 20)
    assert new.lines == lines(1, 20).splitlines()
    assert 5 + new.skipped_bytes + len(new.text) == len(file) == tail.position


def test_take_endless_line_is_not_read_again() -> None:
    tail, file = LogTail(), "x" * (MAX_LINE_CHARS + 1)
    assert new_text(tail, file) == file + "\n"
    assert tail.request_offset == len(file) - OVERLAP_CHARS
    file += "y" * 10
    assert new_text(tail, file) == ""
    file += "\nnext\n"
    assert new_text(tail, file) == "next\n"


def test_take_whole_cut_log_is_joined_where_it_was() -> None:
    tail = LogTail()
    assert tail.take_whole(lines(0, 20)).text == lines(0, 20)
    new = tail.take_whole(CUT + "iece of a line\n" + lines(10, 25))
    assert (new.text, new.is_joined, new.is_cut) == (lines(20, 25), True, False)
    new = tail.take_whole(CUT + "iece of a line\n" + lines(40, 45))
    assert (new.text, new.is_joined, new.is_cut) == (lines(40, 45), False, True)
    assert new.skipped_bytes == len("iece of a line\n")
    new = tail.take_whole(lines(60, 62))
    assert (new.text, new.is_joined, new.is_cut) == (lines(60, 62), False, False)


def test_take_whole_after_take_goes_on() -> None:
    tail = LogTail()
    new_text(tail, lines(0, 20))
    assert tail.take_whole(lines(0, 22)).text == lines(20, 22)


def test_take_whole_repeated_text_is_not_lost() -> None:
    tail, same = LogTail(), "the same line\n" * 100
    assert tail.take_whole(same).text == same
    assert tail.take_whole(same * 2).text == same


def test_take_whole_first_cut_log_says_so() -> None:
    new = LogTail().take_whole(CUT + "iece\n" + lines(1, 2))
    assert (new.text, new.is_joined, new.is_cut) == (lines(1, 2), True, True)


@pytest.mark.parametrize(
    ("answer", "is_missing"),
    [
        ("tail: cannot open 'job/log.txt' for reading: No such file or directory\n", True),
        ("cat: job/x.json: No such file or directory\n", True),
        ("ls: cannot access 'job': No such file or directory\n", True),
        ("grep: log.txt: No such file or directory\n", True),
        ("", False),
        ("2026-11-23 19:00:45,046 - x - ERROR - tail: cannot open 'x'\n", False),
        ("tail: of a line\nNo such file\n", False),
    ],
)
def test_is_missing_file_reads_shell_answers(answer: str, is_missing: bool) -> None:
    assert is_missing_file(answer) is is_missing


def test_read_sizes_lists_files_by_name() -> None:
    listing = """\
total 12
drwxr-xr-x 2 ada ada 4096 Nov 23 19:00 folder
-rw-r--r-- 1 ada the-users 1234 Nov 23 19:00 job/log.json
-rw-r--r-- 1 ada ada 5 Nov 23 19:00 log.json.12
-rw-r--r-- 1 ada ada many Nov 23 19:00 none
-rw-r--r-- 1 ada ada %s Nov 23 19:00 huge
-
"""
    assert read_sizes(listing % ("9" * 5000)) == {"log.json": 1234, "log.json.12": 5}
