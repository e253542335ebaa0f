"""The shared parts of static forms: templates, style sheets, times. A form needs no kernel, no script, no network."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo
from pathlib import Path

import jinja2
from markupsafe import Markup

from ...formatting.reader_time import to_reader_time, utc_offset, zone_name

_HERE = Path(__file__).parents[1]

MAX_FORM_BYTES = 58_000
"""Size of a static form: a notebook keeps one for each view, and is sent and compared as a whole."""
_SHARES = (1.0, 0.75, 0.5, 0.25, 0.1, 0.03)


class TimeFormatter:
    """The formatter of the times of one form: the day and the zone are shown once where they are the same for all.

    Parameters
    ----------
    timestamps
        All times of the form.
    zone
        The time zone; the reader's if not given.

    Attributes
    ----------
    common
        The common part of all times, such as ``2026-11-23 (Europe/Berlin, UTC+01:00)``; empty if there is none.
    """

    def __init__(self, timestamps: Iterable[float], zone: tzinfo | None) -> None:
        self._zone = zone
        known = [when for when in map(self._to_local, timestamps) if when is not None]
        days = {f"{when:%Y-%m-%d}" for when in known}
        offsets = {utc_offset(when) for when in known}
        zones = {zone_name(when) for when in known} | offsets
        self._is_one_day = len(days) == 1
        self._is_one_offset = len(offsets) == 1
        shared = [*days] if self._is_one_day else []
        named = sorted(zones if self._is_one_offset else zones - offsets)
        self.common = " ".join([*shared, *([f"({', '.join(named)})"] if named else [])])

    def format(self, at: float) -> dict[str, str]:
        """Return a time as display text (``text``) and for machines (``iso``)."""
        when = self._to_local(at)
        if when is None:
            return {"text": "at an impossible time", "iso": ""}
        text = f"{when:%H:%M:%S}" if self._is_one_day else f"{when:%Y-%m-%d %H:%M:%S}"
        if not self._is_one_offset:
            text += f" ({utc_offset(when)})"
        return {"text": text, "iso": when.isoformat(timespec="seconds")}

    def _to_local(self, at: float) -> datetime | None:
        try:
            return to_reader_time(at, self._zone)
        except (ValueError, OverflowError, OSError):
            return None


def fit_to_notebook(render: Callable[[float], str]) -> str:
    """Return a form that is small enough to be saved with a notebook; a large one is shortened.

    Parameters
    ----------
    render
        Returns the form with a share of what it lists: 1 for all, less for a part of each long list.
    """
    for share in _SHARES:
        form = render(share)
        if len(form.encode("utf-8", "replace")) <= MAX_FORM_BYTES:
            break
    return form


@functools.cache
def template_environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@functools.cache
def scoped_style(name: str) -> tuple[str, Markup]:
    """Return a class for the root of a form, and its style sheet.

    A notebook may hold outputs of several versions of this package, and a style sheet in an output affects the
    whole page: each version's is scoped to its own class.
    """
    css = (_HERE / "static" / name).read_text(encoding="utf-8").strip()
    root = f"flw-static-{hashlib.sha256(css.encode()).hexdigest()[:8]}"
    # Our own file, from the package: the only text that goes into the page unescaped.
    return root, Markup(css.replace("flw-static", root))  # noqa: S704
