"""Refuse to build a wheel without the front-end bundle: such a wheel installs, then fails at import."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class RequireBundle(BuildHookInterface):  # type: ignore[misc]
    """Check that the built front-end is where the package looks for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002
        if version == "editable":
            return
        static = Path(self.root, "flare_widgets", "views", "static")
        views = ("compare", "confirm", "faults", "job", "jobs", "session", "submit", "system")
        for name in [f"{view}.{kind}" for view in views for kind in ("js", "css")]:
            if not (static / name).is_file():
                raise RuntimeError(f"{static / name} is missing: run `make bundle` first (it needs node and npm)")
