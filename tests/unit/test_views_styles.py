"""A style sheet reaches the whole page: each of ours must reach only what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import flare_widgets.views

STATIC = Path(flare_widgets.views.__file__).parent / "static"
LIVE = sorted(file for file in STATIC.glob("*.css") if not file.stem.endswith("-static"))


@pytest.mark.parametrize("file", LIVE, ids=lambda file: file.stem)
def test_live_sheet_is_bound_to_view(file: Path) -> None:
    css = file.read_text()
    assert css.count(".flw-live") > 20
    assert re.findall(r"\.flw-live(?![\w-])(?!:where\()", css) == []
    roots = re.search(r":where\(([^)]*)\)", css)
    assert roots is not None
    assert f".flw-{file.stem}" in roots[1].split(",")


def test_selectors_belong_to_view() -> None:
    """A selector that begins with neither a view nor the host's theme is the chart library's, or a mistake."""
    for file in LIVE:
        for selectors in re.findall(r"(?:^|[{}])([^{}@]+)\{", file.read_text()):
            for selector in re.split(r",(?![^(]*\))", selectors):
                ours = r"\.flw-|\.u-|\.uplot|\.cell-output-ipywidget-background:has\(\.flw-"
                begin = rf"\s*({ours}|\[data-jp-theme|:is\(\[|:root:not\(|body:not\()"
                assert re.match(begin, selector), (file.name, selector)
