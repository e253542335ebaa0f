"""A real NVIDIA FLARE federation on the user's own machine, for teaching and for tests.

Nothing here imports ``nvflare``: the federation runs in processes of its own.
"""

from .errors import FederationError, FederationNotInstalled
from .local import LocalFederation
from .processes import end_orphans

__all__ = ["FederationError", "FederationNotInstalled", "LocalFederation", "end_orphans"]
