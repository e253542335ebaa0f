"""Settings of the unit tests."""

from __future__ import annotations

from hypothesis import settings

# A busy machine is no reason to fail: time limits are pytest's business.
settings.register_profile("flare-widgets", deadline=None)
settings.load_profile("flare-widgets")
