"""Whom the server's logs name as the one who failed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .model import LogText

_NAMED = (
    re.compile(r"Result from (\S+) is bad"),
    re.compile(r"reported failure from ([^\s:]+)"),
    re.compile(r"Client (\S+) is deemed disconnected"),
    re.compile(r"terminal outcome unavailable from ([^\s:]+)"),
    re.compile(r"client_name='([^']+)'; reason="),
    re.compile(r"peer=([^,\]\s]+), peer_run=[^,\]]*, peer_rc=(?!OK)[A-Z_]+"),
)


_ORDER = ("job", "errors", "remembered", "parent")  # the job's own process is the first to know


def blamed(logs: Iterable[LogText]) -> list[str]:
    """Return the sites that the server's logs blame, the first one first.

    Parameters
    ----------
    logs
        Any logs; only the server's count.
    """
    servers = sorted((log for log in logs if log.of == "server" and log.what in _ORDER), key=_place)
    found: dict[str, None] = {}
    for log in servers:
        matches = (match for pattern in _NAMED for match in pattern.finditer(log.text))
        found.update(dict.fromkeys(match.group(1) for match in sorted(matches, key=lambda match: match.start())))
    return list(found)


def _place(log: LogText) -> int:
    return _ORDER.index(log.what)
