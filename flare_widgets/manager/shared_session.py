"""The session of JupyterLab's sidebar, as the kernels of the same Jupyter server find it: a file without secrets."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

_MAX_BYTES = 20_000


@dataclass(frozen=True)
class SharedSession:
    """Session that a Jupyter server has.

    Attributes
    ----------
    kit
        The folder of its startup kit.
    study
        Its study.
    name
        Its name there.
    """

    kit: Path
    study: str
    name: str


def shared_session_file(runtime_folder: Path, server_pid: int) -> Path:
    """Return the file in which a Jupyter server tells its current session."""
    return runtime_folder / f"flare-widgets-{server_pid}.json"


def write_shared_session(file: Path, session: SharedSession | None) -> None:
    """Write the current session for this user's kernels; remove the file if there is none."""
    if session is None:
        file.unlink(missing_ok=True)
        return
    data = {"kit": str(session.kit), "study": session.study, "name": session.name}
    write_private(file, json.dumps(data))


def read_shared_session(file: Path) -> SharedSession | None:
    """Return the session of a file; None if there is none, or another user may have written it."""
    try:
        with file.open("rb") as opened:
            status = os.fstat(opened.fileno())
            if hasattr(os, "getuid") and (status.st_uid != os.getuid() or stat.S_IMODE(status.st_mode) & 0o022):
                return None
            data = json.loads(opened.read(_MAX_BYTES))
    except (OSError, ValueError):
        return None
    match data:
        case {"kit": str() as kit, "study": str() as study, "name": str() as name}:
            return SharedSession(Path(kit), study, name)
    return None


def find_shared_session() -> SharedSession | None:
    """Return the current session of the Jupyter server that started this kernel; None if it has none."""
    file = _find_file()
    return None if file is None else read_shared_session(file)


def note_submission() -> None:
    """Tell the Jupyter server that started this kernel that there is a new job: its file gets a new time."""
    file = _find_file()
    if file is not None:
        with contextlib.suppress(OSError):
            os.utime(file)  # there is none if the server has no session


def read_news_time(file: Path) -> int:
    """Return the time of the last :func:`note_submission` of a kernel, or of the session itself; 0 if there is none."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0


def _find_file() -> Path | None:
    """Return the file of the Jupyter server that started this kernel, whether it exists or not."""
    pid = os.environ.get("JPY_PARENT_PID", "")
    if not pid.isdecimal():
        return None
    try:
        from jupyter_core.paths import jupyter_runtime_dir
    except ImportError:
        return None
    return shared_session_file(Path(jupyter_runtime_dir()), int(pid))


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read, as a whole."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}-")  # of mode 600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
            opened.write(text)
        Path(temporary).replace(file)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
