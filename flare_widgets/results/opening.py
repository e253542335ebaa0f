"""Results of jobs on this machine: small ones as a whole, of large ones only the files that are asked for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from .. import bounds
from ..api.saved_results import (
    FileSession,
    ResultSession,
    find_parts_folder,
    find_saved_result,
    save_result,
    save_result_file,
)
from ..api.transfer import unpack
from ..api.transfer.result_files import ResultFiles
from ..formatting.text import format_size, sanitize
from ..local_files import shorten_path, translate_os_errors
from ..monitoring.results.files import Selection
from .folder import LISTING, read_listing
from .result import Result

if TYPE_CHECKING:
    from ..api.transfer.progress import ProgressCallback

MAX_WHOLE_BYTES = 64 * bounds.MB
"""Size of a result that is downloaded as a whole: of a larger one, only the files that are asked for."""

_SMALL_BYTES = 64 << 10  # any file of this size comes along
_CLIENT_CONFIG = "config_fed_client."
_TIMEOUT_S = 120.0


class ReadableResults(ResultSession, FileSession, Protocol):
    """The part of a session that reads and downloads results."""

    def read_result_files(
        self,
        job_id: str,
        wanted: Callable[[str, int], bool],
        *,
        archives: Sequence[str] = ("workspace",),
        timeout: float = 20.0,
    ) -> ResultFiles:
        """See :meth:`.Session.read_result_files`."""


def fetch_result(
    session: ReadableResults,
    job_id: str,
    job_name: str,
    parent: str | Path | None = None,
    *,
    progress: ProgressCallback | None = None,
    max_whole_bytes: int = MAX_WHOLE_BYTES,
) -> tuple[Path, str]:
    """Download a finished job's result, unless it is there; of a large one, only what tells about it.

    Parameters
    ----------
    session, job_id, job_name, parent, progress
        As of :func:`.save_result`, and so are the errors.
    max_whole_bytes
        The size, besides the small files, from which on only these are downloaded.

    Returns
    -------
    (Path, str)
        The folder, and a sentence about where it is and what is missing.
    """
    parts = find_parts_folder(job_id, job_name, parent)
    if find_saved_result(job_id, job_name, parent) is None and not read_listing(parts):
        selection = Selection()

        def wanted(path: str, size: int) -> bool:
            is_config = path.startswith("job/") and path.rpartition("/")[2].startswith(_CLIENT_CONFIG)
            is_told = selection(path, size) or (is_config and size <= bounds.MAX_FILE_BYTES)
            return is_told or (size <= _SMALL_BYTES and path.startswith("workspace/"))

        found = session.read_result_files(job_id, wanted, archives=("workspace", "job"), timeout=_TIMEOUT_S)
        if sum(file.size for file in found.skipped) > max_whole_bytes:
            _write_parts(parts, found)
    if (sizes := read_listing(parts)) and find_saved_result(job_id, job_name, parent) is None:
        left = sum(size for path, size in sizes.items() if not (parts / path).is_file())
        place = sanitize(shorten_path(parts), 500)
        return parts, f"the small files are in {place}; the others ({format_size(left)}) come when you ask for them"
    saved = save_result(session, job_id, job_name, parent, progress=progress)
    return saved.folder, str(saved)


def open_result(
    session: ReadableResults,
    job_id: str,
    job_name: str,
    parent: str | Path | None = None,
    *,
    progress: ProgressCallback | None = None,
) -> Result:
    """Return a finished job's result; arguments and errors as of :func:`fetch_result`."""
    folder, _ = fetch_result(session, job_id, job_name, parent, progress=progress)
    return Result(folder, fetch=make_fetch(session, job_id, job_name, parent))


def make_fetch(
    session: FileSession, job_id: str, job_name: str, parent: str | Path | None = None
) -> Callable[[str, ProgressCallback | None], Path]:
    """Return the function that downloads one file of a job's result by its path, and returns it."""

    def fetch(path: str, progress: ProgressCallback | None = None) -> Path:
        return save_result_file(session, job_id, job_name, path, parent, progress=progress)

    return fetch


def _write_parts(folder: Path, found: ResultFiles) -> None:
    sizes: Mapping[str, int] = {
        **{file.path: file.size for file in found.skipped},
        **{path: len(content) for path, content in found.files.items()},
    }
    with translate_os_errors(f"the result cannot be written to {folder}"):
        for path, content in found.files.items():
            if unpack.is_unsafe_path(path):
                continue
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        # The listing last: with it, the folder is whole.
        scratch = folder / f"{LISTING}.partial"
        scratch.write_text(json.dumps(sizes), "utf-8")
        scratch.replace(folder / LISTING)
