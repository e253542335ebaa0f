"""Settings of Hypothesis, for all tests that use it."""

from __future__ import annotations

import os

from hypothesis import settings

#: A third of the examples does for each change; FULL=1 runs them all.
_SHARE = 1 if os.environ.get("FULL") else 3


def examples(number: int) -> int:
    """Return how many of `number` examples to run."""
    return max(number // _SHARE, 25)


# A busy machine is no reason to fail: time limits are pytest's business. The same examples in every run, so that
# what fails is what was changed; to look for others: pytest --hypothesis-profile=default.
settings.register_profile("flare-widgets", deadline=None, derandomize=True, database=None, max_examples=examples(100))
settings.load_profile("flare-widgets")
