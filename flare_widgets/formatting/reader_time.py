"""Times in the reader's time zone, which a browser tells; until then in this machine's.

A kernel may run on another machine, in another zone, than the browser in which its outputs are read. There is one
reader: the zone holds for the process.
"""

from __future__ import annotations

from datetime import datetime, tzinfo
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

_MAX_NAME_CHARS = 64
_IMPOSSIBLE = "an impossible time"

_zone: ZoneInfo | None = None


def reader_zone() -> ZoneInfo | None:
    """Return the reader's time zone; None if it is unknown."""
    return _zone


def set_reader_zone(name: object) -> None:
    """Use a time zone from now on; one that is unknown here changes nothing.

    Parameters
    ----------
    name
        The IANA name, such as ``Europe/Berlin``, as a browser says it. Untrusted.
    """
    global _zone
    if not isinstance(name, str) or not 0 < len(name) <= _MAX_NAME_CHARS:
        return
    from zoneinfo import ZoneInfo  # not at the top: it takes a megabyte, and nothing but a browser tells a zone

    try:
        _zone = ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # no such zone, no zone's name, or a machine without time zones
        return


def to_reader_time(at: float, zone: tzinfo | None = None) -> datetime:
    """Return a moment as the reader's date and time.

    Parameters
    ----------
    at
        The moment, in seconds since the epoch.
    zone
        Another zone to use.

    Raises
    ------
    ValueError, OverflowError, OSError
        There is no such time.
    """
    zone = zone or _zone
    return datetime.fromtimestamp(at, zone).astimezone(zone)


def format_date_time(at: float) -> str:
    """Return a moment as the reader's date and time, with the zone: ``2026-11-23 15:03:36 (Europe/Berlin)``."""
    try:
        when = to_reader_time(at)
    except (ValueError, OverflowError, OSError):
        return _IMPOSSIBLE
    return f"{when:%Y-%m-%d %H:%M:%S} ({zone_name(when)})"


def format_clock_time(at: float) -> str:
    """Return a moment as the reader's time of day."""
    try:
        return f"{to_reader_time(at):%H:%M:%S}"
    except (ValueError, OverflowError, OSError):
        return _IMPOSSIBLE


def zone_name(when: datetime) -> str:
    """Return the zone of a time in words: its IANA name if it has one, else its offset, ``UTC+01:00``."""
    # Only a ZoneInfo has a key, and its module is not imported for those who never say a zone.
    return str(getattr(when.tzinfo, "key", None) or utc_offset(when))


def utc_offset(when: datetime) -> str:
    """Return the offset of a time as ``UTC+01:00``."""
    text = when.strftime("%z")
    return f"UTC{text[:3]}:{text[3:5]}"
