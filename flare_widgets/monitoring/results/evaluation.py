"""Reader of the evaluation of models by sites, ``cross_site_val/cross_val_results.json``. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..numbers import finite_or_none
from .values import clean_name, parse_json

MAX_EVALUATIONS = 5000
"""Number of values that are read."""

_MAX_DEPTH = 4  # levels of metrics within metrics


@dataclass(frozen=True)
class Evaluation:
    """A model's metric on the data of a site.

    Attributes
    ----------
    site
        The site whose data it is.
    model
        FLARE's name of the model: ``SRV_server``, ``SRV_best_FL_global_model.pt``, or the site that trained it.
    metric, value
        The metric; one within another is ``report/f1``.
    """

    site: str
    model: str
    metric: str
    value: float


def read_evaluation(text: str) -> tuple[Evaluation, ...]:
    """Read the values of an evaluation, in the order of the file.

    Parameters
    ----------
    text
        ``{evaluating site: {model: {metric: value}}}``. A metric that is no number, or a list of them, is left out; the
        file is ``{}`` if nothing was evaluated.
    """
    found: list[Evaluation] = []
    for site, models in _items(parse_json(text)):
        for model, metrics in _items(models):
            for metric, value in _read_metrics(metrics, "", 0):
                if len(found) >= MAX_EVALUATIONS:
                    return tuple(found)
                found.append(Evaluation(clean_name(site), clean_name(model), clean_name(metric), value))
    return tuple(found)


def _read_metrics(metrics: Any, prefix: str, depth: int) -> Iterator[tuple[str, float]]:
    for name, value in _items(metrics):
        number = finite_or_none(value)
        if number is not None:
            yield prefix + name, number
        elif depth < _MAX_DEPTH:
            yield from _read_metrics(value, f"{prefix}{name}/", depth + 1)


def _items(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []
