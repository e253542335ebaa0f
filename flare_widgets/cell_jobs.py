"""Names by which a job that was made here is recognized later, from another kernel too: in its logs and its files."""

from __future__ import annotations

CELL_FILE = "notebook_cell.py"
"""File of a cell's code in the job that ``%%flare`` makes of it. Its lines have the numbers of the cell's lines."""

CELL_MODEL_FILE = "notebook_cell_model.py"
"""File with the definitions of a cell, in the same lines: the server builds the model with them."""

LIVE_METRICS_MODULE = "flare_widgets_live_metrics"
"""Name of ``authoring/live_metrics.py`` in a job that has it, where no module of a user's own has it."""

LIVE_METRICS_LINE = "live metrics: "
"""Beginning of a line in the server's log with the metrics of a round, written by ``authoring/live_metrics.py``."""

LIVE_SCALARS_LINE = "live scalars: "
"""Beginning of a line in the server's log with metrics by step, written by ``authoring/live_metrics.py``."""
