"""A startup kit: what a provisioned user was given, and the checks that need no network.

A kit is a folder with ``startup/fed_admin.json`` (where the server is), ``client.crt`` and ``client.key`` (who
the user is) and ``rootCA.pem`` (whom to trust). The user's name, organisation and role are those of the
certificate, for the server believes nothing else.

Facts: ``fuel/hci/client/config.py`` and ``lighter/utils.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from .errors import ConfigError, InvalidCertChain

SCHEMES = frozenset(["http", "https", "tcp", "stcp", "atcp", "satcp", "grpc", "grpcs", "agrpc", "agrpcs"])
SECURITY_MODES = frozenset({"mtls", "tls", "clear"})

_MAX_FILE = 1 << 20
_CUSTOM_ROOT = "customRootCA.pem"
_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)


@dataclass(frozen=True)
class StartupKit:
    """A startup kit that has passed every check that needs no network. Make one with :meth:`load`.

    Attributes
    ----------
    root, startup
        The kit's folder, and the folder of certificates inside it.
    username, organization, role
        Who the certificate says the user is; organization and role may be empty.
    project_name, server_identity
        The federation, and the name its server must prove to have.
    scheme, host, port, connection_security
        How the server is reached.
    uid_source
        ``cert``: a user name given at login is ignored; ``user_input``: it must be the certificate's.
    certificate
        ``client.crt`` as it is on disk (PEM; leaf first when it is a chain).
    expires_at
        When the user's certificate ends (UTC).
    upload_dir, download_dir
        Where relative job folders are looked for, and where results go.
    custom_root_file
        With one-way TLS, the root that the certificate of a proxy before the server comes from, if not the
        federation's own.
    """

    root: Path
    startup: Path
    username: str
    organization: str
    role: str
    project_name: str
    server_identity: str
    scheme: str
    host: str
    port: int
    connection_security: str
    uid_source: str
    certificate: bytes = field(repr=False)
    expires_at: datetime
    upload_dir: Path
    download_dir: Path
    certificate_file: Path = field(repr=False)
    key_file: Path = field(repr=False)
    root_file: Path = field(repr=False)
    custom_root_file: Path | None = field(repr=False)
    root_certificate: x509.Certificate = field(repr=False)
    _key: rsa.RSAPrivateKey = field(repr=False)

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
            A file is missing, unreadable or says something impossible. The message names the file.
        InvalidCertChain
            The certificate is expired, not yet valid, does not fit the key or does not lead to the root.
        """
        startup = find_startup(location)
        root = startup.parent
        admin_file = startup / "fed_admin.json"
        admin = _admin_section(root, admin_file)

        def text(key: str, default: str | None = None) -> str:
            value = admin.get(key, default)
            if not isinstance(value, str) or not value:
                raise ConfigError(f"{admin_file}: '{key}' is missing. {_ASK}")
            return value

        scheme = text("scheme", "http").lower()
        if scheme not in SCHEMES:
            raise ConfigError(f"{admin_file}: unknown scheme '{scheme}', expected one of {_words(SCHEMES)}")
        security = text("connection_security", "mtls").lower()
        if security not in SECURITY_MODES:
            raise ConfigError(
                f"{admin_file}: unknown connection_security '{security}', expected one of {_words(SECURITY_MODES)}"
            )
        port = admin.get("port", 8002)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            raise ConfigError(f"{admin_file}: port {port!r} is not a number from 1 to 65535")

        certificate_file = startup / text("client_cert")
        key_file = startup / text("client_key")
        root_file = startup / text("ca_cert")
        certificate = _read(certificate_file)
        chain = _certificates(certificate, certificate_file)
        root_certificate = _certificates(_read(root_file), root_file)[0]
        key = _private_key(key_file)
        custom_root_file = startup / _CUSTOM_ROOT if security == "tls" and (startup / _CUSTOM_ROOT).exists() else None
        now = now or datetime.now(timezone.utc)
        if custom_root_file is not None:
            _check_dates(_certificates(_read(custom_root_file), custom_root_file)[0], custom_root_file, now)
        for cert, file in [*((c, certificate_file) for c in chain), (root_certificate, root_file)]:
            _check_dates(cert, file, now)
        _check_pair(key, chain[0], key_file, certificate_file)
        _check_chain(chain, root_certificate, certificate_file, root_file)

        leaf = chain[0]
        username = subject(leaf, NameOID.COMMON_NAME)
        if not username:
            raise InvalidCertChain(f"{certificate_file} names no user (no common name in its subject). {_ASK}")
        return cls(
            root=root,
            startup=startup,
            username=username,
            organization=subject(leaf, NameOID.ORGANIZATION_NAME),
            role=subject(leaf, NameOID.UNSTRUCTURED_NAME),
            project_name=text("project_name"),
            server_identity=text("server_identity", "server"),
            scheme=scheme,
            host=text("host", "localhost"),
            port=port,
            connection_security=security,
            uid_source=text("uid_source", "user_input"),
            certificate=certificate,
            expires_at=leaf.not_valid_after_utc,
            upload_dir=root / text("upload_dir", "transfer"),
            download_dir=root / text("download_dir", "transfer"),
            certificate_file=certificate_file,
            key_file=key_file,
            root_file=root_file,
            custom_root_file=custom_root_file,
            root_certificate=root_certificate,
            _key=key,
        )

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return f"{self.host}:{self.port}"

    def sign(self, content: bytes) -> bytes:
        """Sign `content` with the user's key, the way FLARE verifies it (RSA-PSS, SHA-256, longest salt)."""
        return self._key.sign(content, _PSS, hashes.SHA256())


def find_startup(location: str | Path) -> Path:
    """Return the ``startup`` folder of the kit at `location` (the kit's folder, or ``startup`` itself).

    Raises
    ------
    ConfigError
        There is no such folder, or it is not a startup kit of a user.
    """
    try:
        folder = Path(location).expanduser().absolute()
    except RuntimeError:
        raise ConfigError(f"there is no startup kit at {location}: no such user") from None
    try:
        if not folder.exists():
            raise ConfigError(f"there is no startup kit at {folder}: no such folder")
        if not folder.is_dir():
            raise ConfigError(f"{folder} is a file, not a startup kit. Give the folder that contains startup/")
        for startup in (folder / "startup", folder):
            if (startup / "fed_admin.json").exists():
                return startup
        for startup in (folder / "startup", folder):
            for other, whose in (("fed_server.json", "a server"), ("fed_client.json", "a site")):
                if (startup / other).exists():
                    raise ConfigError(
                        f"{folder} is the startup kit of {whose}. Use the kit of a user (an admin): "
                        "the one with startup/fed_admin.json"
                    )
    except OSError as e:
        raise ConfigError(f"{folder} cannot be read: {e.strerror}") from e
    raise ConfigError(
        f"{folder} is not a startup kit: startup/fed_admin.json is missing. "
        "Give the folder your project admin sent you, unpacked"
    )


def verify(certificate: x509.Certificate, content: bytes, signature: bytes) -> bool:
    """Whether `signature` over `content` was made by the owner of `certificate` (the rules of `sign`)."""
    try:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(signature, content, _PSS, hashes.SHA256())
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def leads_to_root(chain: Sequence[x509.Certificate], root: x509.Certificate) -> bool:
    """Whether each certificate of `chain` (leaf first) was issued by the next, and the last one by `root`."""
    for cert, issuer in zip(chain, [*chain[1:], root], strict=True):
        if cert == root:
            return True
        try:
            cert.verify_directly_issued_by(issuer)
            # Without this any user of the federation could issue a certificate in the server's name.
            if issuer != root and not issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca:
                return False
        except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm, x509.ExtensionNotFound):
            return False
    return True


def subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """The first value of a subject attribute, or an empty string."""
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""


_ASK = "Ask your project admin for a new startup kit"


def _words(values: frozenset[str]) -> str:
    return ", ".join(sorted(values))


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as f:
            data = f.read(_MAX_FILE + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file} is missing: the startup kit is incomplete. {_ASK}") from None
    except PermissionError:
        raise ConfigError(f"{file} cannot be read: permission denied. Run as its owner, or chmod it") from None
    except OSError as e:
        raise ConfigError(f"{file} cannot be read: {e.strerror}") from e
    except ValueError:  # a NUL, or half a character, in a name that fed_admin.json gives
        raise ConfigError(f"{str(file)!r} cannot be read: no file can have that name. {_ASK}") from None
    if not data or len(data) > _MAX_FILE:
        raise ConfigError(f"{file} is {'empty' if not data else 'too large to be what it should be'}. {_ASK}")
    return data


def _json(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(_read(file))
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{file} is not valid JSON: {e}. {_ASK}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{file} is not a JSON object. {_ASK}")
    return value


def _admin_section(root: Path, admin_file: Path) -> dict[str, Any]:
    """``fed_admin.json`` with the user's own ``local/resources.json`` over it, as nvflare reads them."""
    admin = _json(admin_file).get("admin")
    if not isinstance(admin, dict):
        raise ConfigError(f"{admin_file}: the section 'admin' is missing. {_ASK}")
    for name in ("resources.json", "resources.json.default"):
        file = root / "local" / name
        if file.exists():
            own = _json(file).get("admin")
            return {**admin, **own} if isinstance(own, dict) else admin
    return admin


def _certificates(data: bytes, file: Path) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(data)
    except (ValueError, TypeError, x509.InvalidVersion):
        raise InvalidCertChain(f"{file} is not a certificate (PEM). {_ASK}") from None


def _private_key(file: Path) -> rsa.RSAPrivateKey:
    try:
        # Validating an RSA key takes 40 ms, twice the rest of a connect. What matters, that the key signs what
        # the certificate verifies, is checked by _check_pair in 1 ms.
        key = load_pem_private_key(_read(file), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ConfigError(f"{file} is encrypted with a password: FLARE needs it without one. {_ASK}") from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{file} is not a private key (PEM). {_ASK}") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"{file} is not an RSA key, the only kind FLARE uses. {_ASK}")
    return key


def _check_dates(cert: x509.Certificate, file: Path, now: datetime) -> None:
    if now > cert.not_valid_after_utc:
        raise InvalidCertChain(
            f"{file} expired on {cert.not_valid_after_utc:%Y-%m-%d %H:%M} UTC. {_ASK}",
        )
    if now < cert.not_valid_before_utc:
        raise InvalidCertChain(
            f"{file} is valid only from {cert.not_valid_before_utc:%Y-%m-%d %H:%M} UTC. "
            f"It is {now:%Y-%m-%d %H:%M} UTC by this machine's clock: check the clock"
        )


def _check_pair(key: rsa.RSAPrivateKey, leaf: x509.Certificate, key_file: Path, cert_file: Path) -> None:
    probe = b"flare-widgets"
    try:
        fits = verify(leaf, probe, key.sign(probe, _PSS, hashes.SHA256()))
    except ValueError:  # a key whose numbers do not belong together cannot sign
        fits = False
    if not fits:
        raise InvalidCertChain(f"{key_file} does not fit {cert_file}: they are not a pair. {_ASK}")


def _check_chain(chain: list[x509.Certificate], root: x509.Certificate, cert_file: Path, root_file: Path) -> None:
    if not leads_to_root(chain, root):
        raise InvalidCertChain(
            f"{cert_file} was not issued by {root_file}: they belong to different federations. {_ASK}"
        )
