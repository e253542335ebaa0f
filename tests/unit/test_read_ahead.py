"""Reading bytes that another thread makes ahead."""

from __future__ import annotations

import threading
from collections.abc import Generator
from typing import Any

import pytest
from waiting import wait_until

from flare_widgets.api.transfer.read_ahead import BLOCK_BYTES, MAX_BLOCKS_AHEAD, ReadAhead


class Maker:
    """Makes blocks, and counts them."""

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.made, self.is_closed = 0, False
        self._count, self._error = count, error

    def __iter__(self) -> Generator[bytes, None, None]:
        try:
            for number in range(self._count):
                self.made += 1
                yield bytes([number]) * BLOCK_BYTES
            if self._error is not None:
                raise self._error
        finally:
            self.is_closed = True


def generate(*pieces: bytes) -> Generator[bytes, None, None]:
    yield from pieces


def no_tick() -> None:
    pass


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_bytes_come_in_order_whatever_is_taken(size: int) -> None:
    content = bytes(range(100))
    with ReadAhead(generate(content[:1], b"", content[1:40], content[40:]), no_tick) as reader:
        taken = [reader.take(min(size, 100 - start)) for start in range(0, 100, size)]
    assert b"".join(piece for pieces in taken for piece in pieces) == content


def test_few_blocks_are_made_ahead() -> None:
    maker = Maker(50)
    with ReadAhead(iter(maker), no_tick) as reader:
        for taken in range(1, 20):
            reader.take(BLOCK_BYTES)
            wait_until(lambda: maker.made >= taken + MAX_BLOCKS_AHEAD)  # noqa: B023 - waits for this one
            assert maker.made <= taken + MAX_BLOCKS_AHEAD + 1
    assert maker.is_closed
    assert not [thread for thread in threading.enumerate() if thread.name == "flare-pack"]


def test_pieces_are_not_copied() -> None:
    block = bytes(BLOCK_BYTES)
    with ReadAhead(generate(block), no_tick) as reader:
        (piece,) = reader.take(BLOCK_BYTES)
    assert piece.obj is block


def test_error_of_maker_is_raised_in_its_turn() -> None:
    maker = Maker(1, ValueError("unreadable"))
    with ReadAhead(iter(maker), no_tick) as reader:
        reader.take(BLOCK_BYTES)
        with pytest.raises(ValueError, match="unreadable"):
            reader.take(1)


def test_waiting_ticks_and_can_be_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flare_widgets.api.transfer.read_ahead._WAIT_S", 0.01)
    release = threading.Event()
    ticks: list[Any] = []

    def wait() -> Generator[bytes, None, None]:
        release.wait(10)
        yield b"x"

    def tick() -> None:
        ticks.append(1)
        if len(ticks) == 3:
            release.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), ReadAhead(wait(), tick) as reader:
        reader.take(1)
    assert len(ticks) == 3
