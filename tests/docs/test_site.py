"""The site is built without a warning, shows what the declarations say, and fetches nothing from elsewhere."""

from __future__ import annotations

import html
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from blocks import ROOT
from traitlets.config import Config

from flare_widgets import cli
from flare_widgets.config import FlareWidgets
from flare_widgets.magics.verbs import VERBS

# No warning of mkdocs is about these: they are said by Material itself about the future of MkDocs.
_QUIET = {"NO_MKDOCS_2_WARNING": "1"}


def build(config: Path, to: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config), "--site-dir", str(to)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, **_QUIET},
        timeout=240,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    run = build(ROOT / "mkdocs.yml", folder)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "WARNING" not in run.stdout + run.stderr
    return folder


class _Loads(HTMLParser):
    """Collects what a browser fetches by itself when it opens a page; links that a person may follow are not."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        passive = tag == "link" and given.get("rel") in ("canonical", "prev", "next")
        for name in ("src", "srcset", "data", "poster", *(["href"] if tag in ("link", "image", "use") else [])):
            if given.get(name) and not passive:
                self.found.append(str(given[name]))


def loads(page: str) -> list[str]:
    parser = _Loads()
    parser.feed(page)
    return parser.found


def _elsewhere(address: str) -> bool:
    return bool(re.match(r"(?i)\s*(?:[a-z][a-z0-9+.-]*:)?//", address))


def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    pages = list(site.rglob("*.html"))
    assert len(pages) > 25
    for page in pages:
        text = page.read_text()
        found = loads(text)
        assert found
        assert not [address for address in found if _elsewhere(address)], page
        for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL):
            assert not re.search(r"url\(\s*['\"]?\s*(?:https?:)?//|@import", style), page
    for sheet in site.rglob("*.css"):
        assert not re.search(r"url\(\s*['\"]?\s*(?:https?:)?//|@import", sheet.read_text()), sheet


def test_external_resources_are_detected() -> None:
    page = '<link rel="stylesheet" href="https://fonts.example/x.css"><script src="//cdn.example/x.js"></script>'
    assert [_elsewhere(address) for address in loads(page)] == [True, True]
    assert not _elsewhere("../assets/x.js")


def test_what_page_loads_is_there(site: Path) -> None:
    for page in site.rglob("*.html"):
        for address in loads(page.read_text()):
            file = address.partition("?")[0].partition("#")[0]
            if file and page.name != "404.html" and not address.startswith("data:"):
                assert (page.parent / file).is_file(), f"{page}: {address}"


def test_pages_say_what_declarations_say(site: Path) -> None:
    magics = (site / "magics.html").read_text()
    for verb in VERBS.values():
        assert f'id="flare-{verb.name}"' in magics
    assert 'id="jobs-written-in-cells"' in magics
    settings = (site / "configuration.html").read_text()
    for setting in FlareWidgets(environ={}, config=Config()).settings():
        assert f"<code>{setting.variable}</code>" in settings
    commands = (site / "command-line.html").read_text()
    for command in cli.COMMANDS:
        assert f"flare-widgets {command.name}</code>" in commands
    assert "first connect and login, ms" in (site / "performance.html").read_text()
    assert "0.1.0" in (site / "changelog.html").read_text()
    assert 'class="drawing"' in (site / "architecture.html").read_text()


def test_each_verb_lists_examples_and_options(site: Path) -> None:
    magics = (site / "magics.html").read_text()
    for verb in VERBS.values():
        part = magics.partition(f'id="flare-{verb.name}"')[2].partition("<h3")[0]
        text = html.unescape(re.sub(r"<[^>]+>", "", part))
        for line, _ in verb.examples:
            assert line in text, line
        for flag in verb.parser._option_string_actions:
            assert f"<code>{flag}" in part, (verb.name, flag)
        assert ("refused in read-only mode" in part) == verb.is_mutating


def test_reference_has_docstring_sections_without_roles(site: Path) -> None:
    for page in (site / "reference").glob("*.html"):
        assert not re.search(r":(?:class|meth|func|attr|data):", page.read_text()), page
        assert "<p>::</p>" not in page.read_text(), page
    session = (site / "reference" / "session.html").read_text()
    assert "flare_widgets.api.Session.submit_job" in session
    assert "Raises:" in session
    # Parameters with one description for both have their own types.
    words = " ".join(html.unescape(re.sub(r"<[^>]+>", "", session)).split())
    assert re.search(r"timeout ?\( ?float ?, default: 10\.0 ?\) – See new_secure_session", words)


def test_pages_contain_no_build_markers(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text()
        assert "<!-- made:" not in text
        assert "no-run" not in text


@pytest.mark.parametrize("fault", ["[nowhere](nowhere.md)", "[no such part](sessions.md#no-such-part)"])
def test_broken_link_fails_build(fault: str, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "index.md").write_text(f"# Page\n\n{fault}\n")
    (tmp_path / "docs" / "sessions.md").write_text("# Sessions\n")
    config = (ROOT / "mkdocs.yml").read_text()
    validation = config[config.index("\nvalidation:") : config.index("\nnav:")]
    (tmp_path / "mkdocs.yml").write_text(f"site_name: x\ntheme: mkdocs\n{validation}\n")
    run = build(tmp_path / "mkdocs.yml", tmp_path / "site")
    assert run.returncode != 0
    assert "nowhere" in run.stderr or "no-such-part" in run.stderr
