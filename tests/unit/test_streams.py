"""Byte streams: whatever the order, the blob is the same, and the sender hears that it has arrived."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import streams
from flare_widgets.wire.streams import Ack, Assembler, Blob, split_into_chunks

ORIGIN = "server"
Chunk = tuple[dict[str, Any], bytes]


def cut(parts: list[bytes], stream_id: int = 5) -> list[Chunk]:
    """The messages of a blob that is sent in these parts."""
    made, offset = [], 0
    for number, part in enumerate(parts):
        headers = {
            streams.STREAM_ID: stream_id,
            streams.SEQUENCE: number,
            streams.OFFSET: offset,
            streams.SIZE: sum(map(len, parts)),
            streams.DATA_TYPE: 2 if number == len(parts) - 1 else 1,
            streams.APP_CHANNEL: "channel",
            streams.REQUEST_ID: "request",
        }
        made.append((headers, part))
        offset += len(part)
    return made


def feed(assembler: Assembler, sent: list[Chunk]) -> tuple[list[Blob], list[Ack | None]]:
    blobs, acks = [], []
    for headers, payload in sent:
        blob, ack = assembler.receive(ORIGIN, headers, payload)
        acks.append(ack)
        if blob is not None:
            blobs.append(blob)
    return blobs, acks


PARTS = st.lists(st.binary(max_size=8), min_size=1, max_size=12)


@given(PARTS, st.data())
def test_shuffled_duplicate_chunks_make_same_blob(parts: list[bytes], data: st.DataObject) -> None:
    sent = cut(parts)
    arriving = data.draw(st.permutations(sent + data.draw(st.lists(st.sampled_from(sent), max_size=6))))
    blobs, acks = feed(Assembler(), arriving)
    assert [b.payload for b in blobs] == [b"".join(parts)]
    assert blobs[0].headers == sent[0][0]
    whole = Ack(5, sum(map(len, parts)), len(parts) - 1)
    assert acks[-1] == whole  # the last to arrive completes the blob, or is sent again after its end


@given(PARTS)
def test_chunks_after_end_are_acknowledged_again(parts: list[bytes]) -> None:
    assembler = Assembler()
    sent = cut(parts)
    first = feed(assembler, sent)[1][-1]
    blobs, acks = feed(assembler, sent)
    assert blobs == []
    assert acks == [first] * len(sent)


@given(PARTS, PARTS, st.data())
def test_streams_do_not_mix(one: list[bytes], other: list[bytes], data: st.DataObject) -> None:
    arriving = data.draw(st.permutations(cut(one, 1) + cut(other, 2)))
    blobs, _ = feed(Assembler(), arriving)
    assert sorted(b.payload for b in blobs) == sorted([b"".join(one), b"".join(other)])


def test_streams_are_separate_per_sender() -> None:
    assembler = Assembler()
    (first, last) = cut([b"a", b"b"])
    assert assembler.receive("server", *first)[0] is None
    blob, _ = assembler.receive("site-1", *last)
    assert blob is None
    blob, _ = assembler.receive("server", *last)
    assert blob is not None
    assert blob.payload == b"ab"


def test_acks_precede_full_sender_window() -> None:
    mib = 1 << 20
    _, acks = feed(Assembler(), cut([bytes(mib)] * 10))
    told = [(a.offset // mib, a.sequence) for a in acks if a is not None]
    assert told == [(4, 3), (8, 7), (10, 9)]


def test_duplicate_chunk_ack_gives_received_offset() -> None:
    assembler = Assembler()
    sent = cut([b"aa", b"bb", b"cc", b"dd"])
    feed(assembler, sent[:3])
    assert assembler.receive(ORIGIN, *sent[0]) == (None, Ack(5, 6, 2))


def test_acknowledgement_says_it_as_nvflare_does() -> None:
    assert Ack(7, 100, 3).headers == {"sm__id": 7, "sm__dt": 3, "sm__os": 100, "sm__sq": 3}


def test_aborted_stream_is_dropped() -> None:
    assembler = Assembler()
    first, last = cut([b"a", b"b"])
    assembler.receive(ORIGIN, *first)
    assert assembler.drop(ORIGIN, 5) == first[0]
    assert assembler.drop(ORIGIN, 5) is None
    assert assembler.drop(ORIGIN, [5]) is None
    assert assembler.receive(ORIGIN, *last)[0] is None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sm__id": 1},
        {"sm__sq": 0},
        {"sm__id": "1", "sm__sq": 0},
        {"sm__id": 1, "sm__sq": -1},
        {"sm__id": [], "sm__sq": 0},
    ],
)
def test_malformed_chunk_is_refused(headers: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="without id or sequence"):
        Assembler().receive(ORIGIN, headers, b"x")


HEADERS = st.fixed_dictionaries(
    {},
    optional={
        "sm__id": st.integers(0, 3) | st.none() | st.text(max_size=1),
        "sm__sq": st.integers(-1, 6) | st.integers() | st.none() | st.binary(max_size=1),
        "sm__dt": st.integers(0, 7) | st.text(max_size=1),
        "sm__os": st.integers(),
    },
)


@given(st.lists(st.tuples(HEADERS, st.binary(max_size=3)), max_size=20))
def test_any_chunks_accepted_or_protocol_error(sent: list[Chunk]) -> None:
    assembler = Assembler()
    for headers, payload in sent:
        try:
            blob, ack = assembler.receive(ORIGIN, headers, payload)
        except ProtocolError:
            continue
        assert blob is None or isinstance(blob.payload, bytes)
        assert ack is None or ack.offset >= 0


def test_oversized_blob_refused_before_complete() -> None:
    mib = 1 << 20
    fits = streams.MAX_BLOB_BYTES // mib
    assembler = Assembler()
    sent = cut([bytes(mib)] * (fits + 2))
    feed(assembler, sent[:fits])
    with pytest.raises(ProtocolError, match="a stream exceeds"):
        assembler.receive(ORIGIN, *sent[fits])
    assert len(assembler._open_streams) == 0


def test_early_chunks_are_bounded_in_number() -> None:
    assembler = Assembler()
    sent = cut([b"x"] * 100)
    with pytest.raises(ProtocolError, match="chunks out of order"):
        feed(assembler, list(reversed(sent)))


def test_early_chunks_are_bounded_in_bytes() -> None:
    big = bytes(streams.MAX_BLOB_BYTES // 4)
    with pytest.raises(ProtocolError, match="a stream exceeds"):
        feed(Assembler(), list(reversed(cut([b"", *[big] * 5]))))


def test_unfinished_streams_are_bounded_in_number() -> None:
    assembler = Assembler()
    for stream_id in range(1000):
        assembler.receive(ORIGIN, *cut([b"a", b"b"], stream_id)[0])
    assert len(assembler._open_streams) == 256
    assert feed(assembler, [cut([b"a", b"b"], 999)[1]])[0][0].payload == b"ab"  # the newest are kept
    assert feed(assembler, [cut([b"a", b"b"], 0)[1]])[0] == []


def test_unfinished_streams_share_byte_limit() -> None:
    assembler = Assembler()
    large = bytes(streams.MAX_BLOB_BYTES - 1)
    for stream_id in range(4):
        assembler.receive(ORIGIN, *cut([large, b""], stream_id)[0])
    with pytest.raises(ProtocolError, match="unfinished streams exceed"):
        assembler.receive(ORIGIN, *cut([large, b""], 4)[0])
    assert len(assembler._open_streams) == 0


def test_finished_streams_are_forgotten() -> None:
    assembler = Assembler()
    for stream_id in range(3000):
        feed(assembler, cut([b"x"], stream_id))
    assert len(assembler._finished_acks) == 1024


@pytest.mark.parametrize("size", [0, 1, streams.CHUNK_SIZE, streams.CHUNK_SIZE + 1, 3 * streams.CHUNK_SIZE])
def test_split_blob_is_reassembled(size: int) -> None:
    blob = bytes(range(256)) * (size // 256 + 1)
    blob = blob[:size]
    sent = list(split_into_chunks(blob, 9, "channel", "topic", "fobs", "request"))
    assert len(sent) == max(1, -(-size // streams.CHUNK_SIZE))
    assert [h["sm__dt"] for h, _ in sent] == [1] * (len(sent) - 1) + [2]
    assert [h["sm__os"] for h, _ in sent] == [n * streams.CHUNK_SIZE for n in range(len(sent))]
    blobs, acks = feed(Assembler(), sent)
    assert blobs[0].payload == blob
    assert blobs[0].headers["sm__ri"] == "request"
    assert acks[-1] == Ack(9, size, len(sent) - 1)


def test_request_id_omitted_without_request() -> None:
    ((headers, _),) = split_into_chunks(b"x", 1, "c", "t", "bytes", None)
    assert "sm__ri" not in headers


def test_blob_beyond_window_is_refused() -> None:
    with pytest.raises(ProtocolError, match="does not fit into the window"):
        next(split_into_chunks(bytes(streams.WINDOW_SIZE + 1), 1, "c", "t", "bytes", None))


@pytest.mark.parametrize("told", [0, 3, 100, -1, True, "9", None, streams.MAX_BLOB_BYTES + 1])
def test_wrong_size_of_sender_does_no_harm(told: object) -> None:
    sent = cut([b"abc", b"def"])
    for headers, _ in sent:
        headers[streams.SIZE] = told
    blobs, acks = feed(Assembler(), sent)
    assert [b.payload for b in blobs] == [b"abcdef"]
    assert acks[-1] == Ack(5, 6, 1)


def test_memory_of_blob_is_taken_once() -> None:
    """Growing would move what has arrived."""
    parts = [bytes(1 << 20)] * 5
    assembler = Assembler()
    places = set()
    for headers, payload in cut(parts):
        blob, _ = assembler.receive(ORIGIN, headers, payload)
        for stream in assembler._open_streams.values():
            places.add((id(stream.data), len(stream.data)))
    assert len(places) == 1
    assert blob is not None
    assert len(blob.payload) == 5 << 20


def test_announced_sizes_take_no_more_memory_than_may_be_buffered() -> None:
    assembler = Assembler()
    for number in range(20):
        (first, payload), _ = cut([b"a", b"b"], stream_id=number)
        first[streams.SIZE] = streams.MAX_BLOB_BYTES
        assembler.receive(ORIGIN, first, payload)
    taken = sum(len(stream.data) for stream in assembler._open_streams.values())
    assert taken <= streams.MAX_BUFFERED_BYTES + 20
    assert len(assembler._open_streams) == 20
