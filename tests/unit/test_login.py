"""Login: the right server is believed, any other is refused, and the server believes us."""

from __future__ import annotations

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import kits
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from kits import Party, authority
from nvflare.private.fed.utils.identity_utils import IdentityAsserter, IdentityVerifier, load_cert_bytes
from servers import THEIR_NONCE

from flare_widgets.errors import AuthenticationError, FLCommunicationError, ProtocolError, ServerIdentityError
from flare_widgets.kit import StartupKit
from flare_widgets.wire import fobs, hci, login
from flare_widgets.wire.cell import CellReply

NONCE = "our nonce"


@pytest.fixture(scope="module")
def kit(tmp_path_factory: pytest.TempPathFactory) -> StartupKit:
    return StartupKit.load(kits.write_kit(tmp_path_factory.mktemp("kits") / "kit"))


def proof(party: Party, name: str = "server", question: str = NONCE, **changes: Any) -> CellReply:
    """Return a server's answer to the challenge."""
    from nvflare.lighter.utils import sign_content

    answer: dict[str, Any] = {
        "cn": name,
        "nonce": THEIR_NONCE,
        "cert": party.pem,
        "signature": sign_content(name + question, party.key, return_str=False),
        **changes,
    }
    return CellReply("id", "ok", "", {k: v for k, v in answer.items() if v is not None})


def test_challenge_headers_carry_name_and_nonce(kit: StartupKit) -> None:
    assert login.challenge_headers(kit, NONCE) == {"cn": kits.USER, "nonce": NONCE}


@pytest.mark.parametrize(
    "changes",
    [{}, {"signs": True}, {"purpose": kits.SERVER_ONLY}, {"signs": True, "purpose": kits.SERVER_ONLY}],
    ids=["as provisioned", "may sign", "for servers", "both"],
)
def test_right_server_is_believed(kit: StartupKit, changes: dict[str, Any]) -> None:
    assert login.read_challenge(kit, NONCE, proof(kits.server(**changes))) == THEIR_NONCE


def test_intermediate_authority_server_is_accepted(kit: StartupKit) -> None:
    server = authority().issue("branch", ca=True).issue("server")
    assert login.read_challenge(kit, NONCE, proof(server)) == THEIR_NONCE


def test_answer_of_nvflares_own_server_is_read(kit: StartupKit, tmp_path: Path) -> None:
    server = kits.server()
    (tmp_path / "server.key").write_bytes(server.key_pem)
    (tmp_path / "server.crt").write_bytes(server.pem)
    theirs = IdentityAsserter(str(tmp_path / "server.key"), str(tmp_path / "server.crt"))
    answer = proof(server, cert=theirs.cert_data, signature=theirs.sign_common_name(NONCE))
    assert login.read_challenge(kit, NONCE, answer) == THEIR_NONCE


IMPOSTORS = {
    "of another root": (
        lambda: proof(kits.server(authority("another", key="another root"))),
        "was not issued by",
    ),
    "of a root of the same name": (lambda: proof(kits.server(authority(key="another root"))), "was not issued by"),
    "a site in the server's name": (lambda: proof(authority().issue("site-1")), "its certificate is for 'site-1'"),
    "a site in its own name": (lambda: proof(authority().issue("site-1"), "site-1"), "says it is 'site-1'"),
    "certified by a site": (lambda: proof(authority().issue("site-1").issue("server")), "was not issued by"),
    "certified by nobody": (lambda: proof(authority("server", key="self")), "was not issued by"),
    "with an answer to another question": (
        lambda: proof(kits.server(), question="old nonce"),
        "does not hold the server's key",
    ),
    "with the server's certificate but not its key": (
        lambda: proof(Party(kits.server().certificate, kits.rsa_key("thief"))),
        "does not hold the server's key",
    ),
    "with an empty signature": (lambda: proof(kits.server(), signature=b""), "does not hold the server's key"),
    "for clients only": (lambda: proof(kits.server(purpose=kits.CLIENT_ONLY)), "not made for a server"),
    "that may not sign": (lambda: proof(kits.server(signs=False)), "not made for a server"),
}


@pytest.mark.parametrize("impostor", IMPOSTORS)
def test_impostor_is_refused(kit: StartupKit, impostor: str) -> None:
    answer, says = IMPOSTORS[impostor]
    with pytest.raises(ServerIdentityError) as caught:
        login.read_challenge(kit, NONCE, answer())
    message = str(caught.value)
    assert says in message
    assert "'server'" in message  # whom we expected
    assert kit.address in message


@pytest.mark.parametrize(
    ("days", "says", "advice"),
    [((-9, -1), "expired on", "ask your project admin to renew it"), ((1, 9), "is valid only from", "wait until then")],
)
@pytest.mark.parametrize("is_issuer", [False, True])
def test_challenge_by_invalid_date_is_refused(
    kit: StartupKit, days: tuple[int, int], says: str, advice: str, is_issuer: bool
) -> None:
    """Behind a proxy that terminates TLS, nothing else of the server's shows its dates."""
    begins, ends = (kits.NOW + day * kits.DAY for day in days)
    if is_issuer:
        server = authority().issue("branch", ca=True, begins=begins, ends=ends).issue("server")
    else:
        server = authority().issue("server", begins=begins, ends=ends)
    with pytest.raises(ServerIdentityError, match=f"the certificate of the server at .* {says}") as caught:
        login.read_challenge(kit, NONCE, proof(server))
    assert caught.value.next_step == f"Check this machine's clock; if it is right, {advice}"


@pytest.mark.parametrize(
    "nonce",
    [
        "",
        " if 0 else __import__('os').system('true')\n",
        "x" * 36,
        THEIR_NONCE + "\n",
        THEIR_NONCE[:-1],
        "{" + THEIR_NONCE + "}",
        "urn:uuid:" + THEIR_NONCE,
        THEIR_NONCE.replace("-", ""),
        THEIR_NONCE.replace("-", "")[:32] + "----",
        THEIR_NONCE[:-1] + "\u0667",
        "a" * 100_000,
    ],
    ids=ascii,
)
def test_text_that_is_no_nonce_is_not_signed(kit: StartupKit, nonce: str) -> None:
    with pytest.raises(ServerIdentityError, match="to sign a text that is not a nonce") as caught:
        login.read_challenge(kit, NONCE, proof(kits.server(), nonce=nonce))
    assert "Tell your project admin" in caught.value.next_step
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("purpose", [kits.CLIENT_ONLY, None])
@pytest.mark.parametrize("signs", [True, False, None])
def test_nvflare_believes_same_certificates(kit: StartupKit, signs: bool | None, purpose: Any) -> None:
    server = kits.server(signs=signs, purpose=purpose)
    answer = proof(server).value
    verifier = IdentityVerifier(str(kit.root_file))
    try:
        verifier.verify_common_name(
            "server", NONCE, server.certificate, answer["signature"], [], expected_eku=kits.SERVER_ONLY
        )
        theirs = True
    except Exception:
        theirs = False
    try:
        login.read_challenge(kit, NONCE, proof(server))
        ours = True
    except ServerIdentityError:
        ours = False
    assert ours == theirs


@pytest.mark.parametrize(
    "changes",
    [
        {"cn": None},
        {"cn": b"server"},
        {"nonce": None},
        {"nonce": 5},
        {"signature": None},
        {"signature": "text"},
        {"cert": None},
        {"cert": "text"},
        {"cert": b"text"},
        {"cert": b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"},
    ],
)
def test_half_answer_is_protocol_error(kit: StartupKit, changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError):
        login.read_challenge(kit, NONCE, proof(kits.server(), **changes))


@pytest.mark.parametrize("value", [None, [], "x", 5, b"x"])
def test_no_answer_is_protocol_error(kit: StartupKit, value: Any) -> None:
    with pytest.raises(ProtocolError, match="did not answer the challenge"):
        login.read_challenge(kit, NONCE, CellReply("id", "ok", "", value))


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(at=st.integers(0, 800), bit=st.integers(0, 7))
@example(at=12, bit=0)  # the version
def test_damaged_certificate_is_refused(kit: StartupKit, at: int, bit: int) -> None:
    server = kits.server()
    der = bytearray(server.certificate.public_bytes(Encoding.DER))
    at = min(at, len(der) - 258)  # after that: how many bits of the signature do not count
    der[at] ^= 1 << bit
    pem = ssl.DER_cert_to_PEM_cert(bytes(der)).encode()
    with pytest.raises((ServerIdentityError, ProtocolError)):
        login.read_challenge(kit, NONCE, proof(server, cert=pem))


def test_hostile_name_is_truncated_in_error(kit: StartupKit) -> None:
    with pytest.raises(ServerIdentityError) as caught:
        login.read_challenge(kit, NONCE, proof(kits.server(), "x" * 100_000))
    assert len(str(caught.value)) < 1000


def believed_by_nvflare(kit: StartupKit, identity: dict[str, Any], nonce: str) -> bool:
    """Return True if nvflare's server would take this as proof of our identity."""
    verifier = IdentityVerifier(str(kit.root_file))
    believed: bool = verifier.verify_common_name(
        kits.USER, nonce, load_cert_bytes(identity["cert"]), identity["signature"], []
    )
    return believed


def test_our_proof_is_believed_when_registering(kit: StartupKit) -> None:
    headers, payload = login.register_request(kit, THEIR_NONCE)
    sent = fobs.decode(fobs.encode(payload))
    assert sent["cn"] == kits.USER
    assert believed_by_nvflare(kit, sent, THEIR_NONCE)
    assert headers["client_name"] == kits.USER
    assert headers["client_type"] == "admin"
    assert headers["project_name"] == kits.PROJECT
    assert headers["federation_protocol_version"] == 1


def test_login_proof_is_accepted_by_nvflare(kit: StartupKit) -> None:
    headers = login.login_headers(kit, "my-study")
    assert believed_by_nvflare(kit, headers, "")
    assert (headers["user_name"], headers["study"]) == (kits.USER, "my-study")
    assert login.login_command(kit) == f"_cert_login {kits.USER}"


def test_what_server_gave_our_cell(kit: StartupKit) -> None:
    answer = {
        "__token__": "t",
        "__token_signature__": "s",
        "ssid": "NA",
        "federation_protocol_version": 1,
        "nvflare_version": "2.9.0",
    }
    registration = login.read_registration(kit, CellReply("id", "ok", "", answer))
    assert registration.credentials == {
        "client_name": kits.USER,
        "ssid": "NA",
        "__token__": "t",
        "__token_signature__": "s",
    }
    assert (registration.protocol_version, registration.server_version) == (1, "2.9.0")


def test_old_server_has_no_version(kit: StartupKit) -> None:
    registration = login.read_registration(kit, CellReply("id", "ok", "", {"__token__": "t"}))
    assert (registration.protocol_version, registration.server_version) == (None, "")
    assert registration.credentials["__token_signature__"] == "NA"


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (CellReply("id", "ok", "", {}), "it gave no reason"),
        (CellReply("id", "ok", "", None), "it gave no reason"),
        (CellReply("id", "ok", "", {"__token__": ""}), "it gave no reason"),
        (CellReply("id", "ok", "", {"__token__": 5}), "it gave no reason"),
        (CellReply("id", "unauthenticated", "", None), "unauthenticated"),
        (CellReply("id", "unauthenticated", "bad certificate", {"__token__": "t"}), "bad certificate"),
    ],
)
def test_refused_registration(kit: StartupKit, reply: CellReply, says: str) -> None:
    with pytest.raises(FLCommunicationError) as caught:
        login.read_registration(kit, reply)
    for words in (says, kits.USER, kits.PROJECT, kit.address, "Check that the startup kit"):
        assert words in str(caught.value)


def test_credentials_are_not_shown(kit: StartupKit) -> None:
    registration = login.read_registration(
        kit, CellReply("id", "ok", "", {"__token__": "SECRET1", "__token_signature__": "SECRET2"})
    )
    assert "SECRET" not in repr(registration) + str(registration)


def items(*pairs: tuple[str, Any]) -> hci.CommandReply:
    return hci.CommandReply(tuple({"type": kind, "data": data} for kind, data in pairs))


def test_session_token(kit: StartupKit) -> None:
    assert login.read_login(kit, items(("string", "OK"), ("token", "the token"))) == "the token"


@pytest.mark.parametrize(
    ("said", "code", "says"),
    [
        ([("string", "REJECT")], None, "it gave no reason"),
        ([("string", "REJECT:")], None, "it gave no reason"),
        ([("string", "REJECT: not today")], None, "not today"),
        ([("string", "REJECT: AUTH_STUDY: no such study")], "AUTH_STUDY", "no such study"),
        ([("string", "REJECT: AUTH_STUDY:")], "AUTH_STUDY", "it gave no reason"),
        ([("error", "REJECT: other: colon")], None, "other: colon"),
        ([("string", "REJECT"), ("token", "t")], None, "it gave no reason"),
        ([("string", "OK")], None, "OK"),
        ([("error", "internal failure")], None, "internal failure"),
        ([], None, "no token"),
        ([("token", 5)], None, "no token"),
    ],
)
def test_refused_login(kit: StartupKit, said: list[tuple[str, Any]], code: str | None, says: str) -> None:
    with pytest.raises(AuthenticationError) as caught:
        login.read_login(kit, items(*said))
    assert caught.value.auth_code == code
    assert says in str(caught.value)
    assert kits.USER in str(caught.value)
    assert len(str(caught.value)) <= 300


def test_claims_of_token_of_nvflare(tmp_path: Path) -> None:
    from nvflare.fuel.hci.server.sess import Session

    server = kits.server()
    (tmp_path / "server.key").write_bytes(server.key_pem)
    (tmp_path / "server.crt").write_bytes(server.pem)
    asserter = IdentityAsserter(str(tmp_path / "server.key"), str(tmp_path / "server.crt"))
    token = Session("sid", kits.USER, "org", "lead", "fqcn", "a-study").make_token(asserter)
    assert login.token_claims(token) == {"n": kits.USER, "r": "lead", "o": "org", "s": "sid", "study": "a-study"}


def encoded(value: Any) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode() + ":signature"


@pytest.mark.parametrize("token", ["", ":", "no base64!", "aGVsbG8=:x", encoded([1]), encoded("x"), "/w==:x"])
def test_token_that_says_nothing(token: str) -> None:
    assert login.token_claims(token) == {}


@given(st.text(max_size=40))
def test_any_token_has_claims_or_none(token: str) -> None:
    assert isinstance(login.token_claims(token), dict)
