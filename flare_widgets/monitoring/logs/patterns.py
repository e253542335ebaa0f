"""Messages in FLARE's logs that more than one reader recognizes."""

from __future__ import annotations

import re

ROUND = re.compile(r"^[ \t]*Round (\d{1,9}) (started|finished)\.[ \t]*$", re.MULTILINE)
TASK_END = re.compile(r"task \S+ exit with status TaskCompletionStatus\.(\w+)")
