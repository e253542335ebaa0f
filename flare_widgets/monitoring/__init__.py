"""What is happening to a job: snapshots, the monitor that keeps them fresh, and why a job failed."""

from .diagnosis import Evidence, Failure, LogText, explain
from .diagnosis.collect import gather
from .job.model import SiteDeployment, StatusChange
from .job.reducer import fold, fold_meta
from .job.snapshot import JobSnapshot
from .job.watch import Watch, WatchState
from .job_list.watch import JobsSnapshot, JobsWatch, ListedJob
from .monitor import Monitor

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
