"""A link: one connection to the server, from the first byte to the last. It never comes back to life."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import ConfigError, FlareError, FLCommunicationError, NoConnection, ProtocolError, SessionClosed
from ..formatting.text import said
from ..kit import StartupKit
from . import cell as cells
from . import features as dialects
from . import hci, login, transports
from .keepalive import HEARTBEAT, Watch

log = logging.getLogger("flare_widgets.wire")

_NOT_READY = frozenset({"comm_error", "target_unreachable", "service_unavailable"})
_RETRY = 0.1  # seconds before a server that is still starting is challenged again
_FIRST_ANSWER, _LAST_ANSWER = 0.5, 8.0  # seconds to wait for the answer to a challenge, at first and at most
_FAREWELL = 2.0
_LOOK = 0.05  # seconds between two looks whether a server that was asked for a sign has given one


class NotSent(NoConnection):
    """The link was lost already, so nothing was sent: to send it over another link is safe."""


class Unanswered(NoConnection):
    """The server did not answer in time; the link itself is not known to be broken."""


class NoSuchService(NoConnection):
    """The server has nobody who takes requests of this kind."""


class Observer(Protocol):
    """Who wants to know what becomes of a link. Called on the I/O loop, and must return at once."""

    def on_expired(self, link: Link, reason: str) -> None:
        """The server ended the session; the link itself works."""

    def on_lost(self, link: Link, error: FlareError) -> None:
        """The link is of no more use."""


@dataclass(frozen=True)
class _Request:
    """A request that waits for its answer.

    Attributes
    ----------
    answer
        The answer to be.
    asked_at
        When it was made, by :func:`time.monotonic`.
    precious
        Whether losing the answer is more than a nuisance, unlike that of a command which can be given again.
    """

    answer: asyncio.Future[cells.Reply]
    asked_at: float
    precious: bool


class Link:
    """A cell on a transport, logged in. Lives on the I/O loop; make one with :meth:`open`.

    Attributes
    ----------
    lost
        Why the link is of no more use; None while it works.
    expired
        What the server said when it ended the session; None while it has not.
    registration
        What the server gave our cell.
    logins
        How often it was logged in.
    dialect
        How the server wants to be spoken to.
    clock_offset
        Seconds by which the server's clock is ahead of this machine's, exact to half a round trip; None when the
        server did not tell its time.
    """

    def __init__(self, kit: StartupKit, transport: transports.Transport) -> None:
        self._kit = kit
        self._transport = transport
        self._cell = cells.Cell(cells.new_admin_name())
        self._ready: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._waiting: dict[str, _Request] = {}
        self._token: str | None = None
        self._observer: Observer | None = None
        self._doubted = asyncio.Event()
        self._watcher: asyncio.Task[None] | None = None
        self._asking: asyncio.Task[None] | None = None
        self._remainder: asyncio.Task[None] | None = None
        self.lost: FlareError | None = None
        self.expired: str | None = None
        self.logins = 0
        self.registration = login.Registration({})
        self.dialect = dialects.NEWEST
        self.clock_offset: float | None = None
        self._reader = asyncio.get_running_loop().create_task(self._read(), name="flare-link")

    @classmethod
    async def open(cls, kit: StartupKit, study: str, observer: Observer | None = None) -> Link:
        """Connect, prove who we are, and log in. The caller sets the deadline by cancelling.

        Raises
        ------
        NoConnection, ServerIdentityError, FLCommunicationError, AuthenticationError, ProtocolError
            See there.
        ConfigError
            The study's name means nothing to the server, or the kit's scheme needs a package that is not there.
        """
        link = await cls.greet(kit)
        try:
            await link.register(await link.challenge())
            await link.login(study)
            link._check()
        except NotSent:
            # Lost between two steps. Why says whether it is worth another try.
            await link.drop()
            assert link.lost is not None
            raise link.lost from None
        except BaseException:
            await link.drop()
            raise
        link._observer = observer
        link._watcher = asyncio.get_running_loop().create_task(link._watch(), name="flare-watch")
        return link

    @classmethod
    async def greet(cls, kit: StartupKit) -> Link:
        """Connect, and greet: the first of the steps of :meth:`open`, for who wants to know which of them fails.

        What follows is :meth:`challenge`, :meth:`register` and :meth:`login`; errors as in :meth:`open`.
        """
        link = cls(kit, await transports.connect(kit))
        try:
            link._cell.hello()
            asked = time.time()
            await link._flush()
            server_time = await link._ready
            if server_time is not None:
                link.clock_offset = server_time - (asked + time.time()) / 2
        except BaseException:
            await link.drop()
            raise
        return link

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard; one that is there is heard every 2.5."""
        return time.monotonic() - self._transport.heard_at

    async def execute(
        self,
        line: str,
        timeout: float,
        *,
        cmd_timeout: float | None = None,
        props: Any = None,
        precious: bool = True,
    ) -> hci.Reply:
        """Send an admin command and return the server's answer.

        Parameters
        ----------
        line
            The command.
        timeout
            Seconds to wait for the answer.
        cmd_timeout, props
            Told to the server; see :func:`.hci.encode`.
        precious
            Whether much is lost with the answer: as long as some such command waits, the link is given up less soon
            when it shows no sign of life.

        Raises
        ------
        NoConnection
            The connection broke, or the server did not answer in time (:class:`Unanswered`). Whether it did the
            command is unknown, except with :class:`NotSent`.
        """
        command = hci.encode(line, self._token, cmd_timeout, props)
        return await self._execute(command, timeout, what=line, precious=precious)

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        """Send a streamed request and return the decoded answer; errors as in :meth:`execute`."""
        return (await self._ask(self._cell.stream, channel, topic, value, None, timeout, topic)).value

    async def post(self, channel: str, topic: str, value: Any) -> None:
        """Send a streamed message that wants no answer."""
        self._check()
        self._cell.post(channel, topic, value)
        await self._flush()

    def command(self, line: str, cmd_timeout: float | None) -> str:
        """Return the HCI JSON of a command that travels with an upload."""
        return hci.encode(line, self._token, cmd_timeout)

    async def close(self) -> None:
        """Log out and end the link; takes two seconds at most, whatever the server does.

        Whoever waits is told at once, and the secrets are forgotten before the server has answered.
        """
        closed = SessionClosed("the session is closed; open a new one")
        self._observer = None
        self._give_up_waiting(closed)
        farewell: asyncio.Task[hci.Reply] | None = None
        if self.lost is None and self.expired is None and self._token is not None:
            farewell = asyncio.get_running_loop().create_task(self.execute("_logout", _FAREWELL), name="flare-logout")
            await asyncio.sleep(0)  # its frames are made
        self._forget()
        with contextlib.suppress(FlareError, asyncio.TimeoutError):
            if farewell is not None:
                await farewell
            if self.lost is None:
                self._cell.bye()
                await asyncio.wait_for(self._flush(), _FAREWELL)
        await self._end(closed)

    async def drop(self) -> None:
        """End the link without a farewell: it is lost, or was never whole."""
        await self._end(NoConnection(f"the connection to {self._kit.address} was given up"))

    async def challenge(self) -> str:
        """Have the server prove who it is; return its nonce, to be signed by us."""
        kit = self._kit
        for attempt in itertools.count():
            nonce = str(uuid.uuid4())
            headers = login.challenge_headers(kit, nonce)
            try:
                # FLARE 2.9 says READY a moment before it is, and drops what comes in between: ask again soon.
                patience = min(_FIRST_ANSWER * 2**attempt, _LAST_ANSWER)
                reply = await self._ask(
                    self._cell.request, login.CHANNEL, login.CHALLENGE, None, headers, patience, "challenge"
                )
            except Unanswered:
                continue
            if reply.code == cells.OK:
                break
            if reply.code not in _NOT_READY:
                raise FLCommunicationError(
                    f"the server at {kit.address} refused the challenge: {said(reply.code, 100)}"
                )
            await asyncio.sleep(_RETRY)
        return login.read_challenge(kit, nonce, reply)

    async def register(self, server_nonce: str) -> None:
        """Prove who we are, and get credentials for our cell."""
        kit = self._kit
        headers, payload = login.register_request(kit, server_nonce)
        reply = await self._ask(self._cell.request, login.CHANNEL, login.REGISTER, payload, headers, None)
        self.registration = login.read_registration(kit, reply)
        version = self.registration.protocol_version
        if version is not None and version > login.PROTOCOL_VERSION:
            log.warning(
                "the server at %s speaks federation protocol %s (nvflare %s), newer than the %s known here: "
                "some commands may fail; look for a newer flare-widgets",
                kit.address, version, self.registration.server_version, login.PROTOCOL_VERSION,
            )  # fmt: skip
        self._cell.credentials = self.registration.credentials

    async def login(self, study: str) -> None:
        """Log the user in, and get a token for commands; again, when the session has expired."""
        kit = self._kit
        command = hci.encode(login.login_command(kit))
        answer = await self._execute(command, None, what="login", headers=login.login_headers(kit, study))
        self._token = login.read_login(kit, answer)
        self.expired = None
        self.logins += 1
        self.dialect = dialects.Dialect.of(self.registration, login.token_claims(self._token))
        if study != dialects.DEFAULT_STUDY and not self.dialect.studies:
            # It would take the session for one of all jobs, and say nothing.
            raise ConfigError(
                f"the server at {kit.address} is older than FLARE 2.8 and knows no studies: connect without '{study}'"
            )

    async def _execute(
        self,
        command: str,
        timeout: float | None,
        *,
        what: str,
        headers: Mapping[str, Any] | None = None,
        precious: bool = True,
    ) -> hci.Reply:
        reply = await self._ask(self._cell.stream, hci.CHANNEL, hci.TOPIC, command, headers, timeout, what, precious)
        return hci.decode(reply.value)

    async def _ask(
        self,
        send: Callable[[str, str, Any, Mapping[str, Any] | None], str],
        channel: str,
        topic: str,
        value: Any,
        headers: Mapping[str, Any] | None,
        timeout: float | None,
        what: str = "",
        precious: bool = True,
    ) -> cells.Reply:
        self._check()
        answer: asyncio.Future[cells.Reply] = asyncio.get_running_loop().create_future()
        request_id = send(channel, topic, value, headers)
        self._waiting[request_id] = _Request(answer, time.monotonic(), precious)

        async def sent_and_answered() -> cells.Reply:
            # A server that hangs stops reading first: then already the sending takes for ever.
            await self._flush()
            return await answer

        try:
            reply = await asyncio.wait_for(sent_and_answered(), timeout)
        except asyncio.TimeoutError:
            # Slow, or gone without a word?
            self._doubted.set()
            words = what.split(" ", 1)[0]
            raise Unanswered(
                f"the server at {self._kit.address} did not answer '{words}' within {timeout:.3g} s. "
                "It may be busy or hang: try again, or raise the time-out with set_timeout()"
            ) from None
        finally:
            del self._waiting[request_id]
            self._cell.forget(request_id)
            if answer.done() and not answer.cancelled():
                answer.exception()  # the sending may have failed first; without this asyncio complains
        if channel != login.CHANNEL and reply.code != cells.OK:
            detail = f": {said(reply.error, 200)}" if reply.error else ""
            kind = NoSuchService if dialects.nobody_serves(reply) else NoConnection
            raise kind(f"the server at {self._kit.address} could not be asked ({said(reply.code, 100)}{detail})")
        return reply

    def _check(self) -> None:
        if self.lost is not None:
            raise NotSent(str(self.lost))

    async def _flush(self) -> None:
        frames = collections.deque(self._cell.data_to_send())
        try:
            while frames:
                await self._transport.send(frames.popleft())
        except asyncio.CancelledError:
            # Whoever gives up took along what others had queued: that must still go out.
            self._cell.requeue(frames)
            if frames and self.lost is None:
                self._remainder = asyncio.get_running_loop().create_task(self._flush(), name="flare-remainder")
                self._remainder.add_done_callback(_look_at)
            raise
        except transports.TransportClosed as e:
            error = NoConnection(f"the connection to {self._kit.address} was lost: {e}")
            self._fail(error)
            raise error from None

    async def _read(self) -> None:
        try:
            while True:
                for event in self._cell.receive(await self._transport.receive()):
                    self._handle(event)
                await self._flush()
        except transports.TransportClosed as e:
            self._fail(NoConnection(f"the connection to {self._kit.address} was lost: {e}"))
        except ProtocolError as e:
            self._fail(ProtocolError(f"{self._kit.address} does not speak FLARE as we know it: {e}"))
            await self._transport.close()
        except FlareError as e:
            self._fail(e)
        except Exception as e:
            # A fault of ours that some bytes brought to light. Whoever waits must not wait until the time is over.
            log.error("what the server at %s said could not be read: %s", self._kit.address, type(e).__name__)
            self._fail(ProtocolError(f"what {self._kit.address} said could not be read ({type(e).__name__})"))
            await self._transport.close()

    def _handle(self, event: cells.Event) -> None:
        if isinstance(event, cells.Ready):
            if not self._ready.done():
                self._ready.set_result(event.server_time)
        elif isinstance(event, cells.Reply):
            request = self._waiting.get(event.request_id)
            if request is not None and not request.answer.done():
                request.answer.set_result(event)
        elif isinstance(event, cells.Message):
            if (event.channel, event.topic) == (hci.CHANNEL, hci.EXPIRED_TOPIC):
                self.expired = said(event.value or "the server ended the session", 300)
                if self._observer is not None:
                    self._observer.on_expired(self, self.expired)
        else:
            self._fail(NoConnection(f"the server at {self._kit.address} is shutting down"))

    def _fail(self, error: FlareError) -> None:
        first = self.lost is None
        if first:
            self.lost = error
        self._give_up_waiting(error)
        if first and self._observer is not None:
            self._observer.on_lost(self, error)

    def _give_up_waiting(self, error: FlareError) -> None:
        waiting: list[asyncio.Future[Any]] = [self._ready, *(request.answer for request in self._waiting.values())]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(error)
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # nobody may be waiting for it; without this asyncio complains

    async def _watch(self) -> None:
        """Find out when a server that looks connected is gone: it hangs, or the network ate the connection."""
        watch = Watch()
        beat_at = 0.0
        while self.lost is None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._doubted.wait(), watch.tick)
            asked = min((request.asked_at for request in self._waiting.values()), default=None)
            if self._doubted.is_set() or watch.doubts(asked, self._transport.heard_at):
                await self._probe(watch)
                self._doubted.clear()
            elif self.silence > HEARTBEAT and beat_at <= self._transport.heard_at:
                beat_at = time.monotonic()
                self._ping()

    async def _probe(self, watch: Watch) -> None:
        """Ask the server for a sign of life; without one in time, the link is lost."""
        began = time.monotonic()
        self._ping()
        while self.lost is None and self._transport.heard_at <= began:
            patience = watch.patience(any(request.precious for request in self._waiting.values()))
            if time.monotonic() > began + patience:
                self._fail(NoConnection(f"the server at {self._kit.address} does not answer any more"))
                await self._transport.close()
                return
            await asyncio.sleep(_LOOK)

    def _ping(self) -> None:
        self._cell.ping()
        # A hung server also stops reading, so the sending is not waited for. Nor is it given up: it may have taken
        # frames of others along. It ends with the transport.
        self._asking = asyncio.get_running_loop().create_task(self._flush(), name="flare-ping")
        self._asking.add_done_callback(_look_at)

    def _forget(self) -> None:
        """Forget what others could act as the user with."""
        self._token = None
        self._cell.credentials = {}
        self.registration = login.Registration({})
        self._kit = self._kit.without_key()

    async def _end(self, why: FlareError) -> None:
        self._fail(why)
        self._forget()
        self._reader.cancel()
        if self._watcher is not None and self._watcher is not asyncio.current_task():
            self._watcher.cancel()
        await self._transport.close()


def _look_at(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # asyncio complains about errors that nobody looked at
