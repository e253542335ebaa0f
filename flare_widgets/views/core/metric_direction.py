"""The better direction of a metric, as far as it is known: by the job's key metric, or by a usual name."""

from __future__ import annotations

import re

from ...monitoring.job.model import KeyMetric

# Parts of names, between other characters than letters: "val_loss", "dice_score", "top1-accuracy".
_LOWER = re.compile(r"loss|error|err\b|mse|mae\b|perplexity|divergence|distance|time", re.IGNORECASE)
_HIGHER = re.compile(
    r"acc|auc|auroc|(?<![a-z])f1|dice|(?<![a-z])m?iou|precision|recall|sensitivity|specificity|score|homogeneity"
    r"|(?<![a-z])r2|(?<![a-z])bleu|(?<![a-z])rouge|jaccard",
    re.IGNORECASE,
)


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
    if _LOWER.search(name):
        return "min"
    return "max" if _HIGHER.search(name) else ""
