"""Reading of files a server offers, a part at a time, over as many connections as needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import InternalError, NoConnection
from ...wire import transfers
from ...wire.connection import Connection, NoSuchService, ReplyTimeout
from .upload import PART_TIMEOUTS_S, ProgressReporter, notify_server

Offer = tuple[Connection, list[transfers.RemoteFile]]

_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a lost server is asked for a new offer


class RemoteFiles:
    """The files of an offer.

    Parameters
    ----------
    offer
        The connection to the server, and the files it offers there.
    reporter
        Its callback is called at least once a second while the server is awaited, and may cancel.
    renew_offer
        Called when the connection is lost, to get the same offer over a new one; without it the loss is final.
    """

    def __init__(self, offer: Offer, reporter: ProgressReporter, renew_offer: Callable[[], Offer] | None) -> None:
        self._reporter, self._renew_offer = reporter, renew_offer
        self.names = [remote.name for remote in offer[1]]
        self._retry_delays = iter(_RETRY_DELAYS_S)
        self._furthest = dict.fromkeys(self.names, 0)
        self._use_offer(*offer)

    def read(self, name: str, offset: int) -> transfers.DownloadChunk:
        """Return a part of a file that begins at any offset, or its end; the server decides its length.

        Raises
        ------
        NoConnection
            The connection was lost: :meth:`reconnect`.
        InternalError
            The server can no longer serve the file.
        TransferCancelled
            The callback cancelled.
        """
        request = transfers.download_request(self._references[name], offset)
        for patience in PART_TIMEOUTS_S:
            try:
                chunk = transfers.read_download_chunk(self._request(request, patience))
                break
            except ReplyTimeout as e:
                unanswered = e
        else:
            raise unanswered
        if offset + len(chunk.data) > self._furthest[name]:
            # It makes progress: a server lost later gets all retries again.
            self._furthest[name] = offset + len(chunk.data)
            self._retry_delays = iter(_RETRY_DELAYS_S)
        return chunk

    def reconnect(self, error: NoConnection) -> None:
        """Request the same offer again after the loss of the connection; if that is impossible, raise `error`."""
        if self._renew_offer is None or isinstance(error, NoSuchService):
            raise error
        for pause in self._retry_delays:
            self._reporter.sleep(pause)
            try:
                link, offer = self._renew_offer()
            except NoConnection:
                continue
            if sorted(remote.name for remote in offer) != sorted(self.names):
                raise InternalError(
                    "the server now offers other files than before", next_step="Start the download again"
                )
            return self._use_offer(link, offer)
        raise error

    def confirm(self, name: str, nonce: str) -> None:
        """Tell the server that the whole file has arrived."""
        self._notify(transfers.download_confirmation(self._references[name], nonce))

    def cancel(self, name: str) -> None:
        """Tell the server that no more of the file will be requested."""
        # Best effort: without it the server keeps the file ready until the session ends.
        reference = self._references[name]
        if self._features.can_cancel_download:
            self._notify(transfers.download_cancellation(reference))
        else:
            # An older server takes this for the end of the download.
            self._notify(transfers.download_request(reference, transfers.BEYOND_THE_END))

    def _use_offer(self, connection: Connection, offer: list[transfers.RemoteFile]) -> None:
        self._connection, self._features = connection, connection.features
        self._references = {remote.name: remote.reference for remote in offer}

    def _request(self, request: dict[str, Any], timeout: float) -> Any:
        while True:
            try:
                return self._reporter.wait(self._connection.stream(*self._features.download_service, request, timeout))
            except NoSuchService:
                if self._features.fallback is None:
                    raise
                self._features = self._features.fallback

    def _notify(self, message: dict[str, Any]) -> None:
        notify_server(self._connection, *self._features.download_service, message)
