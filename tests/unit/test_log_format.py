"""A log as text: in columns, the date once, connections counted, and the user's own lines alone."""

from __future__ import annotations

from flare_widgets.monitoring.logs.filter import filter_own_code
from flare_widgets.monitoring.logs.format import LogFormatter
from flare_widgets.views.core.pretty import PrettyLog, PrettyTexts

LOG = """\
2026-11-28 23:59:58,961 - FedAvg - INFO - [identity=local, run=76b8, wf=controller] - Round 0 started.
2026-11-28 23:59:58,970 - Cell - INFO - Register blob CB for channel='x'
2026-11-28 23:59:58,971 - Cell - INFO - Register blob CB for channel='y'
2026-11-28 23:59:59,001 - TaskScriptRunner - INFO - loss 0.31
  of two lines
2026-11-29 00:00:01,000 - ADefinitelyTooLongLoggerName - WARNING - \x1b[31mslow\x1b[0m \x1b[2Jsite
2026-11-29 00:00:02,000 - Cell - INFO - bye
"""


def test_columns_have_date_once_no_context():
    assert LogFormatter().format_lines(LOG.splitlines()) == [
        "2026-11-28",
        "23:59:58  FedAvg              info     Round 0 started.",
        " " * 39 + "… 2 lines about connections",
        "23:59:59  print               info     loss 0.31",
        " " * 39 + "  of two lines",
        "2026-11-29",
        "00:00:01  ADefinitelyTooLon…  warning  slow �[2Jsite",
        " " * 39 + "… 1 line about connections",
    ]


def test_columns_of_later_lines_continue():
    formatter = LogFormatter()
    first, *rest = LOG.splitlines()
    assert formatter.format_lines([first])[0] == "2026-11-28"
    assert not formatter.format_lines(rest[:2])[0].startswith("2026")


def test_own_code_filter_keeps_raw_lines():
    assert filter_own_code(LOG) == "".join(LOG.splitlines(keepends=True)[3:6])


def test_pretty_log_is_raw_text_for_code():
    texts = PrettyTexts({"server": LOG}, text_type=PrettyLog)
    assert texts["server"] == LOG
    assert repr(texts).splitlines()[1] == "23:59:58  FedAvg              info     Round 0 started."
    assert "identity=" not in repr(texts)
    assert "\x1b" not in repr(texts)


def test_pretty_log_of_nothing_says_so():
    assert repr(PrettyTexts({"site-1": ""}, text_type=PrettyLog)) == "no lines"


def test_pretty_log_bounded():
    shown = repr(PrettyLog("2026-11-28 23:59:58,961 - FedAvg - INFO - a\n" * 5000)).splitlines()
    assert len(shown) == 201
    assert shown[0] == "... 4801 lines before: the value has them"
    assert max(map(len, repr(PrettyLog("x" * 10**6)).splitlines())) < 2100
