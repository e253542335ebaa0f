"""The blocks of code in a Markdown page, and how a reader would run them."""

from __future__ import annotations

import ast
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"

#: What may follow the three backticks. Blocks without a word, and indented ones, are what a program says.
INFO = {"", "text", "json", "python", "python no-run", "shell", "shell no-run"}

_FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A block of code.

    Attributes
    ----------
    line
        Of the page, from 1, where the code begins.
    info
        What stands behind the backticks: the language, and ``no-run`` for what can only be read.
    code
        What is between them.
    """

    line: int
    info: str
    code: str


def pages() -> list[Path]:
    """Every page of the site."""
    return sorted(DOCS.rglob("*.md"))


def name(page: Path) -> str:
    """Return the name of a page in the list of tests."""
    return str(page.relative_to(DOCS if page.is_relative_to(DOCS) else ROOT))


def blocks(page: Path) -> list[Block]:
    """The blocks of a page, in order."""
    text = page.read_text()
    return [
        Block(text.count("\n", 0, match.start()) + 2, match[1].strip(), match[2]) for match in _FENCE.finditer(text)
    ]


def magic_lines(code: str) -> list[str]:
    """Return the text after ``%flare`` in the lines of a block, without those of ``%%flare``."""
    found = (re.match(r"\s*(?:[\w, ]+ = )?%flare\b(.*)", line) for line in code.splitlines())
    return [match[1].strip() for match in found if match]


def without_magics(code: str) -> str:
    """The Python of a block."""
    if code.startswith("%%"):
        code = code.partition("\n")[2]
    return "\n".join(line if not re.match(r"\s*(?:[\w, ]+ = )?%\w", line) else "" for line in code.splitlines())


def missing_imports(code: str) -> list[str]:
    """The names that a block imports from flare_widgets, and that are not there."""
    missing = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "flare_widgets":
            module = importlib.import_module(str(node.module))
            missing += [f"{node.module}.{alias.name}" for alias in node.names if not hasattr(module, alias.name)]
        elif isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.partition(".")[0] == "flare_widgets"]
            missing += [module for module in ours if importlib.util.find_spec(module) is None]
    return missing


def commands(code: str) -> list[str]:
    """The command lines of a shell block: comments left out, and of ``job=$(command)`` the command."""
    lines = [line for line in code.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    return [re.sub(r"^\w+=\$\((.*)\)$", r"\1", line.strip()) for line in lines]
