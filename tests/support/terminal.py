"""A terminal as a person sees it: enough of one for text, carriage returns and line feeds."""

from __future__ import annotations

import unicodedata


class Screen:
    """The lines on a terminal that is wide enough.

    Parameters
    ----------
    raw
        All that was written to it. An escape sequence is shown as it is: nobody here may need one.

    Attributes
    ----------
    lines
        What stands there, without spaces at the ends of lines; empty lines at the end left out.
    """

    def __init__(self, raw: str) -> None:
        self.raw = raw
        rows: list[list[str]] = [[]]
        column = 0
        for character in raw:
            if character == "\r":
                column = 0
            elif character == "\n":
                rows.append([])
                column = 0
            elif unicodedata.combining(character) and column:
                rows[-1][column - 1] += character
            else:
                # A wide character takes its column and leaves the next one empty.
                cells = [character, ""] if unicodedata.east_asian_width(character) in "WF" else [character]
                rows[-1][column : column + len(cells)] = cells
                column += len(cells)
        self.lines = ["".join(row).rstrip() for row in rows]
        while self.lines and not self.lines[-1]:
            self.lines.pop()
