"""Uploads and downloads, one step at a time: the requests, and what servers answer to them."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.errors import InternalError, ProtocolError
from flare_widgets.wire import fobs, hci, transfers
from flare_widgets.wire.transfers import DownloadChunk, RemoteFile, Upload

OK = {fobs.HEADERS: {"__rc__": "OK"}}
Refusal = ProtocolError | InternalError
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


def some(keys: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    return ANYTHING | st.fixed_dictionaries({}, optional=keys)


def test_first_part_describes_upload() -> None:
    upload = Upload("tx", "ada", "the command", "job.zip", 5)
    assert fobs.decode(fobs.encode(upload.part_request(0, b"hello", True))) == {
        "Streamer.data": b"hello",
        "Streamer.size": 5,
        "Streamer.eof": True,
        fobs.HEADERS: {
            "ObjectStreamer.CHANNEL": "hci.upload",
            "ObjectStreamer.TOPIC": "folder",
            "ObjectStreamer.TX_ID": "tx",
            "ObjectStreamer.SEQ": 0,
            "__topic__": "ObjectStreamer.Request",
            "__peer_props__": {"__identity_name__": "ada"},
            "ObjectStreamer.CTX": {
                "conn_data": "the command",
                "Streamer.file_name": "job.zip",
                "FileStreamer.file_size": 5,
                "__topic__": "folder",
                "__channel__": "hci.upload",
            },
        },
    }


@pytest.mark.parametrize("is_last", [False, True])
def test_later_part_says_if_it_is_last(is_last: bool) -> None:
    upload = Upload("tx", "ada", "c", "job.zip", 5)
    later = fobs.decode(fobs.encode(upload.part_request(1, bytes(1 << 20), is_last)))
    assert later["Streamer.eof"] is is_last
    assert "ObjectStreamer.CTX" not in later[fobs.HEADERS]


def test_what_server_answers_to_part() -> None:
    assert transfers.read_upload_reply(OK) is None
    reply = json.dumps({"data": [{"type": "success", "data": ""}], "meta": {"job_id": "j"}})
    done = transfers.read_upload_reply({fobs.HEADERS: {"__rc__": "OK", "ObjectStreamer.END_RESULT": reply}})
    assert done is not None
    assert done.meta == {"job_id": "j"}


def test_refused_part() -> None:
    with pytest.raises(InternalError, match="refused the upload: MISSING_PEER_CONTEXT"):
        transfers.read_upload_reply({fobs.HEADERS: {"__rc__": "MISSING_PEER_CONTEXT"}})


@given(some({fobs.HEADERS: some({"__rc__": st.just("OK") | ANYTHING, "ObjectStreamer.END_RESULT": ANYTHING})}))
def test_any_part_answer_read_or_refused(value: Any) -> None:
    assert isinstance(outcome(lambda: transfers.read_upload_reply(value)), hci.CommandReply | None | Refusal)


def test_offer_of_files() -> None:
    meta = {"files": [["meta.json", "r1"], ["job.zip", "r2", "more"]], "tx_id": "t"}
    assert transfers.read_file_list(meta) == [RemoteFile("meta.json", "r1"), RemoteFile("job.zip", "r2")]


@pytest.mark.parametrize(
    "meta", [{}, {"files": None}, {"files": "x"}, {"files": ["x"]}, {"files": [["a"]]}, {"files": [["a", 1]]}]
)
def test_offer_that_makes_no_sense(meta: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="the server offers"):
        transfers.read_file_list(meta)


def test_what_is_asked_for() -> None:
    assert transfers.download_request("r", 0) == {"ref_id": "r", "confirm_capable": True}
    assert transfers.download_request("r", 9)["state"] == {"received_bytes": 9}


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ({"status": "ok", "data": b"x"}, DownloadChunk(b"x", is_last=False)),
        ({"status": "eof"}, DownloadChunk(b"", is_last=True)),
        ({"status": "eof", "confirm_nonce": "n"}, DownloadChunk(b"", is_last=True)),
        (
            {"status": "eof", "confirm_expected": True, "confirm_nonce": "n"},
            DownloadChunk(b"", is_last=True, nonce="n"),
        ),
        ({"status": "eof", "confirm_expected": True, "confirm_nonce": 5}, DownloadChunk(b"", is_last=True)),
    ],
)
def test_what_server_sends(value: Any, part: DownloadChunk) -> None:
    assert transfers.read_download_chunk(value) == part


@pytest.mark.parametrize(
    "value", [{"status": "error"}, {"status": "ok"}, {"status": "ok", "data": b""}, {"status": "ok", "data": "x"}, {}]
)
def test_what_server_cannot_serve(value: Any) -> None:
    with pytest.raises(InternalError, match=r"stopped the download.*Start the download again"):
        transfers.read_download_chunk(value)


@given(some({"status": st.sampled_from(["ok", "eof"]) | ANYTHING, "data": ANYTHING, "confirm_expected": ANYTHING}))
def test_any_part_is_read_or_refused(value: Any) -> None:
    assert isinstance(outcome(lambda: transfers.read_download_chunk(value)), DownloadChunk | Refusal)


@given(some({"files": ANYTHING | st.lists(st.lists(st.text(max_size=3), max_size=3), max_size=3)}))
def test_any_offer_is_read_or_refused(meta: Any) -> None:
    assert isinstance(outcome(lambda: transfers.read_file_list(meta if isinstance(meta, dict) else {})), list | Refusal)


def outcome(read: Callable[[], Any]) -> Any:
    """Return the value read, or the error if it is one that may be raised."""
    try:
        return read()
    except (ProtocolError, InternalError) as error:
        return error


def test_upload_is_given_up_by_name() -> None:
    upload = Upload("tx", "ada", "c", "job.zip", 5)
    assert fobs.decode(fobs.encode(upload.abort_request())) == {
        fobs.HEADERS: {
            "ObjectStreamer.TX_ID": "tx",
            "__rc__": "TASK_ABORTED",
            "__topic__": "ObjectStreamer.Abort",
            "__peer_props__": {"__identity_name__": "ada"},
        }
    }
