"""The sidebar of our JupyterLab extension and its tabs, as a user reads and handles them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jobs_panel import JobsPanel
from lab_page import box_of
from lab_server import LabServer
from playwright.sync_api import Locator, Page, expect
from waiting import wait_until

_COMMAND = "([id, args]) => { void window.jupyterapp.commands.execute(id, args); }"


class FlareSidebar:
    """The sidebar in a page.

    Parameters
    ----------
    page, lab
        The page, and its server.
    """

    def __init__(self, page: Page, lab: LabServer) -> None:
        self.page = page
        self.lab = lab
        self.root = page.locator(".flw-lab")
        self.notice = self.root.locator(".flw-lab-notice")
        self.status_item = page.locator(".flw-lab-status")

    def open(self) -> FlareSidebar:
        """Load JupyterLab in a workspace without memory, and show the sidebar."""
        self.page.goto(self.lab.front_page)
        return self.show()

    def reload(self) -> FlareSidebar:
        """Load the page again, with what JupyterLab remembers of its layout."""
        saved = self.page.evaluate_handle("() => window.jupyterapp.restored")
        saved.dispose()
        # JupyterLab saves the layout after a moment without changes.
        with self.page.expect_response(lambda r: "/api/workspaces/" in r.url and r.request.method == "PUT"):
            self.command("application:toggle-right-area")
        self.page.goto(self.lab.base + "/lab")
        return self.show()

    def show(self) -> FlareSidebar:
        """Bring it to the front, once it is there."""
        self.page.wait_for_function(
            "() => window.jupyterapp?.commands.hasCommand('flare-widgets:show-sidebar')", timeout=60_000
        )
        self.page.evaluate("() => window.jupyterapp.restored.then(() => undefined)")
        self.command("flare-widgets:show-sidebar")
        expect(self.root).to_be_visible()
        return self

    def command(self, name: str, args: dict[str, Any] | None = None) -> None:
        """Begin a command of JupyterLab."""
        self.page.evaluate(_COMMAND, [name, args or {}])

    def button(self, label: str) -> Locator:
        """A button of the sidebar, by what it is called."""
        return self.root.get_by_role("button", name=label)

    def section(self, title: str) -> Locator:
        """A list of the sidebar, by the title above it."""
        return self.root.get_by_role("list", name=title)

    def connect(self, kit: str) -> None:
        """Connect with a kit at hand."""
        self.button(f"Connect with {kit}").click()
        expect(self.section("sessions").get_by_text("ready")).to_be_visible()

    def log_out(self) -> None:
        """Log out of the session, by its menu."""
        self.button("Menu of ada@127.0.0.1").click()
        self.menu_entry("Log Out").click()
        expect(self.section("sessions").get_by_text("ready")).to_have_count(0)

    def drag_session(self, name: str, target: Locator) -> None:
        """Drag a session onto something."""
        start, end = box_of(self.section("sessions").get_by_text(name)), box_of(target)
        mouse, image = self.page.mouse, self.page.locator(".flw-lab-dragged")
        mouse.move(start["x"] + 10, start["y"] + 5)
        mouse.down()

        def is_dragged() -> bool:
            # The code of the cell comes from the server: until then, moves are in vain.
            mouse.move(start["x"] + 60, start["y"] + 30)
            mouse.move(start["x"] + 70, start["y"] + 35)
            return image.count() > 0

        wait_until(is_dragged)
        mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=5)
        mouse.up()
        expect(image).to_have_count(0)

    def take_pictures(self, folder: Path | None, name: str) -> None:
        """Take a picture of the page in each theme, if there is a place for them."""
        if folder is None:
            return
        for theme in ("Dark", "Light"):
            self.command("apputils:change-theme", {"theme": f"JupyterLab {theme}"})
            expect(self.page.locator(f"body[data-jp-theme-name='JupyterLab {theme}']")).to_be_attached()
            expect(self.page.locator("#jupyterlab-splash")).to_have_count(0)
            self.page.screenshot(path=folder / f"lab-{name}-{theme.lower()}.png")

    def choose_for_folder(self, folder: str, entry: str) -> None:
        """Choose one of our entries in the menu of a folder in the file browser."""
        self.command("filebrowser:activate")
        item = self.page.locator(".jp-DirListing-item[data-isdir='true']").filter(has_text=folder)
        item.click(button="right")
        self.page.locator(".lm-Menu-item").filter(has_text="NVIDIA FLARE").hover()
        self.menu_entry(entry).click()

    def menu_entry(self, words: str) -> Locator:
        """An entry of an open menu; the palette has some of the same words."""
        return self.page.locator(".lm-Menu-itemLabel").get_by_text(words, exact=True)

    def close_documents(self) -> None:
        """Close all notebooks, without saving them."""
        self.page.evaluate(
            """() => {
              for (const widget of [...window.jupyterapp.shell.widgets('main')]) if (widget.context) widget.dispose();
            }"""
        )

    # -- tabs

    def tab_titles(self) -> list[str]:
        """The titles of our tabs."""
        return self.page.locator(
            "#jp-main-dock-panel .lm-TabBar-tab[data-id^='flare-widgets'] .lm-TabBar-tabLabel"
        ).all_inner_texts()

    def tab_title(self, words: str | re.Pattern[str]) -> Locator:
        """The title of a tab."""
        return self.page.locator("#jp-main-dock-panel .lm-TabBar-tabLabel").filter(has_text=words)

    @property
    def tab(self) -> Locator:
        """The tab of ours that is in front."""
        return self.page.locator(".flw-tab:not(.lm-mod-hidden)")

    def jobs(self) -> JobsPanel:
        """The table of jobs in the tab in front."""
        return JobsPanel(self.tab)
