"""Reading of the small files of a job's result, however large the rest of it is.

A server answers each request of a download with a part from any offset. So a large file in an archive, usually a model,
is passed over without being transferred.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ... import bounds
from ...errors import InputError, InternalError, NoConnection, TransferCancelled
from ...formatting.text import sanitize
from ...local_files import require_space, translate_os_errors
from ...wire import transfers
from . import unpack
from .progress import ProgressCallback, ProgressReporter
from .remote_files import Offer, RemoteFiles
from .zip_members import KeptFiles, MemberReader, SkippedFile, UnreadableArchive, Wanted


@dataclass(frozen=True)
class ResultFiles:
    """Small files of a job's result.

    Attributes
    ----------
    files
        Content by path, with the paths of a downloaded result: ``meta.json``, ``workspace/log.json``, ...
    skipped
        Files that were passed over, with their sizes; the first of them if there are many. Their paths are text of a
        stranger, made safe to show.
    skipped_count
        Number of files that were passed over.
    reason
        Reason why wanted files may be missing; empty if there are none.
    """

    files: Mapping[str, bytes]
    skipped: tuple[SkippedFile, ...] = ()
    skipped_count: int = 0
    reason: str = ""

    @property
    def is_complete(self) -> bool:
        """True if all wanted files of the result are there."""
        return not self.reason


def read_files(
    offer: Offer,
    wanted: Wanted,
    archives: Sequence[str],
    timeout: float,
    renew_offer: Callable[[], Offer] | None = None,
) -> ResultFiles:
    """Read the wanted files that a server offers.

    Parameters
    ----------
    offer
        The connection to the server, and the files it offers there.
    wanted
        Decides by path and size which files are read. The size of a file that is in no archive is not known before it
        is read: 0.
    archives
        The archives to look into, in this order, such as ``workspace``; paths in an archive begin with its name.
    timeout
        Seconds; files that arrive later are missing.
    renew_offer
        Called when the connection is lost, to get the same offer over a new one; without it the reading fails.

    Raises
    ------
    NoConnection, SessionClosed
        The server was lost.
    InternalError
        The server can no longer serve the files, or offers unsafe names.
    """
    deadline = time.monotonic() + timeout
    reporter = ProgressReporter(
        lambda *_: time.monotonic() < deadline, f"not all of the result arrived within {timeout:.0f} s"
    )
    kept = KeptFiles()
    try:
        _Reading(RemoteFiles(offer, reporter, renew_offer), wanted, reporter, kept).run(archives)
    except TransferCancelled as e:
        kept.note_problem(e.description)
    return ResultFiles(kept.files, tuple(kept.skipped), kept.skipped_count, "; ".join(kept.problems))


def save_file(
    offer: Offer,
    path: str,
    target: Path,
    progress: ProgressCallback | None,
    renew_offer: Callable[[], Offer] | None = None,
) -> None:
    """Save one file of an archive that a server offers, whatever its size, without the rest of the archive.

    Parameters
    ----------
    offer, renew_offer
        As of :func:`read_files`.
    path
        The file: ``workspace/models/server.npy``.
    target
        Where to save it; the folder is created if missing. The file appears only when it is complete.
    progress
        Called with bytes received and 0, since servers do not report the total.

    Raises
    ------
    NoConnection, SessionClosed
        The server was lost.
    TransferCancelled
        `progress` returned False.
    InputError
        There is no such file in the result.
    InternalError
        The server's archive does not allow to read one file alone, or is damaged.
    DiskFull, FileAccessError
        The file cannot be written.
    """
    reporter = ProgressReporter(progress, "the download was cancelled: nothing was kept")
    archive = path.partition("/")[0]
    kept = _SavedFile(target)
    with translate_os_errors(f"{sanitize(path)} cannot be written to {target.parent}"):
        target.parent.mkdir(parents=True, exist_ok=True)
        remote = RemoteFiles(offer, reporter, renew_offer)
        _Reading(remote, lambda found, _: found == path, reporter, kept, is_bounded=False).run((archive,))
    if kept.has_all:
        return
    if kept.problems:
        raise InternalError(
            f"{sanitize(path)} cannot be downloaded alone: {'; '.join(kept.problems)}",
            next_step="Download the whole result",
        )
    raise InputError(f"the result has no file {sanitize(path)}", next_step="Check its path in the list of files")


class _SavedFile(KeptFiles):
    """The one file that is wanted, which goes to the disk."""

    def __init__(self, target: Path) -> None:
        super().__init__()
        self._target = target
        self._partial = target.with_name(f".{uuid.uuid4().hex[:8]}.partial")

    @property
    def has_all(self) -> bool:
        return bool(self.files)

    def has_room(self, path: str, size: int) -> bool:
        require_space(self._target.parent, size, sanitize(path))
        return True

    def begin(self) -> BinaryIO:
        return self._partial.open("wb")

    def finish(self, path: str, content: BinaryIO, *, is_good: bool) -> None:
        try:
            content.close()
            if is_good:
                self._partial.replace(self._target)
                self.files[path] = b""
        finally:
            self._partial.unlink(missing_ok=True)


class _Reading:
    """One reading of an offer's files."""

    def __init__(
        self,
        remote: RemoteFiles,
        wanted: Wanted,
        reporter: ProgressReporter,
        kept: KeptFiles,
        *,
        is_bounded: bool = True,
    ) -> None:
        self._remote, self._wanted, self._reporter, self._kept = remote, wanted, reporter, kept
        self._is_bounded = is_bounded
        self._transferred = self._request_count = 0
        self._finished: set[str] = set()

    def run(self, archives: Sequence[str]) -> None:
        """Read all of them; errors as in :func:`read_files`."""
        # The archives last: each is left half-read.
        order = {f"{name}.zip": place for place, name in enumerate(archives)}
        names = sorted(
            map(unpack.check_file_name, self._remote.names),
            key=lambda name: (name.endswith(".zip"), order.get(name, -1), name),
        )
        try:
            for name in names:
                stem, dot, suffix = name.rpartition(".")
                if suffix == "zip" and dot:
                    if stem in archives:
                        self._read_archive(name, stem)
                elif self._wanted(name, 0):
                    self._read_file(name)
        finally:
            for name in names:
                if name not in self._finished:
                    self._remote.cancel(name)

    def _read_archive(self, name: str, folder: str) -> None:
        reader = MemberReader(folder, self._wanted, self._kept)
        try:
            while not reader.is_done:
                chunk = self._read(name, reader.offset)
                if chunk.is_last:
                    raise UnreadableArchive(f"is damaged: it ends before byte {reader.offset}")
                reader.feed(chunk.data)
        except UnreadableArchive as e:
            self._kept.note_problem(f"the server's {name} {e}")
        finally:
            reader.close()

    def _read_file(self, name: str) -> None:
        content = bytearray()
        while not (chunk := self._read(name, len(content))).is_last:
            content += chunk.data
            if not self._kept.has_room(name, len(content)):
                return
            if len(content) > bounds.MAX_FILE_BYTES:
                self._kept.note_problem(
                    f"only the first {bounds.MAX_FILE_BYTES >> 20} MB of {sanitize(name)} were read"
                )
                break
        else:
            self._finished.add(name)
            if chunk.nonce is not None:
                self._remote.confirm(name, chunk.nonce)
        self._kept.keep(name, bytes(content[: bounds.MAX_FILE_BYTES]))

    def _read(self, name: str, offset: int) -> transfers.DownloadChunk:
        while True:
            self._reporter.report(self._transferred, 0)
            if self._is_bounded and self._transferred > bounds.MAX_TRANSFER_BYTES:
                limit = bounds.MAX_TRANSFER_BYTES >> 20
                raise TransferCancelled(f"the result has more than {limit} MB of files to look at")
            if self._is_bounded and self._request_count >= bounds.MAX_TRANSFER_REQUESTS:
                raise TransferCancelled(
                    f"the result takes more than {bounds.MAX_TRANSFER_REQUESTS} requests to look at"
                )
            self._request_count += 1
            try:
                chunk = self._remote.read(name, offset)
            except NoConnection as e:
                self._remote.reconnect(e)
            else:
                self._transferred += len(chunk.data)
                return chunk
