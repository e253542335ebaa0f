"""Submission of a job exactly once, even over a connection that breaks.

A submission carries a submit token, the user's or a generated one: a server of FLARE 2.8 or later accepts a job with
a token once, however often it is sent. So when the answer is lost, the session waits until it has reconnected and
asks for the token's job; if there is none, the job is sent again. A server rejects a token for a job with a file of
more than 10 MiB: such a job is sent without, and its outcome may stay unknown.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from ...errors import FlareError, NoConnection, OutcomeUnknown, ServerIdentityError, SessionClosed
from ...wire import hci
from ...wire.connection import Connection
from .. import commands
from ..transfer.job_folder import MAX_TOKEN_FILE_BYTES
from ..transfer.upload import NotSubmitted
from .core import SessionCore

log = logging.getLogger("flare_widgets.api")

_RECONNECT_TIMEOUT_S = 30.0  # seconds after a lost answer within which the session must reconnect
_MAX_UPLOADS = 3  # maximum number of uploads


UploadFunction = Callable[[Connection, "str | None"], hci.CommandReply]
"""Sends the job folder over a connection, with a submit token if any; returns the server's answer."""


class SubmitMethods(SessionCore):
    """Submission logic of a session."""

    def _submit(self, upload: UploadFunction, token: str | None, largest_file: int) -> hci.CommandReply:
        """Submit a job, and return the server's answer.

        Parameters
        ----------
        upload
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
        self._check_writable("submit_job")
        link = self._open_connection()
        # The user's own token may belong to an older job with other content: the server must compare that.
        ours = token is None and link.features.has_submit_tokens and largest_file <= MAX_TOKEN_FILE_BYTES
        token = str(uuid.uuid4()) if ours else token
        safe = token is not None and link.features.has_submit_tokens
        logged_in_again = False
        trouble: NoConnection | None = None
        for attempt in range(1, _MAX_UPLOADS + 1):
            logins = link.login_count
            try:
                reply = upload(link, token)
            except ServerIdentityError:
                raise
            except NotSubmitted as e:
                # There is no job, so it may be sent again, with or without a token.
                if attempt == _MAX_UPLOADS:
                    raise
                log.warning("the upload of a job was interrupted (%s): restarting it", e)
                link = self._open_connection(_RECONNECT_TIMEOUT_S)
                continue
            except NoConnection as e:
                trouble = e
            else:
                if logged_in_again or not (
                    hci.is_session_inactive(reply) or (safe and _has_session_expired(link, logins, reply))
                ):
                    return reply
                logged_in_again = True
                self._log_in_again(link)
                link = self._open_connection()
                continue
            if not safe or attempt == _MAX_UPLOADS:
                break
            log.warning("the answer to a submission was lost (%s): checking whether the job was submitted", trouble)
            try:
                found = self._find_submitted_job(token if ours else None)
                link = self._open_connection(_RECONNECT_TIMEOUT_S)
            except NoConnection as e:
                trouble = e
                break
            if found is not None:
                log.info("the submission had reached the server: job %s", found)
                return hci.CommandReply(({"type": "success", "data": ""},), {"status": "ok", "job_id": found})
        find_out = (
            f"list_jobs(submit_token='{token}') lists the job if it was submitted. Or submit the same folder again "
            "with that submit_token: the server accepts it only once"
        )
        raise OutcomeUnknown(
            f"{trouble}. Whether the job was submitted is not known. {find_out if safe else commands.FIND_JOB_HINT}"
        )

    def _find_submitted_job(self, token: str | None) -> str | None:
        """Return the id of the job with a submit token; None if the server has none (yet)."""
        deadline = time.monotonic() + _RECONNECT_TIMEOUT_S
        while True:
            self._open_connection(max(deadline - time.monotonic(), 0.1))
            if token is None:
                return None
            try:
                command = commands.list_jobs(submit_token=token)
                jobs = command.parse_reply(self._request_blocking(command)[1])
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
