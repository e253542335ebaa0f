"""Logs, errors and statistics of jobs."""

from __future__ import annotations

import time
from typing import Any

from IPython.core.error import UsageError

from ...api import Session, TargetType
from ...api.commands.logs import filter_lines
from ...api.job_status import has_ended
from ...errors import NoConnection
from ...formatting.text import sanitize, sanitize_lines
from ...monitoring.logs.filter import filter_by_level, filter_by_pattern, filter_own_code
from ...monitoring.logs.format import LogFormatter
from ...monitoring.logs.records import LEVELS
from ...monitoring.logs.tail import CUT_NOTE, LogTail
from ...options import JOB, option, parse_count
from ...views.core.pretty import PrettyDict, PrettyLog, PrettyText, PrettyTexts
from ..job_logs import read_job_logs
from ..parsing import verb
from ..progress import run_with_progress
from ..state import MagicsState

_POLL_INTERVAL_S = 1.5
_INTERVAL_PER_LATENCY = 10  # the interval is at least this many times a poll's duration: each sends the whole log
_MAX_LINE_CHARS = 2000
_SITE = option(
    "--site", default=None, metavar="SITE", completes="targets", help="server, or a site (default: all of them)"
)


@verb(
    JOB,
    option(
        "--site", default=None, metavar="SITE", completes="targets",
        help="server, a site, or all (default: server; with --my-code all)",
    ),
    option("-f", "--follow", action="store_true", help="print new lines until the job ends, or you interrupt"),
    option("--tail", type=parse_count, default=None, metavar="N", help="only the last N lines"),
    option("--grep", default=None, metavar="REGEX", help="only lines that match the regular expression"),
    option("--level", choices=LEVELS, default=None, type=str.upper, help="only records of this level or above"),
    option("--my-code", action="store_true", help="only what the code of the job printed or logged itself"),
    option("--raw", action="store_true", help="the lines as they were logged, rather than in columns"),
)  # fmt: skip
def logs(
    state: MagicsState,
    job: str | None,
    site: str | None,
    follow: bool,
    tail: int | None,
    grep: str | None,
    level: str | None,
    my_code: bool,
    raw: bool,
) -> PrettyTexts:
    """Read the logs of a job, the server's or a site's.

    What is shown is in columns: the time, the source, the level and the message; lines about connections are only
    counted. Of a long log only the last 200 lines are shown. The returned value has all lines as they were logged.
    If the server does not have a site's log, it is read at the site, or its errors in what the site has sent; a line
    says which it is.

    Examples:
        %flare logs                         the server's log of the last job
        %flare logs 76b8 --site site-1 --tail 20
        %flare logs --site all --level ERROR
        %flare logs --my-code               what your own code printed, at all sites
        %flare logs --follow
        logs = %flare logs                  a dict: logs["server"] is the text
    """
    session, job_id = state.session, state.find_job_id(job)

    site = site or (TargetType.ALL if my_code else TargetType.SERVER)
    text_type = PrettyText if raw else PrettyLog

    def chosen(text: str) -> str:
        text = filter_own_code(text) if my_code else text
        text = filter_by_level(text, level) if level else text
        text = filter_by_pattern(text, grep) if grep else text
        return filter_lines(text, tail, None)

    chosen("")  # refuses a bad pattern before anything is asked
    if not follow:
        found = run_with_progress("fetching the log", read_job_logs, session, job_id, site)
        texts = {name: chosen(text) for name, text in found.texts.items()}
        return PrettyTexts(texts, found.unavailable, found.sources, text_type)
    texts = {}
    formatters: dict[str, LogFormatter] = {}
    try:
        for name, text in _follow_logs(session, job_id, site):
            news = chosen(text)
            tail = None  # it is about what was there at the beginning
            texts[name] = texts.get(name, "") + news
            mark = f"[{sanitize(name)}] " if site == TargetType.ALL else ""
            lines = news.splitlines()
            if raw:
                shown = [sanitize_lines(line, _MAX_LINE_CHARS) for line in lines]
            else:
                shown = formatters.setdefault(name, LogFormatter()).format_lines(lines)
            for line in shown:
                print(mark + line)  # noqa: T201
    except KeyboardInterrupt:
        raise UsageError("stopped following; the job is still running") from None
    return _PrintedTexts(texts)


@verb(JOB, _SITE, option("--reset", action="store_true", help="clear the errors of all components first"))
def errors(state: MagicsState, job: str | None, site: str | None, reset: bool) -> PrettyDict:
    """Collect the errors that a running job's components have recorded. For an ended job, see its log.

    Examples:
        %flare errors
        %flare errors 76b8 --site site-1
        %flare errors --reset
    """
    session, job_id = state.session, state.find_job_id(job)
    if reset:
        session.reset_errors(job_id)
    return PrettyDict(run_with_progress("fetching the errors", session.show_errors, job_id, *_parse_target(site)))


@verb(JOB, _SITE)
def stats(state: MagicsState, job: str | None, site: str | None) -> PrettyDict:
    """Fetch runtime statistics of a running job's components.

    Examples:
        %flare stats
        %flare stats 76b8 --site server
        figures = %flare stats      by site and component: figures["server"]["ServerRunner"]
    """
    return PrettyDict(
        run_with_progress(
            "fetching the statistics", state.session.show_stats, state.find_job_id(job), *_parse_target(site)
        )
    )


class _PrintedTexts(PrettyTexts):
    """Text that was printed already: the cell's value, but not shown again."""

    def _ipython_display_(self) -> None:
        """Show nothing."""


def _parse_target(site: str | None) -> tuple[str, list[str] | None]:
    """Return the target type and the targets of a site's name."""
    if site is None or site == TargetType.ALL:
        return TargetType.ALL, None
    return (TargetType.SERVER, None) if site == TargetType.SERVER else (TargetType.CLIENT, [site])


def _follow_logs(session: Session, job_id: str, site: str) -> Any:
    """Yield whose log has grown and by what, in whole lines, until the job has ended."""
    tails: dict[str, LogTail] = {}
    lost = False
    while True:
        began = time.monotonic()
        try:
            ended = has_ended(session.get_job_status(job_id) or "")  # first: what it logged until then is read below
            found = read_job_logs(session, job_id, site, is_growing=True).texts
            lost = False
        except NoConnection as e:
            if not lost:
                print(f"{e}. Resuming when the server answers again")  # noqa: T201
            ended, found, lost = False, {}, True
        for name, text in found.items():
            new = tails.setdefault(name, LogTail()).take_whole(text)
            news = (f"{CUT_NOTE}\n" if new.is_cut else "") + new.text + (new.unfinished_line if ended else "")
            if news:
                yield name, news
        if ended:
            return
        time.sleep(max(_POLL_INTERVAL_S, _INTERVAL_PER_LATENCY * (time.monotonic() - began)))
