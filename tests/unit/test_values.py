"""Msgpack values: what can be trusted to be small is read as msgpack reads it, and nothing else."""

from __future__ import annotations

import tracemalloc
from typing import Any

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.errors import ProtocolError
from flare_widgets.wire.safe_msgpack import MAX_DEPTH, MAX_VALUES, unpack

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=300)
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40) | st.integers(0, 9), inner, max_size=20)
    ),
    max_leaves=40,
)


@given(VALUES)
def test_what_msgpack_writes_is_read_back(value: Any) -> None:
    assert unpack(msgpack.packb(value)) == value


@pytest.mark.parametrize("size", [15, 16, 31, 32, 255, 256, 65_535, 65_536])
def test_values_on_edges_of_their_forms(size: int) -> None:
    for value in ("x" * size, b"x" * size, [1] * size, {i: i for i in range(min(size, MAX_VALUES // 2))}):
        assert unpack(msgpack.packb(value)) == value


@given(VALUES, st.data())
def test_msgpack_refusals_match(value: Any, data: st.DataObject) -> None:
    good = msgpack.packb(value)
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 4)) :]
    try:
        read = unpack(bad)
    except ProtocolError as e:
        if "extension type 255" in str(e):  # a time, which msgpack reads
            return
        with pytest.raises((ValueError, TypeError, msgpack.UnpackException)):
            msgpack.unpackb(bad, strict_map_key=False, ext_hook=refuse)
    else:
        # repr: a damaged number may be none (NaN), which is unlike itself.
        assert repr(read) == repr(msgpack.unpackb(bad, strict_map_key=False, ext_hook=refuse))


def refuse(code: int, _data: bytes) -> Any:
    raise ValueError(code)


def test_limits() -> None:
    assert len(unpack(msgpack.packb([0] * MAX_VALUES))) == MAX_VALUES
    assert unpack(b"\x91" * MAX_DEPTH + b"\x01") is not None
    for data, says in (
        (msgpack.packb([0] * (MAX_VALUES + 1)), f"more than {MAX_VALUES} values"),
        (msgpack.packb([[0] * 50_000, [0] * 50_000]), f"more than {MAX_VALUES} values"),
        (b"\x91" * (MAX_DEPTH + 1) + b"\x01", f"more than {MAX_DEPTH} levels"),
        (b"\xd6\xff\x00\x00\x00\x01", "extension type 255"),  # a time
        (b"\xc1", "type 0xc1"),
        (b"", "ends within a value"),
        (b"\x01\x01", "1 bytes too many"),
    ):
        with pytest.raises(ProtocolError, match=says):
            unpack(data)
    with pytest.raises(ProtocolError, match="more than 3 values"):
        unpack(msgpack.packb({"a": 1, "b": 2}), max_values=3)


@pytest.mark.parametrize(
    "bomb",
    [
        (b"\xdd" + (99_000).to_bytes(4, "big")) * 120 + b"\x01" * 99_000,  # each list as long as it may be, in another
        b"\xdd\x00\x10\x00\x00" + b"\x90" * (1 << 20),  # a million empty lists
        b"\xdf\xff\xff\xff\xff" + b"\x80" * (1 << 20),
        b"\x91" * (1 << 20),
        b"\xc6\xff\xff\xff\xff" + bytes(1 << 20),
    ],
    ids=["lists announced", "empty lists", "a map", "depth", "a blob announced"],
)
def test_bomb_fills_no_memory(bomb: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ProtocolError):
            unpack(bomb)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_large_bytes_are_views_of_message() -> None:
    value = {"a": [bytes(1 << 20), b"small"], "b": b"x" * (3 << 20), 7: bytes((1 << 20) - 1)}
    message = msgpack.packb(value)
    found = unpack(message)
    assert found == value
    for view in (found["a"][0], found["b"]):
        assert isinstance(view, memoryview)
        assert view.obj is message
    assert type(found["a"][1]) is type(found[7]) is bytes


def test_extension_like_view_is_rejected() -> None:
    with pytest.raises(ProtocolError, match="extension type 1"):
        unpack(msgpack.packb([bytes(1 << 20), msgpack.ExtType(1, bytes(4))]))
