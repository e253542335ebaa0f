"""Log lines of FLARE, read back into records. Pure; whatever the text, something comes out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...formatting.text import clean

LINES = 20
"""How many lines of a log are shown at most."""

WIDTH = 500
"""How many characters of a line are shown at most."""

_MOST = 20_000  # records; what is before them is not the end of a job

_LINE = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) - ([^\s-][^-]*?) - ([A-Z]+) - (.*)", re.DOTALL)
_CONTEXT = re.compile(r"\[identity=[^\]]*\] - ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Record:
    """One record of a log.

    Attributes
    ----------
    time
        As the log has it: ``2026-11-23 19:00:45,046`` (of the participant's clock and zone), or empty.
    name, level
        The logger's short name and the level; empty when the line has none.
    message
        The text without FLARE's context, maybe of several lines.
    context
        FLARE's context, such as ``identity=site-1, run=..., peer_rc=...``.
    """

    time: str
    name: str
    level: str
    message: str
    context: str = ""

    @property
    def serious(self) -> bool:
        """Whether it is about an error."""
        return self.level in ("ERROR", "CRITICAL", "FATAL")

    def lines(self) -> list[str]:
        """The record as lines to be shown: cleaned and bounded, without FLARE's context."""
        first, *rest = self.message.splitlines() or [""]
        head = " - ".join(part for part in (self.time[11:], self.name, self.level, first) if part)
        return [clean(line.expandtabs(), WIDTH) for line in [head, *rest]]


def parse_log(text: str) -> list[Record]:
    """Read a log in the form of ``log.txt`` or of ``log.json``, or a mixture.

    A line that begins no record belongs to the one before it; before the first one, which may have been cut off,
    it is a record without time, name and level.
    """
    found: list[Record] = []
    pending: list[str] = []

    def finish() -> None:
        if pending:
            found.append(_read("\n".join(pending)))
            pending.clear()

    for line in _COLOUR.sub("", text).split("\n"):
        line = line.rstrip("\r")
        record = _json(line)
        if record is not None:
            finish()
            found.append(record)
            continue
        if _LINE.match(line):
            finish()
        elif not line and not pending:
            continue
        pending.append(line)
    finish()
    return found[-_MOST:]


def tail(records: Iterable[Record], until: int | None = None) -> tuple[str, ...]:
    """Return the last lines of some records for a reader.

    Parameters
    ----------
    records
        All of a log.
    until
        The index of the last record that matters; the last one when not given.
    """
    chosen = list(records)[: None if until is None else until + 1]
    lines: list[str] = []
    for record in reversed(chosen):
        lines = [line for line in record.lines() if line.strip()] + lines
        if len(lines) >= LINES:
            break
    return tuple(lines[-LINES:])


def _read(text: str) -> Record:
    match = _LINE.match(text)
    if match is None:
        return Record("", "", "", text.rstrip())
    time, name, level, message = match.groups()
    context = _CONTEXT.match(message)
    return Record(
        time,
        name.strip(),
        level,
        (message[context.end() :] if context else message).rstrip(),
        context.group(0)[1:-4] if context else "",
    )


def _json(line: str) -> Record | None:
    if not line.startswith("{"):
        return None
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or "message" not in data or "levelname" not in data:
        return None
    texts = [data.get(key) for key in ("asctime", "name", "levelname", "message", "fl_ctx")]
    time, name, level, message, context = (value if isinstance(value, str) else "" for value in texts)
    return Record(time, name, level, message.strip("\n"), context.strip("[]"))
