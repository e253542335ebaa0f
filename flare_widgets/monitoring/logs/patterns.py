"""Messages in FLARE's logs that more than one reader recognizes."""

from __future__ import annotations

import re

# FedAvg puts the words in the middle of a box of three lines; ScatterAndGatherForEdge tells the seconds.
ROUND = re.compile(r"^[ \t]*Round (\d{1,9}) (started|finished)(?:\.| in \d[\d.e-]{0,30} seconds)[ \t]*$", re.MULTILINE)
TASK_END = re.compile(r"task \S+ exit with status TaskCompletionStatus\.(\w+)")
