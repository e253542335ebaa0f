"""Refuse to build a wheel without the complete front-end bundle: such a wheel installs, then fails at import."""

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MANIFEST = "manifest.json"


class RequireBundle(BuildHookInterface):  # type: ignore[misc]
    """Check that the folder of the bundle holds the files that its manifest lists, and no others."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if version == "editable":
            return
        static = Path(self.root, "flare_widgets", "views", "static")
        if not (static / MANIFEST).is_file():
            raise RuntimeError(f"{static / MANIFEST} is missing: run `make bundle` first (it needs node and npm)")
        expected = set(json.loads((static / MANIFEST).read_text(encoding="utf-8"))["files"])
        found = {path.name for path in static.iterdir()} - {MANIFEST}
        if missing := sorted(expected - found):
            raise RuntimeError(f"{static} lacks {', '.join(missing)}: run `make bundle` first (it needs node and npm)")
        if unknown := sorted(found - expected):
            raise RuntimeError(f"{static} has files that its manifest does not list: {', '.join(unknown)}; remove them")
