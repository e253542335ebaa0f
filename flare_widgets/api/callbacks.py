"""A simple callback for ``Session.monitor_job``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .job_status import JobStatus

if TYPE_CHECKING:
    from .session import Session

_MAX_FULL_PRINTS = 3  # full prints while the job runs; then a dot


def basic_cb_with_print(
    session: Session,  # noqa: ARG001  # the FLARE API's signature
    job_id: str,  # noqa: ARG001
    job_meta: dict[str, Any],
    *cb_args: Any,  # noqa: ARG001
    **cb_kwargs: Any,
) -> bool:
    """Print a job's meta: of a running job three times, then a dot for each poll; otherwise always.

    The callback of the FLARE API's examples. It prints in the waiting thread, and so into the waiting cell.

    Parameters
    ----------
    session, job_id, job_meta, *cb_args
        As ``Session.monitor_job`` passes them.
    **cb_kwargs
        ``cb_run_counter``, a dict whose ``count`` is incremented.

    Returns
    -------
    bool
        True: monitoring continues until the job has ended.

    Examples
    --------
    >>> session.monitor_job(job_id, cb=basic_cb_with_print, cb_run_counter={"count": 0})  # doctest: +SKIP
    """
    counter = cb_kwargs["cb_run_counter"]
    if job_meta["status"] != JobStatus.RUNNING:
        print(f"\n{job_meta}")  # noqa: T201
    elif counter["count"] < _MAX_FULL_PRINTS:
        print(job_meta)  # noqa: T201
    else:
        print(".", end="")  # noqa: T201
    counter["count"] += 1
    return True
