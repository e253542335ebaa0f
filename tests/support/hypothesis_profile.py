"""Settings of Hypothesis, for all tests that use it."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail: time limits are pytest's business. The same examples in every run, so that
# what fails is what was changed; to look for others: pytest --hypothesis-profile=default.
settings.register_profile("flare-widgets", deadline=None, derandomize=True, database=None)
settings.load_profile("flare-widgets")
