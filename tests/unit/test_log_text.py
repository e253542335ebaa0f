"""The text of logs: levels, patterns, what is new."""

from __future__ import annotations

import pytest

from flare_widgets.monitoring.logs.filter import filter_by_level, filter_by_pattern, find_new_text, last_lines

LOG = """\
a line before the first record
2026-11-25 19:31:45,995 - conn_manager - INFO - Connection [CN00002] is closed
2026-11-25 19:31:46,001 - ServerRunner - ERROR - [identity=server, run=76b8] - it failed - INFO - or so
Traceback (most recent call last):
  File "x.py", line 1
2026-11-25 19:31:47,000 - MPM - WARNING - hm
2026-11-25 19:31:48,997 - MPM - DEBUG - detail
"""


@pytest.mark.parametrize(
    ("level", "lines"), [("DEBUG", [1, 2, 3, 4, 5, 6]), ("INFO", [1, 2, 3, 4, 5]), ("WARNING", [2, 3, 4, 5]),
                         ("ERROR", [2, 3, 4]), ("CRITICAL", [])],
)  # fmt: skip
def test_records_of_a_level_keep_their_tracebacks(level: str, lines: list[int]) -> None:
    every = LOG.splitlines(keepends=True)
    assert filter_by_level(LOG, level) == "".join(every[i] for i in lines)


def test_patterns() -> None:
    assert filter_by_pattern(LOG, r"MPM - W\w+") == "2026-11-25 19:31:47,000 - MPM - WARNING - hm\n"
    assert filter_by_pattern(LOG, "nowhere") == ""
    with pytest.raises(ValueError, match=r"invalid regular expression '\('"):
        filter_by_pattern(LOG, "(")


def test_last_lines() -> None:
    assert last_lines("a\nb\nc\n", 2) == "b\nc\n"
    assert last_lines("a\n", 0) == ""
    assert last_lines("a\n", 9) == "a\n"


@pytest.mark.parametrize(
    ("seen", "text", "new"),
    [
        ("", "a\n", "a\n"),
        ("a\n", "a\nb\n", "b\n"),
        ("a\nb\n", "a\nb\n", ""),
        ("x" * 1000 + "\na\nb\n", "x" * 500 + "\na\nb\nc\n", "c\n"),  # the beginning was cut off
        ("x" * 1000 + "\n", "y" * 1000 + "\n", "y" * 1000 + "\n"),  # nothing in common
    ],
)
def test_what_is_new(seen: str, text: str, new: str) -> None:
    assert find_new_text(seen, text) == new
