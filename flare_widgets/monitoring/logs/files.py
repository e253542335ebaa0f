"""Parsers for other files of a job on the server: its configuration, and FLARE's record of its metrics. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..job.model import RANK_RECORD, BestRound, KeyMetric, Point, finite_or_none, round_count_or_none
from ..job.updates import MetricValue, Update, Workflow
from .facts import MAX_NAME_CHARS

SERVER_CONFIG = "app_server/config/config_fed_server.json"
ROUND_METRICS = "metrics/round_metrics"
"""Path of the record written by FLARE's MetricsArtifactWriter, which is in every recipe; ``.jsonl`` by default."""
METRICS_SUMMARY = "metrics/metrics_summary.json"

_SELECTOR, _WRITER = "IntimeModelSelector", "MetricsArtifactWriter"


DEFAULT_ROUNDS = 5
"""Default number of rounds of FLARE's controllers; an exported configuration leaves out default values."""

_WORKFLOWS_WITH_DEFAULT_ROUNDS = re.compile(
    r"nvflare\.app_common\.workflows\.(?:fedavg\.FedAvg|scaffold\.Scaffold|cyclic\.Cyclic|cyclic_ctl\.CyclicController"
    r"|scatter_and_gather\.ScatterAndGather|scatter_and_gather_scaffold\.ScatterAndGatherScaffold)"
)


def read_config(text: str) -> Workflow | None:
    """Read the number of rounds and the key metric from the server's part of a job's configuration.

    Parameters
    ----------
    text
        ``config_fed_server.json``: ``workflows``, each with ``args`` such as ``num_rounds`` and ``start_round``;
        ``components``, of which the best-model selector has ``key_metric`` and ``negate_key_metric``.

    Returns
    -------
    Workflow or None
        None if the text is not a configuration.
    """
    config = _parse_json(text)
    if not isinstance(config, dict):
        return None
    total, begin, name = None, None, ""
    for workflow in _dicts_in(config.get("workflows")):
        given = workflow.get("args")
        args = given if isinstance(given, dict) else {}
        rounds = round_count_or_none(args.get("num_rounds"))
        if "num_rounds" not in args and _WORKFLOWS_WITH_DEFAULT_ROUNDS.fullmatch(str(workflow.get("path"))):
            rounds = DEFAULT_ROUNDS
        if not name or (rounds is not None and total is None):
            name = str(workflow.get("path") or workflow.get("name") or "").rpartition(".")[2]
        if rounds is not None and total is None:
            total, begin = rounds, round_count_or_none(args.get("start_round")) or 0
    key = None
    for component in _dicts_in(config.get("components")):
        path = str(component.get("path") or component.get("name") or "")
        selector = component.get("args")
        if path.endswith(_SELECTOR) and isinstance(selector, dict):
            metric = str(selector.get("key_metric") or "val_accuracy")[:MAX_NAME_CHARS]
            key = KeyMetric(metric, "min" if selector.get("negate_key_metric") else "max")
    return Workflow(name[:100], begin, total, key)


def find_round_metrics_path(text: str) -> str | None:
    """Return the path of the record of metrics, relative to the job's folder, if its name is one that can be read.

    A server does not show ``.jsonl`` files; a job whose metrics should be visible while it runs gives the writer
    another name: ``MetricsArtifactWriter(round_file_name="round_metrics.json")``.

    Parameters
    ----------
    text
        ``config_fed_server.json``.
    """
    config = _parse_json(text)
    for component in _dicts_in(config.get("components")) if isinstance(config, dict) else ():
        path, args = str(component.get("path") or component.get("name") or ""), component.get("args")
        name = args.get("round_file_name") if path.endswith(_WRITER) and isinstance(args, dict) else None
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+\.(json|txt|log)", name):
            return f"metrics/{name}"
    return None


def read_round_metrics(text: str) -> Iterator[Update]:
    """Return the metrics of each round, aggregated and by site.

    Parameters
    ----------
    text
        ``round_metrics.jsonl``, one line per round: ``{"round": 0, "aggregated_metrics": [{"name", "value"}, ...],
        "sites": [{"name", "metrics": [...]}, ...]}``.
    """
    for line in text.splitlines():
        record = _parse_json(line)
        number = round_count_or_none(record.get("round")) if isinstance(record, dict) else None
        if not isinstance(record, dict) or number is None:
            continue
        yield from _read_values(record.get("aggregated_metrics"), "", number)
        for site in _dicts_in(record.get("sites")):
            if isinstance(site.get("name"), str):
                yield from _read_values(site.get("metrics"), site["name"], number)


def read_metrics_summary(text: str) -> Iterator[Update]:
    """Return the key metric and the best round.

    Parameters
    ----------
    text
        ``metrics_summary.json``, written at the end: ``key_metric`` (``name``, ``mode``), ``best_round``,
        ``best_metrics``.
    """
    summary = _parse_json(text)
    if not isinstance(summary, dict):
        return
    key = summary.get("key_metric")
    name = key.get("name") if isinstance(key, dict) else None
    if not isinstance(key, dict) or not isinstance(name, str):
        return
    yield Workflow(key_metric=KeyMetric(name[:MAX_NAME_CHARS], "min" if key.get("mode") == "min" else "max"))
    number = round_count_or_none(summary.get("best_round"))
    for measured in _read_values(summary.get("best_metrics"), "", number or 0):
        if number is not None and measured.name == name:
            yield BestRound(number, measured.point.value, RANK_RECORD)


def _read_values(metrics: Any, site: str, round_number: int) -> Iterator[MetricValue]:
    for metric in _dicts_in(metrics):
        name, value = metric.get("name"), finite_or_none(metric.get("value"))
        if isinstance(name, str) and value is not None:
            yield MetricValue(name[:MAX_NAME_CHARS], site[:MAX_NAME_CHARS], Point(round_number, value, RANK_RECORD))


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _dicts_in(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
