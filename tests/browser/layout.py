"""Layout of a view on the page."""

from __future__ import annotations

import contextlib

from playwright.sync_api import Locator
from waiting import wait_until


def wait_until_it_fits(view: Locator) -> None:
    """Wait until nothing reaches out of a view: JupyterLab lays out a narrower page some time after it is resized."""
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not overflowing(view), 10)
    assert overflowing(view) == []


def overflowing(view: Locator) -> list[str]:
    """The classes of what reaches out of a view to the left or right."""
    found: list[str] = view.evaluate(
        """view => {
          const outer = view.getBoundingClientRect();
          return [...view.querySelectorAll('*:not(.flw-spoken)')].filter(part => {
            const box = part.getBoundingClientRect();
            const outside = box.right > outer.right + 1 || box.left < outer.left - 1;
            return outside && box.width > 0 && !part.closest('.flw-spoken');
          }).map(part => part.className);
        }"""
    )
    return found
