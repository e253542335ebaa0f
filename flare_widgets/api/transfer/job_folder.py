"""Content of a job folder, and its problems, found before it is sent.

Reading the folder (:func:`read_job_folder`) and judging it (:func:`find_problems`, pure) are separate. The server
applies the same rules (``private/fed/server/job_meta_validator.py`` of nvflare 2.9.0), and its verdict counts.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ... import config_files
from ...config_files import ConfigFileError, UnsupportedConfigFile, parse_config
from ...errors import InvalidJobDefinition
from ...formatting.text import format_size as readable
from ...formatting.text import join_names, sanitize
from .. import commands
from . import pack

Severity = Literal["error", "warning"]

ALL_SITES, SERVER_SITE_NAME = "@ALL", "server"
MAX_TOKEN_FILE_BYTES = 10 << 20
"""Size in bytes of the largest file of a job that a server accepts with a submit token (``job_submit_token.py``)."""

_MAX_FILES = 300
_LARGE_JOB_BYTES = 200 << 20  # total bytes: about five seconds on loopback, minutes elsewhere
_MAX_META_BYTES = 1 << 20  # maximum bytes of a plausible meta.json
_CONFIG_SUFFIXES = (*config_files.SUFFIXES, *(f"{suffix}.default" for suffix in config_files.SUFFIXES))
_FORMAT_VERSION = re.compile(r"^[ \t{]{0,40}\"?format_version\"?[ \t]{0,9}[:=][ \t]{0,9}\"?(\d{1,9})\b", re.MULTILINE)
_KNOWN_FORMAT_VERSION = 2  # the only one that FLARE 2 takes
_JUNK_NAMES = (".ipynb_checkpoints", "__pycache__", ".git", ".DS_Store")


@dataclass(frozen=True)
class JobFile:
    """A file of a job: its path below the folder, with slashes, and its size in bytes."""

    name: str
    size: int


@dataclass(frozen=True)
class App:
    """An app of a job.

    Attributes
    ----------
    name
        Name of the app in the deploy map.
    sites
        Sites it is deployed to; ``@ALL`` for the server and all sites.
    server_config, client_config
        True if its folder has the configuration of the server's part, and of the sites'.
    exists
        True if it has a folder with a ``config`` folder in it.
    custom
        True if it contains custom code.
    """

    name: str
    sites: tuple[str, ...]
    server_config: bool = False
    client_config: bool = False
    exists: bool = False
    custom: bool = False

    @property
    def is_for_all_sites(self) -> bool:
        """True if it is deployed to the server and all sites."""
        return any(site.casefold() == ALL_SITES.casefold() for site in self.sites)


@dataclass(frozen=True)
class JobFolder:
    """Content of a job folder.

    Attributes
    ----------
    path, name
        The folder; the job's name in its ``meta.json`` (or ``.conf``, ``.yml``, ``.yaml``).
    files
        Files that will be sent, by path; only the first of them if there are many.
    count, size, largest
        Number of files, their total bytes, and the size of the largest.
    apps
        Apps in the deploy map.
    unused
        Folders that look like apps but are not deployed anywhere.
    min_clients
        Number of sites it needs; None if missing or not a number.
    mandatory
        Sites it requires.
    obstacle
        Reason it is not a readable job; empty if it is one. Otherwise the rest may be missing.
    meta_known
        True if the meta could be read here.
    """

    path: str
    name: str = ""
    files: tuple[JobFile, ...] = ()
    count: int = 0
    size: int = 0
    largest: JobFile | None = None
    apps: tuple[App, ...] = ()
    unused: tuple[str, ...] = ()
    min_clients: int | None = None
    mandatory: tuple[str, ...] = ()
    obstacle: str = ""
    meta_known: bool = False
    initial_problems: tuple[JobFolderProblem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class JobFolderProblem:
    """A problem of a job folder.

    Attributes
    ----------
    severity
        ``error``: the server will reject it; ``warning``: it may not do what was intended.
    words
        Description of the problem, and what to do. Safe for a terminal.
    """

    severity: Severity
    message: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", sanitize(" ".join(self.message.split()), 500))

    def __str__(self) -> str:
        return self.message


class _InvalidMeta(Exception):
    """Part of meta.json is invalid."""


def is_job_folder(folder: Path) -> bool:
    """Return True if a folder looks like a job folder."""
    return any((folder / name).is_file() for name in pack.META_FILES)


def read_job_folder(folder: Path) -> JobFolder:
    """Read a job folder; nothing is written, and nothing in it is executed.

    Parameters
    ----------
    folder
        The folder. Its problems are reported in the result.
    """
    path = str(folder)
    try:
        pack.check_job_folder(folder)
        commands.submit_job(folder.name)
        found = sorted(pack.iter_files(folder))
    except InvalidJobDefinition as e:
        return JobFolder(path, folder.name, obstacle=str(e))
    except OSError as e:
        return JobFolder(path, folder.name, obstacle=f"{e.filename or folder} cannot be read: {e.strerror}")
    files = [JobFile(name, size) for name, size in found]
    seen = JobFolder(
        path,
        folder.name,
        files=tuple(files[:_MAX_FILES]),
        count=len(files),
        size=sum(file.size for file in files),
        largest=max(files, key=lambda file: file.size, default=None),
        initial_problems=tuple(_check_junk(files)),
    )
    names = {file.name for file in files}
    meta_file = next((name for name in pack.META_FILES if name in names), pack.META_FILE)
    try:
        meta = _read_meta(folder / meta_file)
        apps = tuple(_make_app(app, sites, names) for app, sites in _read_deploy_map(meta))
    except UnsupportedConfigFile as e:
        unchecked = JobFolderProblem("warning", f"{meta_file} can only be checked by the server: {e}")
        return dataclasses.replace(seen, initial_problems=(*seen.initial_problems, unchecked))
    except _InvalidMeta as e:
        return dataclasses.replace(seen, obstacle=str(e).replace(pack.META_FILE, meta_file))
    deployed = {app.name for app in apps}
    roots = {PurePosixPath(name).parts[0] for name in names if "/config/" in name}
    mandatory = meta.get("mandatory_clients")
    return dataclasses.replace(
        seen,
        name=meta["name"] if isinstance(meta.get("name"), str) and meta["name"] else folder.name,
        apps=apps,
        unused=tuple(sorted(roots - deployed)),
        min_clients=_parse_int(meta.get("min_clients")),
        mandatory=tuple(s for s in mandatory if isinstance(s, str)) if isinstance(mandatory, list) else (),
        meta_known=True,
        initial_problems=(
            *seen.initial_problems,
            *_check_meta_values(meta),
            *_check_format(meta_file),
            *_check_ages(folder, sorted(names), apps),
        ),
    )


def read_server_config(folder: Path) -> tuple[str, str] | None:
    """Return the text of the server's configuration in a job folder, and the suffix of its format.

    None if it has none that can be read here; see :mod:`flare_widgets.config_files`.
    """
    apps = [app for app in read_job_folder(folder).apps if app.server_config]
    app = next((app for app in apps if app.is_for_all_sites or SERVER_SITE_NAME in app.sites), None)
    if app is None:
        return None
    for suffix in config_files.SUFFIXES:
        file = folder / app.name / "config" / f"config_fed_server{suffix}"
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if file.stat().st_size <= config_files.MAX_CHARS * 4:
                return file.read_text(), suffix
    return None


def find_problems(folder: JobFolder, connected_sites: Collection[str] | None = None) -> tuple[JobFolderProblem, ...]:
    """Return the problems of a job folder, errors first. Pure.

    Parameters
    ----------
    folder
        Its content.
    connected_sites
        The names of the connected sites; None if unknown.
    """
    if folder.obstacle:
        return (JobFolderProblem("error", folder.obstacle),)
    found = [*folder.initial_problems, *_check_sizes(folder)]
    if folder.meta_known:
        found += [*_check_deployment(folder), *_check_apps(folder), *_check_clients(folder, connected_sites)]
    return tuple(sorted(found, key=lambda problem: problem.severity != "error"))


def _read_meta(file: Path) -> dict[str, Any]:
    if file.name != pack.META_FILE:
        return _read_other_meta(file)
    try:
        if file.stat().st_size > _MAX_META_BYTES:
            raise _InvalidMeta(f"meta.json is {readable(file.stat().st_size)}: too large for the meta of a job")
        meta = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as e:
        raise _InvalidMeta(f"meta.json is not valid JSON: {e.msg} in line {e.lineno}, column {e.colno}") from None
    except UnicodeDecodeError:
        raise _InvalidMeta("meta.json is not text in UTF-8") from None
    except ValueError:  # Python's limit, against numbers that take minutes to read
        raise _InvalidMeta("meta.json has a number with thousands of digits") from None
    except RecursionError:
        raise _InvalidMeta("meta.json is nested too deeply") from None
    except OSError as e:
        raise _InvalidMeta(f"meta.json cannot be read: {e.strerror}") from None
    if not isinstance(meta, dict):
        raise _InvalidMeta("meta.json must contain a map with a deploy_map: export the job again, or correct the file")
    return meta


def _read_other_meta(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _MAX_META_BYTES:
            raise _InvalidMeta(f"meta.json is {readable(file.stat().st_size)}: too large for the meta of a job")
        return parse_config(file.read_text(encoding="utf-8"), file.suffix)
    except UnicodeDecodeError:
        raise _InvalidMeta("meta.json is not text in UTF-8") from None
    except OSError as e:
        raise _InvalidMeta(f"meta.json cannot be read: {e.strerror}") from None
    except UnsupportedConfigFile:
        raise
    except ConfigFileError as e:
        raise _InvalidMeta(f"meta.json cannot be read: {e}") from None


def _read_deploy_map(meta: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    deploy_map = meta.get("deploy_map")
    if not isinstance(deploy_map, dict) or not deploy_map:
        raise _InvalidMeta('meta.json has no deploy_map: say which app goes where, such as {"app": ["@ALL"]}')
    for app, targets in deploy_map.items():
        if not app or "/" in app or app in (".", ".."):
            raise _InvalidMeta(f"invalid app name '{app}' in the deploy_map")
        yield app, tuple(_parse_sites(app, targets))


def _parse_sites(app: str, targets: Any) -> Iterator[str]:
    """Yield the sites in any form that FLARE accepts: a name, a list, ``{"sites": [...]}``, a list of such."""
    match targets:
        case str():
            yield targets
        case list() if not any(isinstance(each, list) for each in targets):
            for each in targets:
                yield from _parse_sites(app, each)
        case {"targets": list() as names} | {"sites": list() as names} if all(isinstance(n, str) for n in names):
            yield from names
        case _:
            raise _InvalidMeta(f"the deploy_map must give a list of sites for app '{app}', such as [\"@ALL\"]")


def _make_app(name: str, sites: tuple[str, ...], files: Collection[str]) -> App:
    prefix = f"{name}/config/"

    def has(config: str) -> bool:
        return any(f"{prefix}{config}{ending}" in files for ending in _CONFIG_SUFFIXES)

    return App(
        name,
        sites,
        server_config=has("config_fed_server"),
        client_config=has("config_fed_client"),
        exists=any(file.startswith(prefix) for file in files),
        custom=any(file.startswith(f"{name}/custom/") for file in files),
    )


def _parse_int(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _check_meta_values(meta: Mapping[str, Any]) -> Iterator[JobFolderProblem]:
    value = meta.get("min_clients")
    if value is not None and not 0 < (_parse_int(value) or 0) <= 1_000_000:
        yield JobFolderProblem("error", f"min_clients is {value!r}: it must be a number >= 1")
    if not isinstance(meta.get("resource_spec", {}), (dict, type(None))):
        yield JobFolderProblem("error", "resource_spec must be a map by site")


def _check_format(meta_file: str) -> Iterator[JobFolderProblem]:
    if meta_file.endswith((".yml", ".yaml")):  # nvflare reads YAML by omegaconf, which it does not install
        yield JobFolderProblem(
            "warning", f"{meta_file} needs the package omegaconf at the server; meta.json works everywhere"
        )


def _check_ages(folder: Path, names: Iterable[str], apps: Iterable[App]) -> Iterator[JobFolderProblem]:
    """Find configurations of another time; of any format, since a line tells it."""
    folders = {f"{app.name}/config" for app in apps}
    for name in names:
        path = PurePosixPath(name)
        if str(path.parent) not in folders or not path.name.startswith(("config_fed_server.", "config_fed_client.")):
            continue
        try:
            with (folder / name).open("rb") as file:
                text = file.read(config_files.MAX_CHARS).decode("utf-8", "replace")
        except OSError:
            continue
        found = _FORMAT_VERSION.search(text)
        if found and int(found[1]) != _KNOWN_FORMAT_VERSION:
            age = "an older" if int(found[1]) < _KNOWN_FORMAT_VERSION else "a newer"
            yield JobFolderProblem(
                "warning",
                f"{name} has format_version {found[1]}, of {age} version of NVIDIA FLARE: only "
                f"{_KNOWN_FORMAT_VERSION} is known, so the job will fail when it starts. Export the job again with "
                "your version of nvflare",
            )


def _check_junk(files: list[JobFile]) -> Iterator[JobFolderProblem]:
    found = Counter(part for file in files for part in PurePosixPath(file.name).parts if part in _JUNK_NAMES)
    if found:
        total = sum(file.size for file in files if set(PurePosixPath(file.name).parts) & set(_JUNK_NAMES))
        yield JobFolderProblem(
            "warning",
            f"{', '.join(sorted(found))} is part of the job ({readable(total)}): remove what the job does not need",
        )


def _check_sizes(folder: JobFolder) -> Iterator[JobFolderProblem]:
    if folder.largest is not None and folder.largest.size > MAX_TOKEN_FILE_BYTES:
        yield JobFolderProblem(
            "warning",
            f"{folder.largest.name} is {readable(folder.largest.size)}. A job with a file of more than 10 MiB is sent "
            "without a submit token: if the connection breaks, it may stay unknown whether it was submitted",
        )
    if folder.size > _LARGE_JOB_BYTES:
        yield JobFolderProblem(
            "warning", f"{readable(folder.size)} are sent to the server, and from there to each site"
        )


def _check_deployment(folder: JobFolder) -> Iterator[JobFolderProblem]:
    sites = [site for app in folder.apps for site in app.sites]
    if not sites:
        yield JobFolderProblem("error", "the deploy_map names no sites: list the sites of each app, or @ALL")
    elif any(app.is_for_all_sites for app in folder.apps):
        if len(sites) > 1:
            yield JobFolderProblem("error", "the deploy_map has @ALL and other sites: @ALL must stand alone")
    else:
        if SERVER_SITE_NAME not in sites:
            yield JobFolderProblem(
                "error", "the deploy_map has no app for the server: add 'server' to the sites of an app"
            )
        twice = [site for site, count in Counter(sites).items() if count > 1]
        if twice:
            yield JobFolderProblem(
                "error", f"more than one app goes to {_join_names(twice)}: a site runs one app of a job"
            )


def _check_apps(folder: JobFolder) -> Iterator[JobFolderProblem]:
    for app in folder.apps:
        if not app.exists:
            yield JobFolderProblem(
                "error", f"app '{app.name}' in the deploy_map does not exist: there is no {app.name}/config"
            )
            continue
        if (app.is_for_all_sites or SERVER_SITE_NAME in app.sites) and not app.server_config:
            yield JobFolderProblem(
                "error", f"app '{app.name}' goes to the server, but has no config/config_fed_server.json"
            )
        if (app.is_for_all_sites or set(app.sites) - {SERVER_SITE_NAME}) and not app.client_config:
            yield JobFolderProblem("error", f"app '{app.name}' goes to sites, but has no config/config_fed_client.json")
    if folder.unused:
        yield JobFolderProblem(
            "warning",
            f"{_join_names(folder.unused)}: looks like an app but is not deployed to any site",
        )


def _check_clients(folder: JobFolder, connected_sites: Collection[str] | None) -> Iterator[JobFolderProblem]:
    named = {site for app in folder.apps for site in app.sites if site != SERVER_SITE_NAME}
    everywhere = any(app.is_for_all_sites for app in folder.apps)
    need = folder.min_clients or 0
    if not everywhere:
        if need > len(named):
            yield JobFolderProblem("error", f"min_clients is {need}, but the deploy_map has only {len(named)} sites")
        if left_out := sorted(set(folder.mandatory) - named):
            yield JobFolderProblem(
                "error", f"mandatory_clients lists {_join_names(left_out)}, but the deploy_map does not"
            )
    if connected_sites is None:
        return
    here = set(connected_sites) if everywhere else named & set(connected_sites)
    absent = sorted(({*folder.mandatory} if everywhere else named) - set(connected_sites))
    if absent:
        are = "is" if len(absent) == 1 else "are"
        yield JobFolderProblem("warning", f"{_join_names(absent)} {are} not connected, or not known to the server")
    if need > len(here):
        yield JobFolderProblem(
            "warning",
            f"requires at least {need} site{'s' * (need != 1)}, and {len(here)} of its sites "
            f"{'is' if len(here) == 1 else 'are'} connected: it will wait",
        )


def _join_names(names: Iterable[str]) -> str:
    return join_names(sanitize(name, 60) for name in names)
