"""Parts that the fuzz tests share: recordings, ways to damage what is right, and the check of what comes of it."""

from __future__ import annotations

import functools
import gzip
import json
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from flare_widgets.errors import FlareError, ProtocolError
from flare_widgets.wire import fobs, frames

RECORDINGS = Path(__file__).parents[1] / "unit" / "recordings"
VERSIONS = sorted(file.name.partition("-")[0] for file in RECORDINGS.glob("*-server.bin.gz"))

_LONGEST = 2000  # characters of an error's message
_SLOWEST = 3.0  # seconds of this thread's own time

#: Anything that JSON can say, in small.
JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["", "ok", "\x1b[2J", "\ud800", "x" * 5000, 10**400, -1, 1e300, [], {}, [[[[]]]]]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)


@functools.cache
def recorded(version: str, side: str = "server") -> tuple[bytes, ...]:
    """The frames that one side of a recorded session said."""
    return tuple(_cut(gzip.decompress((RECORDINGS / f"{version}-{side}.bin.gz").read_bytes())))


def _cut(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = frames.read_length(data[at : at + frames.PREFIX_SIZE])
        yield data[at : at + size]
        at += size


@functools.cache
def payloads() -> tuple[Any, ...]:
    """The values that all recorded servers said."""
    return tuple(
        value
        for version in VERSIONS
        for frame in map(frames.decode, recorded(version))
        if frame.payload and (value := _value(bytes(frame.payload))) is not None
    )


@functools.cache
def replies() -> tuple[dict[str, Any], ...]:
    """The HCI replies that all recorded servers gave."""
    texts = [value for value in payloads() if isinstance(value, str) and value.startswith("{")]
    return tuple({text: json.loads(text) for text in texts}.values())


def _value(payload: bytes) -> Any:
    try:
        return fobs.decode(payload)
    except ProtocolError:  # of a greeting, which is no FOBS
        return None


@st.composite
def damaged(draw: st.DrawFn, good: bytes, other: bytes = b"") -> bytes:
    """`good` with one to three faults: flipped, cut, doubled, repeated, spliced with `other`, lengths made huge."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(0, len(good) - 1)))
        size = draw(st.sampled_from([1, 2, 4, 8, 100]))
        piece = good[at : at + size]
        fault = draw(st.sampled_from(["flip", "cut", "end", "double", "repeat", "splice", "huge", "zero", "type"]))
        if fault == "flip":
            good = good[:at] + bytes(b ^ 1 << draw(st.integers(0, 7)) for b in piece[:1]) + good[at + 1 :]
        elif fault == "cut":
            good = good[:at] + good[at + size :]
        elif fault == "end":
            good = good[:at]
        elif fault == "double":
            good = good[:at] + piece + good[at:]
        elif fault == "repeat":
            good = good[:at] + piece * draw(st.sampled_from([10, 1000])) + good[at:]
        elif fault == "splice":
            good = good[:at] + other[at:]
        else:
            # "type": the first byte of a msgpack value, or of a list, map, text or blob that announces much.
            new = {"huge": b"\xff" * size, "zero": bytes(size)}.get(fault) or bytes(
                [draw(st.sampled_from([0x90, 0x80, 0xC0, 0xC4, 0xC6, 0xC7, 0xD9, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF]))]
            )
            good = good[:at] + new + good[at + len(new) :]
    return good


@st.composite
def bent(draw: st.DrawFn, value: Any) -> Any:
    """`value`, plain data, with one to three of its parts replaced by junk, removed, or put into one another."""
    for _ in range(draw(st.integers(1, 3))):
        value = _bend(draw, value)
    return value


def _bend(draw: st.DrawFn, value: Any) -> Any:
    if value and isinstance(value, dict) and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value, key=str)))
        if draw(st.integers(0, 9)) == 0:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: _bend(draw, value[key])}
    if value and isinstance(value, list) and draw(st.integers(0, 9)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], _bend(draw, value[at]), *value[at + 1 :]]
    return draw(JUNK | st.just([value, value]) | st.just({"data": value}) | st.just(str(value)))


def survives(decode: Callable[[], Any], *also: type[Exception], slowest: float = _SLOWEST) -> Any:
    """Call a decoder: what comes is a value that can be shown, or an error of ours that can be read; soon.

    Parameters
    ----------
    decode
        The call.
    also
        What else it documents to raise.
    slowest
        Seconds of this thread's own time that it may take.

    Returns
    -------
    Any
        The value; None when it was refused.
    """
    began = time.thread_time()
    try:
        value = decode()
        _ = (str(value), repr(value))
    except (FlareError, *also) as error:  # type: ignore[misc]  # mypy cannot read such a tuple
        value, refusal = None, error
    else:
        refusal = None
    assert type(refusal) not in (UnicodeDecodeError, RecursionError), refusal
    words = str(refusal)
    assert len(words) <= _LONGEST, f"{len(words)} characters: {words[:200]!r}"
    assert all(c.isprintable() or c == "\n" for c in words), f"not fit for a terminal: {words[:300]!r}"
    assert time.thread_time() - began < slowest
    return value


def peak(decode: Callable[[], Any]) -> int:
    """The bytes of memory that a call needs at its height, whatever comes of it, if it is ours."""
    tracemalloc.start()
    try:
        survives(decode, slowest=10 * _SLOWEST)  # each allocation is written down meanwhile
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
