"""Refuse to build a wheel without the complete front-end: it would install, then fail at import or in JupyterLab."""

import json
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MANIFEST = "manifest.json"


class RequireBundle(BuildHookInterface):  # type: ignore[misc]
    """Check that the folders of the bundle and of the extension hold the files that they should, and no others."""

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
        _check_extension(Path(self.root, "flare_widgets", "labextension"))


def _check_extension(folder: Path) -> None:
    """Check that the JupyterLab extension has the container that it names, and no other."""
    try:
        package = json.loads((folder / "package.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RuntimeError(
            f"{folder / 'package.json'} is missing: run `make bundle` first (it needs node and npm)"
        ) from None
    load = package["jupyterlab"]["_build"]["load"]
    if not (folder / load).is_file():
        raise RuntimeError(f"{folder} lacks {load}: run `make bundle` first (it needs node and npm)")
    others = sorted(str(path.relative_to(folder)) for path in (folder / "static").iterdir() if path != folder / load)
    if others:
        raise RuntimeError(f"{folder} has files of another build: {', '.join(others)}; remove them")
