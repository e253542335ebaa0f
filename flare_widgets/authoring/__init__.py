"""Jobs written in a notebook: a cell's training code made into a job, and FLARE's recipes run from a notebook.

The only room besides ``federation`` that needs ``nvflare``, which is imported inside functions: whoever works with
jobs that others have made needs none of it.
"""

from .arguments import command_line, plain
from .checks import Problem, check_code
from .errors import AuthoringNotInstalled, CellError, RecipeError
from .jobs import CellJob, Written, write_job
from .notebook_env import NotebookEnv

__all__ = [
    "AuthoringNotInstalled",
    "CellError",
    "CellJob",
    "NotebookEnv",
    "Problem",
    "RecipeError",
    "Written",
    "check_code",
    "command_line",
    "plain",
    "write_job",
]
