"""The other files of a job on the server: its configuration, and FLARE's record of its metrics. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from ..job.model import RANK_RECORD, Best, KeyMetric, Point, counting, finite
from ..job.updates import Fact, Measured, Workflow
from .facts import MAX_NAME

SERVER_CONFIG = "app_server/config/config_fed_server.json"
ROUND_METRICS = "metrics/round_metrics"
"""Written by FLARE's MetricsArtifactWriter, which is in every recipe; ``.jsonl`` unless the job says otherwise."""
METRICS_SUMMARY = "metrics/metrics_summary.json"

_SELECTOR, _WRITER = "IntimeModelSelector", "MetricsArtifactWriter"


DEFAULT_ROUNDS = 5
"""What FLARE's controllers do when a job does not say; an exported configuration leaves out what is so by default."""

_BY_DEFAULT = re.compile(
    r"nvflare\.app_common\.workflows\.(?:fedavg\.FedAvg|scaffold\.Scaffold|cyclic\.Cyclic|cyclic_ctl\.CyclicController"
    r"|scatter_and_gather\.ScatterAndGather|scatter_and_gather_scaffold\.ScatterAndGatherScaffold)"
)


def read_config(text: str) -> Workflow | None:
    """Return what the server's part of a job's configuration says: rounds, and the key metric.

    Parameters
    ----------
    text
        ``config_fed_server.json``: ``workflows``, each with ``args`` such as ``num_rounds`` and ``start_round``;
        ``components``, of which the one that selects the best model has ``key_metric`` and ``negate_key_metric``.

    Returns
    -------
    Workflow or None
        None when the text is no configuration.
    """
    config = _json(text)
    if not isinstance(config, dict):
        return None
    total, begin, name = None, None, ""
    for workflow in _maps(config.get("workflows")):
        given = workflow.get("args")
        args = given if isinstance(given, dict) else {}
        rounds = counting(args.get("num_rounds"))
        if "num_rounds" not in args and _BY_DEFAULT.fullmatch(str(workflow.get("path"))):
            rounds = DEFAULT_ROUNDS
        if not name or (rounds is not None and total is None):
            name = str(workflow.get("path") or workflow.get("name") or "").rpartition(".")[2]
        if rounds is not None and total is None:
            total, begin = rounds, counting(args.get("start_round")) or 0
    key = None
    for component in _maps(config.get("components")):
        path = str(component.get("path") or component.get("name") or "")
        selector = component.get("args")
        if path.endswith(_SELECTOR) and isinstance(selector, dict):
            metric = str(selector.get("key_metric") or "val_accuracy")[:MAX_NAME]
            key = KeyMetric(metric, "min" if selector.get("negate_key_metric") else "max")
    return Workflow(name[:100], begin, total, key)


def readable_round_metrics(text: str) -> str | None:
    """Return where the record of metrics is, relative to the job's folder, if its name is one that can be read.

    A server shows no ``.jsonl`` file; a job that wants its metrics to be seen while it runs gives the writer another
    name: ``MetricsArtifactWriter(round_file_name="round_metrics.json")``.

    Parameters
    ----------
    text
        ``config_fed_server.json``.
    """
    config = _json(text)
    for component in _maps(config.get("components")) if isinstance(config, dict) else ():
        path, args = str(component.get("path") or component.get("name") or ""), component.get("args")
        name = args.get("round_file_name") if path.endswith(_WRITER) and isinstance(args, dict) else None
        if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-]+\.(json|txt|log)", name):
            return f"metrics/{name}"
    return None


def read_round_metrics(text: str) -> Iterator[Fact]:
    """Return the metrics of each round, aggregated and by site.

    Parameters
    ----------
    text
        ``round_metrics.jsonl``: a line a round, ``{"round": 0, "aggregated_metrics": [{"name", "value"}, ...],
        "sites": [{"name", "metrics": [...]}, ...]}``.
    """
    for line in text.splitlines():
        record = _json(line)
        number = counting(record.get("round")) if isinstance(record, dict) else None
        if not isinstance(record, dict) or number is None:
            continue
        yield from _measured(record.get("aggregated_metrics"), "", number)
        for site in _maps(record.get("sites")):
            if isinstance(site.get("name"), str):
                yield from _measured(site.get("metrics"), site["name"], number)


def read_summary(text: str) -> Iterator[Fact]:
    """Return the key metric and the best round.

    Parameters
    ----------
    text
        ``metrics_summary.json``, written at the end: ``key_metric`` (``name``, ``mode``), ``best_round``,
        ``best_metrics``.
    """
    summary = _json(text)
    if not isinstance(summary, dict):
        return
    key = summary.get("key_metric")
    name = key.get("name") if isinstance(key, dict) else None
    if not isinstance(key, dict) or not isinstance(name, str):
        return
    yield Workflow(key_metric=KeyMetric(name[:MAX_NAME], "min" if key.get("mode") == "min" else "max"))
    number = counting(summary.get("best_round"))
    for measured in _measured(summary.get("best_metrics"), "", number or 0):
        if number is not None and measured.name == name:
            yield Best(number, measured.point.value, RANK_RECORD)


def _measured(metrics: Any, site: str, number: int) -> Iterator[Measured]:
    for metric in _maps(metrics):
        name, value = metric.get("name"), finite(metric.get("value"))
        if isinstance(name, str) and value is not None:
            yield Measured(name[:MAX_NAME], site[:MAX_NAME], Point(number, value, RANK_RECORD))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _maps(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
