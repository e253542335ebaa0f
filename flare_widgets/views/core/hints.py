"""Hints for a notebook: the magics that do the next step after an error or a failed job. Pure."""

from __future__ import annotations

from ...errors import (
    FlareError,
    InvalidTarget,
    JobNotDone,
    JobNotFound,
    JobNotRunning,
    NoClientsAvailable,
    OutcomeUnknown,
    ReadOnlySession,
    SessionClosed,
)
from ...monitoring.diagnosis.model import Failure

_MAGIC_BY_METHOD = {
    "abort_job": "%flare abort",
    "clone_job": "%flare clone",
    "get_system_info": "%flare status",
    "submit_job": "%flare submit",
}
_DOWNLOAD_CALL = " (session.download_job_result)"  # the view of an ended job has a button for it
_MAGIC_BY_ERROR: dict[type[FlareError], str] = {
    ReadOnlySession: "%config FlareWidgets.read_only = False",
    SessionClosed: "%flare connect KIT",
    JobNotFound: "%flare jobs",
    JobNotRunning: "%flare logs",
    JobNotDone: "%flare wait, %flare abort",
    InvalidTarget: "%flare sites",
    NoClientsAvailable: "%flare status",
}


def explain_error(error: BaseException) -> str:
    """Return the text of an error, with the magic that does its next step, if there is one."""
    if not isinstance(error, FlareError):
        return str(error)
    # The base's text has the next step in it, also where that of a class is nvflare's.
    return _add_magics(FlareError.__str__(error), [_find_magic(error)] if error.next_step else [])


def explain_next_step(failure: Failure) -> str:
    """Return the next step after a failure, with the magics that do it."""
    return _add_magics(
        failure.next_step.replace(_DOWNLOAD_CALL, ""),
        [_MAGIC_BY_METHOD.get(method, "") for method in failure.next_methods],
    )


def explain_key_metric() -> str:
    """Return the way to see another metric than the job's key metric while a job runs."""
    return "%%flare --key-metric NAME shows another one live."


def _find_magic(error: FlareError) -> str:
    if isinstance(error, OutcomeUnknown) and error.command in ("submit_job", "clone_job", "delete_job"):
        return "%flare jobs"
    return next((magic for kind, magic in _MAGIC_BY_ERROR.items() if isinstance(error, kind)), "")


def _add_magics(text: str, magics: list[str]) -> str:
    shown = ", ".join(filter(None, magics))
    end = "." if text.endswith(".") else ""
    return f"{text.removesuffix('.')} ({shown}){end}" if shown else text
