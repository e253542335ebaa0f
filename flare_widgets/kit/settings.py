"""``fed_admin.json``: the server's address and identity, and the names of the kit's other files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ConfigError
from .files import ASK_ADMIN, PROVISION_AGAIN, SETTINGS_FILE, read_json

SCHEMES = frozenset(["http", "https", "tcp", "stcp", "atcp", "satcp", "grpc", "grpcs", "agrpc", "agrpcs"])
SECURITY_MODES = frozenset({"mtls", "tls", "clear"})

_SETTINGS_BEFORE_2_7 = frozenset({"overseer_agent", "cred_type", "with_ssl", "with_login"})
"""Settings that FLARE 2.1 to 2.6 wrote in place of the server's address: an overseer told that, or pretended to."""

_CUSTOM_ROOT_FILE = "customRootCA.pem"
_DEFAULT_PORT = 8002


@dataclass(frozen=True)
class OwnSettings:
    """Settings that the user has changed in a file of their own, ``local/resources.json``.

    Attributes
    ----------
    file
        The file; None if there is none.
    names
        The settings in it.
    """

    file: Path | None = None
    names: frozenset[str] = frozenset()

    def source(self, name: str) -> Path | None:
        """Return the file, if a setting is in it."""
        return self.file if name in self.names else None


@dataclass(frozen=True)
class Settings:
    """Settings from ``fed_admin.json``.

    Attributes
    ----------
    root, startup
        The kit's folder, and the folder of certificates inside it.
    project_name, server_identity
        The federation, and the name its server must prove to have.
    scheme, host, port, connection_security
        Address and security of the connection to the server.
    uid_source
        ``cert``: a user name given at login is ignored; ``user_input``: it must be the certificate's.
    upload_dir, download_dir
        Folder in which relative job folders are looked up, and folder for results.
    certificate_file, key_file, root_file
        The user's certificate and private key, and the federation's root.
    custom_root_file
        With one-way TLS, the root that issued the certificate of a proxy in front of the server, if not the
        federation's own.
    own_settings
        The settings that do not come from ``fed_admin.json``.
    """

    root: Path
    startup: Path
    project_name: str
    server_identity: str
    scheme: str
    host: str
    port: int
    connection_security: str
    uid_source: str
    upload_dir: Path
    download_dir: Path
    certificate_file: Path = field(repr=False)
    key_file: Path = field(repr=False)
    root_file: Path = field(repr=False)
    custom_root_file: Path | None = field(repr=False)
    own_settings: OwnSettings = field(repr=False)

    @property
    def address(self) -> str:
        """``host:port`` of the server."""
        return f"{self.host}:{self.port}"

    def source(self, *names: str) -> str:
        """Return the file, or the files, in which these settings are, for a message that asks to check them."""
        files = [self.own_settings.source(name) or self.startup / SETTINGS_FILE for name in names]
        return " and ".join(str(file) for file in dict.fromkeys(files))


class SettingsReader:
    """Reader of settings that records every problem with them.

    Parameters
    ----------
    startup
        The kit's ``startup`` folder.

    Attributes
    ----------
    problems
        Problems so far, each as the error that :meth:`.StartupKit.load` raises.
    """

    def __init__(self, startup: Path) -> None:
        self.problems: list[ConfigError] = []
        self._startup = startup
        self._admin: Mapping[str, Any] = {}
        self._own = OwnSettings()

    def read(self) -> Settings | None:
        """Return the settings; None if there are problems."""
        try:
            self._admin, self._own = _read_admin_section(self._startup)
        except ConfigError as e:
            self.problems.append(e)
            return None
        root = self._startup.parent
        security = self._one_of("connection_security", SECURITY_MODES, "mtls")
        custom_root = self._startup / _CUSTOM_ROOT_FILE
        settings = Settings(
            root=root,
            startup=self._startup,
            scheme=self._one_of("scheme", SCHEMES, "http"),
            connection_security=security,
            port=self._port(),
            certificate_file=self._startup / self._text("client_cert"),
            key_file=self._startup / self._text("client_key"),
            root_file=self._startup / self._text("ca_cert"),
            custom_root_file=custom_root if security == "tls" and custom_root.exists() else None,
            project_name=self._text("project_name"),
            server_identity=self._text("server_identity", "server"),
            host=self._text("host", "localhost"),
            uid_source=self._text("uid_source", "user_input"),
            upload_dir=root / self._text("upload_dir", "transfer"),
            download_dir=root / self._text("download_dir", "transfer"),
            own_settings=self._own,
        )
        return None if self.problems else settings

    def _text(self, key: str, default: str | None = None) -> str:
        value = self._admin.get(key, default)
        if isinstance(value, str) and value:
            return value
        self._add_problem(key, f"'{key}' is missing")
        return ""

    def _one_of(self, key: str, known: frozenset[str], default: str) -> str:
        value = self._text(key, default).lower()
        if value and value not in known:
            expected = ", ".join(sorted(known))
            self._add_problem(key, f"unknown {key} '{value}', expected one of {expected}")
        return value

    def _port(self) -> int:
        port = self._admin.get("port", _DEFAULT_PORT)
        if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
            self._add_problem("port", f"port {port!r} is not a number from 1 to 65535")
            return _DEFAULT_PORT
        return port

    def _add_problem(self, key: str, words: str) -> None:
        own = self._own.source(key)
        self.problems.append(
            ConfigError(
                f"{own or self._startup / SETTINGS_FILE}: {words}",
                next_step=f"Correct '{key}' in that file, or remove it: then the startup kit's own is used"
                if own
                else ASK_ADMIN,
            )
        )


def _read_admin_section(startup: Path) -> tuple[dict[str, Any], OwnSettings]:
    """Return ``fed_admin.json`` overridden by the user's own ``local/resources.json``, as nvflare reads them."""
    file = startup / SETTINGS_FILE
    admin = read_json(file).get("admin")
    if not isinstance(admin, dict):
        raise ConfigError(f"{file}: the section 'admin' is missing", next_step=ASK_ADMIN)
    if "project_name" not in admin and not _SETTINGS_BEFORE_2_7.isdisjoint(admin):
        raise ConfigError(
            f"{file}: this startup kit was made by NVIDIA FLARE 2.6 or older, which does not write where the server is",
            next_step=PROVISION_AGAIN,
        )
    for name in ("resources.json", "resources.json.default"):
        own_file = startup.parent / "local" / name
        if own_file.exists():
            try:
                own = read_json(own_file).get("admin")
            except ConfigError as e:
                if e.next_step == ASK_ADMIN:
                    e.next_step = "Correct that file, or remove it: then the startup kit's own settings are used"
                raise
            if isinstance(own, dict):
                return {**admin, **own}, OwnSettings(own_file, frozenset(own))
            break
    return admin, OwnSettings()
