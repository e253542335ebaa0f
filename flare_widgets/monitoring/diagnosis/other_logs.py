"""Other logs in a job's folder: of the programs that the job runs, such as Flower's ``superlink_log.txt``.

While the job runs, and at a site also later, they are beside ``log.txt`` in the folder named after the job, where
``ls`` lists and ``tail`` reads them. When the job has ended, the server has moved its folder into the result, as
``workspace/``; no command reads anything but FLARE's own logs in there, so it must be downloaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

MAX_FILES = 5
"""Maximum number of other logs of one participant that are read."""

MAX_BYTES = 64 << 10
"""Maximum number of bytes that are read of each: its end."""

_OTHER_LOG = re.compile(
    r"(?:[A-Za-z0-9][A-Za-z0-9._-]{0,80}[._-])?(?:log|out|err|output|stdout|stderr)\.txt"
    r"|[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.log"
)
_FLARES_OWN = frozenset({"log.txt", "error_log.txt", "audit.log"})


def select_other_logs(names: Iterable[str]) -> list[str]:
    """Return the file names, of those in a job's folder, that are other logs; the most telling first."""
    found = [name for name in names if name not in _FLARES_OWN and _OTHER_LOG.fullmatch(name)]
    return sorted(found, key=lambda name: ("err" not in name, name))[:MAX_FILES]


def parse_listing(text: str) -> list[str]:
    """Return the file names in the output of ``ls``."""
    return [line.split()[-1] for line in text.splitlines() if line.split()]


def read_other_logs(workspace: Path) -> dict[str, str]:
    """Return the ends of the other logs in the ``workspace`` folder of a downloaded result, by file name.

    Links, which the result of a hostile server may have, are not followed.
    """
    try:
        names = [path.name for path in workspace.iterdir() if path.is_file() and not path.is_symlink()]
        return {name: _read_end(workspace / name) for name in select_other_logs(names)}
    except OSError:
        return {}


def _read_end(path: Path) -> str:
    with path.open("rb") as file:
        file.seek(max(path.stat().st_size - MAX_BYTES, 0))
        return file.read(MAX_BYTES).decode("utf-8", "replace")
