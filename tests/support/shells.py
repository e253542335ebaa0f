"""IPython shells for tests of ``%flare``."""

from __future__ import annotations

from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


def flare(shell: InteractiveShell, line: str) -> Any:
    """What a verb returns; its output is left out."""
    with capture_output():
        return shell.run_line_magic("flare", line)


def said(shell: InteractiveShell, cell: str) -> str:
    """What running a cell shows: what it prints, and its errors."""
    with capture_output() as captured:
        shell.run_cell(cell)
    shown = [str(output.data.get("text/plain", "")) for output in captured.outputs]
    return "\n".join([captured.stdout, captured.stderr, *shown])
