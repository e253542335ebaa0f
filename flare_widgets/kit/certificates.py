"""Certificates, keys and signatures, by FLARE's rules.

Only this module, :mod:`.checks` and the transports import ``cryptography``, which takes as long as all of the FLARE
API: they are imported when a kit is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from ..errors import ConfigError, InvalidCertChain
from .files import ASK_ADMIN, read_file

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)


def parse_certificates(data: bytes, file: Path) -> list[x509.Certificate]:
    """Return the certificates in `data`, which was read from `file`; InvalidCertChain if it is something else."""
    try:
        chain = x509.load_pem_x509_certificates(data)
        for certificate in chain:
            # These are parsed lazily; find damage here.
            _ = (certificate.subject, certificate.issuer)
        return chain
    except (ValueError, TypeError, x509.InvalidVersion):
        raise InvalidCertChain(f"{file} is not a certificate (PEM)", next_step=ASK_ADMIN) from None


def read_key(file: Path) -> rsa.RSAPrivateKey:
    """Return the private key in a file; errors as in :func:`read_file`."""
    try:
        # Validating an RSA key takes 40 ms, twice the rest of a connect. The essential point, that the key signs what
        # the certificate verifies, is checked by a test signature in 1 ms.
        key = load_pem_private_key(read_file(file), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ConfigError(
            f"{file} is encrypted with a password: FLARE needs it without one", next_step=ASK_ADMIN
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{file} is not a private key (PEM)", next_step=ASK_ADMIN) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"{file} is not an RSA key, the only kind FLARE uses", next_step=ASK_ADMIN)
    return key


def sign(key: rsa.RSAPrivateKey, content: bytes) -> bytes:
    """Sign `content` the way FLARE verifies it (RSA-PSS, SHA-256, longest salt)."""
    return key.sign(content, _PSS, hashes.SHA256())


def sign_digest(key: rsa.RSAPrivateKey, digest: bytes) -> bytes:
    """Sign content that is too large for memory: `digest` is its SHA-256, the result is the same as that of `sign`."""
    return key.sign(digest, _PSS, Prehashed(hashes.SHA256()))


def verify_signature(certificate: x509.Certificate, content: bytes, signature: bytes) -> bool:
    """Return True if the owner of `certificate` made `signature` over `content` (by the rules of `sign`)."""
    try:
        key = certificate.public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        key.verify(signature, content, _PSS, hashes.SHA256())
    except (InvalidSignature, ValueError, UnsupportedAlgorithm):
        return False
    return True


def chains_to_root(chain: Sequence[x509.Certificate], root: x509.Certificate) -> bool:
    """Return True if each certificate of `chain` (leaf first) was issued by the next, and the last by `root`."""
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


def read_user(certificate: x509.Certificate) -> tuple[str, str, str]:
    """Return the name, the organization and the role in a user's certificate; the last two may be empty."""
    oids = (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.UNSTRUCTURED_NAME)
    name, organization, role = (subject(certificate, oid) for oid in oids)
    return name, organization, role


def subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """Return the first value of a subject attribute, or an empty string."""
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
