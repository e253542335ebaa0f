"""The better direction of a metric, by the job's key metric or a usual name, and the best of its points."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...bounds import MAX_SEARCHED_CHARS
from .model import KeyMetric, Point

# Whole words of names such as "val_loss" or "top1-accuracy"; "score" and "time" say nothing by themselves.
_LOWER = frozenset(
    [
        "loss",
        "error",
        "err",
        "mse",
        "rmse",
        "mae",
        "mape",
        "perplexity",
        "ppl",
        "divergence",
        "distance",
        "brier",
        "nll",
    ]
)
_HIGHER = frozenset(
    [
        "acc",
        "accuracy",
        "auc",
        "auroc",
        "auprc",
        "f1",
        "dice",
        "iou",
        "miou",
        "precision",
        "recall",
        "sensitivity",
        "specificity",
        "homogeneity",
        "r2",
        "bleu",
        "rouge",
        "jaccard",
    ]
)
_SEPARATOR = re.compile(r"[^A-Za-z0-9]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+[0-9]*")  # of valLoss


def metric_direction(name: str, *keys: KeyMetric | None) -> str:
    """Return ``max`` or ``min``, the better direction of a metric; empty if it is unknown.

    Parameters
    ----------
    name
        The metric's name.
    keys
        The metrics by which jobs select their best model: these say it themselves.
    """
    for key in keys:
        if key is not None and key.name == name:
            return key.mode
    words = _split_words(name)
    if words & _LOWER:
        return "min"
    return "max" if words & _HIGHER else ""


def best_point(points: Sequence[Point], direction: str) -> Point:
    """Return the first of the best points, by a direction of `metric_direction`; the last one if it is unknown."""
    better = {"max": max, "min": min}.get(direction)
    return points[-1] if better is None else better(points, key=lambda point: point.value)


def _split_words(name: str) -> set[str]:
    pieces = _SEPARATOR.split(name[:MAX_SEARCHED_CHARS])
    words = {word.lower() for piece in pieces for word in (piece, *_PART.findall(piece))}
    return words | {word.rstrip("0123456789") for word in words}
