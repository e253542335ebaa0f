"""What a job folder has in it, and what is wrong with it: found out before it is sent.

Reading the folder (:func:`read_job_folder`) and judging it (:func:`problems`, pure) are two things. The server judges
by the same rules (``private/fed/server/job_meta_validator.py`` of nvflare 2.9.0), and its word counts.
"""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from ...errors import InvalidJobDefinition
from ...formatting.text import clean
from ...formatting.text import size as readable
from .. import commands
from . import pack

Severity = Literal["error", "warning"]

ALL, SERVER = "@ALL", "server"
TOKEN_FILE = 10 << 20
"""Bytes of the largest file of a job that a server takes under a submit token (``job_submit_token.py``)."""

_MOST_FILES = 300
_LARGE = 200 << 20  # bytes in all: about five seconds on loopback, minutes elsewhere
_META_SIZE = 1 << 20  # bytes of a meta.json that is one
_CONFIG = (".json", ".conf", ".yml", ".yaml", *(f"{e}.default" for e in (".json", ".conf", ".yml", ".yaml")))
_LEFTOVERS = (".ipynb_checkpoints", "__pycache__", ".git", ".DS_Store")
_MOST_NAMED = 4


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
        The app, as the deploy map has it.
    sites
        Where it goes; ``@ALL`` for the server and all sites.
    server_config, client_config
        Whether its folder has the configuration of the server's part, and of the sites'.
    exists
        Whether it has a folder with a ``config`` folder in it.
    custom
        Whether it brings code of its own.
    """

    name: str
    sites: tuple[str, ...]
    server_config: bool = False
    client_config: bool = False
    exists: bool = False
    custom: bool = False

    @property
    def everywhere(self) -> bool:
        """Whether it goes to the server and all sites."""
        return any(site.casefold() == ALL.casefold() for site in self.sites)


@dataclass(frozen=True)
class JobFolder:
    """What was found in a job folder.

    Attributes
    ----------
    path, name
        The folder; the job's name as its ``meta.json`` has it.
    files
        What will be sent, by path; the first of them when there are many.
    count, size, largest
        How many files, their bytes in all, and the largest.
    apps
        From the deploy map.
    unused
        Folders that look like apps and are deployed nowhere.
    min_clients
        How many sites it needs; None when that is not said, or is no number.
    mandatory
        Sites it cannot do without.
    obstacle
        Why it is no job that can be read; empty when it is one. Then the rest may be missing.
    meta_known
        Whether the meta could be read here: only JSON can.
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
    remarks: tuple[Problem, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as what JSON can hold."""
        return dataclasses.asdict(self)


@dataclass(frozen=True)
class Problem:
    """Something that is wrong with a job folder.

    Attributes
    ----------
    severity
        ``error``: the server will refuse it; ``warning``: it may not do what was meant.
    words
        What it is, and what to do. Fit for a terminal.
    """

    severity: Severity
    words: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "words", clean(" ".join(self.words.split()), 500))

    def __str__(self) -> str:
        return self.words


class _Invalid(Exception):
    """A part of the meta is none."""


def is_job_folder(folder: Path) -> bool:
    """Return whether a folder looks like a job's."""
    return any((folder / name).is_file() for name in pack.META_FILES)


def read_job_folder(folder: Path) -> JobFolder:
    """Look at a job folder; nothing is written, and nothing in it is run.

    Parameters
    ----------
    folder
        The folder. What is wrong with it is told by the result.
    """
    path = str(folder)
    try:
        pack.check_job_folder(folder)
        commands.submit_job(folder.name)
        found = sorted(pack.files_of(folder))
    except InvalidJobDefinition as e:
        return JobFolder(path, folder.name, obstacle=str(e))
    except OSError as e:
        return JobFolder(path, folder.name, obstacle=f"{e.filename or folder} cannot be read: {e.strerror}")
    files = [JobFile(name, size) for name, size in found]
    seen = JobFolder(
        path,
        folder.name,
        files=tuple(files[:_MOST_FILES]),
        count=len(files),
        size=sum(file.size for file in files),
        largest=max(files, key=lambda file: file.size, default=None),
        remarks=tuple(_leftovers(files)),
    )
    names = {file.name for file in files}
    if "meta.json" not in names:
        return seen
    try:
        meta = _meta(folder / "meta.json")
        apps = tuple(_app(app, sites, names) for app, sites in _deploy_map(meta))
    except _Invalid as e:
        return dataclasses.replace(seen, obstacle=str(e))
    deployed = {app.name for app in apps}
    roots = {PurePosixPath(name).parts[0] for name in names if "/config/" in name}
    mandatory = meta.get("mandatory_clients")
    return dataclasses.replace(
        seen,
        name=meta["name"] if isinstance(meta.get("name"), str) and meta["name"] else folder.name,
        apps=apps,
        unused=tuple(sorted(roots - deployed)),
        min_clients=_count(meta.get("min_clients")),
        mandatory=tuple(s for s in mandatory if isinstance(s, str)) if isinstance(mandatory, list) else (),
        meta_known=True,
        remarks=(*seen.remarks, *_numbers(meta)),
    )


def problems(job: JobFolder, connected: Collection[str] | None = None) -> tuple[Problem, ...]:
    """Return what is wrong with a job folder, errors first. Pure.

    Parameters
    ----------
    job
        What was found in it.
    connected
        The names of the sites that are connected; None when that is not known.
    """
    if job.obstacle:
        return (Problem("error", job.obstacle),)
    found = [*job.remarks, *_sizes(job)]
    if job.meta_known:
        found += [*_deployment(job), *_apps(job), *_clients(job, connected)]
    else:
        found.append(Problem("warning", "its meta is not JSON, so it cannot be checked here: only the server will"))
    return tuple(sorted(found, key=lambda problem: problem.severity != "error"))


def _meta(file: Path) -> dict[str, Any]:
    try:
        if file.stat().st_size > _META_SIZE:
            raise _Invalid(f"meta.json has {readable(file.stat().st_size)}: it is not a job's meta")
        meta = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as e:
        raise _Invalid(f"meta.json is not valid JSON: {e.msg} in line {e.lineno}, column {e.colno}") from None
    except UnicodeDecodeError:
        raise _Invalid("meta.json is not text in UTF-8") from None
    except ValueError:  # Python's limit, against numbers that take minutes to read
        raise _Invalid("meta.json has a number with thousands of digits") from None
    except RecursionError:
        raise _Invalid("meta.json is nested too deeply") from None
    except OSError as e:
        raise _Invalid(f"meta.json cannot be read: {e.strerror}") from None
    if not isinstance(meta, dict):
        raise _Invalid("meta.json must hold a map with a deploy_map: export the job again, or mend it")
    return meta


def _deploy_map(meta: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    deploy_map = meta.get("deploy_map")
    if not isinstance(deploy_map, dict) or not deploy_map:
        raise _Invalid('meta.json has no deploy_map: say which app goes where, such as {"app": ["@ALL"]}')
    for app, targets in deploy_map.items():
        if not app or "/" in app or app in (".", ".."):
            raise _Invalid(f"'{app}' in the deploy_map cannot be the name of an app")
        yield app, tuple(_participants(app, targets))


def _participants(app: str, targets: Any) -> Iterator[str]:
    """The sites in any of the forms that FLARE takes: a name, a list, ``{"sites": [...]}``, a list with such."""
    match targets:
        case str():
            yield targets
        case list() if not any(isinstance(each, list) for each in targets):
            for each in targets:
                yield from _participants(app, each)
        case {"targets": list() as names} | {"sites": list() as names} if all(isinstance(n, str) for n in names):
            yield from names
        case _:
            raise _Invalid(f"the deploy_map must give a list of sites for app '{app}', such as [\"@ALL\"]")


def _app(name: str, sites: tuple[str, ...], files: Collection[str]) -> App:
    prefix = f"{name}/config/"

    def has(config: str) -> bool:
        return any(f"{prefix}{config}{ending}" in files for ending in _CONFIG)

    return App(
        name,
        sites,
        server_config=has("config_fed_server"),
        client_config=has("config_fed_client"),
        exists=any(file.startswith(prefix) for file in files),
        custom=any(file.startswith(f"{name}/custom/") for file in files),
    )


def _count(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _numbers(meta: Mapping[str, Any]) -> Iterator[Problem]:
    value = meta.get("min_clients")
    if value is not None and not 0 < (_count(value) or 0) <= 1_000_000:
        yield Problem("error", f"min_clients is {value!r}: it must be a number of sites from 1 on")
    if not isinstance(meta.get("resource_spec", {}), (dict, type(None))):
        yield Problem("error", "resource_spec must be a map by site")


def _leftovers(files: list[JobFile]) -> Iterator[Problem]:
    found = Counter(part for file in files for part in PurePosixPath(file.name).parts if part in _LEFTOVERS)
    if found:
        total = sum(file.size for file in files if set(PurePosixPath(file.name).parts) & set(_LEFTOVERS))
        yield Problem(
            "warning", f"{', '.join(sorted(found))} is sent too ({readable(total)}): remove what the job does not need"
        )


def _sizes(job: JobFolder) -> Iterator[Problem]:
    if job.largest is not None and job.largest.size > TOKEN_FILE:
        yield Problem(
            "warning",
            f"{job.largest.name} has {readable(job.largest.size)}. A job with a file of more than 10 MiB is sent "
            "without a submit token: if the connection breaks, it may stay unknown whether it was submitted",
        )
    if job.size > _LARGE:
        yield Problem("warning", f"{readable(job.size)} are sent to the server, and from there to each site")


def _deployment(job: JobFolder) -> Iterator[Problem]:
    sites = [site for app in job.apps for site in app.sites]
    if not sites:
        yield Problem("error", "the deploy_map names no site: give the sites of each app, or @ALL")
    elif any(app.everywhere for app in job.apps):
        if len(sites) > 1:
            yield Problem("error", "the deploy_map has @ALL and other sites: @ALL must stand alone")
    else:
        if SERVER not in sites:
            yield Problem("error", "the deploy_map has no app for the server: add 'server' to the sites of an app")
        twice = [site for site, count in Counter(sites).items() if count > 1]
        if twice:
            yield Problem("error", f"more than one app goes to {_named(twice)}: a site runs one app of a job")


def _apps(job: JobFolder) -> Iterator[Problem]:
    for app in job.apps:
        if not app.exists:
            yield Problem("error", f"app '{app.name}' in the deploy_map does not exist: there is no {app.name}/config")
            continue
        if (app.everywhere or SERVER in app.sites) and not app.server_config:
            yield Problem("error", f"app '{app.name}' goes to the server, but has no config/config_fed_server.json")
        if (app.everywhere or set(app.sites) - {SERVER}) and not app.client_config:
            yield Problem("error", f"app '{app.name}' goes to sites, but has no config/config_fed_client.json")
    if job.unused:
        yield Problem(
            "warning", f"{_named(job.unused)}: has a config folder like an app, but the deploy_map sends it nowhere"
        )


def _clients(job: JobFolder, connected: Collection[str] | None) -> Iterator[Problem]:
    named = {site for app in job.apps for site in app.sites if site != SERVER}
    everywhere = any(app.everywhere for app in job.apps)
    need = job.min_clients or 0
    if not everywhere:
        if need > len(named):
            yield Problem("error", f"min_clients is {need}, but the deploy_map has only {len(named)} sites")
        if left_out := sorted(set(job.mandatory) - named):
            yield Problem("error", f"mandatory_clients has {_named(left_out)}, which the deploy_map does not")
    if connected is None:
        return
    here = set(connected) if everywhere else named & set(connected)
    absent = sorted(({*job.mandatory} if everywhere else named) - set(connected))
    if absent:
        are = "is" if len(absent) == 1 else "are"
        yield Problem("warning", f"{_named(absent)} {are} not connected, or not known to the server")
    if need > len(here):
        yield Problem(
            "warning", f"it needs {need} sites and {len(here)} of its sites are connected: it will wait for the others"
        )


def _named(names: Collection[str]) -> str:
    shown = [clean(name, 60) for name in list(names)[:_MOST_NAMED]]
    more = len(names) - _MOST_NAMED
    return f"{', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
