"""What can go wrong with a federation on this machine."""

from __future__ import annotations


class FederationError(RuntimeError):
    """The local federation could not be started, or is not in the state that was asked for.

    The message is made to be read by the user: it names the process that failed, says what that process said
    last, and where to read the rest.
    """


class FederationNotInstalled(FederationError, ImportError):
    """NVIDIA FLARE itself, which only the local federation needs, is not installed."""
