"""TLS as FLARE does it: mutual, with the federation's own root, names checked against the kit, not the host."""

from __future__ import annotations

import asyncio
import ssl

from cryptography import x509
from cryptography.x509.oid import NameOID

from ...errors import ConfigError, InvalidCertChain, NoConnection, ServerIdentityError
from ...kit import StartupKit, subject

_PEEK = 3.0  # seconds spent on finding out who answers in the right server's place


def client_context(kit: StartupKit) -> ssl.SSLContext:
    """Return the TLS settings of the kit's user.

    Raises
    ------
    ConfigError
        The kit asks for a security mode that is not supported.
    InvalidCertChain
        OpenSSL does not accept the kit's files.
    """
    if kit.connection_security != "mtls":
        raise ConfigError(f"connection_security '{kit.connection_security}' is not supported yet, only mtls")
    # Not create_default_context: from Python 3.13 that demands extensions which old FLARE certificates lack.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # FLARE's certificates name the server's identity, not its host: check_peer compares that.
    context.check_hostname = False
    try:
        context.load_verify_locations(kit.root_file)
        context.load_cert_chain(kit.certificate_file, kit.key_file)
    except (ssl.SSLError, OSError) as e:
        raise InvalidCertChain(f"the certificates in {kit.startup} are not accepted by OpenSSL: {e}") from None
    return context


def check_peer(kit: StartupKit, certificate: bytes | None) -> None:
    """Check that the TLS peer is the kit's server, by the name in its (already verified) certificate.

    Raises
    ------
    ServerIdentityError
        It is another party of the same federation.
    """
    found = subject(x509.load_der_x509_certificate(certificate), NameOID.COMMON_NAME) if certificate else ""
    if found != kit.server_identity:
        raise ServerIdentityError(
            f"{kit.address} is '{found[:100]}', but the startup kit {kit.root} is for the server "
            f"'{kit.server_identity}'. Check host and port in {kit.startup / 'fed_admin.json'}"
        )


async def explain(kit: StartupKit, error: ssl.SSLError) -> NoConnection:
    """Return the error that says in plain words why the TLS handshake failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        expected = f"'{kit.server_identity}', with a certificate issued by '{_name(kit.root_certificate)}'"
        found = await _who_answers(kit)
        what = error.verify_message or "verification failed"
        return ServerIdentityError(
            f"{kit.address} is not the server of the startup kit {kit.root}: expected {expected}, found {found} "
            f"({what}). Check host and port in {kit.startup / 'fed_admin.json'}, or get the kit of this federation"
        )
    reason = (error.reason or "").replace("_", " ").lower() or str(error)
    if "wrong version number" in reason or "record layer" in reason or "unexpected eof" in reason:
        return NoConnection(f"something answers at {kit.address}, but it does not speak TLS: not a FLARE server")
    return NoConnection(f"the TLS handshake with {kit.address} failed: {reason}")


async def _who_answers(kit: StartupKit) -> str:
    """Name the certificate at the kit's address. Nothing is sent to its holder but a TLS greeting."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        _, writer = await asyncio.wait_for(
            asyncio.open_connection(kit.host, kit.port, ssl=context, server_hostname=kit.host), _PEEK
        )
    except (OSError, asyncio.TimeoutError):
        return "an unknown one"
    try:
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        cert = x509.load_der_x509_certificate(der)
        issuer = cert.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        issued = f"issued by '{str(issuer[0].value)[:100]}'" if issuer else "without an issuer's name"
        return f"'{subject(cert, NameOID.COMMON_NAME)[:100]}', {issued}"
    except (ValueError, TypeError, AttributeError):
        return "an unknown one"
    finally:
        writer.close()


def _name(certificate: x509.Certificate) -> str:
    return subject(certificate, NameOID.COMMON_NAME) or certificate.subject.rfc4514_string()
