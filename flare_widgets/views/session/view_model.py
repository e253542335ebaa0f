"""A session as plain data, and in words: its user, server and state.

``js/src/session/view-model.ts`` has the same rules; ``js/fixtures/session.json`` holds both to them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from ...api import Session
from ...formatting.text import format_age, sanitize

CERTIFICATE_WARNING_DAYS = 30
"""Days before the user's certificate expires at which the warning starts: requesting a new one takes a while."""

_STATE_SEVERITIES = {
    "ready": "good",
    "connecting": "unknown",
    "reconnecting": "warn",
    "expired": "unknown",
    "closed": "bad",
}
SEVERITY_GLYPHS = {"good": "●", "warn": "!", "bad": "✕", "unknown": "○"}
_DAY_S = 86_400.0


@dataclass(frozen=True)
class SessionViewModel:
    """A session at one moment. Data from certificates and servers is untrusted: escape before showing.

    Attributes
    ----------
    name
        Its name among others; empty if it has none.
    username, role, organization
        The user, according to the certificate.
    address, study
        The server's address, and the session's study.
    state, reason, since
        The state (:class:`.SessionState`), its reason, and its start (seconds since the epoch).
    expires_at
        The expiry of the user's certificate (seconds since the epoch).
    """

    name: str
    username: str
    role: str
    organization: str
    address: str
    study: str
    state: str
    reason: str
    since: float
    expires_at: float

    @classmethod
    def of(cls, session: Session, name: str = "") -> SessionViewModel:
        """Return the view model of a session's current state."""
        kit, status = session.kit, session.status
        return cls(
            name=name,
            username=kit.username,
            role=kit.role,
            organization=kit.organization,
            address=kit.address,
            study=session.study,
            state=status.state.value,
            reason=status.reason,
            since=status.since,
            expires_at=kit.expires_at.timestamp(),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON-able data."""
        return asdict(self)


def severity(view_model: SessionViewModel) -> str:
    """Return ``good``, ``warn``, ``bad`` or ``unknown``."""
    return _STATE_SEVERITIES.get(view_model.state, "unknown")


def role_and_org(view_model: SessionViewModel) -> str:
    """Return the user's role and organisation: ``project admin, nvidia``."""
    return ", ".join(filter(None, (sanitize(view_model.role).replace("_", " "), sanitize(view_model.organization))))


def state_text(view_model: SessionViewModel, now: float) -> str:
    """Return the session's state, its duration, and its reason if something is wrong."""
    age = format_age(max(0.0, now - view_model.since))
    reason = f": {sanitize(view_model.reason, 300)}" if view_model.reason else ""
    match view_model.state:
        case "ready":
            return f"ready for {age}"
        case "reconnecting":
            return f"no connection for {age}, trying again{reason}"
        case "connecting":
            return f"connecting for {age}{reason}"
        case "expired":
            return "ended by the server for being idle; the next command logs in again"
        case "closed":
            return f"closed {age} ago{reason}"
    return sanitize(view_model.state)


def certificate_text(view_model: SessionViewModel, now: float) -> str:
    """Return the warning about the certificate's expiry; empty while it is far away."""
    left = (view_model.expires_at - now) / _DAY_S
    if left >= CERTIFICATE_WARNING_DAYS:
        return ""
    if left < 0:
        return "the certificate has expired: ask the project admin for a new startup kit"
    if left < 1:
        return "the certificate expires today: ask the project admin for a new startup kit"
    days = int(left)
    return f"the certificate expires in {days} {'day' if days == 1 else 'days'}"


def describe_session(view_model: SessionViewModel, now: float) -> str:
    """Return a session in one line: ``admin@nvidia.com  project admin, nvidia  →  server:8002  study x  ready``."""
    parts = [
        sanitize(view_model.username),
        role_and_org(view_model),
        f"→  {sanitize(view_model.address)}",
        f"study {sanitize(view_model.study)}",
        state_text(view_model, now),
        certificate_text(view_model, now),
    ]
    return "  ".join(filter(None, parts))
