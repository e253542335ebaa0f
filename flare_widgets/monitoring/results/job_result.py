"""A job's result, as far as it is small: read from the server, and taken apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...api.session import Session
from ...api.transfer.result_files import ResultFiles
from ...config_files import SUFFIXES, ConfigFileError, parse_config, resolve_variables
from ...formatting.text import format_size
from . import files
from .evaluation import Evaluation, read_evaluation
from .files import ResultFile, Selection, list_files
from .scalars import StepSeries, is_event_file, read_scalars
from .statistics import Statistics, find_statistics_path, read_statistics

ARCHIVES = ("workspace", "job")
"""The parts of a result that are looked into, in this order."""

_MAX_NAMES_SHOWN = 3
_MAX_SITES_CONFIGS = 3  # a hostile one takes a second


@dataclass(frozen=True)
class JobResult:
    """The content of a result, as far as it tells about its job.

    Attributes
    ----------
    config_text, config_suffix
        The server's part of the job's configuration as it stands, and the suffix of its format (``.conf``); empty if it
        has none.
    sites_configs
        The sites' part of it as it stands, with its suffix: the texts of all apps, as far as they were read.
    config
        The same as `config_text`, parsed, with its variables replaced; None if that is impossible.
    log
        The server's ``log.json``, with its rotated parts in front, as bytes; empty if it has none.
    other_logs
        The other logs of the server's run folder, by name: ``error_log.txt``, ``superlink_log.txt``, ...
    round_metrics, metrics_summary
        FLARE's record of metrics (a line a round) and its summary; empty if the job keeps none.
    scalars
        TensorBoard's series, by step.
    evaluations
        Metrics of models on the data of sites.
    statistics
        Statistics of features.
    files
        All files of ``workspace``, the large ones too.
    reason
        Reason why some of it may be missing; empty if nothing is.
    """

    config_text: str = ""
    config_suffix: str = ""
    sites_configs: tuple[tuple[str, str], ...] = ()
    config: Mapping[str, Any] | None = None
    log: tuple[bytes, ...] = ()
    other_logs: Mapping[str, str] = field(default_factory=dict)
    round_metrics: str = ""
    metrics_summary: str = ""
    scalars: tuple[StepSeries, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    statistics: Statistics = field(default_factory=Statistics)
    files: tuple[ResultFile, ...] = ()
    reason: str = ""


def fetch_job_result(session: Session, job_id: str, timeout: float) -> JobResult:
    """Read the small files of a finished job's result from the server.

    Parameters
    ----------
    session
        The session to ask.
    job_id
        The job.
    timeout
        Seconds; what arrives later is missing.

    Raises
    ------
    FlareError
        The job is running, or the server was lost or refuses.
    """
    selection = Selection()
    result = session.read_result_files(job_id, selection, archives=ARCHIVES, timeout=timeout)
    return parse_job_result(result, selection.too_large)


def parse_job_result(result: ResultFiles, too_large: Sequence[ResultFile] = ()) -> JobResult:
    """Take the small files of a result apart. Pure.

    Parameters
    ----------
    result
        The files.
    too_large
        Files that were not read for their size.
    """
    logs_of_server = [path for path in result.files if files.is_server_log(path.removeprefix(files.RUN_FOLDER))]
    texts = {
        path: data.decode("utf-8", "replace")
        for path, data in result.files.items()
        if path not in logs_of_server and not is_event_file(path)
    }
    config_path = next((path for s in SUFFIXES if (path := files.SERVER_CONFIG + s) in texts), "")
    config_suffix = config_path.removeprefix(files.SERVER_CONFIG)
    config = _parse_config(texts[config_path], config_suffix) if config_path else None
    statistics_path = find_statistics_path(config) if config is not None else None

    def of_kind(kind: files.Kind) -> dict[str, str]:
        paths = [path for path in texts if files.kind_of(path, statistics_path) == kind]
        return {path.removeprefix(files.RUN_FOLDER): texts[path] for path in sorted(paths, key=files.rotation_order)}

    logs, metrics = of_kind("log"), of_kind("metrics")
    summary = metrics.pop(files.METRICS_SUMMARY, "")
    sizes = [(path, len(data)) for path, data in result.files.items()] + [(f.path, f.size) for f in result.skipped]
    return JobResult(
        config_text=texts.get(config_path, ""),
        config_suffix=config_suffix,
        sites_configs=tuple(
            (texts[path], suffix)
            for path in files.sites_config_paths(texts)[:_MAX_SITES_CONFIGS]
            if (suffix := "." + path.rpartition(".")[2]) in SUFFIXES
        ),
        config=config,
        log=tuple(result.files[path] for path in sorted(logs_of_server, key=files.rotation_order)),
        other_logs=logs,
        round_metrics="\n".join(metrics.values()),
        metrics_summary=summary,
        scalars=read_scalars(result.files),
        evaluations=tuple(e for text in of_kind("evaluation").values() for e in read_evaluation(text)),
        statistics=next(filter(None, map(read_statistics, of_kind("statistics").values())), Statistics()),
        files=list_files(((p, size) for p, size in sizes if p.startswith(files.RUN_FOLDER)), statistics_path),
        reason="; ".join(filter(None, [result.reason, _describe(too_large)])),
    )


def _parse_config(text: str, suffix: str) -> Mapping[str, Any] | None:
    try:
        return resolve_variables(parse_config(text, suffix))
    except ConfigFileError:
        return None


def _describe(too_large: Sequence[ResultFile]) -> str:
    """Return a clause about files that were too large to read; empty if there are none."""
    if not too_large:
        return ""
    shown = [f"{file.path} ({format_size(file.size)})" for file in too_large[:_MAX_NAMES_SHOWN]]
    more = len(too_large) - len(shown)
    return f"too large to be read here: {', '.join(shown)}{f' and {more} more' if more else ''}"
