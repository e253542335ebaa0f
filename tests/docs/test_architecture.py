"""The page on the architecture names only paths that exist, and every module of the big packages."""

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
BY_FOLDER = ("api/commands/", "api/session_methods/")


@pytest.mark.parametrize("path", PATHS)
def test_named_path_exists(path: str) -> None:
    if path in OF_A_VIEW:
        assert list(PACKAGE.glob(f"views/*/{path}"))
    else:
        assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("package", ["wire", "api", "monitoring", "views", "federation"])
def test_every_module_is_named(package: str) -> None:
    modules = [file.relative_to(PACKAGE).as_posix() for file in (PACKAGE / package).rglob("*.py")]
    modules = [m for m in modules if not m.endswith("__init__.py") and not m.startswith(BY_FOLDER)]
    assert [module for module in modules if f"`{module}`" not in PAGE] == []
