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


def blamed(logs: Iterable[LogText]) -> list[str]:
    """Return the sites that the server's logs blame, the first one first.

    Parameters
    ----------
    logs
        Any logs; only the server's count.
    """
    found: dict[int, str] = {}
    for number, log in enumerate(log for log in logs if log.of == "server"):
        for pattern in _NAMED:
            for match in pattern.finditer(log.text):
                found.setdefault(number * 100_000_000 + match.start(), match.group(1))
    return list(dict.fromkeys(found[position] for position in sorted(found)))
