"""The features of a server, from its version and its answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kits
import pytest
from fakes import FakeConnection

from flare_widgets.api.transfer import download
from flare_widgets.errors import NoConnection
from flare_widgets.kit import StartupKit
from flare_widgets.wire import fobs
from flare_widgets.wire.cell import CellReply
from flare_widgets.wire.features import NEWEST, ServerFeatures, is_unknown_channel
from flare_widgets.wire.login import Registration
from flare_widgets.wire.transfers import RemoteFile, Upload

OLD_CLAIMS = {"n": "ada", "r": "lead", "o": "example", "s": "id"}
OLD = ServerFeatures.detect(Registration({}), OLD_CLAIMS)


def test_which_server_speaks_which() -> None:
    v29 = ServerFeatures.detect(Registration({}, 1, "2.9.0"), {**OLD_CLAIMS, "study": "default", "ce": 1})
    v28 = ServerFeatures.detect(Registration({}), {**OLD_CLAIMS, "study": "default"})
    assert v29 == NEWEST
    assert (v28.upload_key_prefix, v28.has_studies, v28.can_cancel_download, v28.fallback) == (
        "Streamer.",
        True,
        False,
        None,
    )
    assert (OLD.upload_key_prefix, OLD.has_studies, OLD.can_cancel_download) == ("FileStreamer.", False, False)
    assert OLD.download_service == NEWEST.download_service
    assert OLD.fallback is not None
    assert OLD.fallback.download_service == ("obj_downloader__", "obj_downloader__download")
    assert OLD.fallback.fallback is None


def test_future_version_uses_newest_dialect() -> None:
    assert ServerFeatures.detect(Registration({}, 7, "4.0.0"), {}) == NEWEST


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (CellReply("r", "stream_error", "Rx[SID:1] No callback is registered for a/b", None), True),
        (CellReply("r", "stream_error", "read timed out", None), False),
        (CellReply("r", "ok", "no callback is registered", None), False),
        (CellReply("r", "process_exception", "", None), False),
    ],
)
def test_nobody_serves(reply: CellReply, expected: bool) -> None:
    assert is_unknown_channel(reply) is expected


@pytest.mark.parametrize(("dialect", "prefix"), [(NEWEST, "Streamer."), (OLD, "FileStreamer.")])
def test_keys_of_upload(dialect: ServerFeatures, prefix: str) -> None:
    request = fobs.decode(fobs.encode(Upload("tx", "ada", "c", "job.zip", 3, dialect).part_request(0, b"abc", True)))
    assert {key for key in request if key != fobs.HEADERS} == {f"{prefix}{key}" for key in ("data", "size", "eof")}
    context = request[fobs.HEADERS]["ObjectStreamer.CTX"]
    assert context[f"{prefix}file_name"] == "job.zip"
    assert context["FileStreamer.file_size"] == 3  # whatever the version


FILES = [RemoteFile("a", "1"), RemoteFile("b", "2")]


def send_twice(request: dict[str, Any]) -> dict[str, Any]:
    """Answer for a file of two bytes."""
    received = request.get("state", {}).get("received_bytes", 0)
    return {"status": "ok", "data": b"x"} if received < 2 else {"status": "eof"}


def test_unserved_channel_falls_back_to_older(tmp_path: Path) -> None:
    link = FakeConnection(send_twice, OLD, ("obj_downloader__",))
    folder = download.download_files(link, FILES, "job", tmp_path, None)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {"a": b"xx", "b": b"xx"}
    topics = [topic for topic, _ in link.asked]
    assert topics == ["download_service__download", *["obj_downloader__download"] * 6]  # found out once


@pytest.mark.parametrize("dialect", [OLD, NEWEST])
def test_no_served_channel_raises_no_connection(dialect: ServerFeatures, tmp_path: Path) -> None:
    link = FakeConnection(send_twice, dialect, ())
    with pytest.raises(NoConnection, match="nobody there"):
        download.download_files(link, FILES, "job", tmp_path, None)
    assert len(link.asked) == (1 if dialect is NEWEST else 2)
    assert len(link.posted) == 1  # the server may forget the download
    assert not list(tmp_path.iterdir())


def test_custom_root_requires_one_way_tls(tmp_path: Path) -> None:
    kit = kits.write_kit(tmp_path / "kit")
    custom = kit / "startup" / "customRootCA.pem"
    custom.write_bytes(kits.authority("a company").pem)
    assert StartupKit.load(kit).custom_root_file is None
    kits.edit_admin(kit, connection_security="tls")
    assert StartupKit.load(kit).custom_root_file == custom
