"""One real federation for all tests of this folder that do not need one of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flare_widgets.federation import LocalFederation


@pytest.fixture(scope="session")
def federation() -> Iterator[LocalFederation]:
    """A server and two sites."""
    with LocalFederation(2) as federation:
        yield federation
