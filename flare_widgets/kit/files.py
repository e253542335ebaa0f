"""Locating a kit and reading its files, with one sentence for each possible problem of a file."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ..errors import ConfigError, FileAccessError, InvalidArgumentError, InvalidCertChain
from ..local_files import absolute_path, make_file_error

SETTINGS_FILE = "fed_admin.json"

ASK_ADMIN = "Ask your project admin for a new startup kit"

PROVISION_AGAIN = (
    "Ask your project admin to provision the federation again with NVIDIA FLARE 2.7 or later, "
    "and to send you the new startup kit"
)
"""Advice for a kit of an older version of FLARE: its server cannot be used either."""

CHECK_PERMISSIONS = "Run as its owner, or use chmod"

_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\")

_ADMIN_SCRIPT = "fl_admin.sh"

_MAX_FILE_BYTES = 1 << 20


def find_startup(location: str | Path) -> Path:
    """Return the ``startup`` folder of the kit at `location` (the kit's folder, or ``startup`` itself).

    Raises
    ------
    ConfigError
        There is no such folder, or it is not a user's startup kit.
    """
    try:
        folder = absolute_path(location)
    except InvalidArgumentError as e:
        raise ConfigError(f"there is no startup kit at {e.description}", next_step=e.next_step) from None
    except FileAccessError as e:
        raise ConfigError(f"there is no startup kit at {location}: {e.description}", next_step=e.next_step) from e
    try:
        if not folder.exists():
            raise ConfigError(
                f"there is no startup kit at {folder}: no such folder", next_step=advise_missing_folder(str(location))
            )
        if not folder.is_dir():
            raise ConfigError(
                f"{folder} is a file, not a startup kit", next_step="Pass the folder that contains startup/"
            )
        for startup in (folder / "startup", folder):
            if (startup / SETTINGS_FILE).exists():
                return startup
        for startup in (folder / "startup", folder):
            if (startup / _ADMIN_SCRIPT).exists() and not _names_settings(startup / _ADMIN_SCRIPT):
                raise ConfigError(
                    f"{folder} is a startup kit of NVIDIA FLARE 2.0 or older, which has no {SETTINGS_FILE}",
                    next_step=PROVISION_AGAIN,
                )
        for startup in (folder / "startup", folder):
            for other, whose in (("fed_server.json", "a server"), ("fed_client.json", "a site")):
                if (startup / other).exists():
                    raise ConfigError(
                        f"{folder} is the startup kit of {whose}",
                        next_step=f"Use the kit of a user (an admin): the one with startup/{SETTINGS_FILE}",
                    )
    except OSError as e:
        raise ConfigError(f"{folder} cannot be read: {e.strerror}", next_step=CHECK_PERMISSIONS) from e
    raise ConfigError(
        f"{folder} is not a startup kit: startup/{SETTINGS_FILE} is missing",
        next_step="Pass the folder that your project admin sent you, unpacked",
    )


def advise_missing_folder(
    location: str, otherwise: str = "Check the path: pass the folder that contains startup/"
) -> str:
    """Return the next step for a kit's folder that does not exist."""
    if os.name != "nt" and _WINDOWS_PATH.match(location):
        return "This is a path of Windows: pass the path as this machine has it, in WSL below /mnt"
    return otherwise


def _names_settings(script: Path) -> bool:
    """Return whether the script that starts the console reads ``fed_admin.json``, as all since FLARE 2.1 do."""
    try:
        return SETTINGS_FILE.encode() in read_file(script)
    except ConfigError:
        return True


def read_file(file: Path) -> bytes:
    """Return the content of a kit's file; ConfigError explains in one sentence why it cannot be read."""
    try:
        with file.open("rb") as f:
            data = f.read(_MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{file} is missing: the startup kit is incomplete", next_step=ASK_ADMIN) from None
    except PermissionError:
        raise ConfigError(
            f"{file} cannot be read: permission denied",
            next_step=CHECK_PERMISSIONS,
        ) from None
    except OSError as e:
        failure = make_file_error(e, f"{file} cannot be read")
        raise ConfigError(failure.description, next_step=failure.next_step) from e
    except ValueError:  # a NUL, or half a character, in a name that fed_admin.json gives
        raise ConfigError(f"{str(file)!r} cannot be read: no file can have that name", next_step=ASK_ADMIN) from None
    if not 0 < len(data) <= _MAX_FILE_BYTES:
        data = data[:1]  # of a key, nothing may be seen in a traceback that shows variables
        raise ConfigError(
            f"{file} is {'empty' if not data else 'too large to be what it should be'}", next_step=ASK_ADMIN
        )
    return data


def read_json(file: Path) -> dict[str, Any]:
    """Return the JSON object in a file; errors as in :func:`read_file`."""
    try:
        value = json.loads(read_file(file))
    except (ValueError, RecursionError) as e:
        raise ConfigError(f"{file} is not valid JSON: {e}", next_step=ASK_ADMIN) from None
    if not isinstance(value, dict):
        raise ConfigError(f"{file} is not a JSON object", next_step=ASK_ADMIN)
    return value


def parse_certificates(data: bytes, file: Path) -> list[x509.Certificate]:
    """Return the certificates in `data`, which was read from `file`; InvalidCertChain if it is something else."""
    try:
        chain = x509.load_pem_x509_certificates(data)
        for certificate in chain:
            # These are parsed lazily; find damage here.
            _ = (certificate.subject, certificate.issuer)
        return chain
    except (ValueError, TypeError, x509.InvalidVersion):
        raise InvalidCertChain(f"{file} is not a certificate (PEM)", next_step=ASK_ADMIN) from None


def read_key(file: Path) -> rsa.RSAPrivateKey:
    """Return the private key in a file; errors as in :func:`read_file`."""
    try:
        # Validating an RSA key takes 40 ms, twice the rest of a connect. The essential point, that the key signs what
        # the certificate verifies, is checked by a test signature in 1 ms.
        key = load_pem_private_key(read_file(file), password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError:
        raise ConfigError(
            f"{file} is encrypted with a password: FLARE needs it without one", next_step=ASK_ADMIN
        ) from None
    except (ValueError, UnsupportedAlgorithm):
        raise ConfigError(f"{file} is not a private key (PEM)", next_step=ASK_ADMIN) from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ConfigError(f"{file} is not an RSA key, the only kind FLARE uses", next_step=ASK_ADMIN)
    return key
