"""The data that the front-end tests draw is what Python sends to a browser."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

FIXTURES = Path(__file__).parents[2] / "js" / "fixtures"
MAKER = runpy.run_path(str(FIXTURES / "make_fixtures.py"))


@pytest.mark.parametrize("name", list(MAKER["BUILDERS"]))
def test_fixture_is_what_script_writes(name: str) -> None:
    written = (FIXTURES / f"{name}.json").read_text(encoding="utf-8")
    assert written == MAKER["render"](MAKER["BUILDERS"][name]()), "run js/fixtures/make_fixtures.py"
