"""A connection: what a session talks through. It opens a link when there is none that works."""

from __future__ import annotations

import asyncio
from typing import Any

from ..errors import NoConnection, ServerIdentityError, SessionClosed, SessionExpired
from ..kit import StartupKit
from . import hci
from .link import Link

_RETRY = 0.2  # seconds before an address where nobody listens is tried again


class Connection:
    """The way to one server, for one user and study. All coroutines run on the I/O loop.

    Parameters
    ----------
    kit
        Who the user is and where the server.
    study
        The study of the session.
    """

    def __init__(self, kit: StartupKit, study: str) -> None:
        self.kit = kit
        self.study = study
        self._link: Link | None = None
        self._opening = asyncio.Lock()
        self._closed = False
        self._expired: str | None = None

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called or the server ended the session."""
        return self._closed or self._expired is not None

    @property
    def clock_offset(self) -> float | None:
        """See :attr:`.Link.clock_offset`; of the last link."""
        return None if self._link is None else self._link.clock_offset

    async def open(self, timeout: float, *, patient: bool = True) -> Link:
        """Return a link that works, opening one if need be.

        Parameters
        ----------
        timeout
            Seconds until it must work.
        patient
            Whether to try again, until then, when nobody listens (yet).

        Raises
        ------
        SessionExpired, SessionClosed
            The session has ended.
        NoConnection
            The server cannot be reached, or not in time.
        """
        try:
            return await asyncio.wait_for(self._open(patient), timeout)
        except asyncio.TimeoutError:
            raise NoConnection(
                f"no answer from the FL server at {self.kit.address} within {timeout:g} s. "
                "Is it running, and is there a firewall between?"
            ) from None

    async def execute(
        self,
        line: str,
        timeout: float,
        *,
        cmd_timeout: float | None = None,
        props: Any = None,
    ) -> hci.Reply:
        """Send an admin command and return the server's answer; see :meth:`.Link.execute`."""
        link = await self.open(timeout, patient=False)
        try:
            return await link.execute(line, timeout, cmd_timeout=cmd_timeout, props=props)
        finally:
            # The end of the session says more than what came of it: a lost link, a refusal.
            self._check()

    async def close(self) -> None:
        """End the session. Further use raises SessionClosed."""
        self._closed = True
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def _open(self, patient: bool) -> Link:
        self._check()
        async with self._opening:
            if self._link is not None and self._link.lost is None:
                return self._link
            while True:
                try:
                    link = await Link.open(self.kit, self.study, self._on_expired)
                    break
                except ServerIdentityError:
                    raise
                except NoConnection as e:
                    if not patient:
                        raise
                    trouble = e
                try:
                    await asyncio.sleep(_RETRY)
                except asyncio.CancelledError:
                    # The deadline: what was wrong says more than that time is up. A cancelled caller does not
                    # look at the outcome.
                    raise trouble from None
            if self._closed:
                await link.close()
                raise SessionClosed("the session is closed")
            self._link = link
            return link

    def _on_expired(self, reason: str) -> None:
        self._expired = reason

    def _check(self) -> None:
        if self._expired is not None:
            raise SessionExpired(self._expired)
        if self._closed:
            raise SessionClosed("the session is closed; open a new one")
