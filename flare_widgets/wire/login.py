"""Authentication: the three steps by which server and user prove their identities to each other.

1. *Challenge*: the server signs our nonce, which proves its identity, even if something else terminates TLS.
2. *Register*: we sign the server's nonce, and get a token for our cell.
3. *Certificate login*: we sign our name, and get a session token for commands.

Pure functions: each builds a request or reads an answer. Source: ``private/fed/authenticator.py`` and
``fuel/hci/server/login.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import base64
import json
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ..errors import AuthenticationError, FLCommunicationError, ProtocolError, ServerIdentityError
from ..formatting.secret import SecretBytes, hide
from ..formatting.text import sanitize_lines
from ..kit import StartupKit, chains_to_root, subject, verify_signature
from . import fobs, hci
from .cell import CellReply
from .transports.tls import explain_dates

CHANNEL, CHALLENGE_TOPIC, REGISTER_TOPIC = "task", "challenge", "register"

PROTOCOL_VERSION = 1
"""``federation_protocol_version`` of nvflare 2.9.0, the newest we know."""

NVFLARE_VERSION = "2.9.0"
"""Version of nvflare whose protocol we speak, sent to the server when registering."""


_MAX_PEM_BYTES = 64 << 10  # bytes of the server's certificates: a chain has a few, of 2 KiB each


@dataclass(frozen=True)
class Registration:
    """Credentials and version that the server gave our cell.

    Attributes
    ----------
    credentials
        Headers to put on every later message. Secret.
    protocol_version, server_version
        Versions that the server reports; 2.9 and later, else None and empty.
    """

    credentials: dict[str, Any] = field(repr=False)
    protocol_version: int | None = None
    server_version: str = ""


def challenge_headers(kit: StartupKit, nonce: str) -> dict[str, Any]:
    """Return the headers of the challenge request."""
    return {"cn": kit.username, "nonce": nonce}


def read_challenge(kit: StartupKit, nonce: str, reply: CellReply) -> str:
    """Check the server's proof of identity and return its nonce.

    We are to sign that nonce, after our name, with the key and in the manner in which we sign the files of jobs. So it
    must be a UUID, as every FLARE server sends: signing any text would let a server forge files in the user's name.

    Raises
    ------
    ServerIdentityError
        It is not the server that the kit was made for, its certificate is not valid now, or it asks for a signature of
        something else than a nonce.
    """
    answer = reply.value if isinstance(reply.value, dict) else {}
    name, signature, pem, server_nonce = (answer.get(k) for k in ("cn", "signature", "cert", "nonce"))
    where = f"the server at {kit.address}"
    if not isinstance(name, str) or not isinstance(server_nonce, str) or not isinstance(signature, bytes):
        raise ProtocolError(f"{where} did not answer the challenge")
    if name != kit.server_identity:
        raise ServerIdentityError(
            f"{where} says it is '{sanitize_lines(name, 100)}', but the startup kit {kit.root} "
            f"is for '{kit.server_identity}'",
            next_step="Check that the kit and the address belong to the same federation",
        )
    try:
        chain = x509.load_pem_x509_certificates(pem if isinstance(pem, bytes) and len(pem) <= _MAX_PEM_BYTES else b"")
    except (ValueError, x509.InvalidVersion):
        raise ProtocolError(f"{where} sent no certificate") from None
    leaf = chain[0]
    problem = ""
    if not chains_to_root(chain, kit.root_certificate):
        problem = f"its certificate was not issued by {kit.root_file}"
    elif subject(leaf, NameOID.COMMON_NAME) != name:
        problem = f"its certificate is for '{sanitize_lines(subject(leaf, NameOID.COMMON_NAME), 100)}'"
    elif not _is_server_certificate(leaf):
        problem = "its certificate is not made for a server"
    elif not verify_signature(leaf, (name + nonce).encode(), signature):
        problem = "its signature is wrong, so it does not hold the server's key"
    if problem:
        raise ServerIdentityError(f"{where} could not prove to be '{kit.server_identity}': {problem}")
    # TLS looks at the dates too, but where a proxy terminates it, only this proof is the server's. FLARE ignores them.
    now = datetime.now(timezone.utc)
    for certificate in chain:
        is_expired = certificate.not_valid_after_utc < now
        if is_expired or certificate.not_valid_before_utc > now:
            raise explain_dates(kit, certificate, is_expired=is_expired)
    if not _is_uuid(server_nonce):
        raise ServerIdentityError(
            f"{where} asks {kit.username} to sign a text that is not a nonce, which no FLARE server does: nothing "
            "was signed",
            next_step="Tell your project admin: the server may have been taken over",
        )
    return server_nonce


def register_request(kit: StartupKit, server_nonce: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return headers and payload of the register request."""
    headers = {
        "client_name": kit.username,
        "client_type": "admin",
        "client_ip": "",
        "project_name": kit.project_name,
        "federation_protocol_version": PROTOCOL_VERSION,
        "nvflare_version": NVFLARE_VERSION,
    }
    payload = fobs.make_shareable(
        {
            "cert": kit.certificate,
            "cn": kit.username,
            "signature": SecretBytes(kit.sign((kit.username + server_nonce).encode())),
        },
        headers={"__peer_ctx__": fobs.make_fl_context(kit.username)},
    )
    return headers, payload


def read_registration(kit: StartupKit, reply: CellReply) -> Registration:
    """Return the credentials and version that the server gave our cell.

    Raises
    ------
    FLCommunicationError
        The server refused: another project, a certificate it does not accept, a disabled user.
    """
    answer = hide(reply.value) if isinstance(reply.value, dict) else {}
    token = answer.get("__token__")
    if reply.code != "ok" or not isinstance(token, str) or not token:
        why = reply.error or (reply.code if reply.code != "ok" else "it gave no reason")
        raise FLCommunicationError(
            f"the server at {kit.address} refused to register {kit.username} for project "
            f"'{kit.project_name}': {sanitize_lines(why, 200)}",
            next_step="Check that the startup kit was made for this federation and has not been revoked",
        )
    version = answer.get("federation_protocol_version")
    return Registration(
        credentials={
            "client_name": kit.username,
            "ssid": answer.get("ssid", ""),
            "__token__": token,
            "__token_signature__": answer.get("__token_signature__", "NA"),
        },
        protocol_version=version if isinstance(version, int) else None,
        server_version=str(answer.get("nvflare_version") or "")[:40],
    )


def login_headers(kit: StartupKit, study: str) -> dict[str, Any]:
    """Return the headers that go with the login command."""
    return {
        "user_name": kit.username,
        "cert": kit.certificate,
        "signature": SecretBytes(kit.sign(kit.username.encode())),
        "study": study,
    }


def login_command(kit: StartupKit) -> str:
    """Return the login command."""
    return hci.join_words(["_cert_login", kit.username])


def read_login(kit: StartupKit, reply: hci.CommandReply) -> str:
    """Return the session token. It is a bearer secret: anyone who has it can act as the user.

    Raises
    ------
    AuthenticationError
        The server does not accept the user, or not for this study.
    """
    for text in reply.texts("string", "error"):
        verdict, _, reason = text.partition(":")
        if verdict.strip() == "REJECT":
            code, colon, words = reason.strip().partition(":")
            auth_code = code.strip() if colon and code.strip().startswith("AUTH_") else None
            words = words.strip() if auth_code else reason.strip()
            # nvflare's own client says "Incorrect user name or password" here; there is no password.
            raise AuthenticationError(
                f"the server does not accept {kit.username}: {sanitize_lines(words, 200) or 'it gave no reason'}",
                auth_code=auth_code,
            )
    tokens = hide(reply.texts("token"))
    if not tokens:
        words = "; ".join(reply.texts("string", "error"))
        raise AuthenticationError(
            f"the server did not log {kit.username} in: {sanitize_lines(words, 200) or 'no token'}"
        )
    token: str = tokens[0]
    return token


def token_claims(token: str) -> dict[str, Any]:
    """Return the readable claims of a session token: user, role, organization, and from 2.8 on the study."""
    try:
        claims = json.loads(base64.b64decode(token.partition(":")[0], validate=True))
    except (ValueError, RecursionError):
        return {}
    return claims if isinstance(claims, dict) else {}


def _is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _is_server_certificate(certificate: x509.Certificate) -> bool:
    """Return True if the certificate may be a server's. Those of old provisioning tools do not state their use."""
    try:
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.digital_signature:
            return False
    except x509.ExtensionNotFound:
        pass
    try:
        extended = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return ExtendedKeyUsageOID.SERVER_AUTH in extended
