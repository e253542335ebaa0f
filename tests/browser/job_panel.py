"""The job view in an output, as a user reads and handles it."""

from __future__ import annotations

import itertools
import re

from playwright.sync_api import Locator, expect


class JobPanel:
    """One job view, live or static.

    Parameters
    ----------
    output
        Where to look for it.
    """

    def __init__(self, output: Locator) -> None:
        # Of the live view and the static form beside it, a reader sees one.
        self.live = output.locator(".flw-job.flw-live:visible")
        self.static = output.locator(".flw-job:not(.flw-live):visible")
        self._any = output.locator(".flw-job:visible")

    @property
    def status(self) -> Locator:
        """The status in the server's words."""
        return self._any.locator(".flw-word")

    @property
    def elapsed(self) -> Locator:
        """The run time in words."""
        return self._any.locator(".flw-elapsed")

    @property
    def freshness(self) -> Locator:
        """Age of the facts."""
        return self.live.locator("span.flw-fresh:not(.flw-last-known)")

    @property
    def sites(self) -> Locator:
        """The sites' chips."""
        return self._any.locator(".flw-site")

    @property
    def words(self) -> Locator:
        """Messages of the actions, a line each."""
        return self.live.locator(".flw-action-line:visible > span")

    def button(self, label: str) -> Locator:
        """A button by its label."""
        return self.live.get_by_role("button", name=label, exact=True)

    def grey_button(self, label: str) -> Locator:
        """A button that is grey, by its label: a screen reader hears why, too."""
        return self.live.get_by_role("button", name=re.compile(f"^{label}\\b"))

    def expect_status(self, status: str) -> None:
        """Wait for a status, in whatever form; there is one."""
        expect(self._any).to_have_count(1)
        expect(self.status).to_have_text(status)

    def expect_live(self, status: str) -> None:
        """Wait until the live view shows a status."""
        expect(self.live).to_be_visible()
        self.expect_status(status)

    def expect_static(self, status: str) -> None:
        """Wait until the static form with this status is shown, and no live view."""
        expect(self.static).to_be_visible()
        expect(self.live).to_have_count(0)
        self.expect_status(status)

    def seconds(self) -> int:
        """The run time as a number."""
        units = {"s": 1, "min": 60, "h": 3600}
        words = self.elapsed.inner_text().split()
        return sum(int(n) * units[unit] for n, unit in itertools.pairwise(words) if unit in units)
