"""Errors of a federation on this machine."""

from __future__ import annotations

from ..errors import FlareError, NotInstalled


class FederationError(FlareError, RuntimeError):
    """The local federation could not be started, or is not in the requested state.

    The message is meant for the user: it names the process that failed, its last output, and where to read the rest.
    """


class FederationNotInstalled(FederationError, NotInstalled):
    """NVIDIA FLARE itself, which only the local federation needs, is not installed."""
