"""Downloads of files a server offers, over as many connections as needed, into a folder that is complete or absent.

Everything is written to a temporary folder beside its destination, which is renamed when complete. If the connection
is lost for good, that folder stays as ``.NAME.partial``, and the next download of that name resumes from it. The
server does not guarantee that it then still offers the same bytes, so only archives are resumed, whose checksums
would reveal it; and only if the last bytes we have still match the server's at that position. The temporary folder of a
killed process is removed by the next download into the same place.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from ...errors import InternalError, NoConnection, SessionClosed
from ...local_files import hold_folder, sweep_folders, translate_os_errors
from ...wire import transfers
from ...wire.connection import Connection
from . import unpack
from .progress import ProgressCallback, ProgressReporter
from .remote_files import Offer, RemoteFiles

_SCRATCH_PATTERN = re.compile(r"\.[A-Za-z0-9_-]{1,200}\.[0-9a-f]{8}\.partial")  # see `scratch` below

_OVERLAP_BYTES = 64 << 10  # bytes compared with the server's before an archive is resumed


def download_files(
    connection: Connection,
    offer: list[transfers.RemoteFile],
    name: str,
    parent_folder: Path,
    progress: ProgressCallback | None,
    renew_offer: Callable[[], Offer] | None = None,
) -> Path:
    """Download the files a server offers into a new folder, unpacking zip files.

    Parameters
    ----------
    connection
        The connection to the server.
    offer
        The files the server offers.
    name
        Name of the new folder; ``name__1``, ``name__2``, ... when that is taken.
    parent_folder
        The folder to create it in; created if missing.
    progress
        Called with the progress of the download; the total is 0, since servers do not report it.
    renew_offer
        Called when the connection is lost, to get the same offer over a new one; without it the download fails.

    Returns
    -------
    Path
        The new folder.

    Raises
    ------
    NoConnection, SessionClosed
        The server was lost; what has arrived is kept.
    TransferCancelled
        `progress` returned False; nothing is kept.
    InternalError
        The data from the server is damaged, or unsafe; nothing is kept.
    DiskFull, FileAccessError
        It does not fit on the disk, or the folder cannot be written; nothing is kept.
    """
    names = [unpack.check_file_name(remote.name) for remote in offer]
    if len({n.casefold() for n in names}) != len(names):
        raise InternalError("the server offers two files of the same name: refused")
    kept = parent_folder / f".{unpack.check_file_name(name)}.partial"
    scratch = kept.with_name(f".{name}.{uuid.uuid4().hex[:8]}.partial")
    meter = ProgressReporter(progress, "the download was cancelled: nothing was kept")
    try:
        with contextlib.ExitStack() as stack, translate_os_errors(f"the download cannot be written to {parent_folder}"):
            parent_folder.mkdir(parents=True, exist_ok=True)
            sweep_folders(parent_folder, _SCRATCH_PATTERN)
            _prepare_folder(scratch, kept, names)
            stack.enter_context(hold_folder(scratch))
            try:
                _Download(RemoteFiles((connection, offer), meter, renew_offer), scratch, meter).run()
            except (NoConnection, SessionClosed) as e:
                if _keep_partial(scratch, kept):
                    e.args = (f"{e.description}. The received part is kept",)
                    e.next_step = "Download again to resume"
                raise
            for archive in [scratch / n for n in names if _is_archive(n)]:
                unpack.unpack(archive, archive.with_suffix(""), meter.tick)
                archive.unlink()
            meter.tick()  # the last chance to cancel: then it is there
            return _move_to_free_name(scratch, parent_folder / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Download:
    """The download of an offer's files into a folder."""

    def __init__(self, files: RemoteFiles, scratch: Path, reporter: ProgressReporter) -> None:
        self._files, self._scratch, self._reporter = files, scratch, reporter
        self._finished_bytes = 0

    def run(self) -> None:
        """Fetch all files; errors as in :func:`download_files`."""
        for name, then in itertools.zip_longest(self._files.names, self._files.names[1:]):
            while True:
                try:
                    self._finished_bytes += self._fetch_file(name, then)
                    break
                except NoConnection as e:
                    self._files.reconnect(e)

    def _fetch_file(self, name: str, then: str | None) -> int:
        """Download a file, or the missing part of it, before another one, and return its size."""
        done = False
        if then is not None and (self._scratch / then).exists():
            then = None  # some of it is there
        try:
            with (self._scratch / name).open("a+b") as file:
                received = self._find_resume_offset(file, name) if _is_archive(name) else 0
                file.truncate(received)
                with contextlib.closing(self._files.read_on(name, received, then)) as parts:
                    for part in parts:
                        file.write(part.data)
                        received += len(part.data)
                        self._reporter.report(self._finished_bytes + received, 0)
                        nonce = part.nonce
                        del part  # its bytes, while the next one comes
            done = True
            if nonce is not None:
                self._files.confirm(name, nonce)
            return received
        finally:
            if not done:
                self._files.cancel(name)

    def _find_resume_offset(self, file: BinaryIO, name: str) -> int:
        """Return the offset to resume at: 0 unless the server has the same bytes as we before it."""
        received = max(0, file.seek(0, os.SEEK_END) - _OVERLAP_BYTES)
        file.seek(received)
        ours = file.read()
        return received if ours and self._files.read(name, received).data[: len(ours)] == ours else 0


def _prepare_folder(scratch: Path, partial: Path, names: Sequence[str]) -> None:
    """Create the temporary folder, from an earlier partial download if there is one."""
    # The rename makes it ours: of two simultaneous downloads only one gets it.
    try:
        if partial.is_symlink() or not partial.is_dir():
            raise FileNotFoundError
        partial.rename(scratch)
    except OSError:
        scratch.mkdir()
        return
    for path in scratch.iterdir():
        if not path.is_file() or path.is_symlink() or path.name not in names or not _is_archive(path.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _keep_partial(scratch: Path, partial: Path) -> bool:
    """Keep what has arrived for the next download; return True if there is anything to keep."""
    if not any(_is_archive(p.name) and p.stat().st_size for p in scratch.iterdir()):
        return False
    with contextlib.suppress(OSError):  # another download has left something there
        scratch.rename(partial)
    return partial.is_dir() and not scratch.exists()


def _is_archive(name: str) -> bool:
    return name.endswith(".zip")


def _move_to_free_name(source: Path, target: Path) -> Path:
    for number in range(1000):
        free = target if number == 0 else target.with_name(f"{target.name}__{number}")
        if os.path.lexists(free):
            continue
        try:
            return source.rename(free)
        except OSError:
            if not os.path.lexists(free):
                raise
    raise InternalError(f"{target} exists, and so do 999 numbered copies: move some away")
