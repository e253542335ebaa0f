"""Methods of a session, one family per module, with the documentation of their results and errors.

Each is declared once, for synchronous and asynchronous sessions (:mod:`flare_widgets.api.dual`). The families are
siblings: each derives from :class:`.SessionCore` alone, and reaches another one only through a function of its module.
"""

from typing import Generic

from .jobs import J, JobMethods
from .lifecycle import LifecycleMethods
from .logs import LogMethods
from .raw import RawMethods
from .shell import ShellMethods
from .sites import SiteMethods
from .studies import StudyMethods
from .submit import SubmitMethods
from .system import SystemMethods
from .wait import WaitMethods

__all__ = ["LogMethods", "SessionMethods"]


class SessionMethods(
    JobMethods[J],
    SubmitMethods,
    WaitMethods,
    LogMethods,
    SystemMethods,
    SiteMethods,
    LifecycleMethods,
    StudyMethods,
    ShellMethods,
    RawMethods,
    Generic[J],
):
    """All methods of a session whose job handles are of type `J`."""
