"""The rule for docstrings: a first line is a noun phrase or an imperative."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("flare_widgets", "tests", "benchmarks")
QUESTION_WORDS = ("What", "Whether", "How", "Why", "Who", "Whom", "Whose", "Where", "Which")


def first_lines(source: str) -> Iterator[tuple[int, str]]:
    """The line numbers and first lines of the docstrings of a module, its classes, functions and attributes."""
    nodes: list[ast.AST] = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            text = node.value.value
            if isinstance(text, str) and text.strip():
                yield node.lineno, text.strip().splitlines()[0]
        elif not isinstance(node, ast.expr):
            nodes += ast.iter_child_nodes(node)


def begins_with_question_word(line: str) -> bool:
    return line.split()[0].strip("\"'`,:.").split("'")[0] in QUESTION_WORDS


def test_docstrings_begin_with_noun_or_verb() -> None:
    files = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py"))
    lines = [(file, number, line) for file in files for number, line in first_lines(file.read_text())]
    assert len(lines) > 1500
    assert [
        f"{file.relative_to(ROOT)}:{number}: {line}" for file, number, line in lines if begins_with_question_word(line)
    ] == []


@pytest.mark.parametrize(
    "source",
    ['"""What it is."""', 'class A:\n    """Who asks."""', 'def f():\n    """Why not."""', 'X = 1\n"""How many."""'],
)
def test_docstring_question_is_found(source: str) -> None:
    assert [begins_with_question_word(line) for _, line in first_lines(source)] == [True]


@pytest.mark.parametrize("line", ["Return what was asked.", "Whatever is left.", "True if it ended."])
def test_plain_first_line_passes(line: str) -> None:
    assert not begins_with_question_word(line)
