"""Byte streams: blobs cut into chunks, each a cellnet message, acknowledged by the receiver.

Pure state, no I/O. Source: ``fuel/f3/streaming/byte_streamer.py`` and ``byte_receiver.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import ProtocolError
from ..formatting.secret import SecretBytes

CHANNEL = "sm__STREAM"
DATA_TOPIC, ACK_TOPIC, ERROR_TOPIC = "sm__DATA", "sm__ACK", "sm__ERROR"

STREAM_ID, DATA_TYPE, SIZE, SEQUENCE, OFFSET = "sm__id", "sm__dt", "sm__sz", "sm__sq", "sm__os"
ERROR_MESSAGE, APP_CHANNEL, APP_TOPIC, REQUEST_ID = "sm__em", "sm__ch", "sm__tp", "sm__ri"
ENCODING, OPTIONAL, CHUNK_SIZE_KEY, WINDOW_KEY = "sm__pe", "sm__op", "sm__cs", "sm__ws"

_CHUNK, _FINAL, _ACK = 1, 2, 3

CHUNK_SIZE = 1 << 20
WINDOW_SIZE = 64 << 20

MAX_BLOB_BYTES = 64 << 20
"""Bytes of the largest blob we assemble. Replies are small; those of a download are 5 MiB."""

MAX_BUFFERED_BYTES = 4 * MAX_BLOB_BYTES
"""Bytes that all unfinished blobs together may occupy."""

_ACK_INTERVAL_BYTES = 4 << 20  # the smallest window any version of the sender uses is 16 MiB
_MAX_OUT_OF_ORDER = 64  # chunks of a blob that may arrive out of order
_MAX_CHUNKS = 1 << 14  # chunks of a blob: 4 KiB each on average, if it is one of the largest
_MAX_OPEN_STREAMS = 256  # streams that a peer may leave unfinished
_MAX_FINISHED_STREAMS = 1024  # finished streams whose resent chunks are still acknowledged


def split_into_chunks(
    blob: bytes | Sequence[bytes | memoryview],
    stream_id: int,
    channel: str,
    topic: str,
    encoding: str,
    request_id: str | None,
) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Cut `blob` into the (headers, payload) of its messages, each of which is made when it is asked for.

    A blob larger than the window would have to wait for acknowledgements; an admin client never has one (an
    upload is a sequence of requests of at most 6 MiB), so that is rejected instead of half supported.
    """
    pieces = [memoryview(piece) for piece in ([blob] if isinstance(blob, bytes) else blob)]
    size = sum(map(len, pieces))
    if size > WINDOW_SIZE:
        raise ProtocolError(f"a blob of {size} bytes does not fit into the window of {WINDOW_SIZE}")
    count = max(1, -(-size // CHUNK_SIZE))
    for index in range(count):
        offset = index * CHUNK_SIZE
        headers = {
            APP_CHANNEL: channel,
            APP_TOPIC: topic,
            SIZE: size,
            STREAM_ID: stream_id,
            DATA_TYPE: _FINAL if index == count - 1 else _CHUNK,
            SEQUENCE: index,
            OFFSET: offset,
            ENCODING: encoding,
            OPTIONAL: False,
            CHUNK_SIZE_KEY: CHUNK_SIZE,
            WINDOW_KEY: WINDOW_SIZE,
        }
        if request_id is not None:
            headers[REQUEST_ID] = request_id
        yield headers, _take(pieces, CHUNK_SIZE)


def _take(pieces: list[memoryview], size: int) -> bytes:
    """Remove up to `size` bytes from the beginning of `pieces`, and return them."""
    taken = []
    while pieces and size:
        piece = pieces.pop(0)
        if len(piece) > size:
            pieces.insert(0, piece[size:])
            piece = piece[:size]
        taken.append(piece)
        size -= len(piece)
    return SecretBytes(b"".join(taken))


@dataclass(frozen=True)
class Blob:
    """A complete blob: the headers of its first message, and its bytes."""

    headers: dict[str, Any]
    payload: bytes | bytearray


@dataclass(frozen=True)
class Ack:
    """An acknowledgement to send: the headers of its message."""

    stream_id: int
    offset: int
    sequence: int

    @property
    def headers(self) -> dict[str, Any]:
        """The stream headers of the message."""
        return {STREAM_ID: self.stream_id, DATA_TYPE: _ACK, OFFSET: self.offset, SEQUENCE: self.sequence}


@dataclass
class _IncomingStream:
    headers: dict[str, Any]
    data: bytearray = field(default_factory=bytearray)
    length: int = 0  # bytes of `data` that have arrived; it may be longer, since its memory is taken at once
    chunk_count: int = 0
    out_of_order: dict[int, tuple[bool, bytes | memoryview]] = field(default_factory=dict)
    buffered: int = 0
    acked: int = 0
    is_done: bool = False

    def append(self, final: bool, payload: bytes | memoryview) -> None:
        """Append the next chunk."""
        end = self.length + len(payload)
        self.data[self.length : end] = payload
        self.length = end
        self.chunk_count += 1
        self.is_done = final
        if final:
            del self.data[end:]


class Assembler:
    """Assembler of arriving chunks, in any order, that also returns what to acknowledge.

    Since 2.9 the server resends a reply until it is acknowledged, so chunks of streams that are long finished must
    still be acknowledged.
    """

    def __init__(self) -> None:
        self._open_streams: OrderedDict[tuple[str, int], _IncomingStream] = OrderedDict()
        self._finished_acks: OrderedDict[tuple[str, int], Ack] = OrderedDict()

    def receive(
        self, origin: str, headers: dict[str, Any], payload: bytes | memoryview
    ) -> tuple[Blob | None, Ack | None]:
        """Process one chunk; return the blob if it is now complete, and the acknowledgement to send, if any.

        Raises
        ------
        ProtocolError
            The chunk is invalid, or the blob or the number of open streams exceeds our limits.
        """
        stream_id, sequence = headers.get(STREAM_ID), headers.get(SEQUENCE)
        if not isinstance(stream_id, int) or not isinstance(sequence, int) or sequence < 0:
            raise ProtocolError("a stream chunk without id or sequence number")
        key = (origin, stream_id)
        if key in self._finished_acks:
            return None, self._finished_acks[key]
        stream = self._open_streams.get(key)
        if stream is None:
            if len(self._open_streams) >= _MAX_OPEN_STREAMS:
                self._open_streams.popitem(last=False)
            stream = self._open_streams[key] = _IncomingStream(headers)
        if sequence == 0:
            stream.headers = headers
        final = headers.get(DATA_TYPE) == _FINAL
        if sequence > stream.chunk_count:
            if sequence not in stream.out_of_order:
                stream.out_of_order[sequence] = (final, payload)
                stream.buffered += len(payload)
        elif sequence == stream.chunk_count:
            stream.buffered += len(payload)
            if sequence == 0:
                stream.data = self._allocate(headers)
            stream.append(final, payload)
            while not stream.is_done and stream.chunk_count in stream.out_of_order:
                stream.append(*stream.out_of_order.pop(stream.chunk_count))
        if stream.buffered > MAX_BLOB_BYTES or len(stream.out_of_order) > _MAX_OUT_OF_ORDER:
            del self._open_streams[key]
            raise ProtocolError(f"a stream exceeds {MAX_BLOB_BYTES} bytes or {_MAX_OUT_OF_ORDER} chunks out of order")
        if stream.chunk_count > _MAX_CHUNKS:
            del self._open_streams[key]
            raise ProtocolError(f"a stream exceeds {_MAX_CHUNKS} chunks")
        if sum(s.buffered for s in self._open_streams.values()) > MAX_BUFFERED_BYTES:
            self._open_streams.clear()
            raise ProtocolError(f"unfinished streams exceed {MAX_BUFFERED_BYTES} bytes")

        ack = Ack(stream_id, stream.length, stream.chunk_count - 1)
        if stream.is_done:
            del self._open_streams[key]
            self._finished_acks[key] = ack
            if len(self._finished_acks) > _MAX_FINISHED_STREAMS:
                self._finished_acks.popitem(last=False)
            return Blob(stream.headers, stream.data), ack
        if stream.length - stream.acked >= _ACK_INTERVAL_BYTES or sequence < stream.chunk_count - 1:
            stream.acked = stream.length
            return None, ack
        return None, None

    def _allocate(self, headers: dict[str, Any]) -> bytearray:
        """Return the memory for a whole blob, if its sender tells its size and there is room."""
        # Growing with each chunk would move what has arrived, and leave holes in the heap.
        size = headers.get(SIZE)
        taken = sum(len(stream.data) for stream in self._open_streams.values())
        room = min(MAX_BLOB_BYTES, MAX_BUFFERED_BYTES - taken)
        return bytearray(size if isinstance(size, int) and 0 < size <= room else 0)

    def drop(self, origin: str, stream_id: Any) -> dict[str, Any] | None:
        """Discard a stream that its sender cancelled; return the headers it came with, if it was known."""
        stream = self._open_streams.pop((origin, stream_id), None) if isinstance(stream_id, int) else None
        return None if stream is None else stream.headers
