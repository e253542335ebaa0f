"""Parts of the site that are not written in a page, made of the code, the benchmarks and the changelog.

A page says where by a comment, which GitHub does not show: ``<!-- made: NAME -->``, and ``<!-- screenshot: NAME -->``
for a picture in ``docs/screenshots``, NAME.png, beside which there may be a NAME-dark.png. Without the picture the page
does without.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]

_MADE = re.compile(r"^<!-- made: ([\w-]+) -->$", re.MULTILINE)
_INFO = re.compile(r"^(\s*```\w+) no-run$", re.MULTILINE)
_SCREENSHOT = re.compile(r"^<!-- screenshot: ([\w-]+) -->$", re.MULTILINE)
_DRAWING = re.compile(r"^!\[(.*)\]\((images/[\w-]+\.svg)\)$", re.MULTILINE)
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#)([^)#\s]+)(#[^)\s]+)?\)")
_PAGES = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md", "README.md": "index.md"}


def on_page_markdown(markdown: str, page: Any = None, **_: Any) -> str:
    """Put in what is made, take off what only the tests read, and draw drawings in the colours of the page."""
    to_root = "../" * page.file.src_uri.count("/") if page is not None else ""
    markdown = _MADE.sub(lambda match: MADE[match[1]](), markdown)
    markdown = _SCREENSHOT.sub(lambda match: _screenshot(match[1], to_root), markdown)
    markdown = _DRAWING.sub(lambda match: _drawing(match[2], match[1]), markdown)
    return _INFO.sub(r"\1", markdown)


def verbs() -> str:
    """Every verb of ``%flare``, from its declaration; the page has a title of its own."""
    from flare_widgets.magics.reference import format_reference

    return format_reference().partition("\n")[2]


def commands() -> str:
    """Every command of the command line, from its declaration."""
    from flare_widgets.cli import COMMANDS, make_parser

    subparsers = next(a.choices for a in make_parser()._actions if isinstance(a.choices, dict))
    return "\n\n".join(
        f"## `flare-widgets {command.name}`\n\n"
        + _fenced(subparsers[command.name].format_help().partition("\nExit codes:")[0])
        for command in COMMANDS
    )


def exit_codes() -> str:
    """What the exit codes of the command line mean."""
    from flare_widgets.cli.command import ExitCode

    return _table(("code", "meaning"), ((str(code.value), code.meaning) for code in ExitCode))


def settings() -> str:
    """The table of settings."""
    from flare_widgets.config import settings_table

    return settings_table()


def watching() -> str:
    """What the README of the benchmarks says about watching."""
    text = (ROOT / "benchmarks" / "README.md").read_text()
    return "## Watching" + text.partition("\n## Watching")[2]


def changelog() -> str:
    """The changelog."""
    return _page("CHANGELOG.md")


def contributing() -> str:
    """The page for contributors."""
    return _page("CONTRIBUTING.md")


MADE: dict[str, Callable[[], str]] = {
    "verbs": verbs,
    "commands": commands,
    "exit-codes": exit_codes,
    "settings": settings,
    "watching": watching,
    "changelog": changelog,
    "contributing": contributing,
}
"""What can be made, by the name that pages say."""


def _fenced(text: str) -> str:
    return f"```text\n{text.strip()}\n```"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _page(name: str) -> str:
    """A Markdown file of the repository's root, without its title, with links as they are from ``docs``."""
    return from_docs((ROOT / name).read_text().partition("\n")[2])


def from_docs(text: str) -> str:
    """Have the links of a text lead to the pages of the site; what is no page of it is no link."""

    def link(match: re.Match[str]) -> str:
        words, target, anchor = match[1], match[2], match[3] or ""
        page = _PAGES.get(target, target.removeprefix("docs/") if target.startswith("docs/") else "")
        return f"[{words}]({page}{anchor})" if page else words

    return _LINK.sub(link, text)


def _screenshot(name: str, to_root: str = "") -> str:
    """The picture of a view, for light pages and for dark ones; nothing where there is none."""
    files = {"light": f"screenshots/{name}.png", "dark": f"screenshots/{name}-dark.png"}
    there = {scheme: to_root + file for scheme, file in files.items() if (ROOT / "docs" / file).is_file()}
    both = len(there) == len(files)
    words = f"The view: {name}"
    return "\n".join(f"![{words}]({file}{f'#only-{scheme}' if both else ''})" for scheme, file in there.items())


def _drawing(file: str, words: str) -> str:
    """A drawing as part of the page, where it has the page's text colour, light or dark."""
    svg = (ROOT / "docs" / file).read_text()
    svg = re.sub(r"<style>.*?</style>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r"\n\s*", "\n", svg[svg.index("<svg") :]).replace("\n\n", "\n")
    return f'<figure class="drawing" aria-label="{html.escape(words)}">{svg}</figure>'
