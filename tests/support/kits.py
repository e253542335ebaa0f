"""Startup kits for the tests, as a provisioner would make them: a root, whom it certifies, and kits good and bad."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from flare_widgets.errors import ConfigError, InvalidCertChain

USER, ORG, ROLE, PROJECT = "ada@example.org", "example", "lead", "example_project"

DAY = timedelta(days=1)
NOW = datetime.now(timezone.utc).replace(microsecond=0)


@functools.cache
def rsa_key(name: str) -> rsa.RSAPrivateKey:
    """The key of somebody; always the same one, for making keys is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass(frozen=True)
class Party:
    """Somebody with a certificate."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey
    issuers: tuple[x509.Certificate, ...] = ()
    """The intermediate authorities between this party and the root."""

    @property
    def name(self) -> str:
        return str(self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)

    @property
    def pem(self) -> bytes:
        """The certificate, and those of the intermediates."""
        return b"".join(c.public_bytes(Encoding.PEM) for c in (self.certificate, *self.issuers))

    @property
    def key_pem(self) -> bytes:
        return key_pem(self.key)

    def issue(
        self,
        name: str,
        *,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + 360 * DAY,
        ca: bool = False,
        names_user: bool = True,
        signs: bool | None = None,
        purpose: x509.ObjectIdentifier | None = None,
        role: str = "",
    ) -> Party:
        """Certify somebody. Without `ca`, like nvflare's provisioner: the certificate does not say what for.

        Parameters
        ----------
        name
            Whom.
        begins, ends
            How long it is valid.
        ca
            Whether the new party may issue certificates itself.
        names_user
            Whether the name is in it.
        signs, purpose
            What the extensions KeyUsage and ExtendedKeyUsage say; there is no such extension when None.
        role
            The user's role; none when empty.
        """
        key = rsa_key(name)
        extensions: list[tuple[x509.ExtensionType, bool]] = []
        if ca:
            extensions.append((x509.BasicConstraints(ca=True, path_length=None), True))
        if signs is not None:
            extensions.append((_usage(signs), True))
        if purpose is not None:
            extensions.append((x509.ExtendedKeyUsage([purpose]), False))
        names = [x509.NameAttribute(NameOID.COMMON_NAME, name)] if names_user else []
        names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, ORG))
        if role:
            names.append(x509.NameAttribute(NameOID.UNSTRUCTURED_NAME, role))
        certificate = _sign(x509.Name(names), self.certificate.subject, self.key, key, begins, ends, extensions)
        root = self.certificate.subject == self.certificate.issuer
        return Party(certificate, key, () if root else (self.certificate, *self.issuers))


def authority(
    name: str = PROJECT, *, key: str = "root", begins: datetime = NOW - DAY, ends: datetime = NOW + 360 * DAY
) -> Party:
    """The root of a federation."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    own = rsa_key(key)
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(ca=True, path_length=None), True),
        (_usage(True, issues=True), True),
    ]
    return Party(_sign(subject, subject, own, own, begins, ends, extensions), own)


def write_kit(folder: Path, root: Party | None = None, user: Party | None = None, **admin: Any) -> Path:
    """Make a good startup kit and return its folder.

    Parameters
    ----------
    folder
        The new kit's folder.
    root, user
        Of which federation, for whom.
    **admin
        Settings of ``fed_admin.json`` that shall be other ones; None for no such setting.
    """
    root = root or authority()
    user = user or root.issue(USER, role=ROLE)
    startup = folder / "startup"
    startup.mkdir(parents=True)
    (startup / "client.crt").write_bytes(user.pem)
    (startup / "client.key").write_bytes(user.key_pem)
    (startup / "rootCA.pem").write_bytes(root.pem)
    settings = {
        "project_name": PROJECT,
        "username": user.name if _named(user) else "",
        "server_identity": "server",
        "scheme": "http",
        "host": "localhost",
        "port": 8002,
        "connection_security": "mtls",
        "uid_source": "user_input",
        "upload_dir": "transfer",
        "download_dir": "transfer",
        "client_key": "client.key",
        "client_cert": "client.crt",
        "ca_cert": "rootCA.pem",
        **admin,
    }
    settings = {name: value for name, value in settings.items() if value is not None}
    (startup / "fed_admin.json").write_text(json.dumps({"format_version": 1, "admin": settings}))
    return folder


def edit_admin(kit: Path, **changes: Any) -> None:
    """Change settings of a kit's ``fed_admin.json``; None removes one."""
    file = kit / "startup" / "fed_admin.json"
    config = json.loads(file.read_text())
    config["admin"] = {k: v for k, v in {**config["admin"], **changes}.items() if v is not None}
    file.write_text(json.dumps(config))


def key_pem(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, protection: KeySerializationEncryption | None = None
) -> bytes:
    """A private key as it is in a file."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection or NoEncryption())


@dataclass(frozen=True)
class BadKit:
    """A way in which a kit cannot be used.

    Attributes
    ----------
    name
        What is wrong, for the test's name.
    spoil
        Makes a good kit bad.
    error
        What is raised.
    names
        The file that the message must name, relative to the kit; empty for the kit itself.
    says
        What the message must say is wrong, and then what to do.
    """

    name: str
    spoil: Callable[[Path], Any]
    error: type[ConfigError]
    names: str
    says: tuple[str, ...]


def _put(name: str, content: bytes | Callable[[], bytes]) -> Callable[[Path], Any]:
    """Another content of a file in ``startup``."""
    return lambda kit: (kit / "startup" / name).write_bytes(content if isinstance(content, bytes) else content())


def _remove(*names: str) -> Callable[[Path], Any]:
    return lambda kit: [(kit / "startup" / name).unlink() for name in names]


def _folder_instead(name: str) -> Callable[[Path], Any]:
    return lambda kit: ((kit / "startup" / name).unlink(), (kit / "startup" / name).mkdir())


def _user(**changes: Any) -> Callable[[Path], Any]:
    """Another certificate for the same key."""
    return _put("client.crt", lambda: authority().issue(USER, **changes).pem)


def _admin(**changes: Any) -> Callable[[Path], Any]:
    return lambda kit: edit_admin(kit, **changes)


def _bad(name: str, names: str, spoil: Callable[[Path], Any], *says: str, chain: bool = False) -> BadKit:
    return BadKit(name, spoil, InvalidCertChain if chain else ConfigError, names, says)


_ASK = "Ask your project admin for a new startup kit"
_ADMIN, _CRT, _KEY, _ROOT = (f"startup/{name}" for name in ("fed_admin.json", "client.crt", "client.key", "rootCA.pem"))

BAD_KITS = [
    # half a kit
    _bad("no fed_admin.json", "", _remove("fed_admin.json"), "fed_admin.json is missing", "Pass the folder"),
    _bad("no certificate", _CRT, _remove("client.crt"), "is missing", _ASK),
    _bad("no key", _KEY, _remove("client.key"), "is missing", _ASK),
    _bad("no root", _ROOT, _remove("rootCA.pem"), "is missing", _ASK),
    _bad("empty certificate", _CRT, _put("client.crt", b""), "is empty", _ASK),
    _bad("empty key", _KEY, _put("client.key", b""), "is empty", _ASK),
    _bad("empty root", _ROOT, _put("rootCA.pem", b""), "is empty", _ASK),
    _bad("empty settings", _ADMIN, _put("fed_admin.json", b""), "is empty", _ASK),
    _bad("huge certificate", _CRT, _put("client.crt", b"-" * (2 << 20)), "too large", _ASK),
    # not what it should be
    _bad("certificate is a folder", _CRT, _folder_instead("client.crt"), "cannot be read"),
    _bad("key is a folder", _KEY, _folder_instead("client.key"), "cannot be read"),
    _bad("root is a folder", _ROOT, _folder_instead("rootCA.pem"), "cannot be read"),
    _bad("settings are a folder", _ADMIN, _folder_instead("fed_admin.json"), "cannot be read"),
    _bad("certificate is text", _CRT, _put("client.crt", b"hello"), "is not a certificate", _ASK, chain=True),
    _bad(
        "certificate is cut off",
        _CRT,
        _put("client.crt", lambda: authority().issue(USER).pem[:400] + b"\n-----END CERTIFICATE-----\n"),
        "is not a certificate",
        _ASK,
        chain=True,
    ),
    _bad("root is text", _ROOT, _put("rootCA.pem", b"hello"), "is not a certificate", _ASK, chain=True),
    _bad("key is text", _KEY, _put("client.key", b"hello"), "is not a private key", _ASK),
    _bad("key is a certificate", _KEY, _put("client.key", lambda: authority().pem), "is not a private key", _ASK),
    _bad(
        "key has a password",
        _KEY,
        _put("client.key", lambda: key_pem(rsa_key(USER), BestAvailableEncryption(b"secret"))),
        "is encrypted with a password",
        _ASK,
    ),
    _bad(
        "key of another kind",
        _KEY,
        _put("client.key", lambda: key_pem(ec.generate_private_key(ec.SECP256R1()))),
        "is not an RSA key",
        _ASK,
    ),
    # settings
    _bad("settings are not JSON", _ADMIN, _put("fed_admin.json", b"{'admin': 1}"), "is not valid JSON", _ASK),
    _bad("settings are not text", _ADMIN, _put("fed_admin.json", b"\xff\xfe\x00"), "is not valid JSON", _ASK),
    _bad("settings are nested", _ADMIN, _put("fed_admin.json", b"[" * 100_000), "is not valid JSON", _ASK),
    _bad("settings are a list", _ADMIN, _put("fed_admin.json", b"[1]"), "is not a JSON object", _ASK),
    _bad("no section admin", _ADMIN, _put("fed_admin.json", b"{}"), "section 'admin' is missing", _ASK),
    _bad("section admin is text", _ADMIN, _put("fed_admin.json", b'{"admin": "x"}'), "section 'admin'", _ASK),
    _bad("no certificate named", _ADMIN, _admin(client_cert=None), "'client_cert' is missing", _ASK),
    _bad("no key named", _ADMIN, _admin(client_key=None), "'client_key' is missing", _ASK),
    _bad("no root named", _ADMIN, _admin(ca_cert=""), "'ca_cert' is missing", _ASK),
    _bad("no project", _ADMIN, _admin(project_name=None), "'project_name' is missing", _ASK),
    _bad("host is a number", _ADMIN, _admin(host=5), "'host' is missing", _ASK),
    _bad("unknown scheme", _ADMIN, _admin(scheme="gopher"), "unknown scheme 'gopher'", "expected one of", "http"),
    _bad("unknown security", _ADMIN, _admin(connection_security="no"), "connection_security 'no'", "mtls"),
    *(
        _bad(f"port {port!r}", _ADMIN, _admin(port=port), f"port {port!r} is not a number from 1 to 65535")
        for port in (0, -1, 65536, "8002", True, 80.5)
    ),
    # certificates
    _bad(
        "expired",
        _CRT,
        _user(begins=NOW - 9 * DAY, ends=NOW - DAY),
        f"expired on {NOW - DAY:%Y-%m-%d %H:%M} UTC",
        _ASK,
        chain=True,
    ),
    _bad(
        "not yet valid",
        _CRT,
        _user(begins=NOW + DAY),
        f"is valid only from {NOW + DAY:%Y-%m-%d %H:%M} UTC",
        "check the clock",
        chain=True,
    ),
    _bad(
        "root expired",
        _ROOT,
        _put("rootCA.pem", lambda: authority(begins=NOW - 9 * DAY, ends=NOW - DAY).pem),
        "expired on",
        _ASK,
        chain=True,
    ),
    _bad(
        "key of somebody else",
        _KEY,
        _put("client.key", lambda: key_pem(rsa_key("somebody else"))),
        "does not match",
        "client.crt",
        _ASK,
        chain=True,
    ),
    _bad(
        "root of another federation",
        _CRT,
        _put("rootCA.pem", lambda: authority("another", key="another root").pem),
        "was not issued by",
        "rootCA.pem",
        _ASK,
        chain=True,
    ),
    _bad(
        "root of the same name but another key",
        _CRT,
        _put("rootCA.pem", lambda: authority(key="another root").pem),
        "was not issued by",
        _ASK,
        chain=True,
    ),
    _bad(
        "issued by another user",
        _CRT,
        _put("client.crt", lambda: authority().issue("mallory").issue(USER).pem),
        "was not issued by",
        _ASK,
        chain=True,
    ),
    _bad("names nobody", _CRT, _user(names_user=False), "does not name a user", _ASK, chain=True),
]


def server(root: Party | None = None, name: str = "server", **changes: Any) -> Party:
    """The certified server of a federation."""
    return (root or authority()).issue(name, **changes)


CLIENT_ONLY = ExtendedKeyUsageOID.CLIENT_AUTH
SERVER_ONLY = ExtendedKeyUsageOID.SERVER_AUTH


def _named(party: Party) -> bool:
    return bool(party.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME))


def _usage(signs: bool, issues: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=not signs,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=issues,
        crl_sign=issues,
        encipher_only=False,
        decipher_only=False,
    )


def _sign(
    subject: x509.Name,
    issuer: x509.Name,
    issuer_key: rsa.RSAPrivateKey,
    key: rsa.RSAPrivateKey,
    begins: datetime,
    ends: datetime,
    extensions: list[tuple[x509.ExtensionType, bool]],
) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
    )
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(issuer_key, hashes.SHA256())
