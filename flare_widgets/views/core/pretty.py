"""Plain values that a cell displays readably: for code they are still lists, dicts and text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...formatting.table import MAX_ROWS, ShownAsTable, Table, count_omitted
from ...formatting.text import display_width, sanitize, sanitize_lines
from ...monitoring.logs.format import LogFormatter

_MAX_LINES = 200
_MAX_CELL_CHARS = 200
_MAX_LINE_CHARS = 2000


class LiveOnDisplay:
    """A value that a cell shows as a live view, if there is one; assigned to a name, it is only the value.

    Attributes
    ----------
    show_live
        Shows the view; None to show the value's own forms.
    """

    show_live: Callable[[], object] | None = None

    def _ipython_display_(self) -> None:
        if self.show_live is None:
            raise NotImplementedError  # makes IPython try the other forms
        self.show_live()


class PrettyTable(LiveOnDisplay, ShownAsTable, list[dict[str, Any]]):
    """Rows as plain dicts, shown as a table.

    Parameters
    ----------
    rows
        The rows. Untrusted.
    headings
        The columns to show: the heading by the key in a row.
    empty_text
        The text shown if there are no rows.
    """

    def __init__(
        self, rows: Iterable[Mapping[str, Any]], headings: Mapping[str, str], empty_text: str = "none"
    ) -> None:
        super().__init__(dict(row) for row in rows)
        self._headings = dict(headings)
        self._empty_text = empty_text

    def _table(self) -> Table:
        return Table(
            list(self._headings.values()),
            [[_format_cell(row.get(key)) for key in self._headings] for row in self[:MAX_ROWS]],
            count_omitted(len(self)) if self else [self._empty_text],
        )


class PrettyDict(dict[str, Any]):
    """Values by name; shown as lines, with nested values indented."""

    def __repr__(self) -> str:
        return "\n".join(_format_lines(self, "")) or "nothing"


class PrettyText(str):
    """Untrusted text, shown verbatim, without characters that would act on a terminal."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = self.splitlines()
        more = len(lines) - _MAX_LINES
        shown = [f"... {more} lines before: the value has them"] if more > 0 else []
        return "\n".join([*shown, *(sanitize_lines(line, _MAX_LINE_CHARS) for line in lines[-_MAX_LINES:])])


class PrettyLog(PrettyText):
    """Log, shown in columns; see :class:`.LogFormatter`. For code it is still the text as it was logged."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = LogFormatter().format_lines(self.splitlines()) or ["no lines"]
        more = len(lines) - _MAX_LINES
        shown = [f"... {more} lines before: the value has them"] if more > 0 else []
        return "\n".join([*shown, *lines[-_MAX_LINES:]])


class PrettyTexts(dict[str, str]):
    """Texts of several targets, such as logs; each is shown below the name of its target.

    Attributes
    ----------
    unavailable : dict of str to str
        The reason why a text is unavailable, by target.
    sources : dict of str to str
        Where a text comes from, by target; none for the usual place.
    """

    def __init__(
        self,
        texts: Mapping[str, str],
        unavailable: Mapping[str, str] | None = None,
        sources: Mapping[str, str] | None = None,
        text_type: type[PrettyText] = PrettyText,
    ) -> None:
        super().__init__({name: text_type(text) for name, text in texts.items()})
        self.unavailable = dict(unavailable or {})
        self.sources = dict(sources or {})

    def __repr__(self) -> str:
        alone = len(self) == 1 and not self.unavailable and not self.sources
        blocks = [repr(text) if alone else f"{self._heading(name)}\n{text!r}" for name, text in self.items()]
        blocks += [
            f"[{sanitize(name)}]\nnot available: {sanitize_lines(why)}" for name, why in self.unavailable.items()
        ]
        return "\n".join(blocks) or "nothing"

    def _heading(self, name: str) -> str:
        source = sanitize_lines(self.sources.get(name, ""))
        return f"[{sanitize(name)}] {source}".rstrip()


def _format_cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return sanitize("" if value is None else str(value), _MAX_CELL_CHARS)


def _format_lines(value: Mapping[str, Any], indent: str) -> list[str]:
    simple = {str(key): inside for key, inside in value.items()}
    width = max((display_width(sanitize(k, 40)) for k, v in simple.items() if not _is_nested(v)), default=0)
    lines: list[str] = []
    for key, inside in simple.items():
        name = sanitize(key, 40)
        if _is_nested(inside):
            lines += [f"{indent}{name}", *_format_lines(_as_mapping(inside), indent + "  ")]
        else:
            first, *more = sanitize_lines(_format_value(inside)).splitlines() or [""]
            gap = " " * (width - display_width(name) + 2)
            lines.append(f"{indent}{name}{gap}{first}".rstrip())
            lines += [f"{indent}{' ' * (width + 2)}{line}" for line in more]
    return lines


def _is_nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, Sequence) and not isinstance(value, str) and any(map(_is_nested, value))


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {f"{i + 1}.": inside for i, inside in enumerate(value)}


def _format_value(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None or value == {} else str(value)
