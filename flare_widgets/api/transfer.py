"""Uploads and downloads over a link, driven from the caller's thread.

The I/O thread sends and receives one chunk at a time; reading and writing files happens here, so that a slow
disk never delays another session, and an interrupt stops a transfer between two chunks.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..errors import FlareError, InternalError
from ..kit import StartupKit
from ..wire import hci, loop, transfers
from ..wire.link import Link, NoSuchService
from . import packing

Progress = Callable[[int, int], Any]
"""Called with the bytes transferred so far and the total; the total is 0 where it is not known."""

_CHUNK_TIMEOUT = 60.0  # the last chunk's answer comes after the server has checked and stored the job


def upload_folder(
    link: Link,
    kit: StartupKit,
    folder: Path,
    command: str,
    progress: Progress | None,
) -> hci.Reply:
    """Send a job folder, signed and zipped, as part of a command; return the command's reply.

    Parameters
    ----------
    link
        The way to the server.
    kit
        Who signs the folder.
    folder
        A job folder that has passed :func:`.packing.check_job_folder`.
    command
        The HCI JSON of the command.
    progress
        Told how far the upload is.
    """
    with tempfile.TemporaryDirectory(prefix="flare-widgets-") as scratch:
        archive = Path(scratch, "job.zip")
        packing.pack(folder, kit, archive)
        size = archive.stat().st_size
        upload = transfers.Upload(str(uuid.uuid4()), kit.username, command, archive.name, size, link.dialect)
        sent = 0
        with archive.open("rb") as file:
            for sequence in range(size // transfers.UPLOAD_CHUNK + 1):
                data = file.read(transfers.UPLOAD_CHUNK)
                value = loop.run(
                    link.stream(
                        transfers.UPLOAD_CHANNEL,
                        transfers.UPLOAD_TOPIC,
                        upload.request(sequence, data),
                        _CHUNK_TIMEOUT,
                    )
                )
                sent += len(data)
                if progress is not None:
                    progress(sent, size)
                reply = transfers.read_upload(value)
                if reply is not None:
                    return reply
    raise InternalError("the server took the whole job folder but did not say what became of it")


def download_files(
    link: Link,
    offer: list[transfers.RemoteFile],
    name: str,
    into: Path,
    progress: Progress | None,
) -> Path:
    """Fetch the files a server offers into a new folder, zip files unpacked.

    Everything is written to a temporary folder beside its destination, which is renamed when all is there: a
    download that broke never looks complete.

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
        Told how far the download is.

    Returns
    -------
    Path
        The new folder.
    """
    names = [packing.safe_name(remote.name) for remote in offer]
    if len({n.casefold() for n in names}) != len(names):
        raise InternalError("the server offers two files of the same name: refused")
    into.mkdir(parents=True, exist_ok=True)
    source = _Source(link)
    scratch = Path(tempfile.mkdtemp(prefix=f".{packing.safe_name(name)}.", suffix=".partial", dir=into))
    try:
        received = 0
        for remote in offer:
            with (scratch / remote.name).open("xb") as file:
                for data in source.parts(remote.reference):
                    file.write(data)
                    received += len(data)
                    if progress is not None:
                        progress(received, 0)
        for archive in [scratch / n for n in names if n.endswith(".zip")]:
            packing.unpack(archive, archive.with_suffix(""))
            archive.unlink()
        # mkdtemp makes folders only their owner can enter; results get what any new folder of the user has.
        umask = os.umask(0)
        os.umask(umask)
        scratch.chmod(0o777 & ~umask)
        return _move(scratch, into / name)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _Source:
    """A server that has files for us."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._dialect = link.dialect

    def parts(self, reference: str) -> Iterator[bytes]:
        """Fetch a file, piece by piece."""
        received, done = 0, False
        try:
            while True:
                part = transfers.read_part(self._ask(transfers.download_request(reference, received)))
                if part.last:
                    done = True
                    if part.nonce is not None:
                        self._tell(transfers.download_confirmation(reference, part.nonce))
                    return
                received += len(part.data)
                yield part.data
        finally:
            if not done and self._dialect.cancels:
                self._tell(transfers.download_cancellation(reference))

    def _ask(self, request: dict[str, Any]) -> Any:
        while True:
            try:
                return loop.run(self._link.stream(*self._dialect.download, request, _CHUNK_TIMEOUT))
            except NoSuchService:
                if self._dialect.older is None:
                    raise
                self._dialect = self._dialect.older

    def _tell(self, what: dict[str, Any]) -> None:
        # A courtesy: without it the server keeps the file ready until the session ends.
        with contextlib.suppress(FlareError):
            loop.run(self._link.post(*self._dialect.download, what))


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
