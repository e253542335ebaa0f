"""What is happening to a job: snapshots, and the monitor that keeps them fresh."""

from .monitor import Monitor, Watch, WatchState
from .snapshot import JobSnapshot, SiteDeployment, StatusChange

__all__ = ["JobSnapshot", "Monitor", "SiteDeployment", "StatusChange", "Watch", "WatchState"]
