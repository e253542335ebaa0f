"""Job folders and job results: a folder signed and zipped without touching it, a result unpacked safely.

Facts: ``lighter/utils.py:sign_folders`` and ``fuel/utils/zip_utils.py`` of nvflare 2.9.0.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import re
import stat
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from ..errors import InternalError, InvalidJobDefinition
from ..kit import StartupKit

SIGNATURES, SUBMITTER = ".__nvfl_sig.json", ".__nvfl_submitter.crt"

_META_FILES = ("meta.json", "meta.conf", "meta.yml", "meta.yaml")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:")

MAX_RATIO = 200
"""How many times its packed size (plus `MAX_FREE`) a result may unpack to; job results rarely exceed 20."""

MAX_FREE = 64 << 20

_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError)
_IMPOSSIBLE = frozenset({errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL})


def check_job_folder(folder: Path) -> None:
    """Check what can be checked of a job before it is sent.

    Raises
    ------
    InvalidJobDefinition
        The folder is missing, has no job in it, or has a symbolic link.
    """
    try:
        if folder.is_symlink():
            raise InvalidJobDefinition(f"{folder} is a symbolic link: FLARE takes only real folders and files")
        if not folder.is_dir():
            what = "is not a folder" if folder.exists() else "does not exist"
            raise InvalidJobDefinition(f"{folder} {what}: give the path of a job folder")
        if not any((folder / name).is_file() for name in _META_FILES):
            raise InvalidJobDefinition(
                f"{folder} is not a job: it has no meta.json. Export a job there with recipe.export(), "
                "or give the folder that contains meta.json"
            )
        for path in _walk(folder):
            if path.is_symlink():
                raise InvalidJobDefinition(
                    f"{path} is a symbolic link: FLARE takes only real folders and files. Copy what it points to"
                )
            if not path.is_dir() and not path.is_file():
                raise InvalidJobDefinition(f"{path} is neither a file nor a folder")
    except OSError as e:
        raise InvalidJobDefinition(f"{e.filename or folder} cannot be read: {e.strerror}") from e


def pack(folder: Path, kit: StartupKit, target: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a zip of `folder` to `target`, with the signatures FLARE demands in every folder.

    The signatures exist only in the zip: nothing is written to the user's folder.

    Parameters
    ----------
    folder
        A job folder that has passed :func:`check_job_folder`.
    kit
        Who signs.
    target
        The zip to write.
    progress
        Called with the number of bytes packed so far.
    """
    packed = 0
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for directory in [folder, *(p for p in _walk(folder) if p.is_dir())]:
            inside = PurePosixPath(folder.name, *directory.relative_to(folder).parts)
            if directory != folder:
                archive.writestr(f"{inside}/", b"")
            signatures: dict[str, str] = {}
            for path in sorted(directory.iterdir()):
                if path.name in (SIGNATURES, SUBMITTER):
                    continue
                if path.is_dir():
                    signatures[path.name] = _text(kit.sign(path.name.encode()))
                    continue
                content = path.read_bytes()
                signatures[path.name] = _text(kit.sign(content))
                info = zipfile.ZipInfo.from_file(path, str(inside / path.name), strict_timestamps=False)
                archive.writestr(info, content)
                packed += len(content)
                if progress is not None:
                    progress(packed)
            archive.writestr(str(inside / SIGNATURES), json.dumps(signatures))
            archive.writestr(str(inside / SUBMITTER), kit.certificate)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip that came from a server into a new folder.

    Raises
    ------
    InternalError
        It is damaged, or has a member that would land outside of `folder`, is a link, clashes with another one,
        or unpacks to far more than its size.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = source.infolist()
            _check_members(archive.name, members, archive.stat().st_size)
            folder.mkdir()
            for member in members:
                target = folder.joinpath(*PurePosixPath(member.filename).parts)
                if member.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                with source.open(member) as data, target.open("xb") as file:
                    while chunk := data.read(1 << 20):
                        file.write(chunk)
    except _DAMAGED as e:
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {str(e)[:200]}") from None
    except OSError as e:
        if e.errno not in _IMPOSSIBLE:  # a full disk is not the server's fault
            raise
        raise InternalError(f"the server's {archive.name} cannot be unpacked: {e.strerror}") from None


def safe_name(name: str) -> str:
    """Return `name` if it is a plain file name.

    Raises
    ------
    InternalError
        It has a path in it, or is hidden, empty or absurdly long.
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._@+ -]{0,200}", name) or name.endswith((".", " ")):
        raise InternalError(f"the server sent a file with the unsafe name {name[:100]!r}: refused")
    return name


def _check_members(name: str, members: list[zipfile.ZipInfo], packed: int) -> None:
    seen: set[str] = set()
    for member in members:
        path = PurePosixPath(member.filename)
        unsafe = (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in member.filename
            or "\0" in member.orig_filename
            or _WINDOWS_DRIVE.match(member.filename)
            or not path.parts
        )
        if unsafe:
            raise InternalError(f"{name} has a member with the unsafe path {member.filename[:100]!r}: refused")
        kind = stat.S_IFMT(member.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise InternalError(f"{name} has a link or device, {member.filename[:100]!r}: refused")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InternalError(f"{name} is packed in a way that FLARE does not use ({member.compress_type}): refused")
        if not member.is_dir():
            folded = str(path).casefold()
            if folded in seen:
                raise InternalError(f"{name} has two members called {member.filename[:100]!r}: refused")
            seen.add(folded)
    total = sum(m.file_size for m in members)
    if total > packed * MAX_RATIO + MAX_FREE:
        raise InternalError(f"{name} ({packed} bytes) would unpack to {total} bytes: refused as a bomb")


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for root, directories, files in os.walk(folder, followlinks=False, onerror=_raise):
        directories.sort()
        found += [Path(root, name) for name in sorted([*directories, *files])]
    return found


def _raise(error: OSError) -> None:
    raise error


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
