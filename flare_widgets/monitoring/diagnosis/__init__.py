"""Why a job ended badly or never started, in one plain sentence. Pure: from what is known, never by asking."""

from .model import KINDS, Evidence, Failure, LogText
from .root_cause import explain

__all__ = ["KINDS", "Evidence", "Failure", "LogText", "explain"]
