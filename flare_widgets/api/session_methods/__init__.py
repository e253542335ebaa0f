"""Methods of a session, one family per module, with the documentation of their results and errors.

Each is declared once, for synchronous and asynchronous sessions (:mod:`flare_widgets.api.dual`). They are mixed into
these, so that a user finds them in one place and a reader in small modules.
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
    """All methods of a session whose job handles are of type `J`."""
