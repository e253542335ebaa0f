"""The check-up of a startup kit: what can be read in it, and how far one gets with it over the network.

The kit's own checks are in :mod:`flare_widgets.kit.checks`. This module adds those that need ``wire``, which the
kit must not know; so the whole report is made here, above both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ..errors import FlareError
from ..kit import Finding, KitReport, Settings, StartupKit
from ..kit.checks import Draft, examine
from ..kit.report import Outcome
from ..wire import loop
from ..wire.connection import Link
from ..wire.transports.probe import Visit, knock
from ..wire.transports.resolve import resolve

T = TypeVar("T")

SKEW = 10.0
"""Seconds by which two clocks may differ. Ages and run times on the screen compare the server's with ours."""

_HOST, _PORT, _TLS, _IDENTITY, _LOGIN, _CLOCK = ("host", "port", "TLS", "server identity", "login", "clock")
_NETWORK = (_HOST, _PORT, _TLS, _IDENTITY, _LOGIN, _CLOCK)


def check_kit(
    location: str | Path,
    network: bool = True,
    timeout: float = 5.0,
    *,
    now: datetime | None = None,
    progress: Callable[[str], None] | None = None,
) -> KitReport:
    """Check everything about a startup kit, and go on after a problem.

    The kit itself: folder, signature, settings, files, dates, chain, key, permissions, name, organisation, role.
    Over the network: whether the host has an address, the port answers, TLS works, the server proves to be the
    kit's, the user is let in, and the clocks agree. The session of that login is closed at once.

    Parameters
    ----------
    location
        The kit's folder, or the ``startup`` folder inside it.
    network
        Whether to try the server too.
    timeout
        Seconds that each step over the network may take.
    now
        The time certificates must be valid at (UTC); the current time when not given.
    progress
        Called with a few words before each step over the network.

    Returns
    -------
    KitReport
        A finding for each check. A bad kit is no exception here.

    Examples
    --------
    >>> print(check_kit("kits/admin@nvidia.com"))  # doctest: +SKIP
    """
    draft = Draft(location) if now is None else Draft(location, now)
    findings = examine(draft)
    if not network:
        findings += [Finding(name, "skipped", "not checked: the network was left out") for name in _NETWORK]
    elif draft.settings is None:
        why = "it is not known where the server is, because of the problems above"
        findings += [Finding(name, "skipped", f"not checked: {why}") for name in _NETWORK]
    else:
        bad = [f.name for f in findings if f.outcome == "failed"]
        kit = None if bad else StartupKit.of(draft)
        found = _Probe(draft.settings, kit, timeout, progress).run()
        findings += [
            found.get(name) or Finding(name, "skipped", f"not checked: {_why_not(found, bad)}") for name in _NETWORK
        ]
    return KitReport(str(location), tuple(findings))


def _why_not(found: dict[str, Finding], bad: list[str]) -> str:
    failed = next((n for n in _NETWORK if n in found and found[n].outcome == "failed"), None)
    if failed is not None:
        return f"the step before failed ({failed})"
    return f"nobody connects with this kit before its own problems are solved ({', '.join(bad)})"


class _Probe:
    """The steps over the network up to the first that fails. Only the steps themselves run on the I/O loop."""

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
        self._found: dict[str, Finding] = {}

    def run(self) -> dict[str, Finding]:
        """Return the findings, by name, of the steps that were made."""
        settings = self._settings
        addresses = self._step(_HOST, lambda: resolve(settings))
        if addresses is None:
            return self._found
        self._ok(_HOST, f"'{settings.host}' has the address {', '.join(addresses[:4])}")
        visit = self._step(_PORT, lambda: knock(settings, addresses))
        if visit is None:
            return self._found
        self._ok(_PORT, f"port {settings.port} answers at {visit.address}")
        try:
            if self._kit is not None and self._secure(self._kit, visit):
                self._meet(self._kit)
        finally:
            visit.close()
        return self._found

    def _secure(self, kit: StartupKit, visit: Visit) -> bool:
        if kit.connection_security == "clear":
            self._add(_TLS, "skipped", "not checked: the kit asks for a connection without TLS")
            return True
        version = self._step(_TLS, lambda: visit.handshake(kit))
        if version is None:
            return False
        self._ok(_TLS, f"{version}, with a certificate from a root that the kit trusts")
        return True

    def _meet(self, kit: StartupKit) -> None:
        link = self._step(_IDENTITY, lambda: Link.greet(kit))
        if link is None:
            return
        try:
            nonce = self._step(_IDENTITY, link.challenge)
            if nonce is None:
                return
            self._ok(_IDENTITY, f"it has proved to be '{kit.server_identity}'")
            self._compare_clocks(link.clock_offset)
            if self._step(_LOGIN, lambda: self._log_in(link, nonce)):
                version = link.registration.server_version
                self._ok(
                    _LOGIN,
                    f"{kit.username} is let in to project '{kit.project_name}'"
                    + (f"; the server runs nvflare {version}" if version else ""),
                )
        finally:
            loop.run(link.close())

    @staticmethod
    async def _log_in(link: Link, nonce: str) -> bool:
        await link.register(nonce)
        await link.login("default")
        return True

    def _compare_clocks(self, offset: float | None) -> None:
        """Judge the difference of the clocks, which is taken from the READY frame.

        Every scheme and every version has that, with fractions of a second, and it answers at once: the Date header
        is only in http, in whole seconds, and the time in later messages includes the server's work.
        """
        if offset is None:
            self._add(_CLOCK, "skipped", "not checked: the server does not tell its time")
        elif abs(offset) <= SKEW:
            self._ok(_CLOCK, f"the server's clock and this machine's agree ({abs(offset):.1f} s apart)")
        else:
            way = "behind" if offset > 0 else "ahead of"
            self._add(
                _CLOCK,
                "warning",
                f"this machine's clock is {_span(abs(offset))} {way} the server's, so ages and run times are shown "
                "wrong and certificates may be refused. Set the clock that is wrong; NTP keeps it right",
            )

    def _step(self, name: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """Return the outcome of a step; None, after noting why, when it failed."""
        if self._progress is not None:
            self._progress(f"checking: {name}")
        try:
            return loop.run(_within(self._timeout, work))
        except asyncio.TimeoutError:
            self._add(name, "failed", self._silence(name))
        except FlareError as e:
            self._add(name, "failed", str(e))
        return None

    def _silence(self, name: str) -> str:
        within = f"within {self._timeout:g} s"
        if name == _HOST:
            return f"the name server said nothing about '{self._settings.host}' {within}. Check your network or VPN"
        return (
            f"no answer from {self._settings.address} {within}. "
            "Is the FL server running, and is there a firewall between?"
        )

    def _ok(self, name: str, sentence: str) -> None:
        self._found[name] = Finding(name, "ok", sentence)

    def _add(self, name: str, outcome: Outcome, sentence: str) -> None:
        self._found[name] = Finding(name, outcome, sentence)


async def _within(timeout: float, work: Callable[[], Awaitable[T]]) -> T:
    # Called here and not before: an interrupt may come before the loop gets to this line.
    return await asyncio.wait_for(work(), timeout)


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
