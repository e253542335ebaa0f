"""Troubleshooting has every exception, every kind of failure and every check; the messages it quotes are the code's."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest
from blocks import DOCS, ROOT

from flare_widgets import errors
from flare_widgets.api import kit_check
from flare_widgets.kit.checks import CHECKS
from flare_widgets.monitoring.diagnosis.model import FAILURE_KINDS

PAGE = (DOCS / "troubleshooting.md").read_text()
EXCEPTIONS = [
    name
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.FlareError) and kind is not errors.FlareError
]
#: Never raised themselves: the page names them in its tree.
GROUPS = {
    *("InputError", "CommunicationError", "PermissionDenied", "JobError"),
    *("SystemStateError", "ServerError", "TransferError", "NotInstalled"),
}
#: Quoted, but said by somebody else: IPython, the operating system, or a sentence of ours with a word of interest.
_OF_OTHERS = {"probably", "read-only file system", "too many open files"}


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_each_exception_has_part(exception: str) -> None:
    pattern = rf"^├── {exception} " if exception in GROUPS else rf"^### {exception}$"
    assert re.search(pattern, PAGE, re.MULTILINE)


@pytest.mark.parametrize("exception", EXCEPTIONS)
def test_each_exception_is_in_tree(exception: str) -> None:
    assert re.search(rf"\b{exception}\b", PAGE.partition("```text")[2].partition("```")[0])


def test_each_kind_of_failure_has_row() -> None:
    rows = PAGE.partition("## Why a job failed or waits")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w-]+)` \|", rows, re.MULTILINE) == list(FAILURE_KINDS)


def test_each_check_of_kit_has_row() -> None:
    rows = PAGE.partition("### What the kit check finds")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `([\w ]+)` \|", rows, re.MULTILINE) == [check.name for check in CHECKS] + list(
        kit_check._NETWORK_CHECKS
    )


def _sentences(file: Path) -> list[str]:
    """The texts in a file; of those with values in them, with an ellipsis for each."""
    found = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            found.append("".join(parts))
    return found


def test_messages_that_are_quoted_are_said() -> None:
    said = [sentence for file in (ROOT / "flare_widgets").rglob("*.py") for sentence in _sentences(file)]
    quoted = set(re.findall(r"“([^”]+)”", PAGE)) - _OF_OTHERS
    assert len(quoted) > 20
    assert [words for words in sorted(quoted) if not any(words in sentence for sentence in said)] == []
