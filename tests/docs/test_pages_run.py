"""The Python of the pages, run as a reader would: block after block in one shell, against a real federation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import blocks, name, pages
from IPython.core.interactiveshell import InteractiveShell

RUN = [page for page in pages() if any(block.info == "python" for block in blocks(page))]


@pytest.fixture
def shell(reader: Path) -> Iterator[InteractiveShell]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    try:
        yield shell
    finally:
        if "flare_widgets" in shell.extension_manager.loaded:
            shell.extension_manager.unload_extension("flare_widgets")
        InteractiveShell.clear_instance()


@pytest.mark.parametrize("page", RUN, ids=name)
def test_page(page: Path, shell: InteractiveShell) -> None:
    for block in blocks(page):
        if block.info != "python":
            continue
        result = shell.run_cell(block.code)
        error = result.error_before_exec or result.error_in_exec
        assert error is None, f"{page}:{block.line}: {type(error).__name__}: {error}\n{block.code}"
