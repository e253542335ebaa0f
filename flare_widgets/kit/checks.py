"""Each check of a startup kit once, on a kit that may be only partly readable.

A check is a generator. It yields each problem, as the error to raise or as a note, and continues; it returns the
sentence for the case that there was none. So :meth:`.StartupKit.load` can stop at the first error, and
:func:`run_checks` can report all.
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
from .certificates import chains_to_root, parse_certificates, read_key, sign, subject, verify_signature
from .files import ASK_ADMIN, SETTINGS_FILE, find_startup, read_file, read_json
from .report import EXPIRY_WARNING, Finding
from .settings import Settings, SettingsReader

_SIGNATURE_FILE = "signature.json"
_SIGNING_ROOT_FILE = "rootCA.pem"


@dataclass(frozen=True)
class Note:
    """A remark on something that does not make a kit unusable."""

    outcome: Literal["warning", "skipped"]
    sentence: str


CheckRun = Generator[ConfigError | Note, None, str]


@dataclass
class PartialKit:
    """A kit as far as it could be read; parts that could not be read are None.

    Attributes
    ----------
    location, now
        Its location as given, and the time at which certificates must be valid (UTC).
    startup
        The folder of certificates.
    settings
        Content of ``fed_admin.json``.
    certificate, chain
        ``client.crt``: its bytes, and the certificates in it, the user's first.
    key, root_certificate
        The user's private key, and the trusted root.
    """

    location: str | Path
    now: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    startup: Path | None = None
    settings: Settings | None = None
    certificate: bytes | None = None
    chain: list[x509.Certificate] | None = None
    key: rsa.RSAPrivateKey | None = field(default=None, repr=False)
    root_certificate: x509.Certificate | None = None


_MISSING_REASONS = {
    "startup": "no startup kit was found",
    "settings": "the settings cannot be used",
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
        Name of the check.
    run
        Runs it, and stores what it read in the partial kit.
    needs
        The parts of the partial kit without which it cannot run.
    """

    name: str
    run: Callable[[PartialKit], CheckRun]
    needs: Sequence[str] = ()

    def skip_reason(self, kit: PartialKit) -> str:
        """Return the reason the check cannot run; empty if it can."""
        return next((_MISSING_REASONS[part] for part in self.needs if getattr(kit, part) is None), "")


def find_first_error(kit: PartialKit) -> ConfigError | None:
    """Run the checks up to the first one that makes the kit unusable, and return its error."""
    for check in CHECKS:
        for remark in check.run(kit):
            if isinstance(remark, ConfigError):
                return remark
    return None


def run_checks(kit: PartialKit) -> list[Finding]:
    """Run every check that can be run, and return the outcome of each."""
    return [_run_check(check, kit) for check in CHECKS]


def _run_check(check: Check, kit: PartialKit) -> Finding:
    why = check.skip_reason(kit)
    if why:
        return Finding(check.name, "skipped", f"not checked: {why}")
    said: list[ConfigError | Note] = []
    run = check.run(kit)
    while True:
        try:
            said.append(next(run))
        except StopIteration as end:
            fine = str(end.value)
            break
    if any(isinstance(remark, ConfigError) for remark in said):
        return Finding(
            check.name, "failed", _join_sentences(str(r) if isinstance(r, ConfigError) else r.sentence for r in said)
        )
    for outcome in ("warning", "skipped"):
        sentences = [r.sentence for r in said if isinstance(r, Note) and r.outcome == outcome]
        if sentences:
            return Finding(check.name, outcome, _join_sentences(sentences))
    return Finding(check.name, "ok", fine)


def _join_sentences(sentences: Iterable[str]) -> str:
    """Join several sentences into one text; the contact to ask is named once, at the end."""
    told = list(sentences)
    facts = [sentence.removesuffix(f". {ASK_ADMIN}") for sentence in told]
    return ". ".join([*facts, *([ASK_ADMIN] if facts != told else [])])


def _check_folder(kit: PartialKit) -> CheckRun:
    try:
        kit.startup = find_startup(kit.location)
    except ConfigError as e:
        yield e
        return ""
    return f"{kit.startup.parent} is a user's startup kit"


def _check_signature(kit: PartialKit) -> CheckRun:
    """Check the signature of the kit, by the root in 2.7; later (2.8.3, 2.9.0) only special computing kits have one.

    The root is the file of that name, whatever ``fed_admin.json`` says, which is not yet known to be genuine.
    """
    assert kit.startup is not None
    file = kit.startup / _SIGNATURE_FILE
    if not file.exists():
        return "the kit is not signed; newer versions of FLARE sign only special kits"
    try:
        signature = read_json(file).get(SETTINGS_FILE)
        root = parse_certificates(read_file(kit.startup / _SIGNING_ROOT_FILE), kit.startup / _SIGNING_ROOT_FILE)[0]
        content = read_file(kit.startup / SETTINGS_FILE)
    except ConfigError as e:
        yield e
        return ""
    if not isinstance(signature, str):
        yield ConfigError(
            f"{file} has no signature of {SETTINGS_FILE}: the startup kit was tampered with", next_step=ASK_ADMIN
        )
        return ""
    try:
        genuine = verify_signature(root, content, base64.b64decode(signature))
    except ValueError:
        genuine = False
    if not genuine:
        yield ConfigError(
            f"{kit.startup / SETTINGS_FILE} does not match its signature: it was changed or damaged",
            next_step=ASK_ADMIN,
        )
    return f"{SETTINGS_FILE} matches the signature of the federation's root"


def _check_settings(kit: PartialKit) -> CheckRun:
    assert kit.startup is not None
    reader = SettingsReader(kit.startup)
    kit.settings = reader.read()
    yield from reader.problems
    settings = kit.settings
    if settings is None:
        return ""
    return (
        f"{SETTINGS_FILE} is valid: project '{settings.project_name}', server '{settings.server_identity}' "
        f"at {settings.address}, {settings.scheme} with {settings.connection_security}"
    )


def _check_files(kit: PartialKit) -> CheckRun:
    settings = kit.settings
    assert settings is not None
    try:
        kit.certificate = read_file(settings.certificate_file)
        kit.chain = parse_certificates(kit.certificate, settings.certificate_file)
    except ConfigError as e:
        yield e
    try:
        kit.root_certificate = parse_certificates(read_file(settings.root_file), settings.root_file)[0]
    except ConfigError as e:
        yield e
    try:
        kit.key = read_key(settings.key_file)
    except ConfigError as e:
        yield e
    return f"{', '.join(file.name for file in _credential_files(settings))} exist and are readable"


def _check_dates(kit: PartialKit) -> CheckRun:
    settings, now = kit.settings, kit.now
    assert settings is not None
    assert kit.chain is not None
    certificates = [(c, settings.certificate_file) for c in kit.chain]
    if kit.root_certificate is not None:
        certificates.append((kit.root_certificate, settings.root_file))
    if settings.custom_root_file is not None:
        try:
            custom = parse_certificates(read_file(settings.custom_root_file), settings.custom_root_file)[0]
            certificates.append((custom, settings.custom_root_file))
        except ConfigError as e:
            yield e
    for cert, file in certificates:
        begins, ends = cert.not_valid_before_utc, cert.not_valid_after_utc
        if now > ends:
            yield InvalidCertChain(f"{file} expired on {_format_utc(ends)}", next_step=ASK_ADMIN)
        elif now < begins:
            yield InvalidCertChain(
                f"{file} is valid only from {_format_utc(begins)}",
                next_step=f"This machine's clock says {_format_utc(now)}: check the clock",
            )
        elif ends - now < EXPIRY_WARNING:
            yield Note(
                "warning", f"{file} expires on {_format_utc(ends)}, {_format_time_left(ends - now)}. {ASK_ADMIN}"
            )
    first, file = min(certificates, key=lambda pair: pair[0].not_valid_after_utc)
    left = _format_time_left(first.not_valid_after_utc - now)
    return f"all certificates are valid; {file.name} expires first, on {_format_utc(first.not_valid_after_utc)}, {left}"


def _check_chain(kit: PartialKit) -> CheckRun:
    settings, root = kit.settings, kit.root_certificate
    assert settings is not None
    assert kit.chain is not None
    assert root is not None
    if not chains_to_root(kit.chain, root):
        yield InvalidCertChain(
            f"{settings.certificate_file} was not issued by {settings.root_file}: they belong to different federations",
            next_step=ASK_ADMIN,
        )
    issuer = subject(root, NameOID.COMMON_NAME) or root.subject.rfc4514_string()
    return f"{settings.certificate_file.name} is signed by {settings.root_file.name} (CA '{issuer[:100]}')"


def _check_key_match(kit: PartialKit) -> CheckRun:
    settings = kit.settings
    assert settings is not None
    assert kit.chain is not None
    assert kit.key is not None
    probe = b"flare-widgets"
    try:
        fits = verify_signature(kit.chain[0], probe, sign(kit.key, probe))
    except ValueError:  # a key whose numbers are inconsistent cannot sign
        fits = False
    if not fits:
        yield InvalidCertChain(
            f"{settings.key_file} does not match {settings.certificate_file}: they are not a pair", next_step=ASK_ADMIN
        )
    return f"{settings.key_file.name} is the private key of {settings.certificate_file.name}"


def _check_key_permissions(kit: PartialKit) -> CheckRun:
    assert kit.settings is not None
    file = kit.settings.key_file
    if os.name != "posix":
        yield Note("skipped", "not checked: this system has no Unix file permissions")
        return ""
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except (OSError, ValueError):
        yield Note("skipped", f"not checked: the permissions of {file.name} could not be read")
        return ""
    if mode & 0o077:
        yield Note(
            "warning",
            f"{file} is readable by other users of this machine (mode {mode:03o}). "
            f"Whoever has this key can act as you. Run chmod 600 {shlex.quote(str(file))}",
        )
    return f"{file.name} is readable only by you (mode {mode:03o})"


def _check_name(kit: PartialKit) -> CheckRun:
    assert kit.settings is not None
    assert kit.chain is not None
    name = subject(kit.chain[0], NameOID.COMMON_NAME)
    if not name:
        file = kit.settings.certificate_file
        yield InvalidCertChain(f"{file} does not name a user: its subject has no common name", next_step=ASK_ADMIN)
    return f"user name: '{name[:100]}'"


def _check_organization(kit: PartialKit) -> CheckRun:
    assert kit.chain is not None
    organization = subject(kit.chain[0], NameOID.ORGANIZATION_NAME)
    if not organization:
        yield Note(
            "warning",
            f"the certificate has no organization, so policies for organizations do not apply to you. {ASK_ADMIN}",
        )
    return f"organization: '{organization[:100]}'"


def _check_role(kit: PartialKit) -> CheckRun:
    assert kit.chain is not None
    role = subject(kit.chain[0], NameOID.UNSTRUCTURED_NAME)
    if not role:
        yield Note("warning", f"the certificate has no role, so the server may refuse your commands. {ASK_ADMIN}")
    return f"role: '{role[:100]}'"


def _credential_files(settings: Settings) -> tuple[Path, Path, Path]:
    return settings.certificate_file, settings.key_file, settings.root_file


def _format_utc(when: datetime) -> str:
    return f"{when:%Y-%m-%d %H:%M} UTC"


def _format_time_left(time: timedelta) -> str:
    if time.days < 1:
        return "in less than a day"
    return "in 1 day" if time.days == 1 else f"in {time.days} days"


# Each after the part it depends on itself, so that the first one missing is the reason.
_NEEDS_STARTUP = ["startup"]
_NEEDS_SETTINGS = [*_NEEDS_STARTUP, "settings"]
_NEEDS_CHAIN = [*_NEEDS_SETTINGS, "chain"]

CHECKS = (
    Check("folder", _check_folder),
    # Before anything else is trusted.
    Check("signature", _check_signature, _NEEDS_STARTUP),
    Check("settings", _check_settings, _NEEDS_STARTUP),
    Check("files", _check_files, _NEEDS_SETTINGS),
    Check("dates", _check_dates, _NEEDS_CHAIN),
    Check("chain", _check_chain, [*_NEEDS_CHAIN, "root_certificate"]),
    Check("key match", _check_key_match, [*_NEEDS_CHAIN, "key"]),
    Check("key permissions", _check_key_permissions, _NEEDS_SETTINGS),
    Check("name", _check_name, _NEEDS_CHAIN),
    Check("organization", _check_organization, _NEEDS_CHAIN),
    Check("role", _check_role, _NEEDS_CHAIN),
)
"""All checks, in the order that makes the first problem the most informative."""
