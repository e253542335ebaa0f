"""Why a job ended badly or never started, in one plain sentence. Pure: from what is known, never by asking."""

from .model import FAILURE_KINDS, Evidence, Failure, LogText
from .root_cause import diagnose

__all__ = ["FAILURE_KINDS", "Evidence", "Failure", "LogText", "diagnose"]
