"""A connection: what a session talks through. It opens a link when there is none, and replaces one that was lost."""

from __future__ import annotations

import asyncio
import itertools
import logging
import time
from collections.abc import Coroutine
from datetime import datetime, timezone
from typing import Any

from ..errors import FlareError, FLCommunicationError, NoConnection, ServerIdentityError, SessionClosed, SessionExpired
from ..kit import StartupKit
from .connection import Link
from .session_state import Life, SessionState

log = logging.getLogger("flare_widgets.wire")

_RETRY = 0.2  # seconds before an address where nobody listens is tried again while somebody waits
_BACKOFF, _MAX_BACKOFF = 0.5, 8.0  # the same while nobody does, at first and at most
_ATTEMPT, _MAX_ATTEMPT = 5.0, 60.0  # seconds that one attempt may take, at first and at most
_LOGIN = 5.0  # seconds until the server must have answered when an expired session logs in again


class Connection:
    """The way to one server, for one user and study. All coroutines run on the I/O loop.

    Once it has been open it comes back by itself, until it is closed: a lost link is replaced in the background, and
    an expired session logs in again as soon as a link is asked for.

    Parameters
    ----------
    kit
        Who the user is and where the server.
    study
        The study of the session.

    Attributes
    ----------
    life
        How it stands, to be read and subscribed to from any thread.
    """

    def __init__(self, kit: StartupKit, study: str) -> None:
        self.kit = kit
        self.study = study
        self.life = Life()
        self._link: Link | None = None
        self._opening = asyncio.Lock()
        self._coming_back: asyncio.Task[None] | None = None
        self._work: set[asyncio.Task[Any]] = set()  # ends with the session
        self._endings: set[asyncio.Task[Any]] = set()  # of links; end by themselves
        self._trouble: FlareError | None = None
        self._lost_at = 0.0
        self._tries = 0
        self._waiters = 0
        self._hurry = asyncio.Event()
        self._news = asyncio.Event()
        self._ended: str | None = None

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called or the session cannot come back."""
        return self.life.state is SessionState.CLOSED

    @property
    def clock_offset(self) -> float | None:
        """See :attr:`.Link.clock_offset`; of the last link."""
        return None if self._link is None else self._link.clock_offset

    @property
    def silence(self) -> float:
        """See :attr:`.Link.silence`; 0 while there is no link."""
        link = self._link
        return 0.0 if link is None or link.lost is not None else link.silence

    async def open(self, timeout: float, *, patient: bool = True) -> Link:
        """Return a link that works, opening one or waiting for one if need be.

        Parameters
        ----------
        timeout
            Seconds until it must work.
        patient
            Whether to try again, until then, when nobody listens (yet). Without effect once there has been a link: then
            it is always tried again, also after this has failed.

        Raises
        ------
        SessionExpired, SessionClosed
            The session has ended.
        NoConnection
            The server cannot be reached, or not in time.
        ServerIdentityError, AuthenticationError, FLCommunicationError
            It is not the server, or it refuses this user.
        """
        opening = _begin(self._open(patient), self._work)
        try:
            return await asyncio.wait_for(opening, timeout)
        except asyncio.TimeoutError:
            raise self._unreachable(timeout) from None
        except asyncio.CancelledError:
            if not self.closed:
                raise
        # Out of the handler: what was cancelled would hang on to the error, and the kit with its key on to that.
        del opening
        caller = asyncio.current_task()
        assert caller is not None
        caller.add_done_callback(_look_at)  # it may have been interrupted just then too
        self.check()
        raise AssertionError("not reached")

    def renew(self, link: Link, reason: str) -> None:
        """Have the session log in again before the next command: the server does not know it any more."""
        if link is self._link and link.lost is None:
            link.expired = reason
            self.on_expired(link, reason)

    def check(self) -> None:
        """Raise SessionExpired or SessionClosed when the session has ended."""
        if self._ended is not None:
            raise SessionExpired(self._ended)
        if self.closed:
            raise SessionClosed("the session is closed; open a new one")

    async def close(self) -> None:
        """End the session and forget its secrets. Further use raises SessionClosed."""
        self.life.move(SessionState.CLOSED, "it was closed")
        self.kit = self.kit.without_key()
        link, self._link = self._link, None
        for task in self._work:
            task.cancel()
        self._coming_back = self._trouble = None
        if link is not None:
            await link.close()

    def on_expired(self, link: Link, reason: str) -> None:
        """Take note that the server ended the session."""
        if link is self._link:
            self.life.move(SessionState.EXPIRED, reason)

    def on_lost(self, link: Link, error: FlareError) -> None:
        """Take note that a link is of no more use, and bring back another one."""
        if link is not self._link or self.closed or self._is_coming_back():
            return
        self._lost_at = time.monotonic()
        self._trouble = error
        # An expired session does not ask for a connection; its next command does.
        if self.life.move(SessionState.RECONNECTING, str(error)):
            log.info("%s; connecting again", error)
            self._come_back()

    async def _open(self, patient: bool) -> Link:
        self.check()
        if self._link is None:
            async with self._opening:
                if self._link is None:
                    self.check()
                    link = await self._first(patient)
                    self._take(link, "")
                    if link.lost is not None:  # while it was handed over
                        self.on_lost(link, link.lost)
        return await self._working()

    async def _first(self, patient: bool) -> Link:
        self._trouble = None
        while True:
            self.check()
            try:
                return await Link.open(self.kit, self.study, self)
            except ServerIdentityError:
                raise
            except NoConnection as e:
                if not patient:
                    raise
                self._trouble = e
            await asyncio.sleep(_RETRY)

    async def _working(self) -> Link:
        """Wait for a link that works; end early when an attempt shows that waiting does not help."""
        tries = self._tries
        self._waiters += 1
        self._hurry.set()
        try:
            while True:
                self.check()
                link = self._link
                if link is not None and link.lost is None and link.expired is None:
                    return link
                if self._tries != tries and self._trouble is not None and _refusal(self._trouble):
                    raise self._trouble
                news = self._news
                self._come_back()
                await news.wait()
        finally:
            self._waiters -= 1

    def _come_back(self) -> None:
        if not self._is_coming_back():
            self._coming_back = _begin(self._return(), self._work)

    def _is_coming_back(self) -> bool:
        return self._coming_back is not None and not self._coming_back.done()

    async def _return(self) -> None:
        """Log in again: on the link that is there when only the session expired, on a new one otherwise."""
        link = self._link
        assert link is not None
        if link.expired is not None:
            self.life.move(SessionState.EXPIRED, link.expired)
        expired = self.life.state is SessionState.EXPIRED
        why = self.life.status.reason
        dropped = False
        if expired:
            self._lost_at = time.monotonic()
            self.life.move(SessionState.CONNECTING, f"logging in again: {why}")
        for attempt in itertools.count():
            # Until Python 3.12, asyncio.wait_for can swallow the cancellation of close().
            if self.closed or self._certificate_has_expired():
                return
            trouble: FlareError
            try:
                if attempt == 0 and link.lost is None:
                    await asyncio.wait_for(link.login(self.study), _LOGIN)
                    new = link
                else:
                    if not dropped:
                        _begin(link.drop(), self._endings)
                        dropped = True
                    limit = min(_ATTEMPT * 2**attempt, _MAX_ATTEMPT)
                    new = await asyncio.wait_for(Link.open(self.kit, self.study, self), limit)
                if new.lost is not None:  # while it was handed over
                    raise new.lost
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
                self._take(new, f"{how} after {seconds:.1f} s: {why}")
                return
            self._trouble = trouble
            self._tries += 1
            if attempt == 0 and link.lost is None and _refusal(trouble):
                self.life.move(SessionState.EXPIRED, str(trouble))
                self._tell()
                return
            self.life.move(SessionState.RECONNECTING, str(trouble))
            self._hurry.clear()
            self._tell()
            await self._pause(attempt)

    async def _pause(self, attempt: int) -> None:
        """Wait before the next attempt; not for long when somebody waits."""
        pause = _RETRY if self._waiters else min(_BACKOFF * 2 ** min(attempt, 8), _MAX_BACKOFF)
        try:
            await asyncio.wait_for(self._hurry.wait(), pause)
        except asyncio.TimeoutError:
            return
        await asyncio.sleep(_RETRY / 4)  # however many are in a hurry

    def _take(self, link: Link, how: str) -> None:
        """Use a link from now on."""
        if self.closed:
            _begin(link.close(), self._endings)
            self.check()
        self._link = link
        self._trouble = None
        self.life.move(SessionState.READY, how)
        self._tell()

    def _tell(self) -> None:
        """Wake up whoever waits for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _certificate_has_expired(self) -> bool:
        if self.kit.expires_at > datetime.now(timezone.utc):
            return False
        self._ended = (
            f"the session has ended and cannot log in again: the user's certificate in {self.kit.root} expired at "
            f"{self.kit.expires_at:%Y-%m-%d %H:%M} UTC. Ask the project's admin for a new startup kit"
        )
        self.life.move(SessionState.CLOSED, self._ended)
        _begin(self.close(), self._endings)
        self._tell()
        return True

    def _unreachable(self, timeout: float) -> NoConnection:
        if self._link is None:
            if isinstance(self._trouble, NoConnection):
                return self._trouble  # what was wrong says more than that time is up
            return NoConnection(
                f"no answer from the FL server at {self.kit.address} within {timeout:g} s. "
                "Is it running, and is there a firewall between?"
            )
        trouble = str(self._trouble or f"the server at {self.kit.address} does not answer")
        away = time.monotonic() - self._lost_at
        return NoConnection(
            f"no connection to the FL server at {self.kit.address} for {away:.0f} s now: {trouble}. The session goes "
            "on trying: give the command again when its state is 'ready', or raise the time-out with set_timeout()"
        )


def _begin(coroutine: Coroutine[Any, Any, Any], tasks: set[asyncio.Task[Any]]) -> asyncio.Task[Any]:
    """Run a coroutine as one of some tasks; asyncio itself keeps no hold on them."""
    task = asyncio.get_running_loop().create_task(coroutine, name="flare-connection")
    tasks.add(task)
    task.add_done_callback(tasks.discard)
    task.add_done_callback(_look_at)
    return task


def _look_at(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()  # asyncio complains about errors that nobody looked at; the caller may have left


def _refusal(error: FlareError) -> bool:
    """Whether waiting does not help: somebody else answers, or the server does not accept the user.

    A server that is just coming up also refuses to register clients, so that is none.
    """
    return isinstance(error, ServerIdentityError) or not isinstance(error, (NoConnection, FLCommunicationError))
