"""Uploads and downloads over a connection, driven from the caller's thread.

The I/O thread sends and receives one part at a time; reading and writing files happens here, so that a slow
disk never delays another session, and an interrupt stops a transfer between two parts.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import time
import uuid
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

from ...errors import FlareError, InternalError, NoConnection, TransferCancelled
from ...kit import StartupKit
from ...wire import fobs, hci, loop, transfers
from ...wire.connection import Connection
from ...wire.errors import ReplyTimeout
from . import pack
from .part_size import FIRST_PART_BYTES, cut_part, next_part_size
from .read_ahead import ReadAhead

T = TypeVar("T")

ProgressCallback = Callable[[int, int], Any]
"""Called in the caller's thread with the bytes transferred so far and the total; the total is 0 if unknown.

It is called at least once a second, even without progress. Returning False (not None) cancels the transfer.
"""

PART_TIMEOUTS_S = (30.0, 60.0, 120.0)
"""Seconds to wait for the answer to a part; longer each time, to avoid overloading a slow connection."""

_ARCHIVE_NAME = "job.zip"
_NOTIFY_TIMEOUT_S = 1.0  # seconds to wait until a best-effort message is sent; the I/O thread finishes it
_PROGRESS_INTERVAL_S = 1.0  # seconds between two calls of a progress callback when nothing moves
_SERVER_CHECK_BYTES_PER_S = 10 << 20  # bytes a second at which a slow server checks and stores the job at the end


def notify_server(connection: Connection, channel: str, topic: str, message: dict[str, Any]) -> None:
    """Send a best-effort notification: no error is raised if the connection is lost or the server hangs."""
    with contextlib.suppress(FlareError, TimeoutError):
        loop.run(connection.post(channel, topic, message), _NOTIFY_TIMEOUT_S)


class NotSubmitted(NoConnection):
    """The connection broke before the last part of a job was sent: there is no job, and it may be submitted again."""


class ProgressReporter:
    """Reporter of a transfer's progress to a callback that may cancel it.

    Parameters
    ----------
    progress
        The callback, if there is one.
    cancel_message
        Message of the error raised on cancellation.
    """

    def __init__(self, progress: ProgressCallback | None, cancel_message: str) -> None:
        self.cancel_message = cancel_message
        self._callback = progress
        self._last_reported = (0, 0)

    def report(self, done: int, total: int) -> None:
        """Report the progress of the transfer.

        Raises
        ------
        TransferCancelled
            The callback returned False.
        asyncio.CancelledError
            The caller that awaits the transfer was cancelled.
        """
        self._last_reported = (done, total)
        if self._callback is not None and self._callback(done, total) is False:
            raise TransferCancelled(self.cancel_message)
        loop.check_cancelled()

    def tick(self) -> None:
        """Report the same progress again."""
        self.report(*self._last_reported)

    def wait(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the I/O thread and wait for it; cancelling need not wait for an answer."""
        return self.wait_for(loop.start(coroutine))

    def wait_for(self, future: concurrent.futures.Future[T]) -> T:
        """Wait for what runs on the I/O thread, and return its result."""
        self.wait_until_done(future)
        return future.result()

    def wait_until_done(self, future: concurrent.futures.Future[T]) -> None:
        """Wait for what runs on the I/O thread, however it ends; it is cancelled if the waiting is."""
        try:
            while not concurrent.futures.wait([future], _PROGRESS_INTERVAL_S).done:
                self.tick()
        except BaseException:
            future.cancel()
            raise

    def sleep(self, seconds: float) -> None:
        """Wait; errors as in :meth:`report`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.tick()
            time.sleep(min(left, _PROGRESS_INTERVAL_S))


def upload_folder(
    connection: Connection,
    kit: StartupKit,
    folder: Path,
    command: str,
    progress: ProgressCallback | None,
) -> hci.CommandReply:
    """Send a job folder, signed and zipped, as part of a command; return the command's reply.

    The zip is made as it is sent, some parts ahead: its content may be larger than memory.

    Parameters
    ----------
    connection
        The connection to the server.
    kit
        The kit of the user who signs the folder.
    folder
        A job folder that has passed :func:`.pack.check_job_folder`.
    command
        The HCI JSON of the command.
    progress
        Called with the progress of the upload.

    Raises
    ------
    NotSubmitted
        The connection broke before the last part was sent: the server has no job of it.
    NoConnection
        It broke, or the server did not answer, after that: there may or may not be a job.
    TransferCancelled
        `progress` returned False.
    InvalidJobDefinition
        The folder was changed while it was packed; the job was not submitted.
    FileAccessError
        A file of it cannot be read; the job was not submitted.
    """
    meter = ProgressReporter(progress, "the upload was cancelled: the job was not submitted")
    for patience in PART_TIMEOUTS_S:
        try:
            return _UploadAttempt(connection, kit, pack.JobArchive(folder, kit), command, meter, patience).run()
        except _PartTimeout as e:
            lost = e
    raise lost


class _PartTimeout(NotSubmitted):
    """A part was not answered, but the connection may still work."""


class _UploadAttempt:
    """One attempt to send a job."""

    def __init__(
        self,
        connection: Connection,
        kit: StartupKit,
        archive: pack.JobArchive,
        command: str,
        reporter: ProgressReporter,
        timeout: float,
    ) -> None:
        self._connection, self._archive, self._reporter, self._timeout = connection, archive, reporter, timeout
        self._size = archive.size
        transaction = str(uuid.uuid4())
        self._upload = transfers.Upload(
            transaction, kit.username, command, _ARCHIVE_NAME, self._size, connection.features
        )

    def run(self) -> hci.CommandReply:
        """Send it, and return the answer of the server; errors as in :func:`upload_folder`."""
        sent, size = 0, FIRST_PART_BYTES
        with ReadAhead(self._archive.read(), self._reporter.tick) as file:
            try:
                for sequence in itertools.count():
                    self._reporter.report(sent, self._size)
                    part = cut_part(self._size - sent, size)
                    if sent + part == self._size:
                        last = file.take(part)
                        break
                    began = time.monotonic()
                    reply = self._send_part(sequence, file.take(part), self._timeout)
                    if reply is not None:
                        return reply
                    sent, size = sent + part, next_part_size(part, time.monotonic() - began)
            except BaseException as e:
                notify_server(
                    self._connection, transfers.UPLOAD_CHANNEL, transfers.ABORT_TOPIC, self._upload.abort_request()
                )
                if isinstance(e, NoConnection):
                    kind = _PartTimeout if isinstance(e, ReplyTimeout) else NotSubmitted
                    raise kind(f"{e.description}. The job was not submitted", next_step=e.next_step) from e
                raise
            self._reporter.cancel_message = (
                "the upload was cancelled when all had been sent: the job may have been submitted, see list_jobs()"
            )
            patience = PART_TIMEOUTS_S[-1] + self._size / _SERVER_CHECK_BYTES_PER_S
            reply = self._send_part(sequence, last, patience, is_last=True)
        if reply is None:
            raise InternalError("the server received the whole job folder but did not report the result")
        with contextlib.suppress(TransferCancelled):  # too late: there is a job
            self._reporter.report(self._size, self._size)
        return reply

    def _send_part(
        self, sequence: int, data: list[memoryview], timeout: float, *, is_last: bool = False
    ) -> hci.CommandReply | None:
        request = self._upload.part_request(sequence, fobs.Pieces(data), is_last)
        answer = self._connection.stream(transfers.UPLOAD_CHANNEL, transfers.UPLOAD_TOPIC, request, timeout)
        return transfers.read_upload_reply(self._reporter.wait(answer))
