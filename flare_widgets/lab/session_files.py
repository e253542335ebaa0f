"""The sessions that a Jupyter server remembers in a file: which kits were connected. No secret is among it."""

from __future__ import annotations

import json
import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from ..manager.shared_session import write_private

log = logging.getLogger("flare_widgets.lab")

_MAX_REMEMBERED = 20
_MAX_BYTES = 200_000


@dataclass(frozen=True)
class RememberedSession:
    """Session that was open once.

    Attributes
    ----------
    kit, study
        The folder of its startup kit, and its study.
    is_connected
        False if its user has logged out of it.
    """

    kit: Path
    study: str
    is_connected: bool


class RememberedSessions:
    """The sessions that were open before, newest first, in a file of mode 600.

    Parameters
    ----------
    file
        The file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self.sessions: tuple[RememberedSession, ...] = _read(file)

    def set_connected(self, kit: Path, study: str, is_connected: bool) -> None:
        """Remember that a session was opened, or closed by its user."""
        with self._lock:
            others = [each for each in self.sessions if (each.kit, each.study) != (kit, study)]
            self._write([RememberedSession(kit, study, is_connected), *others])

    def forget(self, kit: Path) -> None:
        """Forget all sessions with a kit."""
        with self._lock:
            self._write([each for each in self.sessions if each.kit != kit])

    def _write(self, sessions: list[RememberedSession]) -> None:
        self.sessions = tuple(sessions[:_MAX_REMEMBERED])
        data = [{"kit": str(each.kit), "study": each.study, "connected": each.is_connected} for each in self.sessions]
        try:
            write_private(self._file, json.dumps(data, indent=1))
        except OSError as e:
            log.warning("the sessions could not be remembered: %s", e.strerror)


def _read(file: Path) -> tuple[RememberedSession, ...]:
    try:
        with file.open("rb") as opened:
            data = json.loads(opened.read(_MAX_BYTES))
    except (OSError, ValueError):
        return ()
    found = []
    for entry in data if isinstance(data, list) else []:
        match entry:
            case {"kit": str() as kit, "study": str() as study, "connected": bool() as connected}:
                found.append(RememberedSession(Path(kit), study, connected))
    return tuple(found[:_MAX_REMEMBERED])
