"""NVIDIA FLARE in a notebook."""

from ._version import __version__

__all__ = ["__version__"]
