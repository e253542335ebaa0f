"""Plain values that read well as what a cell shows: still lists, dicts and text to whoever works with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ...formatting.text import clean, columns, said
from .html import _environment

_MOST_ROWS = 200
_MOST_LINES = 200
_WIDEST = 200
_LONGEST_LINE = 2000


class MayBeLive:
    """A value that a cell shows as a live view, when there is one; assigned to a name, it is only the value.

    Attributes
    ----------
    live
        Shows the view; None when the value's own forms are to be shown.
    """

    live: Callable[[], object] | None = None

    def _ipython_display_(self) -> None:
        if self.live is None:
            raise NotImplementedError  # by which IPython goes on to the other forms
        self.live()


class Listing(MayBeLive, list[dict[str, Any]]):
    """Rows as plain dicts, shown as a table.

    Parameters
    ----------
    rows
        The rows. Nothing in them is trusted.
    headings
        What to show of a row: by its key, the heading above the column.
    empty
        What to say when there is no row.
    """

    def __init__(self, rows: Iterable[Mapping[str, Any]], headings: Mapping[str, str], empty: str = "none") -> None:
        super().__init__(dict(row) for row in rows)
        self._headings = dict(headings)
        self._empty = empty

    def __repr__(self) -> str:
        if not self:
            return self._empty
        rows = [list(self._headings.values()), *self._cells()]
        widths = [max(columns(row[i]) for row in rows) for i in range(len(self._headings))]
        lines = [
            "  ".join(c + " " * (w - columns(c)) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
        ]
        return "\n".join([*lines, *self._rest()])

    def _repr_html_(self) -> str:
        return (
            _environment()
            .get_template("listing.html.j2")
            .render(
                headings=list(self._headings.values()), rows=self._cells(), rest=self._rest() if self else [self._empty]
            )
        )

    def _cells(self) -> list[list[str]]:
        return [[_cell(row.get(key)) for key in self._headings] for row in self[:_MOST_ROWS]]

    def _rest(self) -> list[str]:
        return [f"... and {len(self) - _MOST_ROWS} more"] if len(self) > _MOST_ROWS else []


class Facts(dict[str, Any]):
    """What is known of something, by its name; shown as lines, what is inside of it indented."""

    def __repr__(self) -> str:
        return "\n".join(_lines(self, "")) or "nothing"


class Words(str):
    """Text of somebody else, shown as the text that it is, without what would act on a terminal."""

    __slots__ = ()

    def __repr__(self) -> str:
        lines = self.splitlines()
        more = len(lines) - _MOST_LINES
        shown = [f"... {more} lines before: the value has them"] if more > 0 else []
        return "\n".join([*shown, *(said(line, _LONGEST_LINE) for line in lines[-_MOST_LINES:])])


class Texts(dict[str, str]):
    """Texts of several, such as logs; each is shown below the name of whose it is.

    Attributes
    ----------
    unavailable : dict of str to str
        Why there is none, by the name of who has none.
    """

    def __init__(self, texts: Mapping[str, str], unavailable: Mapping[str, str] | None = None) -> None:
        super().__init__({name: Words(text) for name, text in texts.items()})
        self.unavailable = dict(unavailable or {})

    def __repr__(self) -> str:
        alone = len(self) == 1 and not self.unavailable
        blocks = [repr(text) if alone else f"[{clean(name)}]\n{text!r}" for name, text in self.items()]
        blocks += [f"[{clean(name)}]\nnot available: {said(why)}" for name, why in self.unavailable.items()]
        return "\n".join(blocks) or "nothing"


def _cell(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        value = ", ".join(map(str, value))
    return clean("" if value is None else str(value), _WIDEST)


def _lines(value: Mapping[str, Any], indent: str) -> list[str]:
    simple = {str(key): inside for key, inside in value.items()}
    width = max((columns(clean(k, 40)) for k, v in simple.items() if not _nested(v)), default=0)
    lines: list[str] = []
    for key, inside in simple.items():
        name = clean(key, 40)
        if _nested(inside):
            lines += [f"{indent}{name}", *_lines(_as_mapping(inside), indent + "  ")]
        else:
            first, *more = said(_text(inside)).splitlines() or [""]
            gap = " " * (width - columns(name) + 2)
            lines.append(f"{indent}{name}{gap}{first}".rstrip())
            lines += [f"{indent}{' ' * (width + 2)}{line}" for line in more]
    return lines


def _nested(value: Any) -> bool:
    if isinstance(value, Mapping):
        return bool(value)
    return isinstance(value, Sequence) and not isinstance(value, str) and any(map(_nested, value))


def _as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {f"{i + 1}.": inside for i, inside in enumerate(value)}


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None or value == {} else str(value)
