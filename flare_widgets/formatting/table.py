"""Tables of display text: as aligned lines, and as HTML for a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .html import render
from .text import display_width

MAX_ROWS = 200
"""Number of rows that a table shows; the rest is counted."""

# A word of more characters is broken anywhere in a narrow notebook: FINISHED:COMPLETED is not.
_MAX_WHOLE_CHARS = 20
# One of more characters is broken at its hyphens: a date is not.
_MAX_UNBROKEN_CHARS = 10

_HTML = """\
<table class="flw-listing">
<thead><tr>
{%- for heading in headings %}<th scope="col" style="text-align: left">{{ heading }}</th>{% endfor %}</tr></thead>
<tbody>
{% for row, tooltip in rows %}
<tr{% if tooltip %} title="{{ tooltip }}"{% endif %}>
{%- for cell in row %}<td style="text-align: left; {{ fit_words(cell) }}">{{ cell }}</td>
{%- endfor %}</tr>
{% endfor %}
{% for note in notes %}
<tr><td colspan="{{ headings | length }}" style="text-align: left">{{ note }}</td></tr>
{% endfor %}
</tbody>
</table>"""


@dataclass(frozen=True)
class Table:
    """Rows of cells below headings.

    Attributes
    ----------
    headings, rows
        The cells, safe for a terminal.
    notes
        Lines below the table. An empty table consists of these, as text.
    tooltips
        A tooltip of each row, in HTML; empty for none.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    tooltips: Sequence[str] = ()

    def to_text(self) -> str:
        """Return the table as aligned lines."""
        return "\n".join([*(align([self.headings, *self.rows]) if self.rows else ()), *self.notes])

    def to_html(self) -> str:
        """Return the table as HTML that needs no style sheet."""
        tooltips = self.tooltips or [""] * len(self.rows)
        rows = list(zip(self.rows, tooltips, strict=True))
        return render(_HTML, headings=self.headings, rows=rows, notes=self.notes, fit_words=_fit_words)


class ShownAsTable:
    """A value that is shown as a table, in a terminal and in a notebook."""

    def _table(self) -> Table:
        raise NotImplementedError

    def __repr__(self) -> str:
        return self._table().to_text()

    def _repr_html_(self) -> str:
        return self._table().to_html()


def align(rows: Sequence[Sequence[str]], *, indent: str = "", numbers: bool = False) -> list[str]:
    """Return each row as a line in which the columns are aligned.

    Parameters
    ----------
    rows
        The cells, the same number in each row.
    indent
        The text before each line.
    numbers
        True to align all columns but the first one on the right.
    """
    widths = [max(map(display_width, column)) for column in zip(*rows, strict=True)]
    return [
        indent + "  ".join(_pad(row[i], widths[i], right=numbers and i > 0) for i in range(len(widths))).rstrip()
        for row in rows
    ]


def count_omitted(total: int, max_rows: int = MAX_ROWS) -> list[str]:
    """Return the note on the rows beyond those that are shown, if there are any."""
    return [f"... and {total - max_rows} more"] if total > max_rows else []


def _fit_words(cell: str) -> str:
    """Return the style of a cell whose words stay whole in a narrow notebook, as far as they are short."""
    longest = max(map(len, cell.split()), default=0)
    breaks = "overflow-wrap: anywhere; " if longest > _MAX_WHOLE_CHARS else ""
    return f"{breaks}min-width: {min(longest, _MAX_UNBROKEN_CHARS)}ch"


def _pad(cell: str, width: int, *, right: bool) -> str:
    gap = " " * (width - display_width(cell))
    return gap + cell if right else cell + gap
