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
        The state and its duration, with a severity; the reason if it has been closed.
    trouble
        A sentence if it has no connection; else empty.
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
    trouble: str
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
            trouble=session_trouble(session),
            certificate=certificate_text(kit.expires_at.timestamp()),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return to_json(self)

    def describe(self, now: float) -> str:
        """Return it in one line: ``admin@nvidia.com  project admin, nvidia  →  server:8002  study x  ready``."""
        parts = [self.username, self.role_and_org, f"→  {self.address}", f"study {self.study}"]
        parts += [self.state_text.text_at(now), self.trouble, self.certificate.text_at(now)]
        return "  ".join(filter(None, parts))


def state_text(state: str, since: float, reason: str) -> LiveText:
    """Return a session's state and its duration; with the reason if it has been closed."""
    why = f": {sanitize(reason, 300)}" if reason else ""
    match state:
        case "ready":
            return live(f"ready for {COUNT}", since, "good")
        case "reconnecting":
            return live(f"reconnecting for {COUNT}", since, "warn")
        case "connecting":
            return live(f"connecting for {COUNT}", since, "unknown")
        case "expired":
            return live("idle; logs in again at the next command", severity="unknown")
        case "closed" if not reason:
            return live("closed", severity="unknown")
        case "closed":
            return live(f"closed {COUNT} ago{why}", since, "bad")
    return live(sanitize(state), severity="unknown")


def session_trouble(session: Session) -> str:
    """Return a sentence if a session has lost its connection; else an empty string."""
    status = session.status
    if status.state.value != "reconnecting":
        return ""
    why = f": {sanitize(status.reason, 300)}" if status.reason else ""
    return f"no connection to {sanitize(session.kit.address)}, trying again{why}"


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
