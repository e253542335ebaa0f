"""Waiting for what was restarted or shut down: until it is so, or until time is up. For real: the integration tests."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from test_methods import OurSession, reply

from flare_widgets.api import AsyncSession, AuthorizationError, InternalError, NoConnection
from flare_widgets.api.commands import Command
from flare_widgets.wire import hci

Look = dict[str, Any]


def info(started: float = 1.0, **sites: int) -> Look:
    """Return the answer of a server started then, with sites by their registration, each seen all along."""
    names = [name.replace("_", "-") for name in sites]
    table = [["CLIENT", "FQCN", "TOKEN"], *([n, n, str(t)] for n, t in zip(names, sites.values(), strict=True))]
    clients = [{"client_name": name, "client_last_conn_time": time.time()} for name in names]
    return reply(
        {"type": "table", "rows": [["JOB_ID", "APP NAME"]]},
        {"type": "table", "rows": table},
        server_status="ok",
        server_start_time=started,
        clients=clients,
    )


SAME = info(site_1=5, site_2=5)


class Sender:
    """Has the kit with its key until it is closed."""

    kit: str | None = "the kit, with its key"

    def close(self) -> None:
        self.kit = None


class Watched(OurSession):
    """A session that sees, one look after the other, what it is told; the last for ever."""

    def __init__(self, *looks: Look | Exception) -> None:
        super().__init__(SAME)
        self.looks = list(looks)
        self._sender: Any = Sender()

    @property
    def left(self) -> bool:
        return self.kit is None

    async def _query_server(self, kit: Any, command: Command[Any]) -> Any:
        assert kit == "the kit, with its key"
        seen = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(seen, Exception):
            raise seen
        return command.parse_reply(hci.decode(json.dumps(seen)))


class WatchedLater(AsyncSession):
    """The asynchronous face of one."""

    def __init__(self, session: Watched) -> None:
        self.session: Any = session
        self._sender = session._sender

    async def _run_command(self, command: Any) -> Any:
        return await self.session._run_command(command)

    async def _query_server(self, kit: Any, command: Command[Any]) -> Any:
        return await self.session._query_server(kit, command)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flare_widgets.api.session_methods.lifecycle._POLL_INTERVAL_S", 0.01)


AWAY = NoConnection("away")


@pytest.mark.parametrize(
    ("looks", "call"),
    [
        ([SAME, AWAY, info(1.0)], lambda s: s.restart("server")),
        ([SAME, info(2.0)], lambda s: s.restart("server")),
        ([SAME, InternalError("half up"), info(2.0)], lambda s: s.restart("server")),
        ([AWAY, info(2.0, site_1=9), AWAY, info(2.0, site_1=9, site_2=9)], lambda s: s.restart("all")),
        ([SAME, AWAY, info(site_1=9, site_2=9)], lambda s: s.restart("client")),
        ([SAME, info(site_1=9, site_2=5)], lambda s: s.restart("client", ["site-1"])),
        ([SAME, SAME, info(site_1=9, site_2=9)], lambda s: s.restart("client", ["site-1", "site-2"])),
        ([SAME], lambda s: s.restart("client", ["site-9"])),
        ([SAME, InternalError("going"), AWAY], lambda s: s.shutdown("server")),
        ([SAME, AWAY], lambda s: s.shutdown("all")),
        ([SAME, info(site_1=5), info()], lambda s: s.shutdown("client")),
        ([SAME, info(site_2=5)], lambda s: s.shutdown("client", ["site-1"])),
    ],
)
@pytest.mark.parametrize("awaited", [False, True])
def test_it_is_waited_for(looks: list[Any], call: Callable[[Any], Any], awaited: bool) -> None:
    session = Watched(*looks)
    result = asyncio.run(call(WatchedLater(session))) if awaited else call(session)
    assert result["server_status"] == "ok"
    assert len(session.looks) == 1
    assert session.left == ("client" not in session.sent[-1][0])


@pytest.mark.parametrize(
    ("look", "call", "reason"),
    [
        (SAME, lambda s: s.restart("server", timeout=0.1), "not back after 0.1 s .*has not gone down"),
        (AWAY, lambda s: s.restart("all", timeout=0.1), r"not back after 0.1 s \(away\)"),
        (SAME, lambda s: s.restart("client", timeout=0.1), "missing: site-1, site-2"),
        (info(site_1=9), lambda s: s.restart("client", timeout=0.1), "missing: site-2"),
        (SAME, lambda s: s.shutdown("all", timeout=0.1), "not gone after 0.1 s .*still answers"),
        (InternalError("half"), lambda s: s.shutdown("server", timeout=0.1), "half"),
        (SAME, lambda s: s.shutdown("client", ["site-2"], timeout=0.1), "still connected: site-2"),
    ],
)
def test_time_is_up(look: Any, call: Callable[[Any], Any], reason: str) -> None:
    with pytest.raises(TimeoutError, match=reason):
        call(Watched(look))
    with pytest.raises(TimeoutError, match=reason):
        asyncio.run(call(WatchedLater(Watched(look))))


@pytest.mark.parametrize("method", ["restart", "shutdown"])
@pytest.mark.parametrize("target", ["server", "client", "all"])
def test_without_waiting_nobody_looks(method: str, target: str) -> None:
    session = Watched(AssertionError("looked"))
    assert getattr(session, method)(target, wait=False)["status"] == "ok"
    assert len(session.sent) == 1
    # As with nvflare: a session outlives a restart that is not waited for, but not its server.
    assert session.left == (method == "shutdown" and target != "client")


@pytest.mark.parametrize("method", ["restart", "shutdown"])
def test_refusing_site_is_not_awaited(method: str) -> None:
    session = Watched(SAME)
    session._answer = {
        **SAME,
        "meta": {**SAME["meta"], "client_status": {"site-1": "user 'm' is not authorized for 'x'"}},
    }
    with pytest.raises(AuthorizationError, match="site-1: user 'm' is not authorized"):
        getattr(session, method)("client", ["site-1"], timeout=0.2)
    assert getattr(session, method)("client", ["site-1"], wait=False)["client_status"]
