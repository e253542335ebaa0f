"""Certificates, keys and signatures, by FLARE's rules."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

_PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=padding.PSS.MAX_LENGTH)


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


def subject(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    """Return the first value of a subject attribute, or an empty string."""
    found = certificate.subject.get_attributes_for_oid(oid)
    return str(found[0].value) if found else ""
