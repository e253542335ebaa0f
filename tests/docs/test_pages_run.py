"""The pages, run as a reader would: block after block in one shell, against a real federation.

The Python of a page in one IPython, its lines for a terminal in one bash. What is marked ``no-run`` is left out. The
README and the quickstart start from nothing; the other pages find a federation, kits and job folders.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from blocks import DOCS, ROOT, blocks, name, pages
from IPython.core.interactiveshell import InteractiveShell
from shells import ipython

FROM_NOTHING = [ROOT / "README.md", DOCS / "quickstart.md"]


def _having(info: str) -> pytest.MarkDecorator:
    """Each page that has such a block, and takes a federation for granted."""
    others = [page for page in pages() if page not in FROM_NOTHING]
    having = [page for page in others if any(block.info == info for block in blocks(page))]
    return pytest.mark.parametrize("page", having, ids=name)


@pytest.fixture
def shell(reader: Path) -> Iterator[InteractiveShell]:
    with ipython(load=False) as shell:
        yield shell


@pytest.fixture
def beginner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and nothing known of any federation."""
    folder = tmp_path / "empty"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return folder


@pytest.mark.parametrize("page", FROM_NOTHING, ids=name)
def test_page_starts_from_nothing(page: Path, beginner: Path) -> None:
    with ipython(load=False) as shell:
        _run_python(page, shell)
        assert shell.user_ns["end"].status == "FINISHED:COMPLETED"
    # The page says that results come here.
    assert list((beginner / "results").rglob("server.npy"))


@pytest.mark.parametrize("page", FROM_NOTHING, ids=name)
def test_install_command_works_in_clone(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As it stands; pip is only told to change nothing and to fetch nothing."""
    for option in ("DRY_RUN", "NO_DEPS", "NO_INDEX", "DISABLE_PIP_VERSION_CHECK"):
        monkeypatch.setenv(f"PIP_{option}", "1")
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's way to say that there is none
    said = _run_shell(page, ROOT)
    assert "Would install flare-widgets-" in said


def test_each_block_of_readme_is_run() -> None:
    assert {block.info for block in blocks(ROOT / "README.md")} == {"python", "shell"}


@_having("python")
def test_python(page: Path, shell: InteractiveShell) -> None:
    _run_python(page, shell)


def _run_python(page: Path, shell: InteractiveShell) -> None:
    for block in blocks(page):
        if block.info != "python":
            continue
        result = shell.run_cell(block.code)
        error = result.error_before_exec or result.error_in_exec
        assert error is None, f"{page}:{block.line}: {type(error).__name__}: {error}\n{block.code}"


@_having("shell")
def test_shell(page: Path, reader: Path) -> None:
    _run_shell(page, reader)


def _run_shell(page: Path, folder: Path) -> str:
    script = "\n".join(block.code for block in blocks(page) if block.info == "shell")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    run = subprocess.run(
        ["bash", "-eux", "-o", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
