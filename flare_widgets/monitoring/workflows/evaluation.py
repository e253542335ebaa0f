"""Workflows that evaluate models at the sites, without rounds."""

from .kind import WorkflowKind

EVALUATION = WorkflowKind(
    name="evaluation",
    classes=(
        "CrossSiteModelEval",
        "HECrossSiteModelEval",
        "CrossSiteEval",
        "GlobalModelEval",
        "EvalController",
    ),
    rounds_arguments=(),
)
