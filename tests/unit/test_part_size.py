"""Sizes of the parts of an upload, by what was measured."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flare_widgets.api.transfer.part_size import (
    FIRST_PART_BYTES,
    MAX_GROWTH,
    MAX_PART_BYTES,
    MIN_PART_BYTES,
    cut_part,
    next_part_size,
)

KB, MB = 1 << 10, 1 << 20
SIZES = st.integers(MIN_PART_BYTES, MAX_PART_BYTES)


@pytest.mark.parametrize(
    ("sent", "seconds", "next_size"),
    [
        (256 * KB, 1.0, 256 * KB),  # as it should be
        (256 * KB, 0.5, 512 * KB),
        (256 * KB, 6.5, MIN_PART_BYTES),  # 40 kB/s
        (MB, 4.0, 256 * KB),
        (256 * KB, 0.002, 2 * MB),  # on this machine: not at once as large as may be
        (2 * MB, 0.01, MAX_PART_BYTES),
        (256 * KB, 0.0, 2 * MB),  # a clock that has not moved
        (6 * MB, 600.0, MIN_PART_BYTES),
    ],
)
def test_next_part_takes_about_a_second(sent: int, seconds: float, next_size: int) -> None:
    assert next_part_size(sent, seconds) == next_size


@given(SIZES, st.floats(0, 1e6))
def test_next_part_stays_within_bounds(sent: int, seconds: float) -> None:
    assert MIN_PART_BYTES <= next_part_size(sent, seconds) <= min(MAX_PART_BYTES, sent * MAX_GROWTH)


@given(st.integers(1, 20 * MB), SIZES)
def test_cut_parts_add_up_and_end_small(remaining: int, size: int) -> None:
    parts: list[int] = []
    while sum(parts) < remaining:
        parts.append(cut_part(remaining - sum(parts), size))
    assert sum(parts) == remaining
    assert 0 < min(parts) <= max(parts) <= size
    assert parts[-1] <= FIRST_PART_BYTES
    assert len(parts) <= remaining // size + 3
