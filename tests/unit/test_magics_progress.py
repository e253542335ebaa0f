"""What is said while a transfer takes its time."""

from __future__ import annotations

import pytest

from flare_widgets.magics.progress import Progress, transfer


def test_a_transfer_says_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(Progress, "_show", lambda self, text: said.append(text))
    monkeypatch.setattr("flare_widgets.magics.progress._INTERVAL", 0.0)
    tell = transfer(Progress(patience=0), "sending")
    for step in [(0, 0), (0, 2_000_000), (1_500_000, 2_000_000), (1_500, 0)]:
        assert tell(*step) is not False  # which would cancel it
    assert said == ["preparing", "sending 0 B of 2.0 MB", "sending 1.5 MB of 2.0 MB", "sending 1.5 kB"]
