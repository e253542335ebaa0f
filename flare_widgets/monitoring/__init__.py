"""Job monitoring: snapshots, the monitor that keeps them fresh, and the diagnosis of failed jobs."""

from .diagnosis import Evidence, Failure, LogText, diagnose
from .diagnosis.collect import collect_evidence
from .job.model import SiteDeployment, StatusChange
from .job.reducer import apply_meta, apply_updates
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
    "apply_meta",
    "apply_updates",
    "collect_evidence",
    "diagnose",
]
