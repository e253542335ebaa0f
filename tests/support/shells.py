"""IPython shells for tests of ``%flare``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output


@contextmanager
def ipython(*, load: bool = True, **options: Any) -> Iterator[InteractiveShell]:
    """A shell of its own, which has ``%flare`` loaded unless the test loads it itself."""
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(**options)
    extensions = shell.extension_manager
    assert extensions is not None
    if load:
        extensions.load_extension("flare_widgets")
    try:
        yield shell
    finally:
        extensions.unload_extension("flare_widgets")
        InteractiveShell.clear_instance()


def answer_questions(monkeypatch: pytest.MonkeyPatch, answer: str) -> list[str]:
    """Answer whatever is asked; return the list to which the questions will be added."""
    asked: list[str] = []

    def reply(question: str) -> str:
        asked.append(question)
        return answer

    monkeypatch.setattr("builtins.input", reply)
    return asked


def flare(shell: InteractiveShell, line: str) -> Any:
    """Run a verb and return its value, without its output."""
    with capture_output():
        return shell.run_line_magic("flare", line)


def said(shell: InteractiveShell, cell: str) -> str:
    """Run a cell and return its output and its errors."""
    with capture_output() as captured:
        shell.run_cell(cell)
    shown = [str(output.data.get("text/plain", "")) for output in captured.outputs]
    return "\n".join([captured.stdout, captured.stderr, *shown])
