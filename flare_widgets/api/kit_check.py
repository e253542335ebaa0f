"""Check of a startup kit: the kit's files, and each step of connecting to its server.

The kit's own checks are in :mod:`flare_widgets.kit.checks`. This module adds those that need ``wire``, which the
kit must not import; so the whole report is made here, above both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ..errors import FlareError
from ..formatting.text import format_duration
from ..kit import Finding, KitReport, Settings, StartupKit
from ..kit.checks import PartialKit, run_checks
from ..kit.report import Outcome
from ..wire import loop
from ..wire.connection import Connection
from ..wire.transports.probe import ProbeConnection, connect_any, connect_through
from ..wire.transports.proxy import find_proxy
from ..wire.transports.resolve import resolve

T = TypeVar("T")

MAX_CLOCK_SKEW_S = 10.0
"""Maximum difference of two clocks in seconds. Displayed ages and run times compare the server's with ours."""

_HOST, _PORT, _TLS, _IDENTITY, _LOGIN, _CLOCK = ("host", "port", "TLS", "server identity", "login", "clock")
_NETWORK_CHECKS = (_HOST, _PORT, _TLS, _IDENTITY, _LOGIN, _CLOCK)


def check_kit(
    location: str | Path,
    network: bool = True,
    timeout: float = 5.0,
    *,
    now: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> KitReport:
    """Check everything about a startup kit, continuing after a problem.

    The kit itself: folder, signature, settings, files, dates, chain, key, permissions, name, organization, role.
    Over the network: the host has an address, the port answers, TLS works, the server proves to be the kit's, the
    user can log in, and the clocks agree. The session of that login is closed at once.

    Parameters
    ----------
    location
        The kit's folder, or the ``startup`` folder inside it.
    network
        True to test the connection to the server too.
    timeout
        Seconds that each network step may take.
    now
        Time at which certificates must be valid (UTC); the current time when not given.
    progress
        Called with a few words before each network step.

    Returns
    -------
    KitReport
        A finding for each check. A bad kit raises no exception here.

    Examples
    --------
    >>> print(check_kit("kits/admin@nvidia.com"))  # doctest: +SKIP
    """
    draft = PartialKit(location) if now is None else PartialKit(location, now)
    findings = run_checks(draft)
    if not network:
        findings += [Finding(name, "skipped", "not checked: offline") for name in _NETWORK_CHECKS]
    elif draft.settings is None:
        why = "the server's address is unknown because of the problems above"
        findings += [Finding(name, "skipped", f"not checked: {why}") for name in _NETWORK_CHECKS]
    else:
        bad = [f.name for f in findings if f.outcome == "failed"]
        kit = None if bad else StartupKit.from_partial(draft)
        found = _NetworkCheck(draft.settings, kit, timeout, progress).run()
        findings += [
            found.get(name) or Finding(name, "skipped", f"not checked: {_skip_reason(found, bad)}")
            for name in _NETWORK_CHECKS
        ]
    return KitReport(str(location), tuple(findings))


def _skip_reason(findings: dict[str, Finding], failed_checks: list[str]) -> str:
    failed = next((n for n in _NETWORK_CHECKS if n in findings and findings[n].outcome == "failed"), None)
    if failed is not None:
        return f"an earlier step failed ({failed})"
    return f"fix the kit's own problems first ({', '.join(failed_checks)})"


class _NetworkCheck:
    """The network steps up to the first that fails. Only the steps themselves run on the I/O loop."""

    def __init__(
        self,
        settings: Settings,
        kit: StartupKit | None,
        timeout: float,
        progress: Callable[[str], None] | None,
    ) -> None:
        self._settings = settings
        self._kit = kit
        self._timeout = timeout
        self._progress = progress
        self._findings: dict[str, Finding] = {}

    def run(self) -> dict[str, Finding]:
        """Return the findings, by name, of the completed steps."""
        visit = self._check_way()
        if visit is None:
            return self._findings
        try:
            if self._kit is not None and self._check_tls(self._kit, visit):
                self._check_identity_and_login(self._kit)
        finally:
            visit.close()
        return self._findings

    def _check_way(self) -> ProbeConnection | None:
        """Connect to the server's port, perhaps through a proxy."""
        settings = self._settings
        try:
            proxy = find_proxy(settings)
        except FlareError as e:
            self._add_finding(_HOST, "failed", str(e))
            return None
        if proxy is not None:
            self._add_ok(_HOST, f"'{settings.host}' is left to the proxy {proxy.address}, which {proxy.source} names")
            visit = self._run_step(_PORT, lambda: connect_through(proxy, settings))
            if visit is not None:
                self._add_ok(_PORT, f"port {settings.port} answers through the proxy {proxy.address}")
            return visit
        addresses = self._run_step(_HOST, lambda: resolve(settings))
        if addresses is None:
            return None
        self._add_ok(_HOST, f"'{settings.host}' resolves to {', '.join(addresses[:4])}")
        visit = self._run_step(_PORT, lambda: connect_any(settings, addresses))
        if visit is not None:
            self._add_ok(_PORT, f"port {settings.port} answers at {visit.address}")
        return visit

    def _check_tls(self, kit: StartupKit, probe: ProbeConnection) -> bool:
        if kit.connection_security == "clear":
            self._add_finding(_TLS, "skipped", "not checked: the kit requests a connection without TLS")
            return True
        version = self._run_step(_TLS, lambda: probe.handshake(kit))
        if version is None:
            return False
        self._add_ok(_TLS, f"{version}, with a certificate that the kit trusts")
        return True

    def _check_identity_and_login(self, kit: StartupKit) -> None:
        link = self._run_step(_IDENTITY, lambda: Connection.connect(kit))
        if link is None:
            return
        try:
            nonce = self._run_step(_IDENTITY, link.challenge)
            if nonce is None:
                return
            self._add_ok(_IDENTITY, f"identity verified: '{kit.server_identity}'")
            self._compare_clocks(link.clock_offset)
            if self._run_step(_LOGIN, lambda: self._log_in(link, nonce)):
                version = link.registration.server_version
                self._add_ok(
                    _LOGIN,
                    f"logged in to project '{kit.project_name}' as {kit.username}"
                    + (f"; the server runs nvflare {version}" if version else ""),
                )
        finally:
            loop.run(link.close())

    @staticmethod
    async def _log_in(link: Connection, nonce: str) -> bool:
        await link.register(nonce)
        await link.login("default")
        return True

    def _compare_clocks(self, offset: float | None) -> None:
        """Check the difference of the clocks, measured with the READY frame.

        Every scheme and every version has that, with fractions of a second, and it is answered at once: the Date header
        exists only in http, in whole seconds, and the time in later messages includes the server's work.
        """
        if offset is None:
            self._add_finding(_CLOCK, "skipped", "not checked: the server does not report its time")
        elif abs(offset) <= MAX_CLOCK_SKEW_S:
            self._add_ok(_CLOCK, f"the server's clock and this machine's agree ({abs(offset):.1f} s apart)")
        else:
            way = "behind" if offset > 0 else "ahead of"
            self._add_finding(
                _CLOCK,
                "warning",
                f"this machine's clock is {format_duration(round(abs(offset)))} {way} the server's: ages and run times "
                "are shown wrong, and certificates may be refused. Correct whichever clock is wrong",
            )

    def _run_step(self, name: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Return the outcome of a step; None, after recording the reason, if it failed."""
        if self._progress is not None:
            self._progress(f"checking: {name}")
        try:
            return loop.run(_run_with_timeout(self._timeout, work))
        except asyncio.TimeoutError:
            self._add_finding(name, "failed", self._timeout_message(name))
        except FlareError as e:
            self._add_finding(name, "failed", str(e))
        return None

    def _timeout_message(self, name: str) -> str:
        within = f"within {self._timeout:g} s"
        if name == _HOST:
            return f"the name server did not resolve '{self._settings.host}' {within}. Check your network or VPN"
        return (
            f"no answer from {self._settings.address} {within}. "
            "Check that the FL server is running, and that no firewall blocks the connection"
        )

    def _add_ok(self, name: str, sentence: str) -> None:
        self._findings[name] = Finding(name, "ok", sentence)

    def _add_finding(self, name: str, outcome: Outcome, sentence: str) -> None:
        self._findings[name] = Finding(name, outcome, sentence)


async def _run_with_timeout(timeout: float, work: Callable[[], Awaitable[T]]) -> T:
    # Called here and not before: an interrupt may come before the loop gets to this line.
    return await asyncio.wait_for(work(), timeout)
