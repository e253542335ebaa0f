"""Diagnosis of failed and unstarted jobs in one plain sentence. Pure: uses collected data, sends no requests."""

from .model import FAILURE_KINDS, Evidence, Failure, LogText
from .root_cause import diagnose

__all__ = ["FAILURE_KINDS", "Evidence", "Failure", "LogText", "diagnose"]
