"""Sweeps: one job for each combination of parameters."""

from .sweep import Sweep, SweepJob, sweep

__all__ = ["Sweep", "SweepJob", "sweep"]
