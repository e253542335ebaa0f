"""The kit check over the network: each step, the first that fails, and nothing left running."""

from __future__ import annotations

import asyncio
import gc
import math
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from kits import DAY, NOW, authority
from servers import FlareServer, hangs_up, plain, says, silent, tls
from waiting import list_tasks, wait_until

from flare_widgets.api import KitReport, StartupKit, check_kit
from flare_widgets.wire import loop

STEPS = ["host", "port", "TLS", "server identity", "login", "clock"]
SOON = 0.3  # seconds to wait where waiting leads to nothing


@pytest.fixture(autouse=True)
def nothing_is_left(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> Iterator[None]:
    """No task runs on, no socket stays open, and asyncio has nothing to complain about."""
    yield
    wait_until(lambda: not list_tasks(), 5)
    gc.collect()
    assert [r.getMessage() for r in caplog.records if r.name == "asyncio"] == []
    left = [str(w.message) for w in recwarn if issubclass(w.category, ResourceWarning)]
    if sys.version_info < (3, 11):  # there asyncio forgets the TLS transports of a server that clients leave abruptly
        left = [what for what in left if "asyncio.sslproto" not in what]
    assert left == []


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    kit = kits.write_kit(tmp_path / "kit", host="127.0.0.1")
    (kit / "startup" / "client.key").chmod(0o600)
    return kit


def check(kit: Path, port: int, timeout: float = 5, **admin: Any) -> KitReport:
    kits.edit_admin(kit, port=port, **admin)
    return check_kit(kit, timeout=timeout)


def stops_at(report: KitReport, step: str) -> str:
    """Return the finding of the failed step; all before it are well, none after it was made."""
    at = STEPS.index(step)
    assert not report.ok
    assert [report[name].outcome for name in STEPS] == ["ok"] * at + ["failed"] + ["skipped"] * (len(STEPS) - at - 1)
    for name in STEPS[at + 1 :]:
        assert report[name].sentence == f"not checked: an earlier step failed ({step})"
    return report[step].sentence


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_all_is_well_and_session_is_closed(kit: Path) -> None:
    server = FlareServer()
    with server.running() as port:
        told: list[str] = []
        kits.edit_admin(kit, port=port)
        report = check_kit(kit, progress=told.append)
        assert [report[name].outcome for name in STEPS] == ["ok"] * 6, report
        assert report.ok
        assert StartupKit.check(kit) == report or StartupKit.check(kit).ok
    assert f"port {port} answers at 127.0.0.1" in report["port"].sentence
    assert "TLSv1.3" in report["TLS"].sentence
    assert kits.USER in report["login"].sentence
    assert server.lines[:2] == [f"_cert_login {kits.USER}", "_logout"]
    assert told == [f"checking: {name}" for name in ("host", "port", "TLS", *["server identity"] * 2, "login")]
    secrets = ("the-secret-session-token", "the-secret-cell-token", "the-signature")
    assert not any(secret in repr(report) for secret in secrets)


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x\0y", "\ud800"])
def test_host_without_address(kit: Path, host: str) -> None:
    sentence = stops_at(check(kit, 8002, host=host), "host")
    assert "is unknown here" in sentence
    assert "Check 'host' in" in sentence


def test_nobody_listens(kit: Path) -> None:
    port = free_port()
    sentence = stops_at(check(kit, port), "port")
    assert f"127.0.0.1:{port} (127.0.0.1: connection refused)" in sentence


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (says(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "does not speak TLS"),
        (says(b"SSH-2.0-OpenSSH_9.6\r\n"), "does not speak TLS"),
        (hangs_up, "something accepts the connection to"),
    ],
    ids=["HTTP", "SSH", "hangs up"],
)
def test_somebody_without_tls(kit: Path, handler: Any, words: str) -> None:
    with plain(handler) as port:
        assert words in stops_at(check(kit, port), "TLS")


@pytest.mark.parametrize(
    ("dates", "words"),
    [({"begins": NOW - 9 * DAY, "ends": NOW - DAY}, "expired on"), ({"begins": NOW + DAY}, "is valid only from")],
    ids=["expired", "not valid yet"],
)
def test_server_certificate_not_valid_now(kit: Path, dates: dict[str, Any], words: str) -> None:
    with plain(silent, tls(kits.server(**dates))) as port:
        sentence = stops_at(check(kit, port), "TLS")
    assert f"the certificate of the server at 127.0.0.1:{port} {words}" in sentence
    assert "Check this machine's clock" in sentence


def test_login_page_in_servers_place(kit: Path) -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://login.example.org/\r\nContent-Length: 0\r\n\r\n"
    with plain(says(answer), tls(kits.server())) as port:
        sentence = stops_at(check(kit, port), "server identity")
    assert "it answers with a redirect to https://login.example.org/: a login page or a proxy?" in sentence


def test_somebody_who_says_nothing(kit: Path) -> None:
    with plain(silent) as port:
        began = time.monotonic()
        sentence = stops_at(check(kit, port, SOON), "TLS")
    assert time.monotonic() - began < SOON + 2
    assert "no answer from 127.0.0.1:" in sentence
    assert "within 0.3 s" in sentence
    assert "firewall" in sentence


def test_server_of_another_federation(kit: Path) -> None:
    other = authority("another", key="another root")
    with plain(silent, tls(kits.server(other, "evil\x1b[2J"))) as port:
        sentence = stops_at(check(kit, port), "TLS")
    assert "is not the server of the startup kit" in sentence
    assert f"issued by '{kits.PROJECT}'" in sentence
    assert "issued by 'another'" in sentence
    assert "\x1b" not in sentence


def test_site_of_federation_in_servers_place(kit: Path) -> None:
    server = FlareServer()
    server.party = authority().issue("site-1")
    server._context = tls(server.party, authority())
    with server.running() as port:
        assert "'site-1'" in stops_at(check(kit, port), "server identity")


def test_unproven_server_identity_stops_checkup(kit: Path) -> None:
    server = FlareServer()
    server.challenge = lambda answer: {**answer, "signature": b"wrong"}
    with server.running() as port:
        assert "signature" in stops_at(check(kit, port), "server identity")


def test_server_that_never_answers_challenge(kit: Path) -> None:
    server = FlareServer()
    server.challenge = lambda answer: None
    with server.running() as port:
        assert "no answer" in stops_at(check(kit, port, SOON), "server identity")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda server: setattr(server, "registration", lambda answer: {}), "refused to register"),
        (
            lambda server: setattr(server, "login", [{"type": "string", "data": "REJECT: AUTH_X: who\x1b are you"}]),
            "does not accept",
        ),
    ],
    ids=["registration", "login"],
)
def test_server_that_refuses_user(kit: Path, change: Callable[[FlareServer], None], words: str) -> None:
    server = FlareServer()
    change(server)
    with server.running() as port:
        report = check(kit, port)
    assert [report[name].outcome for name in STEPS] == ["ok"] * 4 + ["failed", "ok"]
    assert words in report["login"].sentence
    assert report["login"].sentence.isprintable()


@pytest.mark.parametrize(
    ("ahead", "words"),
    [
        (30, "clock is 30 s behind the server's"),
        (-600, "clock is 10 min ahead of the server's"),
        (3 * 3600, "clock is 3 h behind"),
    ],
)
def test_wrong_clock_is_warned(kit: Path, ahead: float, words: str) -> None:
    server = FlareServer()
    server.clock = lambda: time.time() + ahead
    with server.running() as port:
        report = check(kit, port)
    assert report.ok
    assert report["clock"].outcome == "warning"
    assert words in report["clock"].sentence
    assert "Correct whichever clock is wrong" in report["clock"].sentence


@pytest.mark.parametrize("said", [None, "now", math.nan, math.inf, -1, 0, [], 1e300], ids=repr)
def test_invalid_server_time_skips_clock_check(kit: Path, said: Any) -> None:
    server = FlareServer()
    server.clock = lambda: said
    with server.running() as port:
        report = check(kit, port)
    assert report["clock"].outcome == "skipped"
    assert report["login"].outcome == "ok"


def test_bad_kit_still_checks_host_port(kit: Path) -> None:
    expired = authority().issue(kits.USER, begins=NOW - 9 * DAY, ends=NOW - DAY)
    (kit / "startup" / "client.crt").write_bytes(expired.pem)
    server = FlareServer()
    with server.running() as port:
        report = check(kit, port)
    assert [report[name].outcome for name in STEPS] == ["ok", "ok", *["skipped"] * 4]
    assert report["TLS"].sentence == ("not checked: fix the kit's own problems first (dates)")
    assert server.heard == []


def test_where_server_is_must_be_known(kit: Path) -> None:
    report = check(kit, 0)
    assert {report[name].outcome for name in STEPS} == {"skipped"}


def test_without_network_nothing_is_asked(kit: Path) -> None:
    with plain(silent) as port:
        kits.edit_admin(kit, port=port)
        report = check_kit(kit, network=False)
    assert report.ok
    assert {report[name].outcome for name in STEPS} == {"skipped"}


def test_interrupt_leaves_at_once(kit: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real, waits, came = loop.start, [], threading.Event()

    async def note(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await silent(reader, writer)

    def start(coroutine: Any) -> Any:
        future = real(coroutine)
        waits.append(future)
        if len(waits) == 3:  # the TLS handshake, with somebody who says nothing

            def interrupted(timeout: float | None = None) -> None:
                assert came.wait(10)
                raise KeyboardInterrupt

            monkeypatch.setattr(future, "result", interrupted)
        return future

    with plain(note) as port:
        monkeypatch.setattr(loop, "start", start)
        with pytest.raises(KeyboardInterrupt):
            check(kit, port)
    assert waits[2].cancelled()
