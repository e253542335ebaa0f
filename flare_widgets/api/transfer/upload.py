"""Upload of a job folder over a connection, a part at a time, driven from the caller's thread."""

from __future__ import annotations

import contextlib
import itertools
import time
import uuid
from pathlib import Path

from ...errors import InternalError, NoConnection, TransferCancelled
from ...kit import StartupKit
from ...wire import fobs, hci, transfers
from ...wire.connection import Connection
from ...wire.errors import ReplyTimeout
from . import pack
from .part_size import FIRST_PART_BYTES, cut_part, next_part_size
from .progress import PART_TIMEOUTS_S, ProgressCallback, ProgressReporter, notify_server
from .read_ahead import ReadAhead

_ARCHIVE_NAME = "job.zip"
_SERVER_CHECK_BYTES_PER_S = 10 << 20  # bytes a second at which a slow server checks and stores the job at the end


class NotSubmitted(NoConnection):
    """The connection broke before the last part of a job was sent: there is no job, and it may be submitted again."""


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
