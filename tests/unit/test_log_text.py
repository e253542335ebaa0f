"""The text of logs: levels and patterns."""

from __future__ import annotations

import pytest

from flare_widgets.monitoring.logs.filter import filter_by_level, filter_by_pattern

LOG = """\
a line before the first record
2026-11-25 19:31:45,995 - conn_manager - INFO - Connection [CN00002] is closed
2026-11-25 19:31:46,001 - ServerRunner - ERROR - [identity=server, run=76b8] - it failed - INFO - or so
Traceback (most recent call last):
  File "x.py", line 1
2026-11-25 19:31:47,000 - MPM - WARNING - hm
2026-11-25 19:31:48,997 - MPM - DEBUG - detail
{"levelname": "WARNING", "message": "as in log.json"}
"""


@pytest.mark.parametrize(
    ("level", "lines"), [("DEBUG", [1, 2, 3, 4, 5, 6, 7]), ("INFO", [1, 2, 3, 4, 5, 7]), ("WARNING", [2, 3, 4, 5, 7]),
                         ("ERROR", [2, 3, 4]), ("CRITICAL", [])],
)  # fmt: skip
def test_records_of_level_keep_their_tracebacks(level: str, lines: list[int]) -> None:
    every = LOG.splitlines(keepends=True)
    assert filter_by_level(LOG, level) == "".join(every[i] for i in lines)


def test_patterns() -> None:
    assert filter_by_pattern(LOG, r"MPM - W\w+") == "2026-11-25 19:31:47,000 - MPM - WARNING - hm\n"
    assert filter_by_pattern(LOG, "nowhere") == ""
    with pytest.raises(ValueError, match=r"invalid regular expression '\('"):
        filter_by_pattern(LOG, "(")
