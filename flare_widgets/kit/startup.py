"""The kit itself, in the hands of everybody who connects, signs or packs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ..errors import SessionClosed
from . import checks
from .certificates import sign, sign_digest, subject
from .report import KitReport
from .settings import Settings

_FORGOTTEN = "the session is closed and has forgotten the user's key; open a new one"


@dataclass(frozen=True)
class StartupKit(Settings):
    """A startup kit that has passed every check that needs no network. Make one with :meth:`load`.

    Attributes
    ----------
    username, organization, role
        Who the certificate says the user is; organization and role may be empty.
    certificate
        ``client.crt`` as it is on disk (PEM; leaf first when it is a chain).
    expires_at
        When the user's certificate ends (UTC).
    root_certificate
        Whom to trust.
    """

    username: str
    organization: str
    role: str
    certificate: bytes = field(repr=False)
    expires_at: datetime
    root_certificate: x509.Certificate = field(repr=False)
    _key: rsa.RSAPrivateKey | None = field(repr=False)

    @classmethod
    def load(cls, location: str | Path, now: datetime | None = None) -> StartupKit:
        """Read and check a startup kit.

        Parameters
        ----------
        location
            The kit's folder, or the ``startup`` folder inside it.
        now
            The time certificates must be valid at (UTC); the current time when not given.

        Raises
        ------
        ConfigError
            A file is missing, unreadable, not as it was signed, or says something impossible. The message names
            the file.
        InvalidCertChain
            The certificate is expired, not yet valid, does not fit the key or does not lead to the root.
        """
        draft = checks.Draft(location) if now is None else checks.Draft(location, now)
        error = checks.first_error(draft)
        if error is not None:
            raise error
        return cls.of(draft)

    @classmethod
    def of(cls, draft: checks.Draft) -> StartupKit:
        """Return the kit of a draft that has passed the checks."""
        assert draft.settings is not None
        assert draft.certificate is not None
        assert draft.chain is not None
        assert draft.root_certificate is not None
        assert draft.key is not None
        leaf = draft.chain[0]
        return cls(
            **vars(draft.settings),
            username=subject(leaf, NameOID.COMMON_NAME),
            organization=subject(leaf, NameOID.ORGANIZATION_NAME),
            role=subject(leaf, NameOID.UNSTRUCTURED_NAME),
            certificate=draft.certificate,
            expires_at=leaf.not_valid_after_utc,
            root_certificate=draft.root_certificate,
            _key=draft.key,
        )

    @staticmethod
    def check(location: str | Path, network: bool = True, timeout: float = 5.0) -> KitReport:
        """Check a kit that need not be usable, and tell everything that is found.

        Parameters
        ----------
        location
            The kit's folder, or the ``startup`` folder inside it.
        network
            Whether to try the server too.
        timeout
            Seconds that each step over the network may take.

        See Also
        --------
        flare_widgets.api.check_kit : what is checked.
        """
        # An import upwards, when asked. A user looks for this beside load, but half of the report needs the
        # wire, which needs the kit; importing it here, when asked, leaves the kit usable without.
        from ..api.kit_check import check_kit

        return check_kit(location, network, timeout)

    def sign(self, content: bytes) -> bytes:
        """Sign `content` with the user's key, the way FLARE verifies it."""
        if self._key is None:
            raise SessionClosed(_FORGOTTEN)
        return sign(self._key, content)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign what has the SHA-256 `digest`: the same signature as of :meth:`sign`, for what is too large for it."""
        if self._key is None:
            raise SessionClosed(_FORGOTTEN)
        return sign_digest(self._key, digest)

    def without_key(self) -> StartupKit:
        """Return the kit without the user's key: what a session keeps when it has ended."""
        return replace(self, _key=None)
