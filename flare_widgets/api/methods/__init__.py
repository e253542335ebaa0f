"""The methods of a session, a family a module: what each returns and raises is written there.

They are mixed into :class:`.Session`, so that a user finds them in one place and a reader in small ones.
"""

from .lines import LineMethods
from .logs import LogMethods
from .running import RunningJobMethods
from .shell import ShellMethods
from .sites import SiteMethods
from .states import StateMethods
from .studies import StudyMethods
from .system import SystemMethods

__all__ = [
    "LineMethods",
    "LogMethods",
    "RunningJobMethods",
    "ShellMethods",
    "SiteMethods",
    "StateMethods",
    "StudyMethods",
    "SystemMethods",
]
