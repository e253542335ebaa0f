"""No pattern over a stranger's text takes more time than in proportion to it: a log line must not stop the kernel."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from patterns import find_inline_calls, find_patterns, hard_texts

import flare_widgets

PACKAGE = Path(flare_widgets.__file__).parent
PATTERNS = find_patterns(flare_widgets)
SIZE = 20_000

#: Seconds for a text of `SIZE` characters. Linear ones take 1 to 60 ms, those that take its square a second and more.
MAX_COST_S = 0.25

#: A text five times as long may take this many times as long, if it takes long: of the square it would be 25.
MAX_GROWTH, NEGLIGIBLE_S = 12, 0.02


def cost(call: Callable[[str], Any], text: str) -> float:
    """The processor time that a call takes; the least of three if it seems long, since the machine may be busy."""
    least = 1e9
    for _ in range(3):
        began = time.thread_time()
        call(text)
        least = min(least, time.thread_time() - began)
        if least < NEGLIGIBLE_S:
            break
    return least


def uses(pattern: re.Pattern[str]) -> list[Callable[[str], Any]]:
    return [pattern.match, pattern.fullmatch, lambda text: list(pattern.finditer(text))]


def check_growth(pattern: re.Pattern[str], sizes: Sequence[int]) -> None:
    """Fail if some hard text takes too long, or one of five times its length far longer than five times that."""
    costs: dict[tuple[int, int], float] = {}
    for size in sizes:
        limit = MAX_COST_S * max(size, SIZE) / SIZE
        for number, text in enumerate(hard_texts(pattern, size)):
            for way, use in enumerate(uses(pattern)):
                seconds = cost(use, text)
                before = max(costs.get((number, way), 0.0), NEGLIGIBLE_S / MAX_GROWTH)
                assert seconds < limit, f"{seconds:.2f} s for {size} characters like {text[:80]!a}"
                assert seconds < max(NEGLIGIBLE_S, MAX_GROWTH * before), f"grows too fast with {text[:80]!a}"
                costs[number, way] = seconds


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_takes_linear_time(name: str) -> None:
    check_growth(PATTERNS[name], (SIZE // 25, SIZE // 5, SIZE, *([5 * SIZE] if os.environ.get("FULL") else [])))


@pytest.mark.parametrize(
    ("slow", "sizes"),
    [
        (r"a+b", (4000, 20_000)),
        (r"assigned task to client (.+): name=(.*), id=(\S+)$", (4000, 20_000)),
        (r"peer=([^,\s]+), peer_run=", (20_000, 100_000)),
        (r"\w+\(", (4000, 20_000)),
        (r'"(?:[^"\\]|\\.)*"', (4000, 20_000)),
        (r" *\+-", (4000, 20_000)),
        (r"(a|a)*b", (24,)),
    ],
)
def test_slow_pattern_is_found(slow: str, sizes: tuple[int, ...]) -> None:
    with pytest.raises(AssertionError):
        check_growth(re.compile(slow), sizes)


def test_most_patterns_are_found() -> None:
    assert len(PATTERNS) > 100


def test_no_pattern_hides_in_a_function() -> None:
    calls = [call for file in sorted(PACKAGE.rglob("*.py")) for call in find_inline_calls(file)]
    assert calls == []
