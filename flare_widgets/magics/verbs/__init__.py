"""The verbs of ``%flare``: each a small function over the sessions, the monitor, the views or the federation.

Docstrings are the help that users read. Each group of verbs has a module; add a new verb there and list it here. A
module is imported when one of its verbs is first looked up, so that loading the extension waits for none of them.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping

from ..parsing import Verb

_GROUPS = {
    "Sessions": (
        "sessions.connect",
        "sessions.close",
        "sessions.sessions",
        "sessions.use",
        "sessions.kits",
        "sessions.check",
    ),
    "Jobs": (
        "jobs.jobs",
        "jobs.submit",
        "sweeps.sweep",
        "jobs.monitor",
        "jobs.wait",
        "jobs.meta",
        "logs.logs",
        "logs.errors",
        "logs.stats",
        "jobs.clone",
        "jobs.abort",
        "jobs.delete",
        "jobs.download",
        "results.results",
        "results.metrics",
        "results.report",
        "results.export",
        "jobs.components",
        "jobs.compare",
    ),
    "The server and the sites": (
        "system.status",
        "system.sites",
        "system.resources",
        "system.versions",
        "system.restart",
        "system.shutdown",
        "system.disable",
        "system.enable",
    ),
    "Files of the server and the sites": (
        "shell.ls",
        "shell.cat",
        "shell.tail",
        "shell.head",
        "shell.grep",
        "shell.pwd",
    ),
    "Studies": (
        "studies.studies",
        "studies.study",
    ),
    "A federation on this machine": (
        "federation.up",
        "federation.down",
        "faults.faults",
    ),
    "More": (
        "general.config",
        "general.help_",
    ),
}
"""The verbs by topic, in the order in which help lists them: module and function."""


class Verbs(Mapping[str, Verb]):
    """The verbs by name. Their names alone import nothing.

    Parameters
    ----------
    groups
        The verbs by topic: module and function.
    """

    def __init__(self, groups: Mapping[str, tuple[str, ...]]) -> None:
        self._groups = groups
        # The name of a function may have an underscore at its end, where a verb's would be a name of Python's.
        self._homes = {
            home.partition(".")[2].rstrip("_"): home.partition(".")[::2] for homes in groups.values() for home in homes
        }

    def groups(self) -> dict[str, list[Verb]]:
        """Return the verbs by topic, in the order in which help lists them; this imports them all."""
        verbs = iter(self.values())
        return {heading: [next(verbs) for _ in homes] for heading, homes in self._groups.items()}

    def __getitem__(self, name: str) -> Verb:
        module, function = self._homes[name]
        verb: Verb = getattr(importlib.import_module(f".{module}", __name__), function)
        return verb

    def __contains__(self, name: object) -> bool:
        return name in self._homes

    def __iter__(self) -> Iterator[str]:
        return iter(self._homes)

    def __len__(self) -> int:
        return len(self._homes)


VERBS = Verbs(_GROUPS)
