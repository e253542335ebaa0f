"""The methods of a session, a family a module: what each returns and raises is written there.

Each is declared once, for both faces of a session (:mod:`flare_widgets.api.dual`). They are mixed into these, so that
a user finds them in one place and a reader in small ones.
"""

from typing import Generic

from .job_handles import HandleMethods, J
from .jobs import JobMethods
from .lifecycle import StateMethods
from .logs import LogMethods
from .monitor import RunningJobMethods
from .raw_commands import LineMethods
from .shell import ShellMethods
from .sites import SiteMethods
from .studies import StudyMethods
from .system import SystemMethods

__all__ = ["HandleMethods", "JobMethods", "LogMethods", "RunningJobMethods", "SessionMethods"]


class SessionMethods(
    HandleMethods[J],
    LineMethods,
    ShellMethods,
    SiteMethods,
    StateMethods,
    StudyMethods,
    SystemMethods,
    Generic[J],
):
    """All methods of a session whose handles on jobs are of type `J`."""
