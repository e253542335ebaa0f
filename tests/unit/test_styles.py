"""The style sheets of all views are in one page: none of them may change what another view looks like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

STATIC = Path(__file__).parents[2] / "flare_widgets" / "views" / "static"
VIEWS = sorted(path.stem for path in STATIC.glob("*.js"))
CLASS = re.compile(r"flw-[a-z-]*[a-z]")
# What narrows a rule to one view: the view's own class, or an element where others have another one.
NARROW = re.compile(r"\.flw-(?:" + "|".join([*VIEWS, "below"]) + r")(?![a-z-])|(?<![\w.#:-])[a-z]+\.flw-")


def selectors(sheet: str) -> Iterator[str]:
    for heads in re.findall(r"(?:^|[{}])([^{}@]+)\{", sheet):
        # Commas in brackets are of `:is()`: its alternatives are used together here.
        yield from re.split(r",(?![^(]*\))", heads)


def test_there_are_views() -> None:
    assert {"job", "jobs", "system"} <= set(VIEWS)
    assert list(selectors(".a .b,.c{x:y}@media (z){.d{x:y}}")) == [".a .b", ".c", ".d"]


@pytest.mark.parametrize("view", VIEWS)
def test_no_sheet_but_own_styles_view(view: str) -> None:
    classes = set(CLASS.findall((STATIC / f"{view}.js").read_text(encoding="utf-8")))
    own = set(selectors((STATIC / f"{view}.css").read_text(encoding="utf-8")))
    foreign = {
        (other, selector)
        for other in VIEWS
        for selector in selectors((STATIC / f"{other}.css").read_text(encoding="utf-8"))
        if selector not in own and not NARROW.search(selector)
        for found in [set(CLASS.findall(selector)) - {"flw-live"}]
        if found and found <= classes
    }
    assert not foreign
