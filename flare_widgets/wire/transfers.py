"""File transfers, one step at a time: the requests of an upload and of a download, and their answers.

Pure functions; the caller does the file I/O and decides about retries. Source: ``private/stream_runner.py``,
``app_common/streamers`` and ``fuel/f3/streaming/download_service.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..errors import InternalError, ProtocolError
from ..formatting.text import sanitize_lines
from . import fobs, hci
from .features import NEWEST, ServerFeatures

UPLOAD_CHANNEL, UPLOAD_TOPIC, ABORT_TOPIC = "aux_communication", "ObjectStreamer.Request", "ObjectStreamer.Abort"

BEYOND_THE_END = 1 << 60
"""Number of received bytes that is more than any file has."""

_PREFIX = "ObjectStreamer."


@dataclass(frozen=True)
class Upload:
    """One upload of a file as part of a command.

    The server appends what arrives to a file, checking no sequence number except the first: a part sent twice would be
    in the file twice, and one that overtakes another would be before it. So each part is answered before the next is
    sent, and none is repeated; after a loss the upload starts over, as another one. A part may have any size. The
    command runs only when the last one has arrived, so nothing can be damaged before that.

    Attributes
    ----------
    transaction_id
        Its id, a UUID.
    sender
        The user's name: the server rejects requests that do not name their sender.
    command
        The HCI JSON of the command the file belongs to.
    name, size
        The file.
    features
        Protocol features of the server, which determine the keys of a request.
    """

    transaction_id: str
    sender: str
    command: str
    name: str
    size: int
    features: ServerFeatures = NEWEST

    def part_request(self, sequence: int, data: bytes | fobs.Pieces, is_last: bool) -> dict[str, Any]:
        """Return the payload that carries part number `sequence`."""
        prefix = self.features.upload_key_prefix
        headers: dict[str, Any] = {
            f"{_PREFIX}CHANNEL": "hci.upload",
            f"{_PREFIX}TOPIC": "folder",
            f"{_PREFIX}TX_ID": self.transaction_id,
            f"{_PREFIX}SEQ": sequence,
            "__topic__": UPLOAD_TOPIC,
            "__peer_props__": {"__identity_name__": self.sender},
        }
        if sequence == 0:
            headers[f"{_PREFIX}CTX"] = {
                "conn_data": self.command,
                f"{prefix}file_name": self.name,
                "FileStreamer.file_size": self.size,
                "__topic__": "folder",
                "__channel__": "hci.upload",
            }
        body = {f"{prefix}data": data, f"{prefix}size": len(data), f"{prefix}eof": is_last}
        return fobs.make_shareable(body, headers)

    def abort_request(self) -> dict[str, Any]:
        """Return the payload that tells the server that nothing more follows, so that it closes its file.

        It then tries the command on the incomplete zip, whose end is missing, and rejects it.
        """
        headers = {
            f"{_PREFIX}TX_ID": self.transaction_id,
            "__rc__": "TASK_ABORTED",
            "__topic__": ABORT_TOPIC,
            "__peer_props__": {"__identity_name__": self.sender},
        }
        return fobs.make_shareable({}, headers)


def read_upload_reply(value: Any) -> hci.CommandReply | None:
    """Return the command's reply if the answer to a part carries it, None if the server wants more.

    Raises
    ------
    InternalError
        The server rejected the part.
    """
    headers = value.get(fobs.HEADERS) if isinstance(value, dict) else None
    if not isinstance(headers, dict):
        raise ProtocolError("the answer to an upload has no headers")
    code = headers.get("__rc__", "OK")
    if code != "OK":
        raise InternalError(f"the server refused the upload: {sanitize_lines(code, 200)}")
    result = headers.get(f"{_PREFIX}END_RESULT")
    return None if result is None else hci.decode(result)


@dataclass(frozen=True)
class RemoteFile:
    """A file the server offers for download: its name (untrusted text) and the reference to request it with."""

    name: str
    reference: str


def read_file_list(meta: dict[str, Any]) -> list[RemoteFile]:
    """Return the files that the reply to a download command offers.

    Raises
    ------
    ProtocolError
        The reply has no list of files.
    """
    files = meta.get("files")
    if not isinstance(files, list):
        raise ProtocolError("the server offers no files")
    offer = []
    for entry in files:
        if not (isinstance(entry, list) and len(entry) >= 2 and all(isinstance(e, str) for e in entry[:2])):
            raise ProtocolError("the server offers a file without name or reference")
        offer.append(RemoteFile(entry[0], entry[1]))
    return offer


@dataclass(frozen=True)
class DownloadChunk:
    """The answer to one request of a download: some bytes, or the end."""

    data: bytes | memoryview
    is_last: bool
    nonce: str | None = None
    """Value that a confirmation must repeat; None when the server (before 2.9) expects none."""


def download_request(reference: str, received_bytes: int) -> dict[str, Any]:
    """Return the payload that requests what follows the first `received_bytes`; asking twice is safe."""
    request: dict[str, Any] = {"ref_id": reference, "confirm_capable": True}
    if received_bytes:
        request["state"] = {"received_bytes": received_bytes}
    return request


def read_download_chunk(value: Any) -> DownloadChunk:
    """Return the content of the answer to a download request.

    Raises
    ------
    InternalError
        The server can no longer serve the file.
    """
    if not isinstance(value, dict):
        raise ProtocolError("the answer to a download request is not a map")
    status, data = value.get("status"), value.get("data")
    if status == "ok" and isinstance(data, (bytes, memoryview)) and data:
        return DownloadChunk(data, is_last=False)
    if status == "eof":
        nonce = value.get("confirm_nonce")
        return DownloadChunk(
            b"", is_last=True, nonce=nonce if value.get("confirm_expected") and isinstance(nonce, str) else None
        )
    raise InternalError(
        f"the server stopped the download: {sanitize_lines(status, 100)}", next_step="Start the download again"
    )


def download_confirmation(reference: str, nonce: str) -> dict[str, Any]:
    """Return the payload that confirms to the server that the whole file has arrived."""
    return {"ref_id": reference, "confirm": "success", "confirm_nonce": nonce}


def download_cancellation(reference: str) -> dict[str, Any]:
    """Return the payload that tells the server that this file will not be requested again."""
    return {"ref_id": reference, "cancel": True}
