"""Settings of the tests of this folder."""

import hypothesis_profile  # noqa: F401
from scripted_fixtures import kit, own_federations_only, server, session  # noqa: F401
