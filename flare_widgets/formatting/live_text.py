"""Text that counts the time and changes with it, for a reader who is told nothing more.

A sender says once what to show, and from which moment on; whoever shows it only reads the clock. So a text stays right
while its sender is silent. The browser's half is ``js/src/core/live-text.ts``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any

from .text import format_duration

COUNT = "\0"
"""Stands in a text for the time that is counted. :func:`.sanitize` lets no such character through."""

SEVERITY_GLYPHS = {"good": "●", "warn": "!", "bad": "✕", "unknown": "○"}
"""A glyph for each severity, for users who cannot tell the colours apart."""


@dataclass(frozen=True)
class Phase:
    """A text and the time in which it holds.

    Attributes
    ----------
    text
        The text, with :data:`COUNT` where the counted time belongs.
    moment
        The moment from which the time is counted, in seconds since the epoch; None if nothing is counted.
    severity
        ``good``, ``warn``, ``bad`` or ``unknown``; empty if it has none.
    is_countdown
        True to count the time left until the moment.
    after
        The moment after which it holds; None for the first phase.
    """

    text: str = ""
    moment: float | None = None
    severity: str = ""
    is_countdown: bool = False
    after: float | None = None

    def text_at(self, now: float) -> str:
        """Return the text as it reads at the time `now`."""
        if self.moment is None:
            return self.text
        seconds = max(0.0, self.moment - now if self.is_countdown else now - self.moment)
        return self.text.replace(COUNT, format_duration(seconds))


@dataclass(frozen=True)
class LiveText:
    """A text that counts, and that is replaced by others as time passes.

    Attributes
    ----------
    phases
        The texts, in the order of time.
    """

    phases: tuple[Phase, ...]

    def then(
        self,
        after: float,
        text: str = "",
        moment: float | None = None,
        severity: str = "",
        *,
        is_countdown: bool = False,
    ) -> LiveText:
        """Return this text, replaced by another one after a moment."""
        return LiveText((*self.phases, Phase(text, moment, severity, is_countdown, after)))

    def phase_at(self, now: float) -> Phase:
        """Return what holds at the time `now`."""
        return [phase for phase in self.phases if phase.after is None or now > phase.after][-1]

    def text_at(self, now: float) -> str:
        """Return the text as it reads at the time `now`."""
        return self.phase_at(now).text_at(now)

    def severity_at(self, now: float) -> str:
        """Return the severity at the time `now`."""
        return self.phase_at(now).severity

    def frozen_at(self, now: float) -> LiveText:
        """Return the text as it reads at the time `now`, for ever."""
        return live(self.text_at(now), severity=self.severity_at(now))

    def to_json(self) -> list[dict[str, Any]]:
        """Return the browser's data: the phases, their text as the parts around the count."""
        return [
            {
                name: value
                for name, value in vars(phase).items()
                if value is not None and value is not False and value != ""
            }
            | {"text": phase.text.split(COUNT)}
            for phase in self.phases
        ]


def live(
    text: str,
    moment: float | None = None,
    severity: str = "",
    *,
    is_countdown: bool = False,
) -> LiveText:
    """Return a text that counts from (or to) a moment; see :class:`Phase`."""
    return LiveText((Phase(text, moment, severity, is_countdown),))


def to_json(view_model: Any) -> dict[str, Any]:
    """Return a dataclass with live texts, however deep, as plain JSON-able data."""
    return {field.name: _value_to_json(getattr(view_model, field.name)) for field in dataclasses.fields(view_model)}


def _value_to_json(value: Any) -> Any:
    if isinstance(value, (str, float, int)):  # most of them
        return value
    if isinstance(value, LiveText):
        return value.to_json()
    if dataclasses.is_dataclass(value):
        return to_json(value)
    return [_value_to_json(item) for item in value] if isinstance(value, (tuple, list)) else value
