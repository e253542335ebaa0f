"""The sessions of a Jupyter server, the startup kits at hand, and what a page may have done with them.

All methods may block, and are called in threads. No path in what they return is absolute.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .. import api
from ..api.transfer.job_folder import find_problems, read_job_folder
from ..config import FlareWidgets
from ..errors import FlareError
from ..formatting.text import format_duration, sanitize
from ..manager import FoundKit, ManagedSession, SessionManager, find_kits
from ..manager.shared_session import SharedSession
from .factories import Factories
from .hub import Refused
from .local_federation import LocalFederationControl
from .paths import PathGuard
from .session_files import RememberedSessions

_KITS_LIFETIME_S = 20.0
_MAX_KITS = 100
_MAX_STUDY_CHARS = 63
_MAX_LESSONS = 50
_SEPARATORS = str.maketrans("_-", "  ")
_LESSON = re.compile(r"\d\d[_-][a-z0-9_-]{1,80}\.ipynb")


class Workspace:
    """The sessions of a Jupyter server, and its kits.

    Parameters
    ----------
    config
        The user's settings.
    guard
        The paths that a page may name.
    kit_folders
        Folders to search for startup kits, besides the root folder.
    read_only
        True if no session may change anything.
    remembered
        The sessions of earlier servers.
    on_change
        Called, from any thread, when something has changed that no session tells.
    on_submission
        Called, from any thread, when a page has submitted a job.

    Attributes
    ----------
    manager
        The sessions.
    factories
        The makers of views.
    local
        The local federation.
    lessons
        The lessons in the root folder, as ``name, path`` of the contents.
    """

    def __init__(
        self,
        config: FlareWidgets,
        guard: PathGuard,
        kit_folders: tuple[str, ...],
        read_only: bool,
        remembered: RememberedSessions,
        on_change: Callable[[], None],
        on_submission: Callable[[], None] = lambda: None,
    ) -> None:
        self.manager = SessionManager()
        self.manager.read_only = read_only or config.read_only
        results = None if guard.root is None else str(guard.root / (config.download_folder or "results"))
        self.factories = Factories(self.manager, guard, results, on_submission)
        self.local = LocalFederationControl(on_change)
        self._config = config
        self._guard = guard
        self._folders: list[str | Path] = [*kit_folders, *config.kit_folders]
        self._remembered = remembered
        self._on_change = on_change
        self._lock = threading.Lock()
        self.lessons: list[dict[str, str]] = []
        self._kits: tuple[FoundKit, ...] = ()
        self._kits_found_at = float("-inf")
        self._ids: dict[Path, str] = {}

    # -- kits ----------------------------------------------------------------------------------------------

    def find_kits(self, *, is_forced: bool = False) -> None:
        """Search for startup kits, unless that was done a moment ago."""
        with self._lock:
            if not is_forced and time.monotonic() - self._kits_found_at < _KITS_LIFETIME_S:
                return
            self._kits_found_at = time.monotonic()
        remembered = [session.kit for session in self._remembered.sessions if session.kit.is_dir()]
        folders = [*remembered, *self.local.kit_folders(), *self._folders]
        self._kits = tuple(find_kits(folders, self._guard.root)[:_MAX_KITS])
        self.lessons = [] if self._guard.root is None else find_lessons(self._guard.root)
        self._on_change()

    def kits(self) -> list[dict[str, Any]]:
        """Return the kits without a session, for the sidebar."""
        open_kits = {managed.session.kit.root for managed in self.manager.sessions.values()}
        remembered = {session.kit for session in self._remembered.sessions}
        return [self._kit_json(kit, kit.path in remembered) for kit in self._kits if kit.path not in open_kits]

    def _kit_json(self, kit: FoundKit, is_remembered: bool) -> dict[str, Any]:
        words = self.shorten(kit.problem, kit.path) or _expiry(kit.expires_at)
        return {
            "id": self._id_of(kit.path),
            "name": sanitize(kit.name, 100),
            "user": kit.username,
            "role": kit.role,
            "org": kit.organization,
            "folder": self._guard.shorten(kit.path),
            "usable": not words,
            "remembered": is_remembered,
            "words": words,
        }

    def _id_of(self, path: Path) -> str:
        with self._lock:
            return self._ids.setdefault(path, f"kit-{len(self._ids) + 1}")

    def _kit_path(self, args: Mapping[str, Any]) -> Path:
        if "folder" in args:
            return self._guard.resolve_folder(args["folder"])
        with self._lock:
            found = next((path for path, known in self._ids.items() if known == args.get("kit")), None)
        if found is None:
            raise Refused("This startup kit is not known any more: refresh the sidebar.")
        return found

    # -- asked by pages ------------------------------------------------------------------------------------

    def connect(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Open a session with a kit, by its id or its folder."""
        study = args.get("study") or self._config.study
        if not isinstance(study, str) or len(study) > _MAX_STUDY_CHARS:
            raise Refused("This is not the name of a study.")
        managed = self._open(self._kit_path(args), study)
        return {"session": managed.name}

    def connect_folder(self, kit: Path) -> dict[str, Any]:
        """Open a session with the kit in a folder that no page has named."""
        return {"session": self._open(kit, self._config.study).name}

    def close(self, args: Mapping[str, Any]) -> None:
        """Log out of a session."""
        name = self._session_name(args)
        kit, study = self.manager[name].session.kit.root, self.manager[name].session.study
        self.manager.close(name)
        self._remembered.set_connected(kit, study, False)

    def use(self, args: Mapping[str, Any]) -> None:
        """Make a session the current one."""
        self.manager.use(self._session_name(args))

    def change_study(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Replace a session by one in another study."""
        name, study = self._session_name(args), args.get("study")
        if not isinstance(study, str) or not study or len(study) > _MAX_STUDY_CHARS:
            raise Refused("This is not the name of a study.")
        before = self.manager[name]
        if before.session.study == study:
            return {"session": name}
        managed = self._open(before.session.kit.root, study)
        self.close({"session": name})
        self.manager.use(managed.name)
        return {"session": managed.name}

    def forget(self, args: Mapping[str, Any]) -> None:
        """Forget that a kit was connected."""
        self._remembered.forget(self._kit_path(args))
        self.find_kits(is_forced=True)

    def stop_local(self, _: Mapping[str, Any]) -> None:
        """Log out of the local federation, or its sessions would try to reconnect for ever, and end it."""
        folders = self.local.kit_folders()
        for name, managed in dict(self.manager.sessions).items():
            if managed.session.kit.root.parent in folders:
                self.close({"session": name})
        self.local.stop()

    def check_kit(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Check a kit's files, and the connection to its server."""
        folder = self._kit_path(args)
        report = api.check_kit(folder)
        problems = [
            {"severity": _SEVERITIES[f.outcome], "message": self.shorten(f.sentence, folder)}
            for f in report.sorted_findings
            if f.outcome in _SEVERITIES
        ]
        return {"words": self.shorten(report.headline, folder), "problems": problems}

    def check_job(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Check a job folder by the server's rules."""
        folder = self._guard.resolve_folder(args.get("folder"))
        job = read_job_folder(folder)
        problems = [{"severity": p.severity, "message": self.shorten(p.message, folder)} for p in find_problems(job)]
        verdict = "no problems" if not problems else "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        return {"words": f"{sanitize(job.name or folder.name, 100)}: {verdict}", "problems": problems}

    def connect_cell(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """Return the source of a cell that connects a kernel as a session is connected."""
        name = args.get("session") or self.manager.current
        managed = self.manager[self._session_name({"session": name})]
        notebook = args.get("path")
        near = None if not isinstance(notebook, str) else self._guard.resolve(notebook).parent
        return {"source": make_connect_cell(managed.session.kit.root, managed.session.study, near)}

    def reconnect(self) -> None:
        """Open the sessions that were open when the last server ended."""
        for session in self._remembered.sessions:
            if session.is_connected and session.kit.is_dir():
                try:
                    self._open(session.kit, session.study)
                except FlareError:
                    continue  # its kit is in the list, with the reason

    def shared_session(self) -> SharedSession | None:
        """Return the current session as kernels may use it."""
        managed = self.manager.current_session
        if managed is None or managed.session.closed:
            return None
        return SharedSession(managed.session.kit.root, managed.session.study, managed.name)

    def shorten(self, text: str, *paths: Path) -> str:
        """Return a text without absolute paths."""
        return sanitize(self._guard.shorten_all(text, *paths), 1000)

    def end(self) -> None:
        """Log out of all servers, and end the local federation that was started here."""
        self.manager.close_all()
        self.local.release()

    def _open(self, kit: Path, study: str) -> ManagedSession:
        managed = self.manager.open(
            kit, study=study, timeout=self._config.timeout, poll_interval=self._config.poll_interval or None
        )
        self._remembered.set_connected(managed.session.kit.root, study, True)
        return managed

    def _session_name(self, args: Mapping[str, Any]) -> str:
        name = args.get("session")
        if not isinstance(name, str) or name not in self.manager.sessions:
            raise Refused("This session is not open any more.")
        return name


_SEVERITIES = {"failed": "error", "warning": "warning"}


def find_lessons(root: Path) -> list[dict[str, str]]:
    """Return the notebooks in a folder, and in ``notebooks`` in it, that are named as this project's lessons are."""
    found = []
    for folder in (root, root / "notebooks"):
        try:
            names = sorted(entry.name for entry in folder.iterdir() if _LESSON.fullmatch(entry.name))
        except OSError:
            continue
        found += [(folder / name).relative_to(root) for name in names[:_MAX_LESSONS]]
    return [{"name": sanitize(path.stem.translate(_SEPARATORS), 100), "path": path.as_posix()} for path in found]


def make_connect_cell(kit: Path, study: str, near: Path | None) -> str:
    """Return the source of a cell that connects with a kit; it is not to be run without a person. Pure.

    Parameters
    ----------
    kit
        The kit's folder.
    study
        The study.
    near
        The notebook's folder; None if it is not known.
    """
    if near is not None and _is_found_from(kit, near):
        word = kit.name
    elif near is not None and kit.is_relative_to(near):
        word = str(kit.relative_to(near))
    else:
        word = _from_home(kit)
    if any(character.isspace() for character in word):
        word = f'"{word}"'
    options = "" if study == "default" else f" --study {study}"
    return f"%load_ext flare_widgets\n%flare connect {word}{options}"


def _is_found_from(kit: Path, near: Path) -> bool:
    """Return whether a kernel in a folder finds a kit by its name alone."""
    return any(kit.parent == near / name for name in ("kits", "startup_kits")) or kit.parent in (
        near.parent / "kits",
        near.parent / "startup_kits",
    )


def _from_home(kit: Path) -> str:
    try:
        return str(Path("~", kit.relative_to(Path.home())))
    except (ValueError, RuntimeError):
        return str(kit)


def _expiry(expires_at: datetime | None) -> str:
    """Return the reason why a kit's certificate is of no use any more; empty if it is."""
    now = datetime.now(timezone.utc)
    if expires_at is None or expires_at > now:
        return ""
    return f"its certificate ended {format_duration((now - expires_at).total_seconds())} ago"
