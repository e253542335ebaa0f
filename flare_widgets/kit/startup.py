"""The validated startup kit, used for connecting, signing and packing."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, SupportsIndex

from .. import hooks
from ..errors import InvalidArgumentType, SessionClosed
from .report import KitReport
from .settings import Settings

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric import rsa

    from . import checks

_CLOSED_MESSAGE = "the session is closed and no longer has the user's key"


@dataclass(frozen=True)
class StartupKit(Settings):
    """A startup kit that has passed every check that needs no network. Make one with :meth:`load`.

    Attributes
    ----------
    username, organization, role
        The user's identity in the certificate; organization and role may be empty.
    certificate
        ``client.crt`` as it is on disk (PEM; leaf first when it is a chain).
    expires_at
        Time when the user's certificate expires (UTC).
    root_certificate
        The trusted root.
    """

    username: str
    organization: str
    role: str
    certificate: bytes = field(repr=False)
    expires_at: datetime
    root_certificate: x509.Certificate = field(repr=False)
    _key: rsa.RSAPrivateKey | None = field(repr=False)

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise InvalidArgumentType(
            "a startup kit cannot be pickled or copied: it has the user's private key",
            next_step=f"Hand over its folder, {str(self.root)!r}, and load it in the other process",
        )

    @classmethod
    def load(cls, location: str | Path, now: datetime | None = None) -> StartupKit:
        """Read and check a startup kit.

        Parameters
        ----------
        location
            The kit's folder, or the ``startup`` folder inside it.
        now
            Time at which certificates must be valid (UTC); the current time when not given.

        Raises
        ------
        ConfigError
            A file is missing, unreadable, changed since it was signed, or has an impossible value. The message names
            the file.
        InvalidCertChain
            The certificate is expired, not yet valid, does not match the key or does not lead to the root.
        """
        from . import checks

        draft = checks.PartialKit(location) if now is None else checks.PartialKit(location, now)
        error = checks.find_first_error(draft)
        if error is not None:
            raise error
        return cls.from_partial(draft)

    @classmethod
    def from_partial(cls, partial: checks.PartialKit) -> StartupKit:
        """Return the kit of a partial kit that has passed the checks."""
        from .certificates import read_user

        assert partial.settings is not None
        assert partial.certificate is not None
        assert partial.chain is not None
        assert partial.root_certificate is not None
        assert partial.key is not None
        leaf = partial.chain[0]
        username, organization, role = read_user(leaf)
        return cls(
            **vars(partial.settings),
            username=username,
            organization=organization,
            role=role,
            certificate=partial.certificate,
            expires_at=leaf.not_valid_after_utc,
            root_certificate=partial.root_certificate,
            _key=partial.key,
        )

    @staticmethod
    def check(location: str | Path, network: bool = True, timeout: float = 5.0) -> KitReport:
        """Check a kit, usable or not, and report all findings.

        Parameters
        ----------
        location
            The kit's folder, or the ``startup`` folder inside it.
        network
            True to test the connection to the server too.
        timeout
            Seconds that each network step may take.

        See Also
        --------
        flare_widgets.api.check_kit : the list of checks.
        """
        report: KitReport = hooks.check_kit(location, network, timeout)
        return report

    def sign(self, content: bytes) -> bytes:
        """Sign `content` with the user's key, the way FLARE verifies it."""
        if self._key is None:
            raise SessionClosed(_CLOSED_MESSAGE, next_step="Open a new session")
        from .certificates import sign

        return sign(self._key, content)

    def sign_digest(self, digest: bytes) -> bytes:
        """Sign content by its SHA-256 `digest`: the same signature as :meth:`sign`, for content too large for it."""
        if self._key is None:
            raise SessionClosed(_CLOSED_MESSAGE, next_step="Open a new session")
        from .certificates import sign_digest

        return sign_digest(self._key, digest)

    def without_key(self) -> StartupKit:
        """Return the kit without the user's key, which is all a closed session keeps."""
        return replace(self, _key=None)
