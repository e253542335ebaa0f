"""Each check of a startup kit once, over a kit that may be only half readable.

A check is a generator. It yields what is wrong, as the error to raise or as a remark, and goes on; what it
returns is what to say when nothing was. So :meth:`.StartupKit.load` can stop at the first error, and
:func:`examine` can tell all.
"""

from __future__ import annotations

import base64
import os
import shlex
import stat
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from ..errors import ConfigError, InvalidCertChain
from .certificates import leads_to_root, sign, subject, verify
from .files import ASK, find_startup, parse_certificates, read, read_json, read_key
from .report import Finding
from .settings import FILE, Settings, SettingsReader

SOON = timedelta(days=30)
"""A certificate that ends earlier than this is warned of: project admins are rarely quicker."""

_SIGNATURES = "signature.json"
_SIGNING_ROOT = "rootCA.pem"


@dataclass(frozen=True)
class Remark:
    """What does not make a kit unusable."""

    outcome: Literal["warning", "skipped"]
    sentence: str


Run = Generator[ConfigError | Remark, None, str]


@dataclass
class Draft:
    """A kit as far as it could be read; None is what could not.

    Attributes
    ----------
    location, now
        Where it is said to be, and the time certificates must be valid at (UTC).
    startup
        Its folder of certificates.
    settings
        What ``fed_admin.json`` says.
    certificate, chain
        ``client.crt``: its bytes, and the certificates in it, the user's first.
    key, root_certificate
        The user's private key, and whom to trust.
    """

    location: str | Path
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    startup: Path | None = None
    settings: Settings | None = None
    certificate: bytes | None = None
    chain: list[x509.Certificate] | None = None
    key: rsa.RSAPrivateKey | None = field(default=None, repr=False)
    root_certificate: x509.Certificate | None = None


_UNKNOWN = {
    "startup": "no startup kit was found",
    "settings": "fed_admin.json cannot be used",
    "chain": "the user's certificate could not be read",
    "key": "the private key could not be read",
    "root_certificate": "the root certificate could not be read",
}


@dataclass(frozen=True)
class Check:
    """A check that needs no network.

    Attributes
    ----------
    name
        What is checked.
    run
        Does it, and puts what it read into the draft.
    needs
        The parts of the draft without which it cannot run.
    """

    name: str
    run: Callable[[Draft], Run]
    needs: Sequence[str] = ()

    def impossible(self, draft: Draft) -> str:
        """Say why the check cannot run; empty when it can."""
        return next((_UNKNOWN[part] for part in self.needs if getattr(draft, part) is None), "")


def first_error(draft: Draft) -> ConfigError | None:
    """Run the checks up to the first one that makes the kit unusable, and return why."""
    for check in CHECKS:
        for remark in check.run(draft):
            if isinstance(remark, ConfigError):
                return remark
    return None


def examine(draft: Draft) -> list[Finding]:
    """Run every check that can be run, and tell the outcome of each."""
    return [_find(check, draft) for check in CHECKS]


def _find(check: Check, draft: Draft) -> Finding:
    why = check.impossible(draft)
    if why:
        return Finding(check.name, "skipped", f"not checked: {why}")
    said: list[ConfigError | Remark] = []
    run = check.run(draft)
    while True:
        try:
            said.append(next(run))
        except StopIteration as end:
            fine = str(end.value)
            break
    if any(isinstance(remark, ConfigError) for remark in said):
        return Finding(
            check.name, "failed", _joined(str(r) if isinstance(r, ConfigError) else r.sentence for r in said)
        )
    for outcome in ("warning", "skipped"):
        sentences = [r.sentence for r in said if isinstance(r, Remark) and r.outcome == outcome]
        if sentences:
            return Finding(check.name, outcome, _joined(sentences))
    return Finding(check.name, "ok", fine)


def _joined(sentences: Iterable[str]) -> str:
    """Several sentences as one text; whom to ask is said once, at the end."""
    told = list(sentences)
    facts = [sentence.removesuffix(f". {ASK}") for sentence in told]
    return ". ".join([*facts, *([ASK] if facts != told else [])])


def _folder(draft: Draft) -> Run:
    try:
        draft.startup = find_startup(draft.location)
    except ConfigError as e:
        yield e
        return ""
    return f"{draft.startup.parent} is a user's startup kit"


def _signature(draft: Draft) -> Run:
    """The root signs the kits of 2.7; of later ones (2.8.3 and 2.9.0) only those for special kinds of computing.

    The root is the file of that name, whatever ``fed_admin.json`` says: it is not yet known to be genuine.
    """
    assert draft.startup is not None
    file = draft.startup / _SIGNATURES
    if not file.exists():
        return "the kit is not signed; newer versions of FLARE sign only special ones"
    try:
        signature = read_json(file).get(FILE)
        root = parse_certificates(read(draft.startup / _SIGNING_ROOT), draft.startup / _SIGNING_ROOT)[0]
        content = read(draft.startup / FILE)
    except ConfigError as e:
        yield e
        return ""
    if not isinstance(signature, str):
        yield ConfigError(f"{file} has no signature of {FILE}: the startup kit was tampered with. {ASK}")
        return ""
    try:
        genuine = verify(root, content, base64.b64decode(signature))
    except ValueError:
        genuine = False
    if not genuine:
        yield ConfigError(f"{draft.startup / FILE} is not as it was signed: it was changed, or is damaged. {ASK}")
    return f"{FILE} is as the federation's root signed it"


def _settings(draft: Draft) -> Run:
    assert draft.startup is not None
    reader = SettingsReader(draft.startup)
    draft.settings = reader.read()
    yield from reader.problems
    settings = draft.settings
    if settings is None:
        return ""
    return (
        f"{FILE} is valid: project '{settings.project_name}', server '{settings.server_identity}' "
        f"at {settings.address}, {settings.scheme} with {settings.connection_security}"
    )


def _files(draft: Draft) -> Run:
    settings = draft.settings
    assert settings is not None
    try:
        draft.certificate = read(settings.certificate_file)
        draft.chain = parse_certificates(draft.certificate, settings.certificate_file)
    except ConfigError as e:
        yield e
    try:
        draft.root_certificate = parse_certificates(read(settings.root_file), settings.root_file)[0]
    except ConfigError as e:
        yield e
    try:
        draft.key = read_key(settings.key_file)
    except ConfigError as e:
        yield e
    return f"{', '.join(file.name for file in _three(settings))} are there and readable"


def _dates(draft: Draft) -> Run:
    settings, now = draft.settings, draft.now
    assert settings is not None
    assert draft.chain is not None
    certificates = [(c, settings.certificate_file) for c in draft.chain]
    if draft.root_certificate is not None:
        certificates.append((draft.root_certificate, settings.root_file))
    if settings.custom_root_file is not None:
        try:
            custom = parse_certificates(read(settings.custom_root_file), settings.custom_root_file)[0]
            certificates.append((custom, settings.custom_root_file))
        except ConfigError as e:
            yield e
    for cert, file in certificates:
        begins, ends = cert.not_valid_before_utc, cert.not_valid_after_utc
        if now > ends:
            yield InvalidCertChain(f"{file} expired on {_moment(ends)}. {ASK}")
        elif now < begins:
            yield InvalidCertChain(
                f"{file} is valid only from {_moment(begins)}. "
                f"It is {_moment(now)} by this machine's clock: check the clock"
            )
        elif ends - now < SOON:
            yield Remark("warning", f"{file} expires on {_moment(ends)}, {_left(ends - now)}. {ASK}")
    first, file = min(certificates, key=lambda pair: pair[0].not_valid_after_utc)
    left = _left(first.not_valid_after_utc - now)
    return f"all certificates are valid; {file.name} expires first, on {_moment(first.not_valid_after_utc)}, {left}"


def _chain(draft: Draft) -> Run:
    settings, root = draft.settings, draft.root_certificate
    assert settings is not None
    assert draft.chain is not None
    assert root is not None
    if not leads_to_root(draft.chain, root):
        yield InvalidCertChain(
            f"{settings.certificate_file} was not issued by {settings.root_file}: "
            f"they belong to different federations. {ASK}"
        )
    issuer = subject(root, NameOID.COMMON_NAME) or root.subject.rfc4514_string()
    return f"{settings.certificate_file.name} leads to {settings.root_file.name}, the root '{issuer[:100]}'"


def _pair(draft: Draft) -> Run:
    settings = draft.settings
    assert settings is not None
    assert draft.chain is not None
    assert draft.key is not None
    probe = b"flare-widgets"
    try:
        fits = verify(draft.chain[0], probe, sign(draft.key, probe))
    except ValueError:  # a key whose numbers do not belong together cannot sign
        fits = False
    if not fits:
        yield InvalidCertChain(
            f"{settings.key_file} does not fit {settings.certificate_file}: they are not a pair. {ASK}"
        )
    return f"{settings.key_file.name} is the private key of {settings.certificate_file.name}"


def _permissions(draft: Draft) -> Run:
    assert draft.settings is not None
    file = draft.settings.key_file
    if os.name != "posix":
        yield Remark("skipped", "not checked: this system has no Unix file permissions")
        return ""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except (OSError, ValueError):
        yield Remark("skipped", f"not checked: {file.name} could not be looked at")
        return ""
    if mode & 0o077:
        yield Remark(
            "warning",
            f"{file} is open to other users of this machine (mode {mode:03o}), and whoever has it is you. "
            f"Close it: chmod 600 {shlex.quote(str(file))}",
        )
    return f"only you may read {file.name} (mode {mode:03o})"


def _name(draft: Draft) -> Run:
    assert draft.settings is not None
    assert draft.chain is not None
    name = subject(draft.chain[0], NameOID.COMMON_NAME)
    if not name:
        file = draft.settings.certificate_file
        yield InvalidCertChain(f"{file} names no user (no common name in its subject). {ASK}")
    return f"you are '{name[:100]}'"


def _organization(draft: Draft) -> Run:
    assert draft.chain is not None
    organization = subject(draft.chain[0], NameOID.ORGANIZATION_NAME)
    if not organization:
        yield Remark(
            "warning", f"the certificate names no organisation, so policies for one do not apply to you. {ASK}"
        )
    return f"your organisation is '{organization[:100]}'"


def _role(draft: Draft) -> Run:
    assert draft.chain is not None
    role = subject(draft.chain[0], NameOID.UNSTRUCTURED_NAME)
    if not role:
        yield Remark("warning", f"the certificate gives you no role, so the server may refuse your commands. {ASK}")
    return f"your role is '{role[:100]}'"


def _three(settings: Settings) -> tuple[Path, Path, Path]:
    return settings.certificate_file, settings.key_file, settings.root_file


def _moment(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _left(time: timedelta) -> str:
    if time.days < 1:
        return "in less than a day"
    return "in 1 day" if time.days == 1 else f"in {time.days} days"


# Each after what it depends on itself, so that the first one missing is the reason.
_STARTUP = ["startup"]
_SETTINGS = [*_STARTUP, "settings"]
_CHAIN = [*_SETTINGS, "chain"]

CHECKS = (
    Check("folder", _folder),
    # Before anything else is believed.
    Check("signature", _signature, _STARTUP),
    Check("settings", _settings, _STARTUP),
    Check("files", _files, _SETTINGS),
    Check("dates", _dates, _CHAIN),
    Check("chain", _chain, [*_CHAIN, "root_certificate"]),
    Check("key match", _pair, [*_CHAIN, "key"]),
    Check("key permissions", _permissions, _SETTINGS),
    Check("name", _name, _CHAIN),
    Check("organisation", _organization, _CHAIN),
    Check("role", _role, _CHAIN),
)
"""In the order in which the first problem says most."""
