"""Submission of a job exactly once, even over a connection that breaks.

A submission carries a submit token, the user's or a generated one: a server of FLARE 2.8 or later accepts a job with
a token once, however often it is sent. So when the answer is lost, the session waits until it has reconnected and
asks for the token's job; if there is none, the job is sent again. A server rejects a token for a job with a file of
more than 10 MiB: such a job is sent without, and its outcome may stay unknown.
"""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ... import hooks
from ...errors import (
    FlareError,
    InternalError,
    InvalidJobDefinition,
    NoConnection,
    OutcomeUnknown,
    ServerIdentityError,
    SessionClosed,
)
from ...local_files import absolute_path, expand_path, path_exists, translate_os_errors
from ...wire import hci
from .. import commands, transfer
from ..command_sender import CommandSender
from .core import SessionCore, transfer_method

if TYPE_CHECKING:
    from ...wire.connection import Connection
    from ..transfer.progress import ProgressCallback

log = logging.getLogger("flare_widgets.api")

_RECONNECT_TIMEOUT_S = 30.0  # seconds after a lost answer within which the session must reconnect
_MAX_UPLOADS = 3  # maximum number of uploads


SendFunction = Callable[["Connection", "str | None"], hci.CommandReply]
"""Sends the job folder over a connection, with a submit token if any; returns the server's answer."""


class SubmitMethods(SessionCore):
    """Method of a session that submits jobs."""

    @transfer_method
    def submit_job(
        self,
        job_definition_path: str,
        submit_token: str | None = None,
        *,
        progress: ProgressCallback | None = None,
    ) -> str:
        """Submit a job folder and return the new job's id. Nothing is written into the folder.

        If the connection breaks meanwhile, the job is still submitted only once: after reconnecting, the session uses
        the submit token to find out if the job arrived. It tries for half a minute.

        Parameters
        ----------
        job_definition_path
            The job folder; a relative path is looked for in the working directory, then in `upload_dir`.
        submit_token
            An identifier you choose: submitting the same job again with the same token gives the same job. One is
            generated if not given. Needs FLARE 2.8 or later, and a job whose files have 10 MiB at most.
        progress
            Called with bytes sent and total bytes, at least once a second. When it returns False, the upload is
            cancelled.

        Raises
        ------
        InvalidJobDefinition
            It is not a valid job by our checks (then nothing was sent) or by the server's; or it was changed while
            it was packed.
        TransferCancelled
            `progress` returned False.
        FileAccessError
            A file of it cannot be read.
        OutcomeUnknown
            The connection broke and did not come back, or the server is older: it may or may not have been submitted.
            The message says how to find out.
        """
        if not isinstance(job_definition_path, (str, Path)) or not str(job_definition_path):
            raise InvalidJobDefinition("pass the path of a job folder")
        folder = expand_path(job_definition_path)
        if not folder.is_absolute() and not path_exists(folder) and path_exists(self.kit.upload_dir / folder):
            folder = self.kit.upload_dir / folder
        folder = Path(os.path.normpath(absolute_path(folder)))  # Path.resolve() would hide that it is a link
        with translate_os_errors(f"the job folder {folder} cannot be read"):
            transfer.pack.check_job_folder(folder)
        command = commands.submit_job(folder.name, submit_token)
        with command.error_context(self.kit.address):
            reply = submit_folder(self._sender, command.line, submit_token, folder, progress)
            try:
                job_id = command.parse_reply(reply)
            except InternalError as e:
                e.add_context(next_step=missing_package_hint(e, folder))
                raise
        self._keep_config(job_id, transfer.job_folder.read_server_config(folder))
        hooks.note_submission()
        return job_id


def missing_package_hint(error: InternalError, folder: Path) -> str:
    """Return the next step after the error of a server that lacks the package by which it reads YAML; else empty."""
    is_yaml = any(name.endswith((".yml", ".yaml")) for name, _ in transfer.pack.iter_files(folder))
    if not is_yaml or "ModuleNotFoundError" not in error.description:
        return ""
    return (
        "The server reads YAML only with the Python package omegaconf: ask its administrator to install it, or write "
        "the job's configuration in JSON or HOCON"
    )


def submit_folder(
    sender: CommandSender,
    line: str,
    submit_token: str | None,
    folder: Path,
    progress: ProgressCallback | None = None,
) -> hci.CommandReply:
    """Submit a job folder that has passed the checks, and return the server's answer.

    Parameters
    ----------
    sender
        Sends the session's commands.
    line
        The command, including the user's submit token, if any.
    submit_token
        That token.
    folder, progress
        See :func:`.transfer.upload_folder`.
    """

    def send_folder(link: Connection, token: str | None) -> hci.CommandReply:
        words = line if token == submit_token else f"{line} {hci.join_words(['--submit-token', str(token)])}"
        command = link.encode_command(words, sender.timeout)
        return transfer.upload.upload_folder(link, sender.kit, folder, command, progress)

    return _submit_once(sender, send_folder, submit_token, transfer.pack.largest_file_size(folder))


def _submit_once(
    sender: CommandSender, send_folder: SendFunction, token: str | None, largest_file: int
) -> hci.CommandReply:
    """Submit a job, and return the server's answer.

    Parameters
    ----------
    send_folder
        Sends the folder.
    token
        The user's submit token; one is generated if not given and the server accepts one for this job.
    largest_file
        Size in bytes of the largest file of the job.

    Raises
    ------
    NoConnection
        Nothing was sent.
    OutcomeUnknown
        The answer was lost, and the server could not be asked about the job; the message says how to find out.
    """
    sender.check_writable("submit_job")
    link = sender.open_connection()
    # The user's own token may belong to an older job with other content: the server must compare that.
    is_small = largest_file <= transfer.job_folder.MAX_TOKEN_FILE_BYTES
    ours = token is None and link.features.has_submit_tokens and is_small
    token = str(uuid.uuid4()) if ours else token
    safe = token is not None and link.features.has_submit_tokens
    logged_in_again = False
    trouble: NoConnection | None = None
    for attempt in range(1, _MAX_UPLOADS + 1):
        logins = link.login_count
        try:
            reply = send_folder(link, token)
        except ServerIdentityError:
            raise
        except transfer.upload.NotSubmitted as e:
            # There is no job, so it may be sent again, with or without a token.
            if attempt == _MAX_UPLOADS:
                raise
            log.warning("the upload of a job was interrupted (%s): restarting it", e)
            link = sender.open_connection(_RECONNECT_TIMEOUT_S)
            continue
        except NoConnection as e:
            trouble = e
        else:
            if logged_in_again or not (
                hci.is_session_inactive(reply) or (safe and _has_session_expired(link, logins, reply))
            ):
                return reply
            logged_in_again = True
            sender.log_in_again(link)
            link = sender.open_connection()
            continue
        if not safe or attempt == _MAX_UPLOADS:
            break
        log.warning("the answer to a submission was lost (%s): checking whether the job was submitted", trouble)
        try:
            found = _find_submitted_job(sender, token if ours else None)
            link = sender.open_connection(_RECONNECT_TIMEOUT_S)
        except NoConnection as e:
            trouble = e
            break
        if found is not None:
            log.info("the submission had reached the server: job %s", found)
            return hci.CommandReply(({"type": "success", "data": ""},), {"status": "ok", "job_id": found})
    assert trouble is not None
    find_out = (
        f"Look for it with list_jobs(submit_token='{token}'), or submit the same folder again with that "
        "submit_token: the server takes it once"
    )
    raise OutcomeUnknown(
        f"{trouble.description}. It is unknown whether the job was submitted",
        next_step=find_out if safe else commands.FIND_JOB_HINT,
    )


def _find_submitted_job(sender: CommandSender, token: str | None) -> str | None:
    """Return the id of the job with a submit token; None if the server has none (yet)."""
    deadline = time.monotonic() + _RECONNECT_TIMEOUT_S
    while True:
        sender.open_connection(max(deadline - time.monotonic(), 0.1))
        if token is None:
            return None
        try:
            command = commands.list_jobs(submit_token=token)
            jobs = command.parse_reply(sender.request(command)[1])
        except NoConnection:
            if time.monotonic() > deadline:
                raise
        except SessionClosed:
            raise
        except FlareError:
            # Not permitted, or deleted already: the server gives the reason when it is sent again.
            return None
        else:
            job_id = jobs[0].get("job_id") if jobs else None
            return job_id if isinstance(job_id, str) else None


def _has_session_expired(connection: Connection, login_count: int, reply: hci.CommandReply) -> bool:
    """Return True if a submission may have failed because the session had expired when the upload was complete.

    A server recreates the session for any other command; with an upload it fails to, and answers that it met an
    exception (``server/login.py`` of nvflare 2.9.0 takes every request for a cell's message).
    """
    failed = reply.meta.get("status") in ("error", "internal_error")
    return failed and (connection.expiry_reason is not None or connection.login_count != login_count)
