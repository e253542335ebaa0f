"""The page on the architecture names only paths that exist, and every module."""

from __future__ import annotations

import re

import pytest
from blocks import DOCS, ROOT

PAGE = (DOCS / "architecture.md").read_text()
PACKAGE = ROOT / "flare_widgets"
#: Paths in backticks, but for those with NAME in the place of a view.
PATHS = sorted(p for p in set(re.findall(r"`((?:[\w.-]+/)+[\w.-]*|[\w-]+\.py)`", PAGE)) if "NAME" not in p)
#: Files that each view may have in its folder.
OF_A_VIEW = {"view.py", "view_model.py", "actions.py", "html.py"}
#: The page names the modules in these folders in another way.
BY_FOLDER = ("api/commands/", "api/session_methods/", "magics/verbs/")


@pytest.mark.parametrize("path", PATHS)
def test_named_path_exists(path: str) -> None:
    if path in OF_A_VIEW:
        assert list(PACKAGE.glob(f"views/*/{path}"))
    else:
        assert (PACKAGE / path).exists() or (ROOT / path).exists()


def test_every_module_is_named() -> None:
    modules = [file.relative_to(PACKAGE).as_posix() for file in PACKAGE.rglob("*.py") if file.parent != PACKAGE]
    modules = [m for m in modules if not m.endswith(("__init__.py", "__main__.py")) and not m.startswith(BY_FOLDER)]
    assert [module for module in modules if f"`{module}`" not in PAGE] == []


def test_table_rows_are_whole() -> None:
    for table in re.findall(r"(?:^\|.*\n)+", PAGE, re.MULTILINE):
        header, *rows = (line.count("|") for line in table.splitlines())
        assert [row for row in rows[1:] if row != header] == []
