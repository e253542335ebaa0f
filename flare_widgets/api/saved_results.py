"""Results of jobs kept in folders that are named after them, beside the notebook: ``results/NAME-ID``.

:meth:`.Session.download_job_result` names folders as FLARE's own client does, by the job's whole id in the startup
kit's folder, and makes another copy each time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ..formatting.text import SHORT_ID, sanitize
from ..local_files import absolute_path, shorten_path
from .job_status import has_ended

if TYPE_CHECKING:
    from .transfer.progress import ProgressCallback

RESULTS_FOLDER = "results"
"""The folder for results, in the working folder, unless another is given."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_MAX_NAME_CHARS = 60
_MAX_META_BYTES = 1 << 20


class ResultSession(Protocol):
    """The part of a session that downloads."""

    def download_job_result(
        self,
        job_id: str,
        destination: str | None = None,
        *,
        folder_name: str | None = None,
        progress: ProgressCallback | None = None,
    ) -> str:
        """See :meth:`.Session.download_job_result`."""


class FileSession(Protocol):
    """The part of a session that downloads single files of results."""

    def download_result_file(
        self, job_id: str, path: str, destination: str | None = None, *, progress: ProgressCallback | None = None
    ) -> str:
        """See :meth:`.Session.download_result_file`."""


@dataclass(frozen=True)
class SavedResult:
    """A result on this machine.

    Attributes
    ----------
    folder
        Its folder.
    is_new
        False if it was there already, and nothing was downloaded.
    """

    folder: Path
    is_new: bool

    def __str__(self) -> str:
        place = sanitize(shorten_path(self.folder), 500)
        return f"downloaded to {place}" if self.is_new else f"already in {place}; remove that folder to download again"


def save_result(
    session: ResultSession,
    job_id: str,
    job_name: str,
    parent: str | Path | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> SavedResult:
    """Download a finished job and its results into a folder named after it, unless they are there.

    Parameters
    ----------
    session
        The session.
    job_id, job_name
        The job. Its name is untrusted.
    parent
        The folder in which to create that folder; ``results`` in the working folder if not given.
    progress
        As of :meth:`.Session.download_job_result`, and so are the errors.
    """
    return _save(
        make_folder_name(job_id, job_name),
        parent,
        lambda folder: _is_result_of(folder, job_id),
        lambda into, name: session.download_job_result(job_id, into, folder_name=name, progress=progress),
    )


def save_components(
    download: Callable[[str, str], str], job_id: str, job_name: str, parent: str | Path | None = None
) -> SavedResult:
    """Download what sites sent in addition to a job's results, unless it is there.

    Parameters
    ----------
    download
        Downloads into a new folder, given the folder to create it in and its name; returns the new folder.
    job_id, job_name, parent
        As of :func:`save_result`.
    """
    return _save(f"{make_folder_name(job_id, job_name)}-components", parent, Path.is_dir, download)


def save_result_file(
    session: FileSession,
    job_id: str,
    job_name: str,
    path: str,
    parent: str | Path | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Path:
    """Download one file of a job's result, unless it is there, and return it.

    Its folder is named after the job, ``NAME-ID-parts``: the folder of a whole result has a name without ``-parts``.

    Parameters
    ----------
    session, job_id, job_name, parent, progress
        As of :func:`save_result`.
    path
        The file, as in a downloaded result: ``workspace/models/server.npy``. Errors are as of
        :meth:`.Session.download_result_file`.
    """
    folder, parts = find_saved_result(job_id, job_name, parent), find_parts_folder(job_id, job_name, parent)
    for known in (folder, parts):
        if known is not None and (known / path).is_file():
            return known / path
    return Path(session.download_result_file(job_id, path, str(parts), progress=progress))


def find_saved_result(job_id: str, job_name: str, parent: str | Path | None = None) -> Path | None:
    """Return the folder of a whole result on this machine; None if there is none. Arguments as :func:`save_result`."""
    folder = absolute_path(parent or RESULTS_FOLDER) / make_folder_name(job_id, job_name)
    return folder if _is_result_of(folder, job_id) else None


def find_parts_folder(job_id: str, job_name: str, parent: str | Path | None = None) -> Path:
    """Return the folder for single files of a result, whether it exists or not. Arguments as :func:`save_result`."""
    return absolute_path(parent or RESULTS_FOLDER) / f"{make_folder_name(job_id, job_name)}-parts"


def make_folder_name(job_id: str, job_name: str) -> str:
    """Return a folder name for a job, of its name and the beginning of its id: ``hello-numpy-76b8d043``."""
    name = _UNSAFE.sub("-", job_name)[:_MAX_NAME_CHARS].strip(".-_") or "job"
    return f"{name}-{_UNSAFE.sub('-', job_id)[:SHORT_ID].strip('.-_')}".rstrip("-")


def _save(
    name: str, parent: str | Path | None, is_there: Callable[[Path], bool], download: Callable[[str, str], str]
) -> SavedResult:
    into = absolute_path(parent or RESULTS_FOLDER)
    if is_there(into / name):
        return SavedResult(into / name, is_new=False)
    return SavedResult(Path(download(str(into), name)), is_new=True)


def _is_result_of(folder: Path, job_id: str) -> bool:
    """Return whether a folder holds the whole result of a job: of one that was running, a part would be missing."""
    meta = _read_meta(folder / "meta.json")
    return meta.get("job_id") == job_id and has_ended(str(meta.get("status")))


def _read_meta(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            meta = json.loads(file.read(_MAX_META_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    return meta if isinstance(meta, dict) else {}
