"""The reference for the documentation says what the verbs say."""

from __future__ import annotations

import re

import pytest

from flare_widgets.magics.reference import format_reference
from flare_widgets.magics.verbs import VERBS

TEXT = format_reference()


def section(title: str) -> str:
    found = re.search(rf"^### `{re.escape(title)}`$(.*?)(?=^##|\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_section_is_complete(verb: str) -> None:
    text = section(f"%flare {verb}")
    assert VERBS[verb].summary in text
    for option in VERBS[verb].options:
        for flag in option.flags:
            if flag.startswith("-"):
                assert f"`{flag}" in text
    for example, _ in VERBS[verb].examples:
        assert example in text
    assert ("read-only mode" in text) == VERBS[verb].is_mutating


def test_groups_are_chapters_in_their_order() -> None:
    assert re.findall(r"^## (.*)$", TEXT, re.MULTILINE) == [*VERBS.groups(), "Jobs written in cells"]


def test_tables_are_whole() -> None:
    for line in TEXT.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 3, line
    assert "%%" not in TEXT.replace("%%flare", "")


def test_cell_magic_is_there() -> None:
    text = section("%%flare")
    assert "--dry-run" in text
    assert "import nvflare.client as flare" in text
