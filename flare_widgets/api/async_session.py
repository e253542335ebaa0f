"""The asynchronous session."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from ..wire import loop
from .dual import AsyncMixin
from .job import AsyncJob
from .session_methods import SessionMethods

if TYPE_CHECKING:
    from .session import Session

T = TypeVar("T")


class AsyncSession(AsyncMixin, SessionMethods[AsyncJob]):
    """A session for asynchronous code. Made by :func:`flare_widgets.connect_async`, or as :attr:`.Session.aio`.

    Every method of :class:`.Session` that waits for something is a coroutine here, with the same parameters, results
    and errors; it does not block the caller's event loop. Cancelling one cancels its request. Any asyncio loop may use
    it, also several at once. Callbacks (of :meth:`monitor_job`, and the `progress` of transfers) are called in that
    loop, and may be coroutine functions.

    Parameters
    ----------
    session
        The session whose connection it uses. Closing either closes both.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session._sender)
        self.session = session

    async def as_completed(
        self, job_ids: Iterable[str], timeout: float = 0.0, poll_interval: float = 2.0
    ) -> AsyncIterator[AsyncJob]:
        """Yield a handle on each of several jobs as soon as it has ended; see :meth:`wait_for_jobs`.

        ``for job in session.as_completed(ids): ...``; with an asynchronous session, ``async for``.

        Parameters
        ----------
        job_ids
            The jobs.
        timeout
            Seconds for all of them together; 0 for no limit.
        poll_interval
            Seconds between two polls.

        Raises
        ------
        JobTimeout
            Not all ended in time.
        """
        waiting, deadline = list(dict.fromkeys(job_ids)), time.monotonic() + timeout
        while waiting:
            left = max(0.001, deadline - time.monotonic()) if timeout else 0.0
            for job_id, meta in (await self.wait_for_jobs(waiting, left, poll_interval, first=True)).items():
                waiting.remove(job_id)
                yield self._create_job_handle(job_id, meta)

    async def __aenter__(self) -> AsyncSession:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def __repr__(self) -> str:
        return repr(self.session).replace("Session", "AsyncSession", 1)

    # Waiting, in the caller's event loop, without blocking it.

    async def _run_on_io_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return await asyncio.wrap_future(loop.start(coroutine))

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _run_blocking(self, function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        if kwargs.get("progress") is not None:
            kwargs["progress"] = _wrap_for_current_loop(kwargs["progress"])
        return await loop.run_in_worker(function, *args, **kwargs)

    async def _resolve_result(self, result: Any) -> Any:
        return await result if inspect.isawaitable(result) else result

    def _create_job_handle(self, job_id: str, listed_meta: Mapping[str, Any] | None = None) -> AsyncJob:
        return AsyncJob(self, job_id, listed_meta)


def _wrap_for_current_loop(callback: Callable[..., Any]) -> Callable[..., Any]:
    """Run a worker thread's callback in the caller's loop, where it may safely use the caller's objects."""
    here = asyncio.get_running_loop()

    async def call(*args: Any) -> Any:
        result = callback(*args)
        return await result if inspect.isawaitable(result) else result

    return lambda *args: asyncio.run_coroutine_threadsafe(call(*args), here).result()
