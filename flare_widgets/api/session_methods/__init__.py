"""The methods of a session, a family a module: what each returns and raises is written there.

Each is declared once, for both faces of a session (:mod:`flare_widgets.api.dual`). They are mixed into these, so that
a user finds them in one place and a reader in small ones.
"""

from typing import Generic

from .job_handles import J, JobHandleMethods
from .jobs import JobMethods
from .lifecycle import LifecycleMethods
from .logs import LogMethods
from .monitor import MonitorMethods
from .raw_commands import RawCommandMethods
from .shell import ShellMethods
from .sites import SiteMethods
from .studies import StudyMethods
from .system import SystemMethods

__all__ = ["JobHandleMethods", "JobMethods", "LogMethods", "MonitorMethods", "SessionMethods"]


class SessionMethods(
    JobHandleMethods[J],
    RawCommandMethods,
    ShellMethods,
    SiteMethods,
    LifecycleMethods,
    StudyMethods,
    SystemMethods,
    Generic[J],
):
    """All methods of a session whose handles on jobs are of type `J`."""
