"""A real NVIDIA FLARE federation on the user's own machine, for teaching and for tests.

Nothing here imports ``nvflare``: the federation runs in separate processes.
"""

from .errors import FederationError, FederationNotInstalled
from .local import LocalFederation
from .mailbox import ProcessState
from .processes import end_orphans
from .registry import RunningFederation

__all__ = [
    "FederationError",
    "FederationNotInstalled",
    "LocalFederation",
    "ProcessState",
    "RunningFederation",
    "end_orphans",
]
