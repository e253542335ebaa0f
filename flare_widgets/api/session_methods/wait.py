"""Methods that wait until a job ends."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ...errors import InternalError, InvalidArgumentError, NoConnection, ServerIdentityError
from ...wire.session_state import SessionState
from .. import commands
from ..dual import dual_method
from ..job_status import has_ended, make_timeout_error
from ..models import MonitorReturnCode
from .core import SessionCore

log = logging.getLogger("flare_widgets.api")

PollCallback = Callable[[dict[str, Any]], Awaitable[bool]]
"""Called with a job's meta at each poll; returns True to continue monitoring."""

_RETRY_DELAY_S = 0.5  # seconds before a server that did not answer is asked again


class WaitMethods(SessionCore):
    """Methods of a session that wait for jobs."""

    @dual_method
    async def monitor_job(
        self,
        job_id: str,
        timeout: float = 0,
        poll_interval: float = 2.0,
        cb: Callable[..., Any] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> MonitorReturnCode:
        """Monitor a job until it ends; this blocks the kernel, unless it is awaited.

        A server that does not answer, or restarts, does not end it, unlike with nvflare's client: monitoring resumes
        when the session has reconnected, for as long as `timeout` permits. A session that cannot be restored raises.

        Parameters
        ----------
        job_id
            The job.
        timeout
            Seconds to monitor; 0 for no limit.
        poll_interval
            Seconds between two polls.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each poll, in this
            thread; when it returns False, monitoring ends. An asynchronous session accepts a coroutine function too.
        """
        look = self._make_poll_callback(job_id, cb, cb_args, cb_kwargs)
        code, _ = await self._poll_until_end(job_id, timeout, poll_interval, look)
        return code

    @dual_method
    async def monitor_job_and_return_job_meta(
        self,
        job_id: str,
        timeout: float = 0.0,
        poll_interval: float = 2.0,
        cb: Callable[..., Any] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> tuple[MonitorReturnCode, dict[str, Any] | None]:
        """Monitor as :meth:`monitor_job` does, and return the job's final meta too (None unless it ended)."""
        look = self._make_poll_callback(job_id, cb, cb_args, cb_kwargs)
        return await self._poll_until_end(job_id, timeout, poll_interval, look)

    @dual_method
    async def wait_for_job(self, job_id: str, timeout: float = 0.0, poll_interval: float = 2.0) -> dict[str, Any]:
        """Wait until a job ends and return its final meta.

        Also waits for a server that does not answer, or restarts, as :meth:`monitor_job` does.

        Raises
        ------
        JobTimeout
            It did not end within `timeout` seconds (0: no limit).
        """
        return await self._wait_for_end(job_id, timeout, poll_interval)

    @dual_method
    async def wait_for_jobs(
        self, job_ids: Iterable[str], timeout: float = 0.0, poll_interval: float = 2.0, *, first: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Wait until several jobs end, and return their final meta by id.

        Also waits for a server that does not answer, or restarts, as :meth:`monitor_job` does. An interrupt ends the
        waiting only: the jobs continue.

        Parameters
        ----------
        job_ids
            The jobs.
        timeout
            Seconds to wait for all of them; 0 for no limit.
        poll_interval
            Seconds between two polls.
        first
            True to return as soon as one of them has ended; only those that have ended are returned.

        Raises
        ------
        JobTimeout
            They did not end in time; those that did not continue.
        """
        _check_times(timeout, poll_interval)
        deadline = time.monotonic() + timeout if timeout else float("inf")
        waiting = list(dict.fromkeys(job_ids))
        ended: dict[str, dict[str, Any]] = {}
        while True:
            for job_id in tuple(waiting):
                meta = await self._fetch_meta_with_retry(job_id, deadline)
                if meta is not None and has_ended(read_status(meta)):
                    ended[job_id] = meta
                    waiting.remove(job_id)
            if not waiting or (first and ended):
                return ended
            if time.monotonic() > deadline:
                which = f"{len(waiting)} of {len(waiting) + len(ended)} jobs"
                is_ready = self.state is SessionState.READY
                raise make_timeout_error(waiting[0], timeout, is_server_reachable=is_ready, which=which)
            await self._sleep(max(0.0, min(poll_interval, deadline - time.monotonic())))

    async def _fetch_meta_with_retry(self, job_id: str, deadline: float) -> dict[str, Any] | None:
        """Return the job's meta as soon as the server sends it; None at the deadline."""
        told = False
        while True:
            try:
                return await self._run_command(commands.get_job_meta(job_id))
            except ServerIdentityError:
                raise
            except NoConnection as e:
                if time.monotonic() > deadline:
                    return None
                if not told:
                    log.warning("%s. Job %s is watched on when the server answers again", e, job_id)
                    told = True
                await self._sleep(max(0.0, min(_RETRY_DELAY_S, deadline - time.monotonic())))

    async def _wait_for_end(
        self, job_id: str, timeout: float, poll_interval: float, on_poll: PollCallback | None = None
    ) -> dict[str, Any]:
        code, meta = await self._poll_until_end(job_id, timeout, poll_interval, on_poll)
        if code is MonitorReturnCode.TIMEOUT or meta is None:
            is_ready = self.state is SessionState.READY
            raise make_timeout_error(job_id, timeout, is_server_reachable=is_ready)
        return meta

    async def _poll_until_end(
        self, job_id: str, timeout: float, poll_interval: float, on_poll: PollCallback | None
    ) -> tuple[MonitorReturnCode, dict[str, Any] | None]:
        _check_times(timeout, poll_interval)
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while True:
            if time.monotonic() > deadline:
                return MonitorReturnCode.TIMEOUT, None
            meta = await self._fetch_meta_with_retry(job_id, deadline)
            if meta is None:
                return MonitorReturnCode.TIMEOUT, None
            if on_poll is not None and not await on_poll(meta):
                return MonitorReturnCode.ENDED_BY_CB, None
            if has_ended(read_status(meta)):
                return MonitorReturnCode.JOB_FINISHED, meta
            await self._sleep(poll_interval)

    def _make_poll_callback(
        self, job_id: str, cb: Callable[..., Any] | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> PollCallback | None:
        if cb is None:
            return None

        async def look(meta: dict[str, Any]) -> bool:
            return bool(await self._resolve_result(cb(self, job_id, meta, *args, **kwargs)))

        return look


def read_status(meta: dict[str, Any]) -> str:
    """Return the status in a job's meta; InternalError if there is none."""
    status = meta.get("status")
    if not isinstance(status, str) or not status:
        raise InternalError(f"the server did not return the status of job {meta.get('job_id')}")
    return status


def _check_times(timeout: float, poll_interval: float) -> None:
    if timeout < 0:
        raise InvalidArgumentError("timeout must be >= 0")
    check_poll_interval(poll_interval)


def check_poll_interval(seconds: float) -> None:
    """Raise an error unless `seconds` is a valid poll interval."""
    if seconds <= 0:
        raise InvalidArgumentError("poll_interval must be > 0")
