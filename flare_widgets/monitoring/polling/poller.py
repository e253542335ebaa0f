"""Poller: when a recurring request is sent. Modelled after the `Poll` of JupyterLab's lumino.

It has no clock and does no I/O: the monitor's thread passes the time and the requests, and waits until a poller is due.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ...errors import FlareError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

log = logging.getLogger("flare_widgets.monitoring")

INTERNAL_ERROR_DELAY_S = 5.0
"""Seconds until the next request after an internal error."""

_MAX_DOUBLINGS = 16


class Request(Protocol[T_co]):
    """Request that a poller sends; see :class:`.PendingPoll`."""

    @property
    def latency_s(self) -> float: ...
    def start(self) -> None: ...
    def advance(self) -> tuple[bool, T_co | None]: ...
    def cancel(self) -> None: ...


class Poller(Generic[T]):
    """Recurring request: at intervals, ever later after errors, at once after :meth:`refresh`, never two at a time.

    Times are in seconds on a monotonic clock.

    Parameters
    ----------
    name
        The subject of the request, for the log.
    standby
        A function that returns True while nobody needs an answer; nothing is sent then.
    interval_s
        The first value of the attribute.
    backoff_s, max_backoff_s
        Seconds from an error to the next request: doubled at each error that follows another, up to the maximum.
    first_at
        The time of the first request; at once if not given.

    Attributes
    ----------
    interval_s
        Seconds from an answer to the next request. May be set at any time.
    latency_s
        Seconds that each of the last two answers took at least; 0 before. One slow answer shows a server that stood
        still for a moment, and is no reason to ask it more rarely from then on.
    retry_count
        The number of errors since the last answer.
    """

    def __init__(
        self,
        name: str,
        *,
        standby: Callable[[], bool] = lambda: False,
        interval_s: float = 1.0,
        backoff_s: float = 1.0,
        max_backoff_s: float = 4.0,
        first_at: float | None = None,
    ) -> None:
        self.interval_s = interval_s
        self.latency_s = 0.0
        self._last_latency_s = 0.0
        self.retry_count = 0
        self._name = name
        self._standby = standby
        self._backoff_s = backoff_s
        self._max_backoff_s = max_backoff_s
        self._request: Request[T] | None = None
        self._answered_at = 0.0 if first_at is None else first_at - interval_s
        self._retry_at: float | None = None  # None after an answer
        self._is_refresh_wanted = first_at is None
        self._is_stopped = False

    @property
    def is_pending(self) -> bool:
        """True while a request is under way."""
        return self._request is not None

    def next_at(self) -> float | None:
        """Return the time of the next request; None while one is under way, on standby, and after :meth:`stop`."""
        if self._request is not None or self._is_stopped or self._standby():
            return None
        if self._is_refresh_wanted:
            return 0.0
        return self._answered_at + self.interval_s if self._retry_at is None else self._retry_at

    def is_due(self, now: float) -> bool:
        """Return whether a request should be sent now."""
        at = self.next_at()
        return at is not None and at <= now

    def begin(self, request: Request[T]) -> None:
        """Send the request."""
        # First: a refresh that is wanted from now on is not served by this request.
        self._is_refresh_wanted = False
        self._request = request
        request.start()

    def receive(self, now: float) -> T | None:
        """Return the answer to the request, once; None while there is none.

        Raises
        ------
        FlareError
            The request failed; the next one is sent after the backoff.
        """
        if self._request is None:
            return None
        try:
            is_over, answer = self._request.advance()
        except FlareError:
            self._request = None
            self.retry_count += 1
            doublings = min(self.retry_count - 1, _MAX_DOUBLINGS)
            self._retry_at = now + min(self._backoff_s * 2**doublings, self._max_backoff_s)
            raise
        except Exception:  # a mistake in one request: the others continue
            log.exception("the poll of %s failed", self._name)
            self._request, self._retry_at = None, now + INTERNAL_ERROR_DELAY_S
            return None
        if is_over:
            latency_s = self._request.latency_s
            self.latency_s, self._last_latency_s = min(latency_s, self._last_latency_s), latency_s
            self._request, self.retry_count = None, 0
            self._answered_at, self._retry_at = now, None
        return answer

    def refresh(self) -> None:
        """Make a request due at once: something has changed. May be called from any thread.

        If a request is under way, another one follows its answer, which may be older than the change.
        """
        self._is_refresh_wanted = True

    def cancel(self) -> None:
        """Drop the request that is under way."""
        if self._request is not None:
            self._request.cancel()
            self._request = None

    def stop(self) -> None:
        """Send no request any more, even after :meth:`refresh`."""
        self.cancel()
        self._is_stopped = True
