"""Other logs in a job's folder: of the programs that the job runs, such as Flower's ``superlink_log.txt``.

While the job runs, and at a site also later, they are beside ``log.txt`` in the folder named after the job, where
``ls`` lists and ``tail`` reads them. When the job has ended, the server has moved its folder into the result, as
``workspace/``; no command reads anything but FLARE's own logs in there, so they are read from the result.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ... import bounds

MAX_FILES = 5
"""Maximum number of other logs of one participant that are read."""

_OTHER_LOG = re.compile(
    r"\A(?:(?:[A-Za-z0-9][A-Za-z0-9._-]{0,80}[._-])?(?:log|out|err|output|stdout|stderr)\.txt"
    r"|[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.log)"
)
_FLARES_OWN = frozenset({"log.txt", "error_log.txt", "audit.log"})


def select_other_logs(names: Iterable[str]) -> list[str]:
    """Return the file names, of those in a job's folder, that are other logs; the most telling first."""
    found = [name for name in names if name not in _FLARES_OWN and _OTHER_LOG.fullmatch(name)]
    return sorted(found, key=lambda name: ("err" not in name, name))[:MAX_FILES]


def parse_listing(text: str) -> list[str]:
    """Return the file names in the output of ``ls``."""
    return [line.split()[-1] for line in text.splitlines() if line.split()]


def is_other_log(path: str) -> bool:
    """Return True if the file at this path in a result may be an other log."""
    folder, _, name = path.rpartition("/")
    return folder == "workspace" and bool(select_other_logs([name]))


def read_other_logs(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the ends of the other logs among the files of a result, by file name."""
    logs = {path.rpartition("/")[2]: content for path, content in files.items() if is_other_log(path)}
    end = bounds.MAX_LOG_TAIL_BYTES
    return {name: logs[name][-end:].decode("utf-8", "replace") for name in select_other_logs(logs)}
