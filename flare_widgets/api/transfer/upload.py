"""Uploads and downloads over a link, driven from the caller's thread.

The I/O thread sends and receives one chunk at a time; reading and writing files happens here, so that a slow
disk never delays another session, and an interrupt stops a transfer between two chunks.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import tempfile
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from ...errors import FlareError, InternalError, NoConnection, TransferCancelled
from ...kit import StartupKit
from ...wire import hci, loop, transfers
from ...wire.connection import Link, Unanswered
from . import pack

T = TypeVar("T")

Progress = Callable[[int, int], Any]
"""Called in the caller's thread with the bytes transferred so far and the total; the total is 0 where it is not known.

It is called at least once a second, also when nothing moves. What returns False (not None) cancels the transfer.
"""

PATIENCE = (30.0, 60.0, 120.0)
"""Seconds to wait for the answer to a chunk; longer each time, since a slow link must not be asked ever more."""

_COURTESY = 1.0  # seconds to wait until what needs no answer is sent; the I/O thread finishes it
_BEAT = 1.0  # seconds between two calls of a progress callback when nothing moves
_CHECKING = 10 << 20  # bytes a second at which a slow server checks and stores the job after the last chunk


def tell(link: Link, channel: str, topic: str, what: dict[str, Any]) -> None:
    """Tell the server what it need not know: nothing comes of it if the link is lost, or the server hangs."""
    with contextlib.suppress(FlareError, TimeoutError):
        loop.run(link.post(channel, topic, what), _COURTESY)


class NotSubmitted(NoConnection):
    """The link broke before the last chunk of a job was sent: there is no job, and it may be submitted again."""


class Meter:
    """How far a transfer is, told to a progress callback that may cancel it.

    Parameters
    ----------
    progress
        The callback, if there is one.
    on_cancel
        What to tell who cancels.
    """

    def __init__(self, progress: Progress | None, on_cancel: str) -> None:
        self.on_cancel = on_cancel
        self._progress = progress
        self._told = (0, 0)

    def tell(self, done: int, total: int) -> None:
        """Tell how far the transfer is.

        Raises
        ------
        TransferCancelled
            The callback returned False.
        asyncio.CancelledError
            Who awaits the transfer was cancelled.
        """
        self._told = (done, total)
        if self._progress is not None and self._progress(done, total) is False:
            raise TransferCancelled(self.on_cancel)
        loop.checkpoint()

    def beat(self) -> None:
        """Tell the same again."""
        self.tell(*self._told)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and wait for it; who cancels need not wait for an answer."""
        future = loop.start(coroutine)
        try:
            while not concurrent.futures.wait([future], _BEAT).done:
                self.beat()
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def sleep(self, seconds: float) -> None:
        """Wait; errors as in :meth:`tell`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.beat()
            time.sleep(min(left, _BEAT))


def upload_folder(
    link: Link,
    kit: StartupKit,
    folder: Path,
    command: str,
    progress: Progress | None,
) -> hci.Reply:
    """Send a job folder, signed and zipped, as part of a command; return the command's reply.

    The zip is a temporary file: what it is made of may be larger than memory, and the server wants to know the size
    before the first byte.

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
        Told how far the upload is; while the folder is packed that is 0 of 0.

    Raises
    ------
    NotSubmitted
        The link broke before the last chunk was sent: the server has no job of it.
    NoConnection
        It broke, or the server did not answer, after that: whether there is a job is not known.
    TransferCancelled
        `progress` returned False.
    InvalidJobDefinition
        The folder was changed while it was packed; nothing was sent.
    DiskFull
        There is no space for the zip; nothing was sent.
    """
    meter = Meter(progress, "the upload was cancelled: the job was not submitted")
    with tempfile.TemporaryDirectory(prefix="flare-widgets-", ignore_cleanup_errors=True) as scratch:
        archive = Path(scratch, "job.zip")
        pack.pack(folder, kit, archive, lambda _: meter.tell(0, 0))
        for patience in PATIENCE:
            try:
                return _Upload(link, kit, archive, command, meter, patience).run()
            except _Lost as e:
                lost = e
        raise lost


class _Lost(NotSubmitted):
    """A chunk was not answered, but the link may still work."""


class _Upload:
    """One attempt to send a zip."""

    def __init__(self, link: Link, kit: StartupKit, archive: Path, command: str, meter: Meter, patience: float) -> None:
        self._link, self._archive, self._meter, self._patience = link, archive, meter, patience
        self._size = archive.stat().st_size
        transaction = str(uuid.uuid4())
        self._upload = transfers.Upload(transaction, kit.username, command, archive.name, self._size, link.dialect)

    def run(self) -> hci.Reply:
        """Send it, and return the answer of the server; errors as in :func:`upload_folder`."""
        count = self._size // transfers.UPLOAD_CHUNK + 1
        with self._archive.open("rb") as file:
            try:
                for sequence in range(count - 1):
                    self._meter.tell(sequence * transfers.UPLOAD_CHUNK, self._size)
                    reply = self._send(sequence, file.read(transfers.UPLOAD_CHUNK), self._patience)
                    if reply is not None:
                        return reply
                self._meter.tell((count - 1) * transfers.UPLOAD_CHUNK, self._size)
            except BaseException as e:
                tell(self._link, transfers.UPLOAD_CHANNEL, transfers.ABORT_TOPIC, self._upload.abort())
                if isinstance(e, NoConnection):
                    kind = _Lost if isinstance(e, Unanswered) else NotSubmitted
                    raise kind(f"{e} The job was not submitted") from e
                raise
            self._meter.on_cancel = (
                "the upload was cancelled when all had been sent: the job may have been submitted, see list_jobs()"
            )
            reply = self._send(count - 1, file.read(transfers.UPLOAD_CHUNK), PATIENCE[-1] + self._size / _CHECKING)
        if reply is None:
            raise InternalError("the server took the whole job folder but did not say what became of it")
        with contextlib.suppress(TransferCancelled):  # too late: there is a job
            self._meter.tell(self._size, self._size)
        return reply

    def _send(self, sequence: int, data: bytes, patience: float) -> hci.Reply | None:
        request = self._upload.request(sequence, data)
        answer = self._link.stream(transfers.UPLOAD_CHANNEL, transfers.UPLOAD_TOPIC, request, patience)
        return transfers.read_upload(self._meter.wait(answer))
