"""Reading of files a server offers, a part at a time, over as many connections as needed."""

from __future__ import annotations

import collections
import concurrent.futures
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from ...errors import InternalError, NoConnection
from ...wire import loop, transfers
from ...wire.connection import Connection
from ...wire.errors import NoSuchService, ReplyTimeout
from .progress import PART_TIMEOUTS_S, ProgressReporter, notify_server

Offer = tuple[Connection, list[transfers.RemoteFile]]

_RETRY_DELAYS_S = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before a lost server is asked for a new offer

USUAL_PART_BYTES = 5 << 20
"""Bytes of a part, unless the server is configured otherwise."""

MAX_PARTS_AHEAD = 2
"""Parts under way at a time: the server makes one while the other comes. Their bytes are in memory."""

QUICK_PART_S = 1.0
"""Seconds that a part may take if two are to be under way: on a slower line they would only delay each other."""


@dataclass(frozen=True)
class _Asked:
    """A part that has been asked for."""

    offset: int
    asked_at: float
    answer: concurrent.futures.Future[transfers.DownloadChunk]


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
        self._first: tuple[str, _Asked] | None = None  # the first part of the next file, asked for while one ends
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
        return self._note_progress(name, offset, self._reporter.wait(self._ask(name, offset)))

    def read_on(
        self, name: str, offset: int, then: str | None = None
    ) -> Generator[transfers.DownloadChunk, None, None]:
        """Yield the parts of a file from an offset on, the last of them its end; errors as in :meth:`read`.

        When a part is yielded the next one has been asked for, so that it comes while this one is written. On a quick
        line one more is asked for when that has been done, so that the server is never idle. Near the end of the file
        the first part of the file that is read after it, from its beginning, is asked for too, if one is named.
        """
        asked: collections.deque[_Asked] = collections.deque()

        def ask_ahead(count: int) -> None:
            while len(asked) < count:
                asked.append(self._start_asking(name, offset + len(asked) * size))

        usual_size = USUAL_PART_BYTES
        try:
            while True:
                request = asked.popleft() if asked else self._take_first(name, offset)
                part = self._note_progress(name, offset, self._reporter.wait_for(request.answer))
                took = time.monotonic() - request.asked_at
                size = len(part.data)
                if asked and (part.is_last or asked[0].offset != offset + size):
                    self._settle(asked)
                    if part.is_last:
                        continue  # for the end once more: the server goes by what it has answered last
                offset += size
                # One that is not of the usual size is probably the last.
                wanted = 0 if part.is_last else self._count_parts_ahead(took) if size == usual_size else 1
                ask_ahead(min(wanted, 1))
                if then is not None and size != usual_size and self._first is None:
                    self._first = then, self._start_asking(then, 0)
                usual_size = size
                is_last = part.is_last
                yield part
                if is_last:
                    return
                del part, request  # their bytes, before more come
                ask_ahead(wanted)
        finally:
            for request in asked:
                request.answer.cancel()

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
        """Tell the server that no more of the file will be requested, nor of the one after it."""
        names = [name]
        if self._first is not None:
            names.append(self._first[0])
            self._first[1].answer.cancel()
        for each in names:
            # Best effort: without it the server keeps the file ready until the session ends.
            reference = self._references[each]
            if self._features.can_cancel_download:
                self._notify(transfers.download_cancellation(reference))
            else:
                # An older server takes this for the end of the download.
                self._notify(transfers.download_request(reference, transfers.BEYOND_THE_END))

    def _use_offer(self, connection: Connection, offer: list[transfers.RemoteFile]) -> None:
        self._connection, self._features, self._first = connection, connection.features, None
        self._references = {remote.name: remote.reference for remote in offer}

    def _take_first(self, name: str, offset: int) -> _Asked:
        """Return the request for a part, which has perhaps been sent already."""
        first, self._first = self._first, None
        if first is not None and first[0] == name and offset == 0:
            return first[1]
        if first is not None:
            first[1].answer.cancel()
        return self._start_asking(name, offset)

    def _start_asking(self, name: str, offset: int) -> _Asked:
        return _Asked(offset, time.monotonic(), loop.start(self._ask(name, offset)))

    def _count_parts_ahead(self, seconds: float) -> int:
        """Return the number of parts to have under way after one that took some seconds."""
        # To a server that awaits no confirmation the end of a file, once asked for, means that all of it has arrived.
        can_ask_beyond_end = self._features.can_cancel_download
        return MAX_PARTS_AHEAD if seconds <= QUICK_PART_S and can_ask_beyond_end else 1

    def _settle(self, asked: collections.deque[_Asked]) -> None:
        """Wait for answers that are not needed."""
        while asked:
            self._reporter.wait_until_done(asked.popleft().answer)

    def _note_progress(self, name: str, offset: int, part: transfers.DownloadChunk) -> transfers.DownloadChunk:
        if offset + len(part.data) > self._furthest[name]:
            # It makes progress: a server lost later gets all retries again.
            self._furthest[name] = offset + len(part.data)
            self._retry_delays = iter(_RETRY_DELAYS_S)
        return part

    async def _ask(self, name: str, offset: int) -> transfers.DownloadChunk:
        """Ask for a part; on the I/O thread."""
        request = transfers.download_request(self._references[name], offset)
        for patience in PART_TIMEOUTS_S:
            try:
                return transfers.read_download_chunk(await self._request(request, patience))
            except ReplyTimeout as e:
                unanswered = e
        raise unanswered

    async def _request(self, request: dict[str, Any], timeout: float) -> Any:
        while True:
            features = self._features
            try:
                return await self._connection.stream(*features.download_service, request, timeout)
            except NoSuchService:
                if features.fallback is None:
                    raise
                self._features = features.fallback

    def _notify(self, message: dict[str, Any]) -> None:
        notify_server(self._connection, *self._features.download_service, message)
