"""The words that people read: phrases that puzzled readers must not come back."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

#: Each with its plain form.
PUZZLING = {
    "asked, but the kernel": "waiting for the kernel",
    "does not come along": "is stalled",
    "fits the filter": "matches the filter",
    "goes on trying": "keeps trying",
    "has proved to be": "identity verified",
    "heard of": "last seen",
    "is let in": "is logged in",
    "is no fault": "unknown fault",
    "is no name": "invalid name",
    "is no path": "is not a valid path",
    "is no Python": "is not valid Python",
    "it does not know '": "unrecognized option",
    "knows no ": "has no",
    "let go of": "disconnected",
    "look again": "re-check",
    "Look again": "Re-check",
    "mend ": "fix",
    "more is better": "higher is better",
    "less is better": "lower is better",
    "Nobody watches": "Monitoring stopped",
    "nobody answers": "nothing answers",
    "nobody runs": "no process runs",
    "picture made at": "Snapshot from",
    "runs for a fifth": "throttled to 20 %",
    "stands still": "is paused",
    "tells what it takes": "see ... -h",
    "There is nobody to ask": "Cannot ask for confirmation here",
    "turns a condition": "negates a condition",
    "unlike '": "expected ..., got '...'",
    "which is none": "which is invalid",
    "with its results, for good": "Permanently delete",
    "word typed is another": "does not match",
}


def texts() -> Iterator[tuple[Path, str]]:
    """Yield every text for people: strings of the package, templates, pages, lessons."""
    for file in (ROOT / "flare_widgets").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield file, node.value
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
            yield file, "".join(cell["source"])
    for pattern in ("flare_widgets/**/*.j2", "docs/**/*.md", "notebooks/*.md", "*.md"):
        for file in ROOT.glob(pattern):
            yield file, file.read_text(encoding="utf-8")


def test_no_text_has_puzzling_phrase() -> None:
    found = [(file, " ".join(text.split())) for file, text in texts()]
    assert len(found) > 3000
    assert [
        f"{file.relative_to(ROOT)}: {phrase!r}: say {plain!r}"
        for file, text in found
        for phrase, plain in PUZZLING.items()
        if phrase in text
    ] == []
