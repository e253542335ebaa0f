"""Servers with one-way TLS, without TLS, with intermediate certificates, with a port of its own for admins."""

from __future__ import annotations

import importlib.util
import logging
from pathlib import Path

import kits
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

if importlib.util.find_spec("nvflare") is None:
    pytest.skip("needs the extra 'local'", allow_module_level=True)

from bare_server import bare_server, edit, secured_by

from flare_widgets.api import connect, new_insecure_session
from flare_widgets.errors import ConfigError, ServerIdentityError
from flare_widgets.federation import provision
from flare_widgets.federation.ports import ReservedPort

SCHEMES = ["http", "tcp", "grpc"]


def talk(kit: Path, **options: bool) -> None:
    with connect(kit, timeout=30, **options) as session:
        assert session.get_system_info().server_info.status == "stopped"
        assert session.list_jobs() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_insecure_connection_requires_opt_in(scheme: str, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with bare_server(tmp_path / "federation", secured_by("clear"), scheme=scheme) as kit:
        with pytest.raises(ConfigError, match="new_insecure_session"):
            connect(kit)
        with caplog.at_level(logging.WARNING, "flare_widgets"):
            talk(kit, allow_clear=True)
        assert ["without TLS" in record.getMessage() for record in caplog.records] == [True]
        with new_insecure_session(kit) as session:
            assert session.list_jobs() == []


@pytest.mark.parametrize("scheme", ["tcp", "grpc"])  # http does as tcp
def test_one_way_tls(scheme: str, tmp_path: Path) -> None:
    with bare_server(tmp_path / "federation", secured_by("tls"), scheme=scheme) as kit:
        talk(kit)
        # As if a proxy were in between, whose certificate comes from elsewhere.
        (kit / "startup" / "customRootCA.pem").write_bytes(kits.authority("a company").pem)
        with pytest.raises(ServerIdentityError, match="issued by 'a company', found 'server'"):
            connect(kit)


@pytest.mark.parametrize("scheme", ["tcp", "grpc"])  # http does as tcp
def test_intermediate_certificates(scheme: str, tmp_path: Path) -> None:
    root = kits.authority("the project")
    key = kits.rsa_key("a department")
    # As nvflare's provisioner makes authorities: FLARE 2.9 demands that they say what they are for.
    middle = kits.Party(
        kits._sign(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a department")]),
            root.certificate.subject,
            root.key,
            key,
            kits.NOW - kits.DAY,
            kits.NOW + kits.DAY,
            [(x509.BasicConstraints(ca=True, path_length=None), True), (kits._usage(True, issues=True), True)],
        ),
        key,
    )

    def change(folder: Path) -> None:
        for name, file in (("server", "server"), (provision.ADMIN, "client")):
            startup = folder / name / "startup"
            party = middle.issue(name, role="project_admin" if file == "client" else "")
            assert party.issuers
            (startup / f"{file}.crt").write_bytes(party.pem)
            (startup / f"{file}.key").write_bytes(party.key_pem)
            (startup / "rootCA.pem").write_bytes(root.pem)

    with bare_server(tmp_path / "federation", change, scheme=scheme) as kit:
        talk(kit)


def test_port_of_own_for_admins(tmp_path: Path) -> None:
    port = ReservedPort()

    def change(folder: Path) -> None:
        server, admin = (folder / name / "startup" for name in ("server", provision.ADMIN))
        edit(server / "fed_server.json", lambda config: config["servers"][0].update(admin_port=port.number))
        edit(admin / "fed_admin.json", lambda config: config["admin"].update(port=port.number))

    with bare_server(tmp_path / "federation", change) as kit:
        talk(kit)
    port.release()
