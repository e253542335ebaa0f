"""Frames that get lost between us and a real server."""

from __future__ import annotations

import pytest

from flare_widgets.api import connect
from flare_widgets.federation import LocalFederation
from flare_widgets.kit import StartupKit
from flare_widgets.wire import frames, transports
from flare_widgets.wire.transports import Transport


class Dropping:
    """A transport that loses the first message. FLARE 2.9's server does that when it comes too soon after READY."""

    def __init__(self, real: Transport) -> None:
        self._real = real
        self.dropped = 0

    async def send(self, frame: bytes) -> None:
        if frames.decode(frame).type is frames.FrameType.DATA and not self.dropped:
            self.dropped += 1
            return
        await self._real.send(frame)

    async def receive(self) -> bytes:
        return await self._real.receive()

    async def close(self) -> None:
        await self._real.close()


def test_lost_challenge_is_resent(federation: LocalFederation, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Dropping] = []
    real_connect = transports.connect

    async def lossy(kit: StartupKit) -> Transport:
        opened.append(Dropping(await real_connect(kit)))
        return opened[-1]

    monkeypatch.setattr(transports, "connect", lossy)
    with connect(federation.admin_kit, timeout=5) as session:
        assert len(session.get_system_info().client_info) == 2
    assert [transport.dropped for transport in opened] == [1]
