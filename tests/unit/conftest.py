"""Settings of the tests of this folder, and what many of them begin with."""

from __future__ import annotations

from typing import Any

import comm
import hypothesis_profile  # noqa: F401
import pytest
from recording import RecordingComm, record, record_renewals
from scripted_fixtures import kit, own_federations_only, server, session  # noqa: F401


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have views send into the void."""
    monkeypatch.setattr(comm, "create_comm", RecordingComm)


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Static forms that replaced the outputs of views, which send into the void."""
    left: list[Any] = record(monkeypatch)
    return left


@pytest.fixture
def renewed(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Static forms beside live views, which send into the void, in the order of their renewals."""
    forms: list[Any] = record_renewals(monkeypatch)
    return forms
