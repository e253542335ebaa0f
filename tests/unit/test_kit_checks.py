"""The check of a kit without a network: it goes on where loading stops, by the same rules."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import kits
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kits import BAD_KITS, DAY, NOW, BadKit, authority, edit_admin, rsa_key, write_kit

from flare_widgets.api import KitReport, StartupKit, check_kit, connect
from flare_widgets.errors import ConfigError, InvalidCertChain
from flare_widgets.kit.certificates import sign

OWN = {"folder", "signature", "settings", "files", "dates", "chain", "key match", "key permissions"} | {
    "name",
    "organization",
    "role",
}
NETWORK = {"host", "port", "TLS", "server identity", "login", "clock"}


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    return private(write_kit(tmp_path / "kit"))


def private(kit: Path) -> Path:
    (kit / "startup" / "client.key").chmod(0o600)
    return kit


def check(kit: Path, **more: Any) -> KitReport:
    return check_kit(kit, network=False, **more)


def with_outcome(report: KitReport, outcome: Any) -> set[str]:
    return {finding.name for finding in report.with_outcome(outcome)}


def sign_kit(kit: Path, key: str = "root", *, leave_out: str = "") -> None:
    """Sign every file in ``startup``, as nvflare's provisioner of 2.7 does last."""
    files = [file for file in (kit / "startup").iterdir() if file.name not in ("signature.json", leave_out)]
    signatures = {file.name: base64.b64encode(sign(rsa_key(key), file.read_bytes())).decode() for file in files}
    (kit / "startup" / "signature.json").write_text(json.dumps(signatures))


def test_good_kit_passes_every_check(kit: Path) -> None:
    report = check(kit)
    assert report.ok
    assert with_outcome(report, "ok") == OWN
    assert with_outcome(report, "skipped") == NETWORK
    assert report["name"].sentence == f"user name: '{kits.USER}'"
    assert kits.ORG in report["organization"].sentence
    assert kits.ROLE in report["role"].sentence
    assert "in 359 days" in report["dates"].sentence or "in 360 days" in report["dates"].sentence
    assert "localhost:8002" in report["settings"].sentence


@pytest.mark.parametrize("bad", BAD_KITS, ids=lambda bad: bad.name)
def test_report_repeats_loading_error_text(kit: Path, bad: BadKit) -> None:
    bad.spoil(kit)
    with pytest.raises(ConfigError) as caught:
        StartupKit.load(kit)
    report = check(kit)
    assert not report.ok
    fact = str(caught.value).split(". Ask your project admin")[0]
    assert any(fact in finding.sentence for finding in report.with_outcome("failed")), report
    assert {finding.name for finding in report.findings} == OWN | NETWORK
    for words in bad.says:
        assert any(words in finding.sentence for finding in report.with_outcome("failed"))


@pytest.mark.parametrize(
    ("spoil", "failed"),
    [
        (lambda kit: shutil.rmtree(kit), {"folder"}),
        (lambda kit: edit_admin(kit, port=0, scheme="gopher"), {"settings"}),
        (lambda kit: (kit / "startup" / "client.key").unlink(), {"files"}),
        (lambda kit: (kit / "startup" / "client.key").write_bytes(kits.key_pem(rsa_key("other"))), {"key match"}),
        (lambda kit: put_user(kit, begins=NOW - 9 * DAY, ends=NOW - DAY), {"dates"}),
        (lambda kit: put_user(kit, begins=NOW + DAY), {"dates"}),
        (lambda kit: put_user(kit, names_user=False), {"name"}),
        (
            lambda kit: (kit / "startup" / "rootCA.pem").write_bytes(authority("another", key="another root").pem),
            {"chain"},
        ),
    ],
    ids=["folder", "settings", "files", "key match", "expired", "not yet valid", "name", "chain"],
)
def test_each_problem_is_finding_of_own(kit: Path, spoil: Callable[[Path], Any], failed: set[str]) -> None:
    spoil(kit)
    assert with_outcome(check(kit), "failed") == failed


def put_user(kit: Path, **changes: Any) -> None:
    (kit / "startup" / "client.crt").write_bytes(authority().issue(kits.USER, **changes).pem)


def test_all_problems_are_told_not_only_first(kit: Path) -> None:
    put_user(kit, begins=NOW - 9 * DAY, ends=NOW - DAY)
    (kit / "startup" / "client.key").write_bytes(kits.key_pem(rsa_key("somebody else")))
    (kit / "startup" / "rootCA.pem").write_bytes(authority("another", key="another root").pem)
    (kit / "startup" / "client.key").chmod(0o644)
    report = check(kit)
    assert with_outcome(report, "failed") == {"dates", "chain", "key match"}
    assert with_outcome(report, "warning") == {"key permissions", "role"}
    assert "3 problems, 2 warnings, 6 not checked" in report.headline


def test_finding_joins_problems_with_one_contact(kit: Path) -> None:
    (kit / "startup" / "client.key").unlink()
    (kit / "startup" / "rootCA.pem").write_bytes(b"")
    sentence = check(kit)["files"].sentence
    assert "client.key is missing" in sentence
    assert "rootCA.pem is empty" in sentence
    assert sentence.count("Ask your project admin") == 1
    edit_admin(kit, port="x", scheme="gopher", host="")
    sentence = check(kit)["settings"].sentence
    assert all(words in sentence for words in ("port 'x'", "'gopher'", "'host' is missing"))


def test_what_cannot_be_checked_says_why(kit: Path) -> None:
    (kit / "startup" / "client.crt").unlink()
    report = check(kit)
    assert with_outcome(report, "skipped") == NETWORK | {"dates", "chain", "key match", "name", "organization", "role"}
    assert report["role"].sentence == "not checked: the user's certificate could not be read"
    edit_admin(kit, port=0)
    assert check(kit)["role"].sentence == "not checked: the settings cannot be used"
    assert check(kit / "nowhere")["role"].sentence == "not checked: no startup kit was found"


@pytest.mark.parametrize(
    ("ends", "outcome", "words"),
    [
        (31 * DAY + DAY / 2, "ok", "in 31 days"),
        (29 * DAY + DAY / 2, "warning", "in 29 days"),
        (DAY + DAY / 2, "warning", "in 1 day."),
        (DAY / 2, "warning", "in less than a day"),
    ],
)
def test_expiring_certificate_is_warned(kit: Path, ends: Any, outcome: str, words: str) -> None:
    put_user(kit, ends=NOW + ends)
    finding = check(kit, now=NOW)["dates"]
    assert finding.outcome == outcome
    assert words in finding.sentence
    assert ("Ask your project admin" in finding.sentence) == (outcome == "warning")
    assert StartupKit.load(kit).username == kits.USER


def test_expiring_root_is_warned(tmp_path: Path) -> None:
    report = check(write_kit(tmp_path / "kit", authority(ends=NOW + 5 * DAY)))
    assert report["dates"].outcome == "warning"
    assert "rootCA.pem expires on" in report["dates"].sentence


@pytest.mark.skipif(os.name != "posix", reason="needs Unix permissions")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_exposed_key_warning_gives_chmod_command(tmp_path: Path, mode: int) -> None:
    kit = write_kit(tmp_path / "my kit")
    key = kit / "startup" / "client.key"
    key.chmod(mode)
    report = check(kit)
    assert report.ok
    assert report["key permissions"].outcome == "warning"
    assert f"mode {mode:o}" in report["key permissions"].sentence
    command = report["key permissions"].sentence.partition("Run ")[2]
    assert command == f"chmod 600 '{key}'"
    assert os.system(command) == 0
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert check(kit)["key permissions"].outcome == "ok"


def test_missing_role_is_only_warning(kit: Path) -> None:
    put_user(kit)
    report = check(kit)
    assert report.ok
    assert with_outcome(report, "warning") == {"role"}


# signed kits


def test_signed_kit_is_verified(kit: Path) -> None:
    sign_kit(kit)
    assert StartupKit.load(kit).username == kits.USER
    assert check(kit)["signature"].sentence == "fed_admin.json matches the signature of the federation's root"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda kit: edit_admin(kit, host="evil.example.org"), "does not match its signature"),
        (lambda kit: sign_kit(kit, "mallory"), "does not match its signature"),
        (lambda kit: sign_kit(kit, leave_out="fed_admin.json"), "has no signature of fed_admin.json"),
        (lambda kit: (kit / "startup" / "signature.json").write_text('{"fed_admin.json": 1}'), "has no signature of"),
        (lambda kit: (kit / "startup" / "signature.json").write_text('{"fed_admin.json": "ä"}'), "does not match"),
        (lambda kit: (kit / "startup" / "signature.json").write_text("{"), "signature.json is not valid JSON"),
        (lambda kit: (kit / "startup" / "signature.json").write_text(""), "signature.json is empty"),
        (lambda kit: (kit / "startup" / "rootCA.pem").unlink(), "rootCA.pem is missing"),
    ],
    ids=["changed", "by another", "left out", "a number", "no base64", "no JSON", "empty", "no root"],
)
def test_modified_signed_kit_is_refused(kit: Path, spoil: Callable[[Path], Any], words: str) -> None:
    sign_kit(kit)
    spoil(kit)
    with pytest.raises(ConfigError, match=words):
        connect(kit)
    assert words in check(kit)["signature"].sentence
    assert check(kit)["signature"].outcome == "failed"


def test_modified_kit_cannot_choose_root(kit: Path) -> None:
    sign_kit(kit)
    mallory = authority(key="mallory")
    (kit / "startup" / "own.pem").write_bytes(mallory.pem)
    edit_admin(kit, ca_cert="own.pem")
    signatures = json.loads((kit / "startup" / "signature.json").read_text())
    content = (kit / "startup" / "fed_admin.json").read_bytes()
    signatures["fed_admin.json"] = base64.b64encode(sign(mallory.key, content)).decode()
    (kit / "startup" / "signature.json").write_text(json.dumps(signatures))
    with pytest.raises(ConfigError, match="does not match its signature"):
        StartupKit.load(kit)


def test_nvflare_signs_and_verifies_like_that(kit: Path) -> None:
    from nvflare.fuel.sec.security_content_service import LoadResult, SecurityContentManager
    from nvflare.lighter.utils import sign_folders

    sign_folders(str(kit / "startup"), rsa_key("root"), signature_file="signature.json")
    assert check(kit)["signature"].outcome == "ok"
    sign_kit(kit)
    _, result = SecurityContentManager(str(kit / "startup")).load_json("fed_admin.json")
    assert result == LoadResult.OK


# the report


def test_report_as_text_and_as_json(kit: Path) -> None:
    (kit / "startup" / "client.key").unlink()
    report = check(kit)
    headline, *lines = repr(report).splitlines()
    assert headline == f"{kit}: 1 problem, 8 not checked"
    assert len(lines) == len(report.findings)
    for line, finding in zip(lines, report.sorted_findings, strict=True):
        glyph, rest = line.split(maxsplit=1)
        assert glyph == {"ok": "✓", "failed": "✕", "skipped": "–", "warning": "⚠"}[finding.outcome]
        assert rest.startswith(finding.name)
        assert finding.outcome in line  # not the glyph alone
        assert line.endswith(finding.sentence)
    told = json.loads(json.dumps(report.to_json()))
    assert told["ok"] is False
    assert told["findings"][0] == {"name": "folder", "outcome": "ok", "sentence": report["folder"].sentence}
    with pytest.raises(KeyError):
        report["nothing"]


def test_hostile_certificate_cannot_write_to_terminal(tmp_path: Path) -> None:
    root = authority()
    report = check(write_kit(tmp_path / "kit", root, root.issue("\x1b[2J\nada\u202e", role="\x07<b>")))
    assert all(c.isprintable() for c in repr(report).replace("\n", ""))
    assert len(repr(report).splitlines()) == len(report.findings) + 1
    assert "\ufffd" in report["name"].sentence


def test_no_secret_is_told(kit: Path) -> None:
    sign_kit(kit)
    report = check(kit)
    told = repr(report) + json.dumps(report.to_json())
    for file in ("client.key", "signature.json"):
        for line in (kit / "startup" / file).read_text().replace('"', "\n").splitlines():
            assert len(line) < 20 or line not in told


def test_certificate_with_damaged_names_is_invalid(kit: Path) -> None:
    der = authority().issue(kits.USER).certificate.public_bytes(Encoding.DER)
    damaged = der.replace(kits.USER.encode(), b"\xff" * len(kits.USER))
    assert damaged != der
    (kit / "startup" / "client.crt").write_text(ssl.DER_cert_to_PEM_cert(damaged))
    with pytest.raises(InvalidCertChain, match="is not a certificate"):
        StartupKit.load(kit)
    assert with_outcome(check(kit), "failed") == {"files"}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    name=st.sampled_from(["client.crt", "client.key", "rootCA.pem", "fed_admin.json", "signature.json"]),
    at=st.integers(0, 3000),
    junk=st.binary(max_size=20),
)
def test_damaged_file_report_agrees_with_loading(kit: Path, name: str, at: int, junk: bytes) -> None:
    sign_kit(kit)
    file = kit / "startup" / name
    good = file.read_bytes()
    file.write_bytes(good[:at] + junk + good[at + len(junk) :])
    try:
        report = check(kit)
        try:
            StartupKit.load(kit)
            assert report.ok
        except ConfigError:
            assert not report.ok
    finally:
        file.write_bytes(good)
