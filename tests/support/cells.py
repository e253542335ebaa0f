"""What a cell wants to send."""

from __future__ import annotations

from functools import partial

from flare_widgets.wire.cell import Cell


def take_frames(cell: Cell) -> list[bytes]:
    """Return all frames that a cell has queued."""
    return list(iter(partial(cell.take_frame, of_long_stream=True), None))
