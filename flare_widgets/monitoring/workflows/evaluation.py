"""Workflows that evaluate models at the sites, without rounds."""

from .kind import WorkflowKind

EVALUATION = WorkflowKind(
    name="evaluation",
    classes=("CrossSiteModelEval", "HECrossSiteModelEval", "CrossSiteEval", "GlobalModelEval", "EvalController"),
    rounds_arguments=(),
    told_at_end=("FLARE writes the values of the evaluation to the result only: they come at the end",),
)
