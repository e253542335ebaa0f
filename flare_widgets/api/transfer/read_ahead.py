"""Makes the next part of an upload while the last one is under way, in a thread of its own."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

BLOCK_BYTES = 256 << 10
MAX_BLOCKS_AHEAD = 4
"""Blocks that are ready before they are asked for; one more is being made. Their bytes are in memory."""

_WAIT_S = 1.0


class ReadAhead:
    """Reader of bytes that are made piece by piece in another thread, which ends with the block.

    Parameters
    ----------
    pieces
        The bytes; empty ones are left out.
    tick
        Called about once a second while bytes are awaited; an exception from it ends the waiting.
    """

    def __init__(self, pieces: Generator[bytes, None, None], tick: Callable[[], None]) -> None:
        self._pieces, self._tick = pieces, tick
        self._blocks: queue.Queue[bytes | BaseException] = queue.Queue(MAX_BLOCKS_AHEAD)
        self._rest = memoryview(b"")
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run, name="flare-pack", daemon=True)

    def __enter__(self) -> ReadAhead:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._is_stopped = True
        while self._thread.is_alive():
            with contextlib.suppress(queue.Empty):  # it waits for room
                self._blocks.get_nowait()
            self._thread.join(0.01)
        self._rest.release()

    def take(self, size: int) -> list[memoryview]:
        """Return the next bytes, in pieces that are not copied; an error of their maker is raised here."""
        taken = []
        while size:
            if not self._rest:
                self._rest = memoryview(self._next_block())
            piece = self._rest[:size]
            self._rest = self._rest[size:]
            taken.append(piece)
            size -= len(piece)
        return taken

    def _next_block(self) -> bytes:
        while True:
            try:
                block = self._blocks.get(timeout=_WAIT_S)
            except queue.Empty:
                self._tick()
                continue
            if isinstance(block, BaseException):
                raise block
            return block

    def _run(self) -> None:
        try:
            for block in self._join():
                self._blocks.put(block)
        except BaseException as e:
            self._blocks.put(e)

    def _join(self) -> Iterator[bytes]:
        """Yield all pieces as blocks, few of which are small; stop early if nobody reads them any more."""
        block = bytearray()
        with contextlib.closing(self._pieces):
            for piece in self._pieces:
                if self._is_stopped:
                    return
                if not block and len(piece) >= BLOCK_BYTES:
                    yield piece
                    continue
                block += piece
                if len(block) >= BLOCK_BYTES:
                    yield bytes(block)
                    block.clear()
        if block:
            yield bytes(block)
