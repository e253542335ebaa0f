"""The tables of ``make bench`` in the documentation."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from blocks import ROOT

from benchmarks.table import HEADLINES, ROWS, Results, table, write

FILES = ("README.md", "docs/performance.md")


def rows(page: Path) -> dict[str, list[str]]:
    """The table between the markers of a page: the cells of each row by its title."""
    part = page.read_text().partition("<!-- bench -->\n")[2].partition("<!-- /bench -->")[0]
    lines = [line.strip("| ").split("|") for line in part.splitlines() if line.startswith("| ")]
    return {title.strip(): [cell.strip() for cell in cells] for title, *cells in lines[2:]}


def test_readme_has_headlines_of_full_table() -> None:
    readme, full = (rows(ROOT / file) for file in FILES)
    assert list(full) == [row.title for row in ROWS.values()]
    assert set(readme) == {ROWS[key].title for key in HEADLINES}
    assert len(readme) == 3
    assert readme.items() <= full.items()


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A folder with the pages that have a table."""
    (tmp_path / "docs").mkdir()
    for file in FILES:
        shutil.copy(ROOT / file, tmp_path / file)
    return tmp_path


def measured(ours: float, theirs: float) -> Results:
    return Results({key: [ours] for key in ROWS}, {key: [theirs] for key in ROWS}, "2.9.9", "One core.")


def test_results_are_written_into_both_pages(copy: Path) -> None:
    write(measured(2, 5), copy)
    readme, full = (rows(copy / file) for file in FILES)
    assert full["import, ms"] == ["2.0", "5.0", "2.5"]
    assert readme["threads after 100 commands"] == ["2", "5", "2.5"]
    assert readme.items() <= full.items()
    assert "One core." in (copy / FILES[1]).read_text()
    for file in FILES:
        before, after = ((folder / file).read_text() for folder in (ROOT, copy))
        assert before.partition("<!-- bench -->")[0] == after.partition("<!-- bench -->")[0]
        assert before.partition("<!-- /bench -->")[2] == after.partition("<!-- /bench -->")[2]


def test_page_without_markers_is_refused(copy: Path) -> None:
    (copy / FILES[1]).write_text("# Performance\n")
    with pytest.raises(SystemExit, match=r"performance\.md has no <!-- bench -->"):
        write(measured(2, 5), copy)


def test_spread_and_failures_are_shown() -> None:
    results = Results({"import": [1.0, 2.0, 9.0]}, {"import": ["timeout", 3.0]}, "2.9.9", "")
    assert "2.0 (1.0 to 9.0)" in table(results, markdown=True)
    assert "timeout (1 of 2 times)" in table(results, markdown=True)
    assert table(results, markdown=True).endswith("|     - |")
