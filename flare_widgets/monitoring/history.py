"""Facts about a job that has ended, from its result. Pure but for the time of reading."""

from __future__ import annotations

import time
from collections.abc import Sequence

from .. import bounds
from .job.model import Results
from .job.updates import GroupRefreshed, GroupUnavailable, LiveMetricsFound, LogOffset, Update
from .logs import files
from .logs.facts import ServerLogParser, read_in_time
from .polling.polls import LOG_FILE, ServerClock
from .results.job_result import JobResult

_NO_METRICS = "the job keeps no record of them"


def read_history(result: JobResult, clock: ServerClock, submitted: tuple[str, str] | None = None) -> list[Update]:
    """Return what a result tells of its job: workflows, rounds, tasks, metrics, events and files.

    Parameters
    ----------
    result
        The result.
    clock
        The server's clock, by which its log is written.
    submitted
        The server's part of the configuration as it was submitted, and its suffix, for a result without one.
    """
    log = ServerLogParser(clock.utc_offset, clock.offset)
    updates = [*read_stored_config(result, submitted), *read_stored_log(log, result.log)]
    workflows = log.workflows_with_rounds
    updates += files.read_round_metrics(result.round_metrics, workflows)
    updates += files.read_metrics_summary(result.metrics_summary, workflows)
    found = Results(result.scalars, result.evaluations, result.statistics, result.files)
    # Our component, which %%flare puts into its jobs, logs every metric: without one in the log, none was sent.
    is_recorded = bool(result.round_metrics) or found.has_metrics or _logs_all_metrics(updates)
    return [*updates, found, _describe_metrics(result, is_missing=bool(workflows) and not is_recorded)]


def read_stored_config(result: JobResult | None, submitted: tuple[str, str] | None) -> list[Update]:
    """Return what the configuration says, in the result or as it was submitted."""
    config = None
    if result is not None and result.config_text:
        config = files.read_config(result.config_text, result.config_suffix)
    if config is None and submitted is not None:
        config = files.read_config(*submitted)
    sites_configs = () if result is None else result.sites_configs
    arguments = next(filter(None, (files.read_arguments(*each) for each in sites_configs)), [])
    return [*arguments, *(() if config is None else config.updates)]


def read_stored_log(log: ServerLogParser, parts: Sequence[bytes]) -> list[Update]:
    """Return what a stored log says, up to the bounds; that it was longer is said."""
    log.max_live_values = bounds.MAX_LIVE_VALUES
    updates, reason = read_in_time(log, bounds.decode_pieces(parts))
    now = time.time()
    told: Update = GroupUnavailable("rounds", reason, now) if reason else GroupRefreshed("rounds", now)
    return [*updates, LogOffset("server", LOG_FILE, sum(map(len, parts))), told]


def _logs_all_metrics(updates: Sequence[Update]) -> bool:
    """Return whether the job has our component, which logs all metrics."""
    return any(isinstance(update, LiveMetricsFound) for update in updates)


def _describe_metrics(result: JobResult, is_missing: bool) -> Update:
    """Return the update about the job's metrics: that they are complete, or why they are not."""
    now = time.time()
    if result.reason:
        return GroupUnavailable("metrics", result.reason, now)
    if is_missing:
        return GroupUnavailable("metrics", _NO_METRICS, now)
    return GroupRefreshed("metrics", now)
