"""A single connection to the server, from the first byte to the last. Once lost, it is never reused."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import itertools
import logging
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ..errors import ConfigError, FlareError, FLCommunicationError, NoConnection, ProtocolError, SessionClosed
from ..formatting.text import sanitize_lines
from ..kit import StartupKit
from . import cell as cells
from . import features as dialects
from . import hci, keepalive, login, loop, transports
from .errors import NoSuchService, NotSent, ReplyTimeout
from .keepalive import PING_INTERVAL_S, KeepAlive, UploadProgress

log = logging.getLogger("flare_widgets.wire")

_NOT_READY_CODES = frozenset({"comm_error", "target_unreachable", "service_unavailable"})
_CHALLENGE_RETRY_DELAY_S = 0.1  # seconds before retrying the challenge on a server that is still starting
# Seconds to wait for the answer to a challenge, at first and at most.
_MIN_CHALLENGE_TIMEOUT_S = 0.5
_MAX_CHALLENGE_TIMEOUT_S = 8.0
# FLARE's server listens a moment before it knows that it is in secure mode, and refuses every challenge until then
# (nvflare 2.9, private/fed/app/server/server_train.py: the admin server starts before SECURE_MODE is set).
_STARTUP_REFUSAL = "unauthenticated"
_STARTUP_GRACE_S = 5.0
_LOGOUT_TIMEOUT_S = 2.0
_MAX_REPLY_TIMEOUTS = 20  # time limits that a reply may take in all, whose parts arrive one by one
_MAX_CHARS_ON_LOOP = 256 << 10  # characters of a reply that is decoded without keeping other sessions waiting
_POLL_INTERVAL_S = 0.05  # seconds between two checks for an answer to a probe


class Observer(Protocol):
    """An observer of a connection's fate. Called on the I/O loop; must return at once."""

    def on_expired(self, connection: Connection, reason: str) -> None:
        """Handle the end of the session by the server; the connection itself works."""

    def on_lost(self, connection: Connection, error: FlareError) -> None:
        """Handle the loss of the connection, which is no longer usable."""


@dataclass
class _PendingRequest:
    """A request waiting for its answer.

    Attributes
    ----------
    reply
        Future of the answer.
    requested_at
        Time of the request, by :func:`time.monotonic`.
    is_transfer
        True if it is a part of an upload or a download.
    progressed_at
        Time when it had been sent, or a part of its answer last arrived.
    """

    reply: asyncio.Future[cells.CellReply]
    requested_at: float
    is_transfer: bool
    progressed_at: float

    async def wait(self, timeout: float) -> None:
        """Wait for the answer, or until nothing of it has arrived for some seconds.

        As in nvflare's client, the time limit is for the answer's first part, and again for each further one.
        """
        end = self.progressed_at + timeout * _MAX_REPLY_TIMEOUTS
        while not self.reply.done():
            left = min(self.progressed_at + timeout, end) - time.monotonic()
            if left <= 0:
                raise asyncio.TimeoutError
            await asyncio.wait({self.reply}, timeout=left)


class Connection:
    """A logged-in cell on a transport. Lives on the I/O loop; create one with :meth:`open`.

    Attributes
    ----------
    lost_error
        Reason the connection is no longer usable; None while it works.
    expiry_reason
        The server's message when it ended the session; None until then.
    registration
        Credentials and version that the server gave our cell.
    login_count
        Number of logins so far.
    features
        Protocol features of the server.
    clock_offset
        Seconds by which the server's clock is ahead of this machine's, exact to half a round trip; None if the
        server did not send its time.
    """

    def __init__(self, kit: StartupKit, transport: transports.Transport) -> None:
        self._kit = kit
        self._transport = transport
        self._cell = cells.Cell(cells.new_admin_name())
        self._ready: asyncio.Future[float | None] = asyncio.get_running_loop().create_future()
        self._pending: dict[str, _PendingRequest] = {}
        self._session_token: str | None = None
        self._observer: Observer | None = None
        self._probe_requested = asyncio.Event()
        self._upload_progress = UploadProgress()
        self._keepalive_task: asyncio.Task[None] | None = None
        self._ping_task: asyncio.Task[None] | None = None
        self._flush_task: asyncio.Task[None] | None = None
        self.lost_error: FlareError | None = None
        self.expiry_reason: str | None = None
        self.login_count = 0
        self.registration = login.Registration({})
        self.features = dialects.NEWEST
        self.clock_offset: float | None = None
        self._read_task = asyncio.get_running_loop().create_task(self._read_loop(), name="flare-link")

    @classmethod
    async def open(cls, kit: StartupKit, study: str, observer: Observer | None = None) -> Connection:
        """Connect, prove our identity and log in. The caller sets the deadline by cancelling.

        Raises
        ------
        NoConnection, ServerIdentityError, FLCommunicationError, AuthenticationError, ProtocolError
            See the exceptions themselves.
        ConfigError
            The server does not know the study, or the kit's scheme needs a package that is not installed.
        """
        link = await cls.connect(kit)
        try:
            await link.register(await link.challenge())
            await link.login(study)
            link._raise_if_lost()
        except NotSent:
            # Lost between two steps. The reason shows if another attempt makes sense.
            await link.abort()
            assert link.lost_error is not None
            raise link.lost_error from None
        except BaseException:
            await link.abort()
            raise
        link._observer = observer
        link._keepalive_task = asyncio.get_running_loop().create_task(link._run_keepalive(), name="flare-watch")
        return link

    @classmethod
    async def connect(cls, kit: StartupKit) -> Connection:
        """Connect and greet: the first step of :meth:`open`, for callers that need to know which step fails.

        The next steps are :meth:`challenge`, :meth:`register` and :meth:`login`; errors as in :meth:`open`.
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
            await link.abort()
            raise
        return link

    @property
    def silence(self) -> float:
        """Seconds since the server was last heard from; a live server sends something every 2.5 s."""
        return time.monotonic() - self._transport.last_received_at

    async def execute(
        self,
        line: str,
        timeout: float,
        *,
        cmd_timeout: float | None = None,
        props: Any = None,
        max_reply_chars: int = hci.MAX_REPLY_CHARS,
    ) -> hci.CommandReply:
        """Send an admin command and return the server's answer.

        Parameters
        ----------
        line
            The command.
        timeout
            Seconds to wait for the answer, from when the command was sent; a long one counts as late only if nothing
            of it has arrived for as long.
        cmd_timeout, props
            Passed to the server; see :func:`.hci.encode`.
        max_reply_chars
            Maximum number of characters of the answer.

        Raises
        ------
        NoConnection
            The connection broke, or the server did not answer in time (:class:`ReplyTimeout`). The command may or may
            not have been executed, except with :class:`NotSent`.
        """
        command = hci.encode(line, self._session_token, cmd_timeout, props)
        return await self._send_command(command, timeout, label=line, max_reply_chars=max_reply_chars)

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        """Send a streamed request and return the decoded answer; errors as in :meth:`execute`."""
        reply = await self._send_request(
            self._cell.stream, channel, topic, value, None, timeout, topic, is_transfer=True
        )
        return reply.value

    async def post(self, channel: str, topic: str, value: Any) -> None:
        """Send a streamed message that expects no answer."""
        self._raise_if_lost()
        self._cell.post(channel, topic, value)
        await self._flush()

    def encode_command(self, line: str, cmd_timeout: float | None) -> str:
        """Return the HCI JSON of a command that is sent with an upload."""
        return hci.encode(line, self._session_token, cmd_timeout)

    async def close(self) -> None:
        """Log out and end the connection; takes two seconds at most, whatever the server does.

        Pending requests fail at once, and the secrets are cleared before the server has answered.
        """
        closed = SessionClosed("the session is closed", next_step="Open a new session")
        self._observer = None
        self._fail_pending(closed)
        farewell: asyncio.Task[hci.CommandReply] | None = None
        if self.lost_error is None and self.expiry_reason is None and self._session_token is not None:
            farewell = asyncio.get_running_loop().create_task(
                self.execute("_logout", _LOGOUT_TIMEOUT_S), name="flare-logout"
            )
            await asyncio.sleep(0)  # its frames are created
        self._clear_secrets()
        with contextlib.suppress(FlareError, asyncio.TimeoutError):
            if farewell is not None:
                await farewell
            if self.lost_error is None:
                self._cell.bye()
                await asyncio.wait_for(self._flush(), _LOGOUT_TIMEOUT_S)
        await self._shut_down(closed)

    async def abort(self) -> None:
        """End the connection without a farewell: it is lost, or was never complete."""
        await self._shut_down(NoConnection(f"the connection to {self._kit.address} was dropped"))

    def discard(self, error: FlareError) -> None:
        """Give the connection up from another loop: its own has ended, and its socket and its tasks with it."""
        self._observer = None
        self.lost_error = self.lost_error or error
        self._clear_secrets()

    async def challenge(self) -> str:
        """Have the server prove its identity; return its nonce, which we must sign."""
        kit = self._kit
        refusals_end = time.monotonic() + _STARTUP_GRACE_S
        for attempt in itertools.count():
            nonce = str(uuid.uuid4())
            headers = login.challenge_headers(kit, nonce)
            try:
                # FLARE 2.9 says READY a moment before it is, and drops what arrives in between: retry soon.
                patience = min(_MIN_CHALLENGE_TIMEOUT_S * 2**attempt, _MAX_CHALLENGE_TIMEOUT_S)
                reply = await self._send_request(
                    self._cell.request, login.CHANNEL, login.CHALLENGE_TOPIC, None, headers, patience, "challenge"
                )
            except ReplyTimeout:
                continue
            if reply.code == cells.OK:
                break
            starting = reply.code == _STARTUP_REFUSAL and time.monotonic() < refusals_end
            if reply.code not in _NOT_READY_CODES and not starting:
                reason = ": ".join(sanitize_lines(part, 100) for part in (reply.code, reply.error) if part)
                raise FLCommunicationError(f"the server at {kit.address} refused the challenge: {reason}")
            await asyncio.sleep(_CHALLENGE_RETRY_DELAY_S)
        return login.read_challenge(kit, nonce, reply)

    async def register(self, server_nonce: str) -> None:
        """Prove our identity, and get credentials for our cell."""
        kit = self._kit
        headers, payload = login.register_request(kit, server_nonce)
        reply = await self._send_request(
            self._cell.request, login.CHANNEL, login.REGISTER_TOPIC, payload, headers, None
        )
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
        """Log the user in and get a token for commands; also logs in again after the session has expired."""
        kit = self._kit
        command = hci.encode(login.login_command(kit))
        self._session_token = login.read_login(
            kit, await self._send_command(command, None, label="login", headers=login.login_headers(kit, study))
        )
        self.expiry_reason = None
        self.login_count += 1
        self.features = dialects.ServerFeatures.detect(self.registration, login.token_claims(self._session_token))
        if study != dialects.DEFAULT_STUDY and not self.features.has_studies:
            # It would treat the session as one for all jobs, without an error.
            raise ConfigError(
                f"the server at {kit.address} is older than FLARE 2.8 and has no studies: connect without '{study}'"
            )

    async def _send_command(
        self,
        command: str,
        timeout: float | None,
        *,
        label: str,
        headers: Mapping[str, Any] | None = None,
        max_reply_chars: int = hci.MAX_REPLY_CHARS,
    ) -> hci.CommandReply:
        reply = await self._send_request(self._cell.stream, hci.CHANNEL, hci.TOPIC, command, headers, timeout, label)
        if isinstance(reply.value, str) and len(reply.value) > _MAX_CHARS_ON_LOOP:
            return await loop.run_in_thread("flare-decode", hci.decode, reply.value, max_reply_chars)
        return hci.decode(reply.value, max_reply_chars)

    async def _send_request(
        self,
        send: Callable[[str, str, Any, Mapping[str, Any] | None], str],
        channel: str,
        topic: str,
        value: Any,
        headers: Mapping[str, Any] | None,
        timeout: float | None,
        label: str = "",
        is_transfer: bool = False,
    ) -> cells.CellReply:
        self._raise_if_lost()
        answer: asyncio.Future[cells.CellReply] = asyncio.get_running_loop().create_future()
        request_id = send(channel, topic, value, headers)
        now = time.monotonic()
        request = self._pending[request_id] = _PendingRequest(answer, now, is_transfer, now)
        try:
            # A hung server stops reading first, so even sending may block forever.
            await asyncio.wait_for(self._flush(long_streams=self._cell.is_long(request_id)), timeout)
            request.progressed_at = time.monotonic()
            if timeout is not None:
                await request.wait(timeout)
            reply = await answer
        except asyncio.TimeoutError:
            # Slow, or gone without notice?
            self._probe_requested.set()
            words = label.split(" ", 1)[0]
            raise ReplyTimeout(
                f"the server at {self._kit.address} did not answer '{words}' within {timeout:.3g} s",
                next_step="It may be busy or hung: try again, or raise the time-out with set_timeout()",
            ) from None
        finally:
            del self._pending[request_id]
            self._cell.cancel_request(request_id)
            if answer.done() and not answer.cancelled():
                answer.exception()  # sending may have failed first; without this asyncio complains
        if channel != login.CHANNEL and reply.code != cells.OK:
            detail = f": {sanitize_lines(reply.error, 200)}" if reply.error else ""
            kind = NoSuchService if dialects.is_unknown_channel(reply) else NoConnection
            raise kind(
                f"the server at {self._kit.address} could not process it ({sanitize_lines(reply.code, 100)}{detail})"
            )
        return reply

    def _raise_if_lost(self) -> None:
        if self.lost_error is not None:
            raise NotSent(str(self.lost_error))

    async def _flush(self, *, long_streams: bool = False) -> None:
        """Send what is queued; whoever sends a long stream sends that too, nobody else waits for it."""
        frame: bytes | None = None
        try:
            while (frame := self._cell.take_frame(of_long_stream=long_streams)) is not None:
                await self._transport.send(frame)
        except asyncio.CancelledError:
            # Others may have queued frames that they expect a cancelled sender to send.
            if self._cell.has_frames and self.lost_error is None:
                remainder = self._flush(long_streams=long_streams)
                self._flush_task = asyncio.get_running_loop().create_task(remainder, name="flare-remainder")
                self._flush_task.add_done_callback(_retrieve_exception)
            raise
        except transports.TransportClosed as e:
            frame = None  # the error's frames must not keep it
            error = NoConnection(f"the connection to {self._kit.address} was lost: {e}")
            self._fail(error)
            raise error from None

    async def _read_loop(self) -> None:
        try:
            while True:
                self._handle_frame(await self._transport.receive())
                await self._flush()
        except transports.TransportClosed as e:
            self._fail(NoConnection(f"the connection to {self._kit.address} was lost: {e}"))
        except ProtocolError as e:
            self._fail(ProtocolError(f"{self._kit.address} does not speak a known version of FLARE's protocol: {e}"))
            await self._transport.close()
        except FlareError as e:
            self._fail(e)
        except Exception as e:
            # A bug of ours that some bytes triggered. Pending requests must not wait until they time out.
            log.error("a message from the server at %s could not be read: %s", self._kit.address, type(e).__name__)
            self._fail(ProtocolError(f"a message from {self._kit.address} could not be read ({type(e).__name__})"))
            await self._transport.close()
        except asyncio.CancelledError:
            # With the loop, unless this connection is being closed, which closes its transport.
            if self.lost_error is None:
                await self._transport.close()
            raise

    def _handle_frame(self, frame: bytes) -> None:
        # A method of its own: in the loop its variables would keep the last answer, which may be large, until the next.
        for event in self._cell.receive(frame):
            self._handle_event(event)

    def _handle_event(self, event: cells.Event) -> None:
        if isinstance(event, cells.Ready):
            if not self._ready.done():
                self._ready.set_result(event.server_time)
        elif isinstance(event, cells.CellReply):
            request = self._pending.get(event.request_id)
            if request is not None and not request.reply.done():
                request.reply.set_result(event)
        elif isinstance(event, cells.ReplyProgress):
            request = self._pending.get(event.request_id)
            if request is not None:
                request.progressed_at = time.monotonic()
        elif isinstance(event, cells.Message):
            if (event.channel, event.topic) == (hci.CHANNEL, hci.EXPIRED_TOPIC):
                self.expiry_reason = sanitize_lines(event.value or "the server ended the session", 300)
                if self._observer is not None:
                    self._observer.on_expired(self, self.expiry_reason)
        else:
            self._fail(NoConnection(f"the server at {self._kit.address} is shutting down"))

    def _fail(self, error: FlareError) -> None:
        first = self.lost_error is None
        if first:
            # Its frames would keep alive, and a verbose traceback would show, what was read last.
            self.lost_error = error.with_traceback(None)
        self._fail_pending(error)
        if first and self._observer is not None:
            self._observer.on_lost(self, error)

    def _fail_pending(self, error: FlareError) -> None:
        waiting: list[asyncio.Future[Any]] = [self._ready, *(request.reply for request in self._pending.values())]
        for answer in waiting:
            if not answer.done():
                answer.set_exception(copy.copy(error))  # each caller adds its own context
        if self._ready.done() and not self._ready.cancelled():
            self._ready.exception()  # maybe nothing awaits it; without this asyncio complains

    async def _run_keepalive(self) -> None:
        """Detect a server that looks connected but is gone: it hangs, or the network dropped the connection."""
        checks = KeepAlive()
        pinged_at = 0.0
        while self.lost_error is None:
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._probe_requested.wait(), checks.check_interval_s)
            asked = min((request.requested_at for request in self._pending.values()), default=None)
            if self._probe_requested.is_set() or checks.should_probe(asked, self._last_sign_at()):
                await self._probe()
                self._probe_requested.clear()
            elif self.silence > PING_INTERVAL_S and pinged_at <= self._transport.last_received_at:
                pinged_at = time.monotonic()
                self._ping()

    async def _probe(self) -> None:
        """Probe the server; if it does not answer in time, the connection is lost."""
        began = time.monotonic()
        self._ping()
        while self.lost_error is None and self._last_sign_at() <= began:
            if time.monotonic() > began + keepalive.PROBE_TIMEOUT_S:
                self._fail(NoConnection(f"the server at {self._kit.address} no longer answers"))
                await self._transport.close()
                return
            await asyncio.sleep(_POLL_INTERVAL_S)

    def _last_sign_at(self) -> float:
        """Return the time of the last sign of life: bytes have come, or part after part of an upload is taken."""
        if self._is_transferring():
            self._upload_progress.update(self._transport.confirmed_bytes())
        return max(self._transport.last_received_at, self._upload_progress.last_at)

    def _is_transferring(self) -> bool:
        return any(request.is_transfer for request in self._pending.values())

    def _ping(self) -> None:
        self._cell.ping()
        # A hung server also stops reading, so sending is not awaited. Nor is it cancelled: it may have taken frames of
        # others along. It ends with the transport.
        self._ping_task = asyncio.get_running_loop().create_task(self._flush(), name="flare-ping")
        self._ping_task.add_done_callback(_retrieve_exception)

    def _clear_secrets(self) -> None:
        """Clear everything that would let others act as the user."""
        self._session_token = None
        self._cell.credentials = {}
        self.registration = login.Registration({})
        self._kit = self._kit.without_key()

    async def _shut_down(self, error: FlareError) -> None:
        self._fail(error)
        self._clear_secrets()
        self._read_task.cancel()
        if self._keepalive_task is not None and self._keepalive_task is not asyncio.current_task():
            self._keepalive_task.cancel()
        await self._transport.close()


def _retrieve_exception(task: asyncio.Task[None]) -> None:
    if not task.cancelled():
        task.exception()  # asyncio complains about exceptions that are never retrieved
