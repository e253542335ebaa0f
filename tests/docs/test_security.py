"""The page on security names only tests that exist, and says the bounds that hold."""

from __future__ import annotations

import re

import pytest
from blocks import DOCS, ROOT

from flare_widgets import bounds
from flare_widgets.wire import hci

PAGE = (DOCS / "security.md").read_text()
ROWS = re.findall(r"^\| .*\|$", PAGE, re.MULTILINE)[1:]
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[2].strip()[:40])
def test_each_threat_names_test_that_exists(row: str) -> None:
    shown_by = re.findall(r"`([^`]+)`", row.split("|")[4])
    assert shown_by
    for name in shown_by:
        command, _, target = name.partition(" ")
        assert (target in TARGETS) if command == "make" else (ROOT / name).read_text().count("\ndef test_") > 0


@pytest.mark.parametrize(
    "words",
    [
        f"at most {hci.MAX_REPLY_CHARS >> 20} million characters",
        f"({hci.MAX_LOG_CHARS >> 20} million if it is the text of a log)",
        f"{hci.MAX_VALUES:,} values",
        f"more than {bounds.MAX_MEMBERS:,} members or {bounds.MAX_FOLDERS:,} folders",
        f"({bounds.MAX_NAME_BYTES} bytes a name, {bounds.MAX_PATH_BYTES:,} a path)",
        f"counts {bounds.ENTRY_BYTES >> 10} kB",
        f"of a result {bounds.MAX_KEPT_BYTES // bounds.MB} MB of small files",
        f"{bounds.MAX_TRANSFER_BYTES // bounds.MB} MB transferred, {bounds.FETCH_TIMEOUT_S:.0f} seconds",
        f"of a log {bounds.MAX_LOG_LINES:,} lines",
        f"in {bounds.MAX_LOG_READ_S} seconds of the processor",
        f"only the error logs, {bounds.MAX_FILE_BYTES // bounds.MB} MB each",
    ],
)
def test_bounds_are_those_of_code(words: str) -> None:
    assert words in " ".join(PAGE.split())
