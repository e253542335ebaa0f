"""Parsers for other files of a job on the server: its configuration, and FLARE's record of its metrics. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...cell_jobs import LIVE_METRICS_MODULE
from ...config_files import ConfigFileError, parse_config, resolve_variables
from ...script_arguments import find_script_arguments
from ..job.model import RANK_CONFIGURED, RANK_RECORD, Argument, BestRound, KeyMetric, Point, Workflow
from ..job.updates import LiveMetricsFound, MetricValue, Update
from ..numbers import finite_or_none, round_count_or_none
from ..results.values import parse_json
from ..workflows import find_kind
from .facts import MAX_NAME_CHARS

SERVER_CONFIG = "app_server/config/config_fed_server"
"""Path of the server's configuration, without its suffix: one of `config_files.SUFFIXES`."""
CLIENT_CONFIG = "app_server/config/config_fed_client"
"""The same of the sites' part, which the server has too if the whole job is one app for all."""
ROUND_METRICS = "metrics/round_metrics"
"""Path of the record written by FLARE's MetricsArtifactWriter, which is in every recipe; ``.jsonl`` by default."""
METRICS_SUMMARY = "metrics/metrics_summary.json"

_SELECTOR, _WRITER = "IntimeModelSelector", "MetricsArtifactWriter"
_LIVE_METRICS = f"{LIVE_METRICS_MODULE}.LiveMetrics"
_RECORD_NAME = re.compile(r"\A[A-Za-z0-9_-]{1,200}\.(json|txt|log)")
_DEFAULT_KEY_METRIC = "val_accuracy"  # of FLARE's selector


@dataclass(frozen=True)
class ServerConfig:
    """Server's part of a job's configuration, as far as it tells of the run.

    Attributes
    ----------
    updates
        The workflows, in their order, the key metric if there is a selector, and that our component is in the job.
    round_metrics_path
        The path of the record of metrics, relative to the job's folder, if it can be read while the job runs; else
        None. A server does not show ``.jsonl`` files; a job whose metrics should be visible while it runs gives the
        writer another name: ``MetricsArtifactWriter(round_file_name="round_metrics.json")``.
    """

    updates: tuple[Workflow | KeyMetric | LiveMetricsFound, ...] = ()
    round_metrics_path: str | None = None


def read_config(text: str, suffix: str = ".json") -> ServerConfig | None:
    """Read the server's part of a job's configuration.

    Parameters
    ----------
    text
        ``config_fed_server``: ``workflows``, each with ``args`` such as ``num_rounds`` and ``start_round``;
        ``components``, of which the best-model selector has ``key_metric`` and ``negate_key_metric``.
    suffix
        Its format: one of `config_files.SUFFIXES`.

    Returns
    -------
    ServerConfig or None
        None if the text is not a configuration.
    """
    try:
        config = resolve_variables(parse_config(text, suffix))
    except ConfigFileError:
        return None
    updates: list[Workflow | KeyMetric | LiveMetricsFound] = [
        _read_workflow(workflow, position) for position, workflow in enumerate(_dicts_in(config.get("workflows")))
    ]
    round_metrics = None
    for component in _dicts_in(config.get("components")):
        path, args = _class_path(component), _args_of(component)
        if path.endswith(_SELECTOR):
            metric = str(args.get("key_metric") or _DEFAULT_KEY_METRIC)[:MAX_NAME_CHARS]
            updates.append(KeyMetric(metric, "min" if args.get("negate_key_metric") else "max"))
        if path == _LIVE_METRICS:
            updates.append(LiveMetricsFound())
        name = args.get("round_file_name") if path.endswith(_WRITER) else None
        if isinstance(name, str) and _RECORD_NAME.fullmatch(name):
            round_metrics = f"metrics/{name}"
    return ServerConfig(tuple(updates), round_metrics)


def read_arguments(text: str, suffix: str = ".json") -> list[Argument]:
    """Return the arguments of the sites' script in ``config_fed_client``; empty if it has none, or cannot be read."""
    try:
        config = resolve_variables(parse_config(text, suffix))
    except ConfigFileError:
        return []
    return [Argument(name, value, RANK_CONFIGURED) for name, value in find_script_arguments(config).items()]


def _read_workflow(config: dict[str, Any], position: int) -> Workflow:
    path, args = _class_path(config), _args_of(config)
    name = path.rpartition(".")[2][:MAX_NAME_CHARS]
    kind = find_kind(name)
    given = next((key for key in kind.rounds_arguments if key in args), None)
    is_own_class = "." in path and not path.startswith("nvflare.")
    total = round_count_or_none(args[given]) if given else None if is_own_class else kind.default_rounds.get(name)
    return dataclasses.replace(
        kind.describe(str(config.get("id") or "")[:MAX_NAME_CHARS], name),
        position=position,
        total_rounds=total,
        first_round=None if total is None else round_count_or_none(args.get("start_round")) or kind.first_round,
    )


def read_round_metrics(text: str, workflows: Sequence[str] = ()) -> Iterator[Update]:
    """Return the metrics of each round, aggregated and by site.

    Parameters
    ----------
    text
        ``round_metrics.jsonl``, one line per round: ``{"round": 0, "aggregated_metrics": [{"name", "value"}, ...],
        "sites": [{"name", "metrics": [...]}, ...]}``.
    workflows
        The ids of the workflows with rounds, in their order. The record does not name them; but a number that is not
        higher than the one before belongs to the next of them.
    """
    last, index = -1, 0
    for line in text.splitlines():
        record = parse_json(line)
        number = round_count_or_none(record.get("round")) if isinstance(record, dict) else None
        if not isinstance(record, dict) or number is None:
            continue
        index += number <= last
        last = number
        workflow = workflows[min(index, len(workflows) - 1)] if workflows else ""
        yield from _read_values(record.get("aggregated_metrics"), "", number, workflow)
        for site in _dicts_in(record.get("sites")):
            if isinstance(site.get("name"), str):
                yield from _read_values(site.get("metrics"), site["name"], number, workflow)


def read_metrics_summary(text: str, workflows: Sequence[str] = ()) -> Iterator[Update]:
    """Return the key metric and the best round.

    Parameters
    ----------
    text
        ``metrics_summary.json``, written at the end: ``key_metric`` (``name``, ``mode``), ``best_round``,
        ``best_metrics``.
    workflows
        The ids of the workflows with rounds, in their order. With more than one, nobody knows whose round it is: then
        the best round is left out.
    """
    summary = parse_json(text)
    if not isinstance(summary, dict):
        return
    key = summary.get("key_metric")
    name = key.get("name") if isinstance(key, dict) else None
    if not isinstance(key, dict) or not isinstance(name, str):
        return
    yield KeyMetric(name[:MAX_NAME_CHARS], "min" if key.get("mode") == "min" else "max")
    number = round_count_or_none(summary.get("best_round"))
    workflow = next(iter(workflows), "")
    for measured in _read_values(summary.get("best_metrics"), "", number or 0, workflow):
        if number is not None and measured.name == name and len(workflows) < 2:
            yield BestRound(number, measured.point.value, RANK_RECORD, workflow)


def _read_values(metrics: Any, site: str, round_number: int, workflow: str) -> Iterator[MetricValue]:
    for metric in _dicts_in(metrics):
        name, value = metric.get("name"), finite_or_none(metric.get("value"))
        if isinstance(name, str) and value is not None:
            point = Point(round_number, value, RANK_RECORD)
            yield MetricValue(name[:MAX_NAME_CHARS], site[:MAX_NAME_CHARS], point, workflow)


def _class_path(config: dict[str, Any]) -> str:
    """Return the class of a workflow or component; a name without a module is one of FLARE's."""
    return str(config.get("path") or config.get("class_path") or config.get("name") or "")


def _args_of(config: dict[str, Any]) -> dict[str, Any]:
    args = config.get("args")
    return args if isinstance(args, dict) else {}


def _dicts_in(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
