"""Decide how large the parts of an upload are. Pure.

Each part is answered before the next one is sent. So on a quick line to a distant server large parts save round trips;
on a slow one small parts show that the upload proceeds, and let signs of life through between them.
"""

from __future__ import annotations

PART_DURATION_S = 1.0
"""Seconds that sending a part and its answer should take."""

FIRST_PART_BYTES = 256 << 10
"""Bytes of the first part, before anything is measured: at 40 kB/s some 7 s, before the server is held to be silent."""

MIN_PART_BYTES = 64 << 10
MAX_PART_BYTES = 6 << 20
"""Bytes of the largest part, which is in memory once while it is sent."""

MAX_GROWTH = 8
"""Ratio of a part to the one before: a line may let a small part through in a burst, and be slow all the same."""


def next_part_size(sent_bytes: int, seconds: float) -> int:
    """Return the size in bytes of the next part, of which the last one took some seconds until its answer."""
    wanted = sent_bytes * PART_DURATION_S / max(seconds, 0.001)
    return int(max(MIN_PART_BYTES, min(wanted, sent_bytes * MAX_GROWTH, MAX_PART_BYTES)))


def cut_part(remaining_bytes: int, part_size: int) -> int:
    """Return the number of bytes to send next of those that remain.

    The last part is small, since the job's fate is unknown while its answer is awaited.
    """
    last = min(part_size, FIRST_PART_BYTES)
    return remaining_bytes if remaining_bytes <= last else min(part_size, remaining_bytes - last)
