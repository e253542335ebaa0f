"""What is happening to a job: snapshots, and the monitor that keeps them fresh."""

from .fold import fold, fold_meta
from .monitor import Monitor
from .parts import SiteDeployment, StatusChange
from .snapshot import JobSnapshot
from .watch import Watch, WatchState

__all__ = ["JobSnapshot", "Monitor", "SiteDeployment", "StatusChange", "Watch", "WatchState", "fold", "fold_meta"]
