"""Downloads: files a server offers, fetched over as many links as it takes, into a folder that is whole or not there.

Everything is written to a temporary folder beside its destination, which is renamed when all is there. If the
connection is lost for good, that folder stays as ``.NAME.partial``, and the next download of that name goes on from
there. The server makes no promise that it then still offers the same bytes, so only archives are continued, whose
checksums would tell; and only if the last bytes we have are still what the server has at that place.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from ...errors import InternalError, NoConnection, SessionClosed
from ...wire import transfers
from ...wire.connection import Link, NoSuchService, Unanswered
from . import disk_full, unpack
from .upload import PATIENCE, Meter, Progress, tell

Offer = tuple[Link, list[transfers.RemoteFile]]

_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a server that was lost is asked for a new offer
_OVERLAP = 64 << 10  # bytes compared with the server's before an archive is continued


def download_files(
    link: Link,
    offer: list[transfers.RemoteFile],
    name: str,
    into: Path,
    progress: Progress | None,
    renew: Callable[[], Offer] | None = None,
) -> Path:
    """Fetch the files a server offers into a new folder, zip files unpacked.

    Parameters
    ----------
    link
        The way to the server.
    offer
        What the server offers.
    name
        What the new folder shall be called; ``name__1``, ``name__2``, ... when that is taken.
    into
        Where it shall be; made if need be.
    progress
        Told how far the download is; the total is 0, since servers do not say how much they have.
    renew
        Called when the link is lost, to have the same offered over a new one; without it the download breaks.

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
        What the server sends is damaged, or could do harm; nothing is kept.
    DiskFull
        It does not fit on the disk; nothing is kept.
    """
    names = [unpack.safe_name(remote.name) for remote in offer]
    if len({n.casefold() for n in names}) != len(names):
        raise InternalError("the server offers two files of the same name: refused")
    into.mkdir(parents=True, exist_ok=True)
    kept = into / f".{unpack.safe_name(name)}.partial"
    scratch = kept.with_name(f".{name}.{uuid.uuid4().hex[:8]}.partial")
    meter = Meter(progress, "the download was cancelled: nothing was kept")
    try:
        with disk_full.watched(into, "the download"):
            _begin(scratch, kept, names)
            try:
                _Download(link, offer, scratch, meter, renew).run()
            except (NoConnection, SessionClosed) as e:
                if _keep(scratch, kept):
                    e.args = (f"{e} What has arrived is kept: download it again to go on from there",)
                raise
            for archive in [scratch / n for n in names if _is_archive(n)]:
                unpack.unpack(archive, archive.with_suffix(""), meter.beat)
                archive.unlink()
            meter.beat()  # the last chance to cancel: then it is there
            return _move(scratch, into / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Download:
    """The files of an offer, on their way into a folder."""

    def __init__(
        self,
        link: Link,
        offer: list[transfers.RemoteFile],
        scratch: Path,
        meter: Meter,
        renew: Callable[[], Offer] | None,
    ) -> None:
        self._scratch, self._meter, self._renew = scratch, meter, renew
        self._names = [remote.name for remote in offer]
        self._pauses = iter(_PAUSES)
        self._finished = 0
        self._accept(link, offer)

    def run(self) -> None:
        """Fetch all files; errors as in :func:`download_files`."""
        for name in self._names:
            while True:
                try:
                    self._finished += self._fetch(name)
                    break
                except NoSuchService:
                    raise
                except NoConnection as e:
                    self._reconnect(e)

    def _accept(self, link: Link, offer: list[transfers.RemoteFile]) -> None:
        self._link, self._dialect = link, link.dialect
        self._references = {remote.name: remote.reference for remote in offer}

    def _reconnect(self, lost: NoConnection) -> None:
        """Have the same offered again, or raise what was wrong."""
        if self._renew is None:
            raise lost
        for pause in self._pauses:
            self._meter.sleep(pause)
            try:
                link, offer = self._renew()
            except NoConnection:
                continue
            if sorted(remote.name for remote in offer) != sorted(self._names):
                raise InternalError("the server now offers other files than before. Start the download again")
            return self._accept(link, offer)
        raise lost

    def _fetch(self, name: str) -> int:
        """Fetch a file, or what is missing of it, and return its size."""
        reference = self._references[name]
        done = False
        try:
            with (self._scratch / name).open("a+b") as file:
                received = self._continue(file, reference) if _is_archive(name) else 0
                file.truncate(received)
                while True:
                    part = self._part(reference, received)
                    if part.last:
                        break
                    file.write(part.data)
                    received += len(part.data)
                    self._meter.tell(self._finished + received, 0)
                    self._pauses = iter(_PAUSES)  # it moves: a server lost later gets as much patience again
            done = True
            if part.nonce is not None:
                self._tell(transfers.download_confirmation(reference, part.nonce))
            return received
        finally:
            if not done and self._dialect.cancels:
                self._tell(transfers.download_cancellation(reference))

    def _continue(self, file: BinaryIO, reference: str) -> int:
        """Return from where to go on: 0 unless the server has the same bytes as we before that place."""
        received = max(0, file.seek(0, os.SEEK_END) - _OVERLAP)
        file.seek(received)
        ours = file.read()
        return received if ours and self._part(reference, received).data.startswith(ours) else 0

    def _part(self, reference: str, received: int) -> transfers.Part:
        request = transfers.download_request(reference, received)
        for patience in PATIENCE:
            try:
                return transfers.read_part(self._ask(request, patience))
            except Unanswered as e:
                unanswered = e
        raise unanswered

    def _ask(self, request: dict[str, Any], patience: float) -> Any:
        while True:
            try:
                return self._meter.wait(self._link.stream(*self._dialect.download, request, patience))
            except NoSuchService:
                if self._dialect.older is None:
                    raise
                self._dialect = self._dialect.older

    def _tell(self, what: dict[str, Any]) -> None:
        # A courtesy: without it the server keeps the file ready until the session ends.
        tell(self._link, *self._dialect.download, what)


def _begin(scratch: Path, kept: Path, names: Sequence[str]) -> None:
    """Make the temporary folder, out of what an earlier download left if there is something."""
    # Renaming is what makes it ours: of two downloads at the same time one gets it.
    try:
        if kept.is_symlink() or not kept.is_dir():
            raise FileNotFoundError
        kept.rename(scratch)
    except OSError:
        scratch.mkdir()
        return
    for path in scratch.iterdir():
        if not path.is_file() or path.is_symlink() or path.name not in names or not _is_archive(path.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _keep(scratch: Path, kept: Path) -> bool:
    """Leave what has arrived to the next download; return whether there is something to be left."""
    if not any(_is_archive(p.name) and p.stat().st_size for p in scratch.iterdir()):
        return False
    with contextlib.suppress(OSError):  # another download has left something there
        scratch.rename(kept)
    return kept.is_dir() and not scratch.exists()


def _is_archive(name: str) -> bool:
    return name.endswith(".zip")


def _move(source: Path, target: Path) -> Path:
    for number in range(1000):
        free = target if number == 0 else target.with_name(f"{target.name}__{number}")
        if os.path.lexists(free):
            continue
        try:
            return source.rename(free)
        except OSError:
            if not os.path.lexists(free):
                raise
    raise InternalError(f"{target} exists, and 999 more of that name: move some away")
