"""Jobs written in a notebook: a cell's training code made into a job, and FLARE's recipes run from a notebook.

The only package besides ``federation`` that needs ``nvflare``, which is imported inside functions: users who work
with existing jobs do not need it.
"""

from .arguments import format_arguments, to_plain_data
from .checks import CodeProblem, check_code
from .errors import AuthoringNotInstalled, CellError, RecipeError
from .jobs import CellJob, WrittenJob, write_job
from .metric_names import choose_key_metric, find_metric_names
from .notebook_env import NotebookEnv

__all__ = [
    "AuthoringNotInstalled",
    "CellError",
    "CellJob",
    "CodeProblem",
    "NotebookEnv",
    "RecipeError",
    "WrittenJob",
    "check_code",
    "choose_key_metric",
    "find_metric_names",
    "format_arguments",
    "to_plain_data",
    "write_job",
]
