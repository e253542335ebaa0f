"""A notebook in JupyterLab, as a user has it before them: the tests speak through this, not through selectors."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import nbformat
from lab_server import LabServer
from playwright.sync_api import FloatRect, Locator, Page, expect

# The toolbar calls a kernel idle before the notebook is connected to it; what is run then is lost without a word.
_READY = """() => {
  const panel = window.jupyterapp?.shell?.currentWidget, kernel = panel?.sessionContext?.session?.kernel;
  return !!(panel?.context?.isReady && panel.sessionContext.isReady
            && kernel?.connectionStatus === 'connected' && kernel.status === 'idle');
}"""
_OPEN = """path => {
  const context = window.jupyterapp?.shell?.currentWidget?.context;
  return context?.path === path && context.isReady;
}"""
_CLOSE = """paths => {
  for (const widget of [...(window.jupyterapp?.shell?.widgets('main') ?? [])])
    if (!paths || paths.includes(widget.context?.path)) widget.dispose();
}"""

# evaluate() has no timeout, and some of Lab's promises never settle: note the outcome and wait for the note.
# The cell is made the active one at the same moment: Lab follows the focus, which may yet be on its way elsewhere.
_COMMAND = """([id, args, note, cell]) => {
  window[note] = null;
  if (cell !== null) window.jupyterapp.shell.currentWidget.content.activeCellIndex = cell;
  window.jupyterapp.commands.execute(id, args).then(
    () => { window[note] = 'ok' }, error => { window[note] = String(error) });
}"""


class NotebookPage:
    """One notebook in one tab.

    Parameters
    ----------
    page
        The tab.
    lab
        The server.
    """

    def __init__(self, page: Page, lab: LabServer) -> None:
        self.page = page
        self.lab = lab
        self.name = ""
        self._names: set[str] = set()

    def create(self, *cells: str, name: str = "") -> NotebookPage:
        """Write a notebook with these cells and open it."""
        name = name or f"{uuid.uuid4().hex[:8]}.ipynb"
        notebook = nbformat.v4.new_notebook(
            cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        )
        self.write(notebook, name)
        return self.open(name)

    def write(self, notebook: nbformat.NotebookNode, name: str) -> None:
        """Write a notebook into the server's folder."""
        nbformat.write(notebook, self.lab.root / name)

    def open(self, name: str, *, kernel: bool = True) -> NotebookPage:
        """Open a notebook; without kernel, do not wait for one. What is open is left by loading the tab anew."""
        again = bool(self._names)
        self.name = name
        self._names.add(name)
        if not again and self.page.evaluate("() => !!window.jupyterapp"):
            self.command("docmanager:open", {"path": name})
        else:
            self.page.evaluate(_CLOSE, None)  # or the browser asks about what is not saved
            self.page.goto(self.lab.url(name))
        self.page.wait_for_function(_OPEN, arg=name, timeout=60_000)
        if kernel:
            self.wait_until_ready()
        return self

    def reopen(self) -> None:
        """Close the notebook, not its kernel, and open it again; the tab stays as it is."""
        self.page.evaluate(_CLOSE, [self.name])
        self.show()

    def show(self) -> None:
        """Have the notebook before one again, after others were opened in the tab, or the tab was loaded anew."""
        self.command("docmanager:open", {"path": self.name})
        self.page.wait_for_function(_OPEN, arg=self.name, timeout=60_000)
        self.wait_until_ready()

    def close(self) -> None:
        """Close the notebooks that were opened here without saving them, and end their kernels."""
        dialogs = self.page.locator(".jp-Dialog")
        for _ in range(dialogs.count()):
            self.page.keyboard.press("Escape")
        expect(dialogs).to_have_count(0)
        self.page.evaluate(_CLOSE, list(self._names))
        self.shut_down_kernels()

    def fill(self, *cells: str) -> None:
        """Have these cells in place of those of the open notebook; none of them is run."""
        self.page.evaluate(
            """sources => {
              const model = window.jupyterapp.shell.currentWidget.content.model.sharedModel;
              const cells = sources.map(source => ({ cell_type: 'code', source, outputs: [], metadata: {} }));
              // In this order: a notebook without cells gets one of JupyterLab's own accord.
              model.insertCells(0, cells);
              model.deleteCellRange(cells.length, model.cells.length);
            }""",
            list(cells),
        )

    def shut_down_kernels(self) -> None:
        """End the kernels of the notebooks that were opened here."""
        self.lab.shut_down_kernels(self._names)

    def wait_until_ready(self) -> None:
        """Wait until the kernel is connected and idle."""
        self.page.wait_for_function(_READY, timeout=60_000)

    def command(
        self, name: str, args: dict[str, Any] | None = None, *, cell: int | None = None, wait: bool = True
    ) -> None:
        """Run one of JupyterLab's commands; on a cell, if it is one of those."""
        note = f"__outcome_of_{name}"
        self.page.evaluate(_COMMAND, [name, args or {}, note, cell])
        if wait:
            self.page.wait_for_function("note => window[note] !== null", arg=note, timeout=60_000)
            assert self.page.evaluate("note => window[note]", note) == "ok"

    def hide_left_area(self) -> None:
        """Leave the width of the page to the notebook, also when the left area is hidden already."""
        self._show_left_area(False)

    def show_left_area(self) -> None:
        """Bring back what `hide_left_area` hid."""
        self._show_left_area(True)

    def _show_left_area(self, shown: bool) -> None:
        if self.page.evaluate("() => window.jupyterapp.shell.leftCollapsed") == shown:
            self.command("application:toggle-left-area")
            self.page.wait_for_function("shown => window.jupyterapp.shell.leftCollapsed !== shown", arg=shown)

    def run(self, index: int, *, wait: bool = True) -> None:
        """Run one cell; it must not fail. Without `wait`, only begin."""
        self.command("notebook:run-cell", cell=index, wait=wait)
        if wait:
            self._must_not_have_failed(index)

    def run_code(self, code: str) -> None:
        """Run code in the kernel, past the notebook; it must not fail."""
        self.page.evaluate(
            """code => {
              window.__ran = null;
              const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
              const future = kernel.requestExecute({ code, silent: true });
              future.done.then(reply => { window.__ran = reply.content }, error => { window.__ran = String(error) });
            }""",
            code,
        )
        self.page.wait_for_function("() => window.__ran !== null", timeout=60_000)
        reply = self.page.evaluate("() => window.__ran")
        assert isinstance(reply, dict), reply
        assert reply["status"] == "ok", f"{reply.get('ename')}: {reply.get('evalue')}"

    def write_cell(self, index: int, source: str) -> None:
        """Write something else into a cell."""
        self.page.evaluate(
            """([index, source]) => {
              window.jupyterapp.shell.currentWidget.content.widgets[index].model.sharedModel.setSource(source);
            }""",
            [index, source],
        )

    def clear(self, index: int) -> None:
        """Remove the outputs of a cell."""
        self.command("notebook:clear-cell-output", cell=index)

    def cell(self, index: int) -> Locator:
        """One cell."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell").nth(index)

    def outputs(self, index: int) -> Locator:
        """The outputs of a cell. (Text of the cell as a whole would find its source, too.)"""
        return self.cell(index).locator(".jp-OutputArea-output")

    def has_kernel(self) -> bool:
        """True if the notebook is connected to a kernel."""
        has: bool = self.page.evaluate("() => !!window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel")
        return has

    def running_cells(self) -> list[int]:
        """The cells that have been started and not yet ended. (The kernel's status is idle after each click.)"""
        prompts = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook .jp-Cell .jp-InputPrompt")
        return [i for i, prompt in enumerate(prompts.all_inner_texts()) if "*" in prompt]

    def wait_until_running(self, index: int) -> None:
        """Wait until the kernel has begun with a cell."""
        expect(self.cell(index).locator(".jp-InputPrompt")).to_have_text("[*]:")
        self.wait_until_busy()

    def wait_until_busy(self) -> None:
        """Wait until the kernel does something, or is at least asked to."""
        self.page.wait_for_function(
            "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'"
        )

    def interrupt(self) -> None:
        """Press the stop button, and wait until no cell is running."""
        self.command("notebook:interrupt-kernel")
        prompts = self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputPrompt")
        expect(prompts.filter(has_text="*")).to_have_count(0)
        self.wait_until_ready()

    def save(self) -> nbformat.NotebookNode:
        """Save, and return what is in the file."""
        self.command("docmanager:save")
        saved: nbformat.NotebookNode = nbformat.read(self.lab.root / self.name, as_version=4)
        return saved

    def theme(self, name: str) -> None:
        """Change to ``JupyterLab Light`` or ``JupyterLab Dark``."""
        self.command("apputils:change-theme", {"theme": name})
        # The theme's style is loaded behind a splash screen.
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def screenshot(self, locator: Locator, path: Path | None) -> None:
        """Take a picture, if there is a place for it."""
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            locator.screenshot(path=path)

    def _must_not_have_failed(self, index: int) -> None:
        error = self.cell(index).locator(".jp-OutputArea-output[data-mime-type='application/vnd.jupyter.stderr']")
        failed = [text for text in error.all_inner_texts() if "Traceback" in text]
        assert not failed, failed[0]


def box_of(locator: Locator) -> FloatRect:
    """Return the box of something that must be on the page."""
    box = locator.bounding_box()
    assert box is not None
    return box


def mime_types(notebook: nbformat.NotebookNode, index: int) -> list[list[str]]:
    """The MIME types of each output of a cell in a saved notebook."""
    return [sorted(json.loads(json.dumps(output.get("data", {})))) for output in notebook.cells[index].outputs]
