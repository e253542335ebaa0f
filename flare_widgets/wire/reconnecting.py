"""A session's reconnecting connection: it connects when needed and replaces connections that were lost."""

from __future__ import annotations

import asyncio
import copy
import itertools
import logging
import time
from collections.abc import Coroutine
from datetime import datetime, timezone
from typing import Any

from ..errors import FlareError, FLCommunicationError, NoConnection, ServerIdentityError, SessionClosed, SessionExpired
from ..formatting.text import format_duration
from ..kit import StartupKit
from .connection import Connection
from .session_state import SessionState, StateMachine

log = logging.getLogger("flare_widgets.wire")

_RETRY_DELAY_S = 0.2  # seconds before retrying an address where nothing listens, while a caller waits
_MIN_BACKOFF_S, _MAX_BACKOFF_S = 0.5, 8.0  # the same while none does: first and maximum
_ATTEMPT_TIMEOUT_S, _MAX_ATTEMPT_TIMEOUT_S = 5.0, 60.0  # seconds that one attempt may take: first and maximum
_LOGIN_TIMEOUT_S = 5.0  # seconds the server has to answer when an expired session logs in again


class ReconnectingConnection:
    """A reconnecting connection to one server, for one user and study. All coroutines run on the I/O loop.

    Once opened it reconnects automatically until it is closed: a lost connection is replaced in the background, and an
    expired session logs in again as soon as a connection is requested.

    Parameters
    ----------
    kit
        The user's identity and the server's address.
    study
        The study of the session.

    Attributes
    ----------
    state_machine
        State of the session; can be read and subscribed to from any thread.
    """

    def __init__(self, kit: StartupKit, study: str) -> None:
        self.kit = kit
        self.study = study
        self.state_machine = StateMachine()
        self._connection: Connection | None = None
        self._last_error: FlareError | None = None
        self._lost_at = 0.0
        self._attempts = 0
        self._end_reason: str | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._create_loop_objects()

    def _create_loop_objects(self) -> None:
        """Create what belongs to one loop."""
        self._open_lock = asyncio.Lock()
        self._reconnect_task: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()  # ends with the session
        self._closing_tasks: set[asyncio.Task[Any]] = set()  # of connections; end by themselves
        self._waiters = 0
        self._retry_now = asyncio.Event()
        self._changed = asyncio.Event()

    @property
    def is_closed(self) -> bool:
        """True if :meth:`close` was called or the session cannot be restored."""
        return self.state_machine.state is SessionState.CLOSED

    @property
    def clock_offset(self) -> float | None:
        """Clock offset of the last connection; see :attr:`.Connection.clock_offset`."""
        return None if self._connection is None else self._connection.clock_offset

    @property
    def silence(self) -> float:
        """Seconds of silence, 0 while there is no connection; see :attr:`.Connection.silence`."""
        link = self._connection
        return 0.0 if link is None or link.lost_error is not None else link.silence

    async def open(self, timeout: float, *, wait_for_ready: bool = True) -> Connection:
        """Return a working connection, opening one or waiting for one if needed.

        Parameters
        ----------
        timeout
            Seconds to wait for it.
        wait_for_ready
            True to keep trying until then if nothing listens (yet). No effect once there has been a connection: it is
            then always retried, even after this call has failed.

        Raises
        ------
        SessionExpired, SessionClosed
            The session has ended.
        NoConnection
            The server cannot be reached, or not in time.
        ServerIdentityError, AuthenticationError, FLCommunicationError
            Another server answers, or it rejects this user.
        """
        self._move_to_running_loop()
        opening = _start_task(self._open(wait_for_ready), self._tasks)
        try:
            return await asyncio.wait_for(opening, timeout)
        except asyncio.TimeoutError:
            raise self._unreachable_error(timeout) from None
        except asyncio.CancelledError:
            if not self.is_closed:
                raise
        # Outside the handler: a cancelled task would keep the error alive, and the error the kit with its key.
        del opening
        caller = asyncio.current_task()
        assert caller is not None
        caller.add_done_callback(_retrieve_exception)  # it may have been interrupted at that moment too
        self.raise_if_ended()
        raise AssertionError("not reached")

    def mark_expired(self, connection: Connection, reason: str) -> None:
        """Have the session log in again before the next command, since the server no longer knows it."""
        if connection is self._connection and connection.lost_error is None:
            connection.expiry_reason = reason
            self.on_expired(connection, reason)

    def raise_if_ended(self) -> None:
        """Raise SessionExpired or SessionClosed when the session has ended."""
        if self._end_reason is not None:
            raise SessionExpired(self._end_reason)
        if self.is_closed:
            raise SessionClosed("the session is closed", next_step="Open a new session")

    async def close(self) -> None:
        """End the session and clear its secrets. Further use raises SessionClosed."""
        self._move_to_running_loop()
        self.state_machine.transition_to(SessionState.CLOSED)
        self.kit = self.kit.without_key()
        link, self._connection = self._connection, None
        for task in self._tasks:
            task.cancel()
        self._reconnect_task = self._last_error = None
        if link is not None:
            await link.close()

    def on_expired(self, connection: Connection, reason: str) -> None:
        """Record that the server ended the session."""
        if connection is self._connection:
            self.state_machine.transition_to(SessionState.EXPIRED, reason)

    def on_lost(self, connection: Connection, error: FlareError) -> None:
        """Record that a connection was lost, and start replacing it."""
        if connection is not self._connection or self.is_closed or self._is_reconnecting():
            return
        self._lost_at = time.monotonic()
        self._last_error = error
        # An expired session does not request a connection; its next command does.
        if self.state_machine.transition_to(SessionState.RECONNECTING, str(error)):
            log.info("%s; connecting again", error)
            self._start_reconnect()

    def _move_to_running_loop(self) -> None:
        """Start over if the I/O thread is another one than before: the connection ended with the thread it was on."""
        before, self._loop = self._loop, asyncio.get_running_loop()
        if before is None or before is self._loop:
            return
        self._create_loop_objects()
        if self._connection is not None:
            reason = "the thread that held the connection has ended"
            self._connection.discard(NoConnection(reason))
            self._connection = None
            self._lost_at = time.monotonic()
            if not self.state_machine.transition_to(SessionState.RECONNECTING, reason):
                self.state_machine.transition_to(SessionState.CONNECTING, reason)  # from EXPIRED

    async def _open(self, wait_for_ready: bool) -> Connection:
        self.raise_if_ended()
        if self._connection is None:
            async with self._open_lock:
                if self._connection is None:
                    self.raise_if_ended()
                    link = await self._open_first(wait_for_ready)
                    self._adopt(link, "")
                    if link.lost_error is not None:  # while it was handed over
                        self.on_lost(link, link.lost_error)
        return await self._wait_until_working()

    async def _open_first(self, wait_for_ready: bool) -> Connection:
        self._last_error = None
        while True:
            self.raise_if_ended()
            try:
                return await Connection.open(self.kit, self.study, self)
            except ServerIdentityError:
                raise
            except NoConnection as e:
                if not wait_for_ready:
                    raise
                self._last_error = e
            await asyncio.sleep(_RETRY_DELAY_S)

    async def _wait_until_working(self) -> Connection:
        """Wait for a working connection; stop early when an attempt shows that waiting does not help."""
        tries = self._attempts
        self._waiters += 1
        self._retry_now.set()
        try:
            while True:
                self.raise_if_ended()
                link = self._connection
                if link is not None and link.lost_error is None and link.expiry_reason is None:
                    return link
                if self._attempts != tries and self._last_error is not None and _is_refusal(self._last_error):
                    raise copy.copy(self._last_error)  # each caller adds its own context
                news = self._changed
                self._start_reconnect()
                await news.wait()
        finally:
            self._waiters -= 1

    def _start_reconnect(self) -> None:
        if not self._is_reconnecting():
            self._reconnect_task = _start_task(self._reconnect(), self._tasks)

    def _is_reconnecting(self) -> bool:
        return self._reconnect_task is not None and not self._reconnect_task.done()

    async def _reconnect(self) -> None:
        """Log in again: on the existing connection if only the session expired, on a new one otherwise."""
        link = self._connection
        assert link is not None
        if link.expiry_reason is not None:
            self.state_machine.transition_to(SessionState.EXPIRED, link.expiry_reason)
        expired = self.state_machine.state is SessionState.EXPIRED
        why = self.state_machine.status.reason
        dropped = False
        if expired:
            self._lost_at = time.monotonic()
            self.state_machine.transition_to(SessionState.CONNECTING, f"logging in again: {why}")
        for attempt in itertools.count():
            # Until Python 3.12, asyncio.wait_for can swallow the cancellation of close().
            if self.is_closed or self._end_if_certificate_expired():
                return
            trouble: FlareError
            try:
                if attempt == 0 and link.lost_error is None:
                    await asyncio.wait_for(link.login(self.study), _LOGIN_TIMEOUT_S)
                    new = link
                else:
                    if not dropped:
                        _start_task(link.abort(), self._closing_tasks)
                        dropped = True
                    limit = min(_ATTEMPT_TIMEOUT_S * 2**attempt, _MAX_ATTEMPT_TIMEOUT_S)
                    new = await asyncio.wait_for(Connection.open(self.kit, self.study, self), limit)
                if new.lost_error is not None:  # while it was handed over
                    raise new.lost_error
            except asyncio.TimeoutError:
                trouble = NoConnection(f"the server at {self.kit.address} does not answer")
            except FlareError as e:
                trouble = e
            except Exception as e:
                log.exception("connecting to %s failed", self.kit.address)
                trouble = NoConnection(f"connecting to {self.kit.address} failed: {type(e).__name__}")
            else:
                how = "logged in again" if expired else "connected again"
                seconds = time.monotonic() - self._lost_at
                log.info("%s at %s after %.1f s: %s", how, self.kit.address, seconds, why)
                self._adopt(new, f"{how} after {format_duration(seconds)}: {why}")
                return
            self._last_error = trouble
            self._attempts += 1
            if attempt == 0 and link.lost_error is None and _is_refusal(trouble):
                self.state_machine.transition_to(SessionState.EXPIRED, str(trouble))
                self._notify()
                return
            self.state_machine.transition_to(SessionState.RECONNECTING, str(trouble))
            self._retry_now.clear()
            self._notify()
            await self._wait_before_retry(attempt)

    async def _wait_before_retry(self, attempt: int) -> None:
        """Wait before the next attempt; only briefly while a caller waits."""
        pause = _RETRY_DELAY_S if self._waiters else min(_MIN_BACKOFF_S * 2 ** min(attempt, 8), _MAX_BACKOFF_S)
        try:
            await asyncio.wait_for(self._retry_now.wait(), pause)
        except asyncio.TimeoutError:
            return
        await asyncio.sleep(_RETRY_DELAY_S / 4)  # however many callers wait

    def _adopt(self, connection: Connection, reason: str) -> None:
        """Use a connection from now on."""
        if self.is_closed:
            _start_task(connection.close(), self._closing_tasks)
            self.raise_if_ended()
        self._connection = connection
        self._last_error = None
        self.state_machine.transition_to(SessionState.READY, reason)
        self._notify()

    def _notify(self) -> None:
        """Wake up everything that waits for a change."""
        news, self._changed = self._changed, asyncio.Event()
        news.set()

    def _end_if_certificate_expired(self) -> bool:
        if self.kit.expires_at > datetime.now(timezone.utc):
            return False
        self._end_reason = (
            f"the session has ended and cannot log in again: the user's certificate in {self.kit.root} expired at "
            f"{self.kit.expires_at:%Y-%m-%d %H:%M} UTC. Ask your project admin for a new startup kit"
        )
        self.state_machine.transition_to(SessionState.CLOSED, self._end_reason)
        _start_task(self.close(), self._closing_tasks)
        self._notify()
        return True

    def _unreachable_error(self, timeout: float) -> NoConnection:
        if self._connection is None:
            if isinstance(self._last_error, NoConnection):
                return copy.copy(self._last_error)  # the actual error says more than a timeout
            return NoConnection(
                f"no answer from the FL server at {self.kit.address} within {timeout:g} s",
                next_step="Check that it is running, and that no firewall blocks the connection",
            )
        trouble = (
            self._last_error.description if self._last_error else f"the server at {self.kit.address} does not answer"
        )
        away = time.monotonic() - self._lost_at
        return NoConnection(
            f"no connection to the FL server at {self.kit.address} for {format_duration(away)} now: {trouble}",
            next_step="The session keeps trying: repeat the command when its state is 'ready', or raise "
            "the time-out with set_timeout()",
        )


def _start_task(coroutine: Coroutine[Any, Any, Any], tasks: set[asyncio.Task[Any]]) -> asyncio.Task[Any]:
    """Start a coroutine as a task and add it to `tasks`; asyncio itself keeps no reference."""
    task = asyncio.get_running_loop().create_task(coroutine, name="flare-connection")
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(_retrieve_exception)
    return task


def _retrieve_exception(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # asyncio complains about exceptions that are never retrieved; the caller may have left


def _is_refusal(error: FlareError) -> bool:
    """Return True if waiting does not help: another server answers, or it does not accept the user.

    A server that is just starting also refuses to register clients, so that does not count.
    """
    return isinstance(error, ServerIdentityError) or not isinstance(error, (NoConnection, FLCommunicationError))
