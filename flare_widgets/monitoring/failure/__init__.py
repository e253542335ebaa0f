"""Why a job ended badly or never started, in one plain sentence. Pure: from what is known, never by asking."""

from .explain import explain
from .model import KINDS, Evidence, Failure, LogText

__all__ = ["KINDS", "Evidence", "Failure", "LogText", "explain"]
