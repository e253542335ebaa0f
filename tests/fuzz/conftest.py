"""Settings of the tests of this folder."""

import hypothesis_profile  # noqa: F401
