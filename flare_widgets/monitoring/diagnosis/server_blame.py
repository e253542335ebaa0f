"""Sites that the server's logs name as failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..logs.records import LogRecord
from .model import LogText

BAD_RESULT = re.compile(r"Result from (\S{1,300}) is bad, error code: (\w{1,100})")
REPORTED_FAILURE = re.compile(r"reported failure from ([^\s:]{1,300}): (.*)")
_BLAME_PATTERNS = (
    BAD_RESULT,
    REPORTED_FAILURE,
    re.compile(r"Client (\S{1,300}) is deemed disconnected"),
    re.compile(r"[Cc]lient ([^\s:,]{1,300}) (?:failed to (?:start|configure)|couldn't start workflow)"),
    re.compile(r"terminal outcome unavailable from ([^\s:]{1,300})"),
    re.compile(r"client_name='([^']{1,300})'; reason="),
    re.compile(r"peer=([^,\]\s]{1,300}), peer_run=[^,\]]{0,300}, peer_rc=(?!OK)[A-Z_]+"),
)


_LOG_ORDER = ("job", "errors", "remembered", "parent")  # the job's own process is the first to notice


def find_blamed_sites(logs: Iterable[LogText]) -> list[str]:
    """Return the sites that the server's logs blame, earliest first.

    Parameters
    ----------
    logs
        Any logs; only the server's are used.
    """
    servers = sorted((log for log in logs if log.of == "server" and log.what in _LOG_ORDER), key=_log_rank)
    found: dict[str, None] = {}
    for log in servers:
        matches = (match for pattern in _BLAME_PATTERNS for match in pattern.finditer(log.text))
        found.update(dict.fromkeys(match.group(1) for match in sorted(matches, key=lambda match: match.start())))
    return list(found)


def find_blamed_in(record: LogRecord) -> set[str]:
    """Return the sites that one record of the server blames."""
    texts = (record.message, record.context)
    return {match.group(1) for text in texts for pattern in _BLAME_PATTERNS for match in pattern.finditer(text)}


def _log_rank(log: LogText) -> int:
    return _LOG_ORDER.index(log.what)
