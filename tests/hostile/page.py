"""Find what a page of ours must not have, as a browser would read it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_ACTIVE = frozenset({"script", "iframe", "object", "embed", "link", "meta", "base", "form", "img", "image", "use", "a"})
_URL_ATTRIBUTES = frozenset({"href", "xlink:href", "src", "srcset", "action", "formaction", "data", "poster", "ping"})
_LOADING_STYLE = re.compile(r"(?i)@import|url\s*\(|expression\s*\(|javascript:")


class _Finder(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._is_in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._is_in_style = tag == "style"
        if tag in _ACTIVE:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            if name.startswith("on"):
                self.found.append(f"the handler {name}")
            if name in _URL_ATTRIBUTES and not (value or "").startswith("#"):
                self.found.append(f"{name}={value!r}"[:100])
            if name == "style" and _LOADING_STYLE.search(value or ""):
                self.found.append(f"the style {value!r}"[:100])

    def handle_endtag(self, tag: str) -> None:
        self._is_in_style = False

    def handle_data(self, data: str) -> None:
        if self._is_in_style and _LOADING_STYLE.search(data):
            self.found.append("a style that loads something")


def find_active_content(page: str) -> list[str]:
    """Return what in a page would run, load something, or lead elsewhere: none of our static forms has any."""
    finder = _Finder()
    finder.feed(page)
    finder.close()
    return finder.found
