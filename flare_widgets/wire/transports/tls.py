"""TLS by FLARE's rules: with the federation's own root, and names checked against the kit, not only the host.

Meaning of the kit's ``connection_security``, from ``fuel/f3/drivers/net_utils.py`` of nvflare 2.9.0:

* ``mtls``: both sides present certificates of the federation's root.
* ``tls``: only the server does. If ``startup/customRootCA.pem`` exists, its certificate comes from that root
  instead: the peer is a proxy or load balancer, which the federation's root did not certify.
* ``clear``: no TLS. :class:`.Session` does not open such a kit unless asked to.

FLARE's own challenge follows in all three (:mod:`..login`).
"""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from datetime import datetime, timezone
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from ...errors import InvalidCertChain, NoConnection, ServerIdentityError
from ...formatting.text import sanitize_lines
from ...kit import StartupKit, subject
from .proxy import find_proxy, open_tunnel

_PEEK_TIMEOUT_S = 3.0  # seconds to find out what answers instead of the right server
# OpenSSL's reasons for refusing a certificate (X509_V_ERR_...).
_NOT_YET_VALID, _EXPIRED, _WRONG_PURPOSE = 9, 10, 26
_DATE = "%Y-%m-%d %H:%M"


def client_context(kit: StartupKit) -> ssl.SSLContext | None:
    """Return the TLS settings of the kit's user; None for a kit without TLS.

    Raises
    ------
    InvalidCertChain
        OpenSSL does not accept the kit's files.
    """
    if kit.connection_security == "clear":
        return None
    # Not create_default_context: from Python 3.13 that requires extensions which old FLARE certificates lack.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # FLARE's certificates name the server's identity, not its host: check_peer compares that.
    context.check_hostname = False
    try:
        context.load_verify_locations(trusted_root_file(kit))
        if kit.connection_security == "mtls":
            context.load_cert_chain(kit.certificate_file, kit.key_file)
    except (ssl.SSLError, OSError) as e:
        raise InvalidCertChain(f"the certificates in {kit.startup} are not accepted by OpenSSL: {e}") from None
    return context


def trusted_root_file(kit: StartupKit) -> Path:
    """Return the file with the root certificate that must have issued the TLS peer's."""
    return kit.custom_root_file or kit.root_file


def check_peer(kit: StartupKit, ssl_object: ssl.SSLObject | None) -> None:
    """Check that the TLS peer is the kit's server, by the name in its (already verified) certificate.

    With a custom root (``customRootCA.pem``), a certificate for the kit's host is accepted too: FLARE does not control
    what that root certifies. nvflare checks no name there at all, so anyone with a certificate of that root could
    listen in.

    Raises
    ------
    ServerIdentityError
        The peer is another party.
    """
    if kit.connection_security == "clear":
        return
    try:
        der = ssl_object.getpeercert(binary_form=True) if ssl_object is not None else None
    except ValueError:  # "handshake not done": already undone by a server that rejects us
        raise NoConnection(f"the server at {kit.address} ended the connection during the TLS handshake") from None
    certificate = x509.load_der_x509_certificate(der) if der else None
    found = subject(certificate, NameOID.COMMON_NAME) if certificate else ""
    if found == kit.server_identity:
        return
    wanted = f"the server '{kit.server_identity}'"
    if kit.custom_root_file is not None:
        if certificate is not None and matches_host(certificate, kit.host):
            return
        wanted += f" or '{kit.host}'"
    raise ServerIdentityError(
        f"{kit.address} is '{sanitize_lines(found, 100)}', but the startup kit {kit.root} is for {wanted}",
        next_step=f"Check host and port in {kit.source('host', 'port')}",
    )


def host_names(certificate: x509.Certificate) -> list[str]:
    """Return the hosts a certificate is for: DNS names and IP addresses, the common name if it has neither."""
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return [subject(certificate, NameOID.COMMON_NAME)]
    return [*san.get_values_for_type(x509.DNSName), *(str(ip) for ip in san.get_values_for_type(x509.IPAddress))]


def matches_host(certificate: x509.Certificate, host: str) -> bool:
    """Return True if a certificate is for this host; ``*`` stands for the first part of a DNS name."""
    try:
        return str(ipaddress.ip_address(host)) in host_names(certificate)
    except ValueError:
        host = host.lower().rstrip(".")
    _, dot, domain = host.partition(".")
    return any(name.lower() == host or (dot and name.lower() == f"*.{domain}") for name in host_names(certificate))


async def explain_tls_error(kit: StartupKit, address: str, error: ssl.SSLError) -> NoConnection:
    """Return the error that explains in plain words why the TLS handshake with an IP address failed."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_refused_certificate(kit, await _find_peer_certificate(kit, address), error)
    reason = (error.reason or "").replace("_", " ").lower() or str(error)
    if "wrong version number" in reason or "record layer" in reason or "unexpected eof" in reason:
        return NoConnection(
            f"something answers at {kit.address}, but it does not speak TLS: not a FLARE server",
            next_step=f"Check host and port in {kit.source('host', 'port')}",
        )
    return NoConnection(f"the TLS handshake with {kit.address} failed: {reason}")


def _explain_refused_certificate(
    kit: StartupKit, certificate: x509.Certificate | None, error: ssl.SSLCertVerificationError
) -> ServerIdentityError:
    """Return the error about a peer whose certificate OpenSSL refuses, by the reason.

    OpenSSL compares the dates only of certificates that lead to the root: those are the server's own.
    """
    if error.verify_code in (_EXPIRED, _NOT_YET_VALID):
        return explain_dates(kit, certificate, is_expired=error.verify_code == _EXPIRED)
    if error.verify_code == _WRONG_PURPOSE:
        return ServerIdentityError(
            f"{kit.address} is not a server: its certificate ({_describe(certificate)}) is made for another purpose "
            f"({error.verify_message})",
            next_step=f"Check host and port in {kit.source('host', 'port')}",
        )
    return ServerIdentityError(
        f"{kit.address} is not the server of the startup kit {kit.root}: expected "
        f"'{kit.server_identity}', with a certificate issued by '{_root_name(kit)}', found {_describe(certificate)} "
        f"({error.verify_message or 'verification failed'})",
        next_step=f"Check host and port in {kit.source('host', 'port')}, or get the kit of this federation",
    )


def explain_dates(kit: StartupKit, certificate: x509.Certificate | None, *, is_expired: bool) -> ServerIdentityError:
    """Return the error for a server's certificate that has expired or is not valid yet; None if it is not known."""
    now = datetime.now(timezone.utc)
    what = f"the certificate of the server at {kit.address}"
    if certificate is None or certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        what += " (or of its issuer)"
        verdict = "has expired" if is_expired else "is not valid yet"
    elif is_expired:
        verdict = f"expired on {certificate.not_valid_after_utc:{_DATE}} UTC"
    else:
        verdict = f"is valid only from {certificate.not_valid_before_utc:{_DATE}} UTC"
    advice = "ask your project admin to renew it" if is_expired else "wait until then"
    return ServerIdentityError(
        f"{what} {verdict}; this machine's clock says {now:{_DATE}} UTC",
        next_step=f"Check this machine's clock; if it is right, {advice}",
    )


async def _find_peer_certificate(kit: StartupKit, address: str) -> x509.Certificate | None:
    """Return the certificate at the kit's address, if it can be read. Only a TLS greeting is sent to its holder."""
    try:
        der = await asyncio.wait_for(_fetch_certificate(kit, address), _PEEK_TIMEOUT_S)
        return x509.load_der_x509_certificate(der)
    except (OSError, asyncio.TimeoutError, ValueError, TypeError):
        return None


def _describe(certificate: x509.Certificate | None) -> str:
    """Name a certificate and its issuer."""
    try:
        if certificate is None:
            return "an unknown one"
        issuer = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        issued = f"issued by '{sanitize_lines(str(issuer[0].value), 100)}'" if issuer else "without an issuer's name"
        return f"'{sanitize_lines(subject(certificate, NameOID.COMMON_NAME), 100)}', {issued}"
    except (ValueError, TypeError):
        return "an unknown one"


async def _fetch_certificate(kit: StartupKit, address: str) -> bytes:
    """Return the certificate presented at one of the server's IP addresses.

    Done by hand, because a server that requires our certificate rejects right after the handshake, and asyncio may
    then have discarded the server's before it can be read.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=kit.host)
    # An IP address: for a name, asyncio would start threads that stay.
    proxy = find_proxy(kit)
    reader, writer = await (
        asyncio.open_connection(address, kit.port)
        if proxy is None
        else asyncio.open_connection(sock=await open_tunnel(proxy, kit))
    )
    try:
        while True:
            try:
                tls.do_handshake()
                return tls.getpeercert(binary_form=True) or b""
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                received = await reader.read(1 << 16)
                if received:
                    incoming.write(received)
                else:
                    incoming.write_eof()
    finally:
        writer.transport.abort()


def _root_name(kit: StartupKit) -> str:
    root = kit.root_certificate
    if kit.custom_root_file is not None:
        root = x509.load_pem_x509_certificates(kit.custom_root_file.read_bytes())[0]
    return subject(root, NameOID.COMMON_NAME) or root.subject.rfc4514_string()
