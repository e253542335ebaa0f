"""Text that docs/hooks.py and docs/docstrings.py generate."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from blocks import DOCS


def _load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"docs_{name}", DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


hooks, docstrings = _load("hooks"), _load("docstrings")


def test_existing_screenshot_is_embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hooks, "ROOT", tmp_path)
    page = "before\n\n<!-- screenshot: job -->\n\nafter"
    assert hooks.on_page_markdown(page) == "before\n\n\n\nafter"
    pictures = tmp_path / "docs" / "screenshots"
    pictures.mkdir(parents=True)
    (pictures / "job.png").touch()
    assert "![The view: job](screenshots/job.png)\n" in hooks.on_page_markdown(page)
    (pictures / "job-dark.png").touch()
    both = hooks.on_page_markdown(page)
    assert "(screenshots/job.png#only-light)" in both
    assert "(screenshots/job-dark.png#only-dark)" in both
    deeper = SimpleNamespace(file=SimpleNamespace(src_uri="how-to/results.md"))
    assert "(../screenshots/job.png#only-light)" in hooks.on_page_markdown(page, page=deeper)


def test_links_of_root_lead_to_pages() -> None:
    assert hooks.from_docs("[a](docs/sessions.md#transfers)") == "[a](sessions.md#transfers)"
    assert hooks.from_docs("[b](CHANGELOG.md), [c](Makefile)") == "[b](changelog.md), c"
    assert hooks.from_docs("[d](https://flare.example/x)") == "[d](https://flare.example/x)"


def test_no_run_is_for_tests_only() -> None:
    assert hooks.on_page_markdown("```python no-run\nx\n```\n") == "```python\nx\n```\n"


def test_unknown_generated_section_fails() -> None:
    with pytest.raises(KeyError):
        hooks.on_page_markdown("<!-- made: nothing-of-the-kind -->")


def test_docstrings_for_site() -> None:
    text = "See :meth:`.Session.close`.\n\nstudy, timeout\n    Where, and how long.\n\nother\n    That."
    assert docstrings.for_the_site(text) == (
        "See `Session.close`.\n\nstudy\n    Where, and how long.\ntimeout\n    Where, and how long.\n\nother\n    That."
    )
