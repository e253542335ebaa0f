"""Submitting a job exactly once, also over a connection that breaks.

A submission carries a submit token, the user's or one made here: a server of FLARE 2.8 or later takes a job with a
token once, however often it comes. So when the answer is lost, the session waits until it is connected again and asks
for the token's job; when there is none, the job is sent again. A server refuses a token for a job that has a file of
more than 10 MiB: such a job goes without, and what became of it may stay unknown.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from ...errors import FlareError, NoConnection, OutcomeUnknown, ServerIdentityError, SessionClosed
from ...wire import hci
from ...wire.connection import Link
from .. import commands
from ..transfer.job_folder import TOKEN_FILE
from ..transfer.upload import NotSubmitted
from .core import Methods

log = logging.getLogger("flare_widgets.api")

_RESOLVE = 30.0  # seconds after a lost answer in which the session must be connected again
_UPLOADS = 3  # at most


Upload = Callable[[Link, "str | None"], hci.Reply]
"""Sends the job folder over a link, under a submit token if there is one; returns the server's answer."""


class SubmitMethods(Methods):
    """How a session submits."""

    def _submit(self, upload: Upload, token: str | None, largest_file: int) -> hci.Reply:
        """Submit a job, and return the server's answer.

        Parameters
        ----------
        upload
            Sends the folder.
        token
            The user's submit token; one is made when not given, if the server knows such and takes it for this job.
        largest_file
            Bytes of the largest file of the job.

        Raises
        ------
        NoConnection
            Nothing was sent.
        OutcomeUnknown
            The answer was lost, and the server could not be asked what became of the job; says how to find out.
        """
        self._check_may_change("submit_job")
        link = self._link()
        # The user's own token may be of an older job with other content: that the server shall compare.
        ours = token is None and link.dialect.submit_tokens and largest_file <= TOKEN_FILE
        token = str(uuid.uuid4()) if ours else token
        safe = token is not None and link.dialect.submit_tokens
        logged_in_again = False
        trouble: NoConnection | None = None
        for attempt in range(1, _UPLOADS + 1):
            logins = link.logins
            try:
                reply = upload(link, token)
            except ServerIdentityError:
                raise
            except NotSubmitted as e:
                # There is no job, so it may be sent again, with or without a token.
                if attempt == _UPLOADS:
                    raise
                log.warning("the upload of a job broke (%s): it begins again", e)
                link = self._link(_RESOLVE)
                continue
            except NoConnection as e:
                trouble = e
            else:
                if logged_in_again or not (hci.session_inactive(reply) or (safe and _expired(link, logins, reply))):
                    return reply
                logged_in_again = True
                self._log_in_again(link)
                link = self._link()
                continue
            if not safe or attempt == _UPLOADS:
                break
            log.warning("the answer to a submission was lost (%s): finding out what became of it", trouble)
            try:
                found = self._find(token if ours else None)
                link = self._link(_RESOLVE)
            except NoConnection as e:
                trouble = e
                break
            if found is not None:
                log.info("the submission had reached the server: job %s", found)
                return hci.Reply(({"type": "success", "data": ""},), {"status": "ok", "job_id": found})
        find_out = (
            f"list_jobs(submit_token='{token}') has the job if so; or submit the same folder again with that "
            "submit_token: the server takes it once"
        )
        raise OutcomeUnknown(
            f"{trouble}. Whether the job was submitted is not known. {find_out if safe else commands.FIND_JOB}"
        )

    def _find(self, token: str | None) -> str | None:
        """Return the id of the job with a submit token; None when the server has none (yet)."""
        deadline = time.monotonic() + _RESOLVE
        while True:
            self._link(max(deadline - time.monotonic(), 0.1))
            if token is None:
                return None
            try:
                command = commands.list_jobs(submit_token=token)
                jobs = command.answer(self._ask_over(command)[1])
            except NoConnection:
                if time.monotonic() > deadline:
                    raise
            except SessionClosed:
                raise
            except FlareError:
                # Not permitted, or deleted already: the server says what is the matter when it is sent again.
                return None
            else:
                job_id = jobs[0].get("job_id") if jobs else None
                return job_id if isinstance(job_id, str) else None


def _expired(link: Link, logins: int, reply: hci.Reply) -> bool:
    """Whether a submission may have failed since the session had expired when the upload was complete.

    A server recreates the session of any other command; with an upload it fails to, and answers that it met an
    exception (``server/login.py`` of nvflare 2.9.0 takes every request for a cell's message).
    """
    failed = reply.meta.get("status") in ("error", "internal_error")
    return failed and (link.expired is not None or link.logins != logins)
