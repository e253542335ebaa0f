"""The table of jobs in an output, as a user reads and handles it."""

from __future__ import annotations

from lab_page import box_of
from playwright.sync_api import Locator


class JobsPanel:
    """The table in an output, as a user reads and handles it."""

    def __init__(self, output: Locator) -> None:
        self.root = output.locator(".flw-jobs.flw-live")
        self.grid = self.root.get_by_role("grid", name="jobs")
        self.rows = self.grid.locator(".flw-row:not(.flw-header)")
        self.search = self.root.get_by_label("filter the jobs")
        self.counts = self.root.locator(".flw-counts")
        self.marked = self.root.locator(".flw-marked")
        self.confirm = self.root.locator(".flw-action-confirm")
        self.below = output.locator(".flw-below")

    def names(self) -> list[str]:
        # In the order in which they are seen, which is not that of the document.
        rows = [(box_of(row), row.locator(".flw-job-name").inner_text()) for row in self.rows.all()]
        return [name for box, name in sorted(rows, key=lambda r: r[0]["y"])]

    def row(self, number: int) -> Locator:
        """A row by its place in the whole table, from 1."""
        return self.grid.locator(f".flw-row[aria-rowindex='{number + 1}']")

    def button(self, label: str) -> Locator:
        return self.root.locator(f"button[data-action='{label}']")

    def selected(self) -> int:
        return self.grid.locator(".flw-row[aria-selected='true']").count()
