"""The pages, run as a reader would: block after block in one shell, against a real federation.

The Python of a page in one IPython, its lines for a terminal in one bash. What is marked ``no-run`` is left out.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import blocks, name, pages
from IPython.core.interactiveshell import InteractiveShell
from shells import ipython


def _having(info: str) -> pytest.MarkDecorator:
    """Each page that has such a block."""
    having = [page for page in pages() if any(block.info == info for block in blocks(page))]
    return pytest.mark.parametrize("page", having, ids=name)


@pytest.fixture
def shell(reader: Path) -> Iterator[InteractiveShell]:
    with ipython(load=False) as shell:
        yield shell


@_having("python")
def test_python(page: Path, shell: InteractiveShell) -> None:
    for block in blocks(page):
        if block.info != "python":
            continue
        result = shell.run_cell(block.code)
        error = result.error_before_exec or result.error_in_exec
        assert error is None, f"{page}:{block.line}: {type(error).__name__}: {error}\n{block.code}"


@_having("shell")
def test_shell(page: Path, reader: Path) -> None:
    script = "\n".join(block.code for block in blocks(page) if block.info == "shell")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=reader,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr
