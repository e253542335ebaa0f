"""Help by a question mark, as IPython gives it for Python's names: ``%flare?``, ``%flare submit?``, ``%%flare?``.

IPython would look for a variable called ``submit``. So before it does, such a line is rewritten as the line that asks
for help.
"""

from __future__ import annotations

import re

from IPython.core.interactiveshell import InteractiveShell

_CELL = re.compile(r"^%%flare[ \t]*(?:\?{1,2}|-h|--help)\s*$")


def rewrite_questions(lines: list[str]) -> list[str]:
    """Return the lines of a cell, with those that ask ``%flare`` for help by a question mark as ``%flare help`` lines.

    The text of other cell magics, and cells with a text of several lines, stay as they are.
    """
    written = [line for line in lines if line.strip()]
    if not written:
        return lines
    if written[0].startswith("%%"):
        # IPython also refuses a cell magic without a body, so `%%flare -h` alone needs this too.
        asks = _CELL.match(written[0])
        is_help = asks is not None and (len(written) == 1 or "?" in written[0])
        return ["%flare help %%flare\n"] if is_help else lines
    if any(quotes in line for line in lines for quotes in ('"""', "'''")):
        return lines
    return [_rewrite(line) for line in lines]


def register(shell: InteractiveShell) -> None:
    """Rewrite the cells of a shell; repeated calls register it once."""
    unregister(shell)
    shell.input_transformers_cleanup.append(rewrite_questions)


def unregister(shell: InteractiveShell) -> None:
    """Leave the cells of a shell as they are."""
    transformers = shell.input_transformers_cleanup
    # By name: after a reload of this package, the function is another one.
    transformers[:] = [each for each in transformers if getattr(each, "__name__", "") != rewrite_questions.__name__]


def _rewrite(line: str) -> str:
    text = line.strip()
    words = text.rstrip("?").split()
    if not text.endswith("?") or words[:1] != ["%flare"]:
        return line
    before, _, after = line.partition(text)
    return f"{before}{' '.join(['%flare help', *words[1:2]])}{after}"
