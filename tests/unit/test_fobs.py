"""FOBS: what nvflare writes is read as plain data, what we write nvflare reads, and no bytes at all do harm."""

from __future__ import annotations

import struct
import sys
import uuid
from typing import Any

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from nvflare.apis.fl_constant import FLContextKey
from nvflare.apis.fl_context import FLContext
from nvflare.apis.shareable import Shareable
from nvflare.apis.utils.decomposers import flare_decomposers
from nvflare.fuel.utils.fobs import lobs

from flare_widgets.errors import ProtocolError
from flare_widgets.wire import fobs

flare_decomposers.register()

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.integers(0, 9), inner, max_size=4)
    ),
    max_leaves=12,
)


def section(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBQ", marker, 0, len(body)) + body


@given(PLAIN)
def test_what_is_written_is_read_back(value: Any) -> None:
    assert fobs.decode(fobs.encode(value)) == value


@given(PLAIN)
def test_nvflare_reads_plain_data_of_ours(value: Any) -> None:
    assert lobs.load_from_bytes(fobs.encode(value)) == value


@given(PLAIN)
def test_plain_data_of_nvflare_is_read(value: Any) -> None:
    assert fobs.decode(bytes(lobs.dump_to_bytes(value))) == value


@given(st.dictionaries(st.text(max_size=8), PLAIN, max_size=4), st.dictionaries(st.text(max_size=8), PLAIN, max_size=4))
def test_nvflare_reads_our_shareable(data: dict[str, Any], headers: dict[str, Any]) -> None:
    data.pop(fobs.HEADERS, None)
    theirs = lobs.load_from_bytes(fobs.encode(fobs.make_shareable(data, headers)))
    assert type(theirs) is Shareable
    assert {k: v for k, v in theirs.items() if k != fobs.HEADERS} == data
    assert theirs[fobs.HEADERS] == headers


def test_shareable_of_nvflare_is_data() -> None:
    theirs = Shareable({"cert": b"pem", "deep": {"list": [1, 2.5, None, "ü"]}})
    theirs.set_header("code", "OK")
    decoded = fobs.decode(bytes(lobs.dump_to_bytes(theirs)))
    assert decoded["cert"] == b"pem"
    assert decoded["deep"] == {"list": [1, 2.5, None, "ü"]}
    assert decoded[fobs.HEADERS]["code"] == "OK"


def test_nvflare_reads_our_context_of_request() -> None:
    request = fobs.make_shareable({}, headers={"__peer_ctx__": fobs.make_fl_context("ada")})
    context = lobs.load_from_bytes(fobs.encode(request)).get_header("__peer_ctx__")
    assert isinstance(context, FLContext)
    assert context.get_identity_name() == "ada"
    assert context.get_prop(FLContextKey.CURRENT_JOB_ID) is None


@pytest.mark.parametrize("large", ["x" * 3000, "ü" * 3000, b"\x00\xff" * 3000], ids=["text", "utf8", "bytes"])
def test_large_nvflare_section_values_are_decoded(large: str | bytes) -> None:
    value = {"small": 1, "large": large, "again": [large]}
    theirs = bytes(lobs.dump_to_bytes(value, max_value_size=1024))
    main = 10 + int.from_bytes(theirs[2:10], "big")
    assert main < 1024 < len(theirs)  # they were moved
    assert fobs.decode(theirs) == value


def test_no_class_is_loaded_by_name() -> None:
    hostile = {"__fobs_type__": "antigravity.Anything", "__fobs_data__": {"a": 1}, "__fobs_dc__": "antigravity.Dc"}
    assert fobs.decode(fobs.encode({"x": hostile})) == {"x": {"a": 1}}
    assert "antigravity" not in sys.modules


@given(st.binary(max_size=80))
@example(b"")
def test_any_bytes_decode_or_error(data: bytes) -> None:
    assert packed_or_refused(data)


@given(st.lists(st.tuples(st.sampled_from([100, 101, 102, 103, 0, 104]), st.binary(max_size=40)), max_size=4))
def test_any_sections_decode_or_error(sections: list[tuple[int, bytes]]) -> None:
    assert packed_or_refused(b"".join(section(*s) for s in sections))


@given(PLAIN, st.data())
def test_damaged_value_decodes_or_errors(value: Any, data: st.DataObject) -> None:
    good = fobs.encode(fobs.make_shareable({"value": value}))
    at = data.draw(st.integers(0, len(good) - 1))
    assert packed_or_refused(good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 4)) :])


def reference(to: Any, data: Any = None) -> bytes:
    """A reference to a section, as nvflare 2.9 writes it, or with other data."""
    ref = {
        "__fobs_type__": "nvflare.fuel.utils.fobs.datum.DatumRef",
        "__fobs_data__": {"data": {"datum_id": to, "unwrap": True}} if data is None else data,
        "__fobs_dc__": "nvflare.fuel.utils.fobs.decomposer.DataClassDecomposer",
    }
    return section(100, msgpack.packb(ref))


def nested(levels: int) -> bytes:
    return section(100, b"\x91" * levels + b"\x01")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no bytes"),
        (b"\x64\x00", "shorter than its header"),
        (struct.pack(">BBQ", 100, 0, 2**63), "a section says it has"),
        (section(102, b"x" * 20), "first section"),
        (section(100, b"\x01") + section(102, b"x" * 15), "marker 102 and 15 bytes"),
        (section(100, b"\x01") + section(100, b"\x01"), "marker 100"),
        (section(100, b"\xc1"), "not msgpack"),
        (section(100, b"\x01") + section(101, bytes(16) + b"\xff"), "not UTF-8"),
        (reference(str(uuid.UUID(int=1))), "a section that is not there"),
        (reference(None), "a section that is not there"),
        (reference([[[1]]]), "a section that is not there"),
        (reference(0, {"data": 5}), "a section that is not there"),
        (reference(0, {}), "a section that is not there"),
        (nested(66), "more than 64 levels"),
        (nested(100_000), "not msgpack"),
    ],
)
def test_what_is_wrong_is_said(data: bytes, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        fobs.decode(data)


def test_sixty_four_levels_are_read() -> None:
    value: Any = 1
    for _ in range(64):
        value = [value]
    assert fobs.decode(nested(64)) == value


def test_reference_to_section_is_content() -> None:
    ref = uuid.UUID(int=7)
    assert fobs.decode(reference(str(ref)) + section(102, ref.bytes + b"content")) == b"content"
    assert fobs.decode(reference(str(ref)) + section(101, ref.bytes + "tëxt".encode())) == "tëxt"


def packed_or_refused(data: bytes) -> bytes:
    """The plain data in `data`, packed (what is not plain cannot be), or a word when it is refused as it should."""
    try:
        packed: bytes = msgpack.packb(fobs.decode(data))
    except ProtocolError:
        return b"refused"
    return packed


def test_pieces_are_one_value() -> None:
    pieces: list[bytes | memoryview] = [b"a" * 70_000, memoryview(b"xbcx")[1:3], b""]
    value = fobs.make_shareable({"data": fobs.Pieces(pieces), "size": 70_002}, {"deep": {"er": [1, "x"]}})
    plain = fobs.make_shareable({"data": b"a" * 70_000 + b"bc", "size": 70_002}, {"deep": {"er": [1, "x"]}})
    assert fobs.encode(value) == fobs.encode(plain)
    assert any(piece is pieces[0] for piece in fobs.encode_pieces(value))  # without a copy
