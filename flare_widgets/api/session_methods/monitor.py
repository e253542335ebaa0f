"""Jobs that run: watched, and asked how they are."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from ...errors import InternalError, InvalidArgumentError, JobTimeout, NoConnection, ServerIdentityError
from .. import commands
from ..dual import method
from ..models import MonitorReturnCode, is_terminal
from .jobs import JobMethods

log = logging.getLogger("flare_widgets.api")

Look = Callable[[dict[str, Any]], Awaitable[bool]]
"""Called with a job's meta at each look; whether to go on watching."""

_PAUSE = 0.5  # seconds before a server that did not answer is asked again


class RunningJobMethods(JobMethods):
    """What a session can do with jobs while they run."""

    @method
    async def monitor_job(
        self,
        job_id: str,
        timeout: float = 0,
        poll_interval: float = 2.0,
        cb: Callable[..., Any] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> MonitorReturnCode:
        """Watch a job until it ends; the kernel is busy meanwhile, unless that is awaited.

        A server that does not answer, or restarts, does not end it, unlike with nvflare's client: watching goes on when
        the session is connected again, for as long as `timeout` permits. A session that cannot come back raises.

        Parameters
        ----------
        job_id
            The job.
        timeout
            Seconds to watch; 0 for as long as it takes.
        poll_interval
            Seconds between two looks.
        cb
            ``cb(session, job_id, job_meta, *cb_args, **cb_kwargs) -> bool``, called after each look, in this
            thread; when it returns False, watching ends. An asynchronous session takes a coroutine function too.
        """
        look = self._look_and_call(job_id, cb, cb_args, cb_kwargs)
        code, _ = await self._watch(job_id, timeout, poll_interval, look)
        return code

    @method
    async def monitor_job_and_return_job_meta(
        self,
        job_id: str,
        timeout: float = 0.0,
        poll_interval: float = 2.0,
        cb: Callable[..., Any] | None = None,
        *cb_args: Any,
        **cb_kwargs: Any,
    ) -> tuple[MonitorReturnCode, dict[str, Any] | None]:
        """Do as :meth:`monitor_job` and return the job's final meta too (None unless it ended)."""
        look = self._look_and_call(job_id, cb, cb_args, cb_kwargs)
        return await self._watch(job_id, timeout, poll_interval, look)

    @method
    async def wait_for_job(self, job_id: str, timeout: float = 0.0, poll_interval: float = 2.0) -> dict[str, Any]:
        """Wait until a job ends and return its final meta.

        A server that does not answer, or restarts, is waited for too, as by :meth:`monitor_job`.

        Raises
        ------
        JobTimeout
            It did not end within `timeout` seconds (0: wait for as long as it takes).
        """
        return await self._wait_for_end(job_id, timeout, poll_interval)

    async def _patiently(self, job_id: str, deadline: float) -> dict[str, Any] | None:
        """Return the job's meta as soon as the server tells it; None at the deadline."""
        told = False
        while True:
            try:
                return await self._run(commands.get_job_meta(job_id))
            except ServerIdentityError:
                raise
            except NoConnection as e:
                if time.monotonic() > deadline:
                    return None
                if not told:
                    log.warning("%s. Job %s is watched on when the server answers again", e, job_id)
                    told = True
                await self._sleep(max(0.0, min(_PAUSE, deadline - time.monotonic())))

    @method
    async def show_stats(self, job_id: str, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return what the parts of a running job say about themselves.

        Parameters
        ----------
        job_id
            The job.
        target_type
            ``server``, ``client`` or ``all``.
        targets
            With ``client``, the sites to ask; all when not given.

        Returns
        -------
        dict
            By the target's name, by the part's name (``ServerRunner``, ``ClientRunner``, a workflow, ...), its figures.

        Raises
        ------
        JobNotRunning, JobNotFound
            Nobody can be asked: not before the job's processes are up nor once they are gone, also while its
            status says that it is running.
        NoConnection
            A site did not answer the server in time; ask the others one by one.
        """
        return await self._run(commands.show_stats(job_id, target_type, targets))

    @method
    async def show_errors(self, job_id: str, target_type: str, targets: list[str] | None = None) -> dict[str, Any]:
        """Return the errors that the parts of a running job remember; arguments and errors as in :meth:`show_stats`.

        Returns
        -------
        dict
            By the target's name, by the part's name, by ``error`` or ``warning``, its text. FLARE says
            ``"No Error"`` in place of the server's parts when there is none.
        """
        return await self._run(commands.show_errors(job_id, target_type, targets))

    @method
    async def reset_errors(self, job_id: str) -> None:
        """Make all parts of a running job forget their errors."""
        await self._run(commands.reset_errors(job_id))

    async def _wait_for_end(
        self, job_id: str, timeout: float, poll_interval: float, look: Look | None = None
    ) -> dict[str, Any]:
        code, meta = await self._watch(job_id, timeout, poll_interval, look)
        if code is MonitorReturnCode.TIMEOUT or meta is None:
            raise JobTimeout(f"job {job_id} did not end within {timeout:g} s; it goes on")
        return meta

    async def _watch(
        self, job_id: str, timeout: float, poll_interval: float, look: Look | None
    ) -> tuple[MonitorReturnCode, dict[str, Any] | None]:
        if timeout < 0:
            raise InvalidArgumentError("timeout must be >= 0")
        check_interval(poll_interval)
        deadline = time.monotonic() + timeout if timeout else float("inf")
        while True:
            if time.monotonic() > deadline:
                return MonitorReturnCode.TIMEOUT, None
            meta = await self._patiently(job_id, deadline)
            if meta is None:
                return MonitorReturnCode.TIMEOUT, None
            if look is not None and not await look(meta):
                return MonitorReturnCode.ENDED_BY_CB, None
            if is_terminal(status_in(meta)):
                return MonitorReturnCode.JOB_FINISHED, meta
            await self._sleep(poll_interval)

    def _look_and_call(
        self, job_id: str, cb: Callable[..., Any] | None, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Look | None:
        if cb is None:
            return None

        async def look(meta: dict[str, Any]) -> bool:
            return bool(await self._outcome(cb(self, job_id, meta, *args, **kwargs)))

        return look


def status_in(meta: dict[str, Any]) -> str:
    """Return the status in a job's meta; InternalError if there is none."""
    status = meta.get("status")
    if not isinstance(status, str) or not status:
        raise InternalError(f"the server did not say the status of job {meta.get('job_id')}")
    return status


def check_interval(seconds: float) -> None:
    """Refuse what is no time between two looks."""
    if seconds <= 0:
        raise InvalidArgumentError("poll_interval must be > 0")
