"""What jobs say: logs, errors, figures."""

from __future__ import annotations

import time
from typing import Any

from IPython.core.error import UsageError

from ...api import Session, TargetType
from ...api.models import is_terminal
from ...errors import NoConnection
from ...formatting.text import clean, said
from ...monitoring.logs.filter import LEVELS, at_level, last_lines, new_part, with_pattern
from ...options import JOB, count, option
from ...views.core.pretty import Facts, Texts
from ..parsing import verb
from ..progress import attended
from ..state import State

_PAUSE = 1.5  # seconds between two looks at a log
_SHARE = 10  # ... and so many times as long as a look takes: a server sends the whole log each time
_LONGEST_LINE = 2000
_FROM = option(
    "--site", default=None, metavar="SITE", completes="targets", help="server, or a site; all of them if left out"
)


@verb(
    JOB,
    option(
        "--site", default="server", metavar="SITE", completes="targets",
        help="whose log: server (the default), a site, or all",
    ),
    option("-f", "--follow", action="store_true", help="print what is new until the job ends, or you interrupt"),
    option("--tail", type=count, default=None, metavar="N", help="only the last N of the lines"),
    option("--grep", default=None, metavar="REGEX", help="only lines in which the regular expression is found"),
    option("--level", choices=LEVELS, default=None, type=str.upper, help="only records of this level and above"),
)  # fmt: skip
def logs(
    state: State, job: str | None, site: str, follow: bool, tail: int | None, grep: str | None, level: str | None
) -> Texts:
    """Show the logs of a job: the server's, and those that sites sent to the server.

    Of a long log the last 200 lines are shown; the value has all of it.

    Examples:
        %flare logs                         the server's log of the last job
        %flare logs 76b8 --site site-1 --tail 20
        %flare logs --site all --level ERROR
        %flare logs --follow
        logs = %flare logs                  a dict: logs["server"] is the text
    """
    session, job_id = state.session, state.job(job)

    def chosen(text: str) -> str:
        text = at_level(text, level) if level else text
        text = with_pattern(text, grep) if grep else text
        return text if tail is None else last_lines(text, tail)

    chosen("")  # refuses a bad pattern before anything is asked
    if not follow:
        found = attended("fetching the log", session.get_job_logs, job_id, site)
        texts = {str(name): chosen(text) for name, text in found["logs"].items() if isinstance(text, str)}
        return Texts(texts, found.get("unavailable"))
    texts = {}
    try:
        for name, text in _followed(session, job_id, site):
            news = chosen(text)
            tail = None  # it is about what was there at the beginning
            texts[name] = texts.get(name, "") + news
            mark = f"[{clean(name)}] " if site == TargetType.ALL else ""
            for line in news.splitlines():
                print(mark + said(line, _LONGEST_LINE))  # noqa: T201
    except KeyboardInterrupt:
        raise UsageError("stopped following; the job goes on") from None
    return _Quiet(texts)


@verb(JOB, _FROM, option("--reset", action="store_true", help="make all of them forget their errors"))
def errors(state: State, job: str | None, site: str | None, reset: bool) -> Facts:
    """Tell the errors that the parts of a running job remember. For a job that has ended, see its log.

    Examples:
        %flare errors
        %flare errors 76b8 --site site-1
        %flare errors --reset
    """
    session, job_id = state.session, state.job(job)
    if reset:
        session.reset_errors(job_id)
    return Facts(attended("asking for errors", session.show_errors, job_id, *_whom(site)))


@verb(JOB, _FROM)
def stats(state: State, job: str | None, site: str | None) -> Facts:
    """Tell what the parts of a running job say about themselves.

    Examples:
        %flare stats
        %flare stats 76b8 --site server
        figures = %flare stats      by site, by part: figures["server"]["ServerRunner"]
    """
    return Facts(attended("asking for figures", state.session.show_stats, state.job(job), *_whom(site)))


class _Quiet(Texts):
    """What was printed already: the cell's value, but not shown once more."""

    def _ipython_display_(self) -> None:
        """Show nothing."""


def _whom(site: str | None) -> tuple[str, list[str] | None]:
    """The target type and the targets of a site's name."""
    if site is None or site == TargetType.ALL:
        return TargetType.ALL, None
    return (TargetType.SERVER, None) if site == TargetType.SERVER else (TargetType.CLIENT, [site])


def _followed(session: Session, job_id: str, site: str) -> Any:
    """Yield whose log has grown and by what, in whole lines, until the job has ended."""
    seen: dict[str, str] = {}
    lost = False
    while True:
        began = time.monotonic()
        try:
            ended = is_terminal(session.get_job_status(job_id) or "")  # first: what it logged until then is read below
            found = session.get_job_logs(job_id, site)["logs"]
            lost = False
        except NoConnection as e:
            if not lost:
                print(f"{e}. Following on when the server answers again")  # noqa: T201
            ended, found, lost = False, {}, True
        for name, text in found.items():
            if not isinstance(text, str):
                continue
            whole = text if ended else text[: text.rfind("\n") + 1]
            news = new_part(seen.get(name, ""), whole)
            if news:
                seen[name] = whole
                yield str(name), news
        if ended:
            return
        time.sleep(max(_PAUSE, _SHARE * (time.monotonic() - began)))
