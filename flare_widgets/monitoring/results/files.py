"""Kinds of the files of a job's result, told by their paths, and a choice of those to read. Pure.

Paths are those below a downloaded result: ``meta.json``, ``workspace/log.json``, ...
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

from ...bounds import MB
from ...formatting.text import sanitize
from .scalars import is_event_file

Kind = Literal[
    "model", "metrics", "scalars", "evaluation", "statistics", "tracking", "log", "config", "output", "copy", "internal"
]
"""Kind of a file of a result.

``model``: a model of the job, the last or the best. ``metrics``: FLARE's record by round. ``scalars``: events of
TensorBoard. ``evaluation``, ``statistics``: their JSON. ``tracking``: the store of MLflow or W&B. ``log``, ``config``:
of the server's part of the job. ``output``: a file of the job's own code. ``copy``: models and results stored
during an evaluation. ``internal``: FLARE's own bookkeeping, and the job as it was submitted.
"""

MAX_LISTED = 2000
"""Number of files of a listing."""

MAX_PATH_CHARS = 300
"""Length of a path of a listing; longer ones are cut off."""

RUN_FOLDER = "workspace/"
"""Folder of the server's part of the run in a result."""

SERVER_CONFIG = f"{RUN_FOLDER}app_server/config/config_fed_server"
"""Path of the server's configuration, without its suffix."""

_SITES_CONFIG = re.compile(r"\A(?:workspace|job)/(?:.*/)?config/config_fed_client\.[a-z]{3,5}")

METRICS_SUMMARY = "metrics/metrics_summary.json"
"""Path in the run folder of the summary of FLARE's record of metrics."""

_MAX_BYTES = {
    "log.json": 22 * MB,  # one that was rotated, and the beginning of the next
    "log": 3 * MB,
    "scalars": 6 * MB,
    "metrics": 3 * MB,
    "evaluation": 2 * MB,
    "statistics": 2 * MB,
    "output": MB,
    "config": MB // 4,
    "sites' config": MB // 4,
    "meta.json": MB // 2,
}
"""Total bytes of the files of each kind that are read; together no more than a session keeps of a result."""

_PATTERNS: tuple[tuple[Kind, str], ...] = (
    ("internal", r"meta\.json|job/.*|(?:.*/)?\.__nvfl_[^/]*|(?:.*/)?__pycache__/.*"),
    ("internal", r"workspace/(?:meta\.json|fl_app\.txt|audit\.log|stats_pool_[^/]*\.json|app_[^/]+/custom/.*)"),
    ("copy", r"workspace/cross_site_val/(?:model|result)_shareables/.*"),
    ("config", r"workspace/app_[^/]+/config/.*"),
    ("log", r"workspace/(?:log(?:_[^/.]+)?\.(?:txt|json)|[^/]*[_-]log\.(?:txt|json)|[^/]*\.log)(?:\.\d+)?"),
    ("metrics", r"workspace/metrics/[^/]+\.(?:jsonl?|txt|log)"),
    ("evaluation", r"workspace/cross_site_val/[^/]+\.json"),
    ("statistics", r"workspace/statistics/[^/]+\.json"),
    ("tracking", r"workspace/(?:.*/)?(?:(?:mlruns|mlflow|mlartifacts|wandb)/.*|mlflow\.db)"),
)
_KINDS = tuple((kind, re.compile(rf"\A(?:{pattern})")) for kind, pattern in _PATTERNS)
_MODEL_SUFFIXES = frozenset({"pt", "pth", "ckpt", "safetensors", "onnx", "keras"})
# Of a file that is called after a model; files of other content have these suffixes too.
_NAMED_MODEL_SUFFIXES = frozenset({"npy", "npz", "h5", "hdf5", "joblib", "pkl", "pickle", "bin", "ubj", "json"})
_SERVER_LOG = re.compile(r"log\.json(?:\.\d+)?")
_UNWANTED = re.compile(r"workspace/log(?:_fl)?\.txt(?:\.\d+)?|workspace/app_[^/]+/config/(?!config_fed_)[^/]*")
_READABLE_OUTPUT = re.compile(r"\Aworkspace/.*\.jsonl?")


@dataclass(frozen=True)
class ResultFile:
    """A file of a result: its path (safe to show), its size in bytes, and its kind."""

    path: str
    size: int
    kind: Kind


def kind_of(path: str, statistics_path: str | None = None) -> Kind:
    """Return the kind of a file.

    Parameters
    ----------
    path
        Its path.
    statistics_path
        Path of the job's statistics in ``workspace``, if its configuration is known; see
        :func:`.find_statistics_path`.
    """
    if statistics_path is not None and path == f"workspace/{statistics_path}":
        return "statistics"
    if path.startswith("workspace/") and is_event_file(path):
        return "scalars"
    kind = next((kind for kind, pattern in _KINDS if pattern.fullmatch(path)), None)
    return kind or ("model" if _is_model(path) else "output")


class Selection:
    """Choice of the files that are read at the end of a job: call it with the path and the size of each.

    Chosen are the configuration of the server and of the sites, the server's log and the other logs beside it, the
    records of metrics, scalars, evaluation and statistics, ``meta.json``, and the JSON that the job's own code wrote,
    among which statistics may be; each kind up to a total of some megabytes. Of the job as it was submitted, only the
    sites' configuration is chosen.

    Attributes
    ----------
    too_large
        Files that would have been chosen, were they not so large; without those of the job's own code and
        configurations of sites.
    """

    def __init__(self) -> None:
        self.too_large: list[ResultFile] = []
        self._left = dict(_MAX_BYTES)

    def __call__(self, path: str, size: int) -> bool:
        """Return True if the file is chosen."""
        group = _group(path)
        if group is None:
            return False
        if size > self._left[group]:
            if group not in ("output", "sites' config") and len(self.too_large) < MAX_LISTED:
                self.too_large.append(ResultFile(sanitize(path, MAX_PATH_CHARS), size, kind_of(path)))
            return False
        self._left[group] -= size
        return True


def list_files(sizes: Iterable[tuple[str, int]], statistics_path: str | None = None) -> tuple[ResultFile, ...]:
    """Return the files of a result, sorted by kind and path; of many the first.

    Parameters
    ----------
    sizes
        Paths and sizes.
    statistics_path
        As in :func:`kind_of`.
    """
    order = {kind: number for number, kind in enumerate(get_args(Kind))}
    files = [ResultFile(sanitize(path, MAX_PATH_CHARS), size, kind_of(path, statistics_path)) for path, size in sizes]
    return tuple(sorted(files, key=lambda file: (order[file.kind], file.path))[:MAX_LISTED])


def is_server_log(name: str) -> bool:
    """Return True for the name of the server's log, or of an older part of it: ``log.json``, ``log.json.1``, ..."""
    return _SERVER_LOG.fullmatch(name) is not None


def sites_config_paths(paths: Iterable[str]) -> list[str]:
    """Return the paths of the sites' configuration, that of the server's app first."""
    return sorted(filter(_SITES_CONFIG.fullmatch, paths), key=lambda path: (not path.startswith(RUN_FOLDER), path))


def rotation_order(path: str) -> tuple[int, str]:
    """Return a key that sorts the parts of a rotated log from the oldest to the newest, and other files by path."""
    number = path.rpartition(".")[2]
    return -int(number) if number.isdecimal() and number.isascii() and len(number) < 10 else 0, path


def _is_model(path: str) -> bool:
    stem, _, suffix = path.rpartition("/")[2].lower().rpartition(".")
    named = stem.endswith("model") if suffix == "json" else "model" in stem or "weights" in stem
    return (
        path.startswith("workspace/models/") or suffix in _MODEL_SUFFIXES or (suffix in _NAMED_MODEL_SUFFIXES and named)
    )


def _group(path: str) -> str | None:
    """Return the key in `_MAX_BYTES` of a file that is wanted if it is small; None if it is not wanted."""
    if path == "meta.json":
        return path
    if _SITES_CONFIG.fullmatch(path):
        return "sites' config"
    if is_server_log(path.removeprefix(RUN_FOLDER)):
        return "log.json"
    kind = kind_of(path)
    if _UNWANTED.fullmatch(path) or (kind == "output" and not _READABLE_OUTPUT.fullmatch(path)):
        return None
    return kind if kind in _MAX_BYTES else None
