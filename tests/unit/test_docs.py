"""The documentation names what exists, and all of it."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

from nvflare.apis.fl_constant import AdminCommandNames
from nvflare.fuel.flare_api import flare_api
from nvflare.security.security import COMMAND_CATEGORIES

from flare_widgets.api import Session

ROOT = Path(__file__).resolve().parents[2]


def table() -> dict[str, list[str]]:
    """The rows of the first table of methods: by the method, its command, right and effect."""
    text = (ROOT / "docs" / "flare-api.md").read_text().split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    return {row[0].strip("`"): row[1:] for row in rows[2:]}


def methods(session: type) -> list[str]:
    return sorted(n for n, _ in inspect.getmembers(session, inspect.isfunction) if not n.startswith("_"))


def test_table_has_exactly_methods_of_session() -> None:
    assert sorted(table()) == methods(Session)


def test_session_has_every_method_of_nvflares() -> None:
    assert set(methods(flare_api.Session)) <= set(methods(Session))


def test_each_method_says_what_it_does() -> None:
    for method, (_, _, effect) in table().items():
        assert getattr(Session, method).__doc__
        assert re.match(r"(reads|changes|destroys|as the job|that command)", effect), method


def test_each_right_is_one_nvflare_checks() -> None:
    by_role = {"study", "studies"}
    for method, (command, right, _) in table().items():
        name = re.match(r"`(\w+)", command)
        if name is None or name[1].startswith("_") or any(word in name[1] for word in by_role):
            continue
        assert name[1] in {v for k, v in vars(AdminCommandNames).items() if k.isupper()}, method
        assert right.startswith(f"`{COMMAND_CATEGORIES.get(name[1], name[1])}`"), method
