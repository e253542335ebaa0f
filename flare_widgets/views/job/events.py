"""The events in a job's view: warnings and errors of its log, and the starts of its workflows. Pure."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from ...formatting.text import sanitize
from ...monitoring.job.snapshot import JobSnapshot

MAX_EVENTS = 50
"""The most events shown, the newest ones; the rest is counted."""

KINDS = ("workflow", "warning", "error")
"""The kinds of events; another one is drawn like the first."""

_MAX_TEXT_CHARS, _MAX_SITE_CHARS = 300, 60  # characters


@dataclass(frozen=True)
class EventRow:
    """An event: its time, its kind, its text, its site (empty if it is about the job), and how often it happened."""

    at: float
    kind: str
    text: str
    site: str
    count: int


@dataclass(frozen=True)
class EventList:
    """The events of a job, oldest first.

    Attributes
    ----------
    title
        The heading of the section: ``Events (2 errors, 3 warnings)``.
    rows
        The events shown. All text is sanitized and bounded; for HTML it must still be escaped.
    rest
        The events that are not shown, in words.
    """

    title: str
    rows: tuple[EventRow, ...]
    rest: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return dataclasses.asdict(self)


def build_events(snapshot: JobSnapshot) -> EventList:
    """Return the events of a job."""
    shown = snapshot.events[-MAX_EVENTS:]
    counts = []
    for kind in ("error", "warning"):
        count = sum(event.count for event in snapshot.events if event.kind == kind)
        if count:
            counts.append(f"{count} {kind}{'' if count == 1 else 's'}")
    hidden = len(snapshot.events) - len(shown)
    return EventList(
        f"Events ({', '.join(counts)})" if counts else "Events",
        tuple(
            EventRow(
                event.at,
                event.kind if event.kind in KINDS else KINDS[0],
                sanitize(event.text, _MAX_TEXT_CHARS),
                "" if event.site == "server" else sanitize(event.site, _MAX_SITE_CHARS),
                event.count,
            )
            for event in shown
        ),
        f"{hidden} earlier {'event' if hidden == 1 else 'events'} left out" if hidden else "",
    )
