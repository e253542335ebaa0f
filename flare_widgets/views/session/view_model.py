"""A session as every form of its view shows it: texts, and the moments from which they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...api import Session
from ...formatting.live_text import COUNT, LiveText, live, to_json
from ...formatting.text import sanitize
from ...kit.checks import EXPIRY_WARNING
from ...monitoring.system.format import role_and_org

_DAY_S = 86_400.0


@dataclass(frozen=True)
class SessionViewModel:
    """A session. All text but its name is sanitized; for HTML it must still be escaped.

    Attributes
    ----------
    name
        Its name among others; empty if it has none. Untrusted: the browser's messages name it, so it is not sanitized.
    username, role_and_org
        The user, and the role and organization, according to the certificate.
    address, study
        The server's address, and the session's study.
    state
        The state (:class:`.SessionState`).
    state_text
        The state, its duration, and the reason if something is wrong; with a severity.
    certificate
        The warning about the expiry of the user's certificate; empty while that is far away.
    """

    name: str
    username: str
    role_and_org: str
    address: str
    study: str
    state: str
    state_text: LiveText
    certificate: LiveText

    @classmethod
    def of(cls, session: Session, name: str = "") -> SessionViewModel:
        """Return the view model of a session's current state."""
        kit, status = session.kit, session.status
        return cls(
            name=name,
            username=sanitize(kit.username),
            role_and_org=role_and_org(kit.role, kit.organization),
            address=sanitize(kit.address),
            study=sanitize(session.study),
            state=status.state.value,
            state_text=state_text(status.state.value, status.since, status.reason),
            certificate=certificate_text(kit.expires_at.timestamp()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return to_json(self)

    def describe(self, now: float) -> str:
        """Return it in one line: ``admin@nvidia.com  project admin, nvidia  →  server:8002  study x  ready``."""
        parts = [self.username, self.role_and_org, f"→  {self.address}", f"study {self.study}"]
        return "  ".join(filter(None, [*parts, self.state_text.text_at(now), self.certificate.text_at(now)]))


def state_text(state: str, since: float, reason: str) -> LiveText:
    """Return a session's state and its duration; with the reason if something is wrong."""
    why = f": {sanitize(reason, 300)}" if reason else ""
    match state:
        case "ready":
            return live(f"ready for {COUNT}", since, "good")
        case "reconnecting":
            return live(f"disconnected for {COUNT}, reconnecting{why}", since, "warn")
        case "connecting":
            return live(f"connecting for {COUNT}{why}", since, "unknown")
        case "expired":
            return live("idle; logs in again at the next command", severity="unknown")
        case "closed" if not reason:
            return live("closed", severity="unknown")
        case "closed":
            return live(f"closed {COUNT} ago{why}", since, "bad")
    return live(sanitize(state), severity="unknown")


def certificate_text(expires_at: float) -> LiveText:
    """Return the warning about a certificate's expiry."""
    ask = "ask the project admin for a new startup kit"
    return (
        live("")
        .then(
            expires_at - EXPIRY_WARNING.total_seconds(),
            f"the certificate expires in {COUNT}",
            expires_at,
            is_countdown=True,
        )
        .then(expires_at - _DAY_S, f"the certificate expires today: {ask}")
        .then(expires_at, f"the certificate has expired: {ask}")
    )
