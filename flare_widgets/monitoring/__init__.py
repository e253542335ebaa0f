"""What is happening to a job: snapshots, the monitor that keeps them fresh, and why a job failed."""

from .evidence import gather
from .failure import Evidence, Failure, LogText, explain
from .fold import fold, fold_meta
from .jobs import JobsSnapshot, JobsWatch, ListedJob
from .monitor import Monitor
from .parts import SiteDeployment, StatusChange
from .snapshot import JobSnapshot
from .watch import Watch, WatchState

__all__ = [
    "Evidence",
    "Failure",
    "JobSnapshot",
    "JobsSnapshot",
    "JobsWatch",
    "ListedJob",
    "LogText",
    "Monitor",
    "SiteDeployment",
    "StatusChange",
    "Watch",
    "WatchState",
    "explain",
    "fold",
    "fold_meta",
    "gather",
]
