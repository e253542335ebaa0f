"""What is happening to a job: snapshots, the monitor that keeps them fresh, and why a job failed."""

from .evidence import gather
from .failure import Evidence, Failure, LogText, explain
from .monitor import Monitor, Watch, WatchState
from .snapshot import JobSnapshot, SiteDeployment, StatusChange

__all__ = [
    "Evidence",
    "Failure",
    "JobSnapshot",
    "LogText",
    "Monitor",
    "SiteDeployment",
    "StatusChange",
    "Watch",
    "WatchState",
    "explain",
    "gather",
]
