"""The grpc scheme: one bidirectional call, one message per frame. Needs ``grpcio`` (the extra ``grpc``).

Threads: ``grpc.aio`` keeps one Python thread for all channels of a process, and gRPC's core a few that Python does
not see. They stay until the process ends; the other schemes have none.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from types import ModuleType
from typing import Any

from cryptography import x509

from ...errors import ConfigError, ProtocolError
from ...kit import StartupKit
from ..frames import MAX_FRAME_BYTES, too_large_message
from .base import TransportClosed
from .dial import dial, not_flare_error, open_streams
from .grpc_messages import decode, encode
from .tls import host_names, matches_host, trusted_root_file

_METHOD = "/streamer.Streamer/Stream"
_CLOSE_TIMEOUT_S = 0.5
_MESSAGE_OVERHEAD_BYTES = 64  # of a message beyond its frame
# A gRPC server ends connections that ping more often than every five minutes (ENHANCE_YOUR_CALM).
_KEEPALIVE_MS = 330_000

_process_id: int | None = None  # of the process that has used gRPC


class GrpcTransport:
    """A bidirectional call on its own channel."""

    def __init__(self, grpc: ModuleType, channel: Any) -> None:
        self._grpc = grpc
        self._channel = channel
        # Without (de)serializers, messages are bytes.
        self._call = channel.stream_stream(_METHOD)()
        self._write_lock = asyncio.Lock()
        self._sequence = 0
        self._is_closed = False
        self.last_received_at = time.monotonic()

    def confirmed_bytes(self) -> None:
        """Return None: gRPC does not show its socket."""

    async def send(self, frame: bytes) -> None:
        """Send one frame."""
        # Cancelling a write would cancel the whole call, so a cancelled sender leaves the write to end by itself.
        writing = asyncio.ensure_future(self._write(frame))
        writing.add_done_callback(_retrieve_exception)
        await asyncio.shield(writing)

    async def receive(self) -> bytes:
        """Return the next frame."""
        try:
            message = await self._call.read()
        except self._grpc.aio.AioRpcError as e:
            if "larger than max" in str(e.details()):  # gRPC's words when its limit, which is ours, is exceeded
                raise ProtocolError(too_large_message()) from None
            raise TransportClosed(_describe_error(e)) from None
        except asyncio.InvalidStateError:
            raise TransportClosed("the call has ended") from None
        self.last_received_at = time.monotonic()
        if message is self._grpc.aio.EOF:
            raise TransportClosed("closed by the server")
        return decode(message)

    async def close(self) -> None:
        """End the connection."""
        self._is_closed = True
        self._call.cancel()
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._channel.close(None), _CLOSE_TIMEOUT_S)

    async def _write(self, frame: bytes) -> None:
        async with self._write_lock:  # gRPC takes one at a time
            self._sequence += 1
            try:
                await self._call.write(encode(self._sequence, frame))
                return
            except self._grpc.aio.AioRpcError as e:
                reason = _describe_error(e)
            except asyncio.InvalidStateError:
                reason = "the call has ended"
            except asyncio.CancelledError:
                if not self._is_closed:  # else it is of the call, not of us
                    raise
                reason = "closed here"
        raise TransportClosed(reason)  # outside the handler: the other error's frames have the bytes


async def connect_grpc(kit: StartupKit) -> GrpcTransport:
    """Open a call to the kit's server, and check its identity.

    gRPC gives a client neither the certificate of its peer nor a readable reason when TLS fails. So the address is
    first checked with our own TLS handshake, which ends right away. FLARE's challenge proves that the same server
    then answers the call.
    """
    _check_process()
    grpc = _import_grpc()

    async def ask(address: str) -> tuple[str, x509.Certificate | None]:
        _, writer = await open_streams(kit, address, ("h2",))
        try:
            ssl_object = writer.get_extra_info("ssl_object")
            if ssl_object is None:
                return address, None
            if ssl_object.selected_alpn_protocol() != "h2":
                raise not_flare_error(kit, "no HTTP/2")
            return address, x509.load_der_x509_certificate(ssl_object.getpeercert(binary_form=True))
        finally:
            writer.transport.abort()

    address, certificate = await dial(kit, ask)
    channel = _create_channel(grpc, kit, address, certificate)
    try:
        await _wait_until_ready(grpc, kit, channel)
        return GrpcTransport(grpc, channel)
    except BaseException:
        await channel.close(None)
        raise


def _check_process() -> None:
    """Raise ConfigError in a process that was forked from one that has used gRPC: there gRPC crashes or hangs."""
    global _process_id
    if _process_id is None:
        _process_id = os.getpid()
    elif _process_id != os.getpid():
        raise ConfigError(
            "gRPC does not work in a process that was forked from one that has used it",
            next_step="Start the process by multiprocessing.get_context('spawn'), or a pool with that mp_context, or "
            "connect for the first time after the fork",
        )


def _import_grpc() -> ModuleType:
    """Import grpc, which is installed only if the user asked for it."""
    # gRPC's core writes to the process's stderr, into a notebook's output, unless configured before it starts.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    # Its handlers of a fork crash the child, whatever that does: grpc.aio is not made for them.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    try:
        import grpc
        import grpc.aio
    except ImportError:
        raise ConfigError(
            "the kit's scheme 'grpc' needs the package grpcio: pip install \"flare-widgets[grpc]\""
        ) from None
    return grpc  # type: ignore[no-any-return]


def _create_channel(grpc: ModuleType, kit: StartupKit, address: str, certificate: x509.Certificate | None) -> Any:
    target = f"ipv6:[{address}]:{kit.port}" if ":" in address else f"ipv4:{address}:{kit.port}"
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MAX_FRAME_BYTES + _MESSAGE_OVERHEAD_BYTES),
        ("grpc.max_send_message_length", -1),
        ("grpc.enable_http_proxy", 0),
        ("grpc.use_local_subchannel_pool", 1),  # a connection per channel: it ends with the channel
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
    ]
    if certificate is None:
        return grpc.aio.insecure_channel(target, options=options)
    name = _expected_name(kit, certificate)
    # gRPC checks both against the certificate: the name it connects to, and the one each call is for.
    options += [("grpc.ssl_target_name_override", name), ("grpc.default_authority", f"{name}:{kit.port}")]
    mutual = kit.connection_security == "mtls"
    credentials = grpc.ssl_channel_credentials(
        root_certificates=trusted_root_file(kit).read_bytes(),
        private_key=kit.key_file.read_bytes() if mutual else None,
        certificate_chain=kit.certificate if mutual else None,
    )
    return grpc.aio.secure_channel(target, credentials, options=options)


def _expected_name(kit: StartupKit, certificate: x509.Certificate) -> str:
    """Return a name in the server's certificate for gRPC to check, which it insists on.

    FLARE's server is known by its identity, which is already checked, and may be reached under any name.
    """
    if matches_host(certificate, kit.host):
        return kit.host
    return next(iter(host_names(certificate)), kit.server_identity).replace("*", "flare", 1)


async def _wait_until_ready(grpc: ModuleType, kit: StartupKit, channel: Any) -> None:
    connectivity = grpc.ChannelConnectivity
    state = channel.get_state(try_to_connect=True)
    while state is not connectivity.READY:
        if state in (connectivity.TRANSIENT_FAILURE, connectivity.SHUTDOWN):
            raise not_flare_error(kit, "gRPC finds no connection")
        await channel.wait_for_state_change(state)
        state = channel.get_state()


def _describe_error(error: Any) -> str:
    code = getattr(error.code(), "name", "unknown").lower().replace("_", " ")
    return f"{code}: {error.details() or 'no details'}"[:300]


def _retrieve_exception(done: asyncio.Future[None]) -> None:
    if not done.cancelled():
        done.exception()  # asyncio complains about exceptions that are never retrieved; the sender may have left
