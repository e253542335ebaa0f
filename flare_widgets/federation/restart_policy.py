"""The next action for a process of the federation: pure decisions of the supervisor.

They follow the loop at the end of a provisioned ``sub_start.sh``, which starts a real FLARE server or site: at an
admin's request the process writes ``shutdown.fl`` or ``restart.fl`` into its folder and ends; if it ends without
a request, it crashed and is started again.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

SHUTDOWN_FILE = "shutdown.fl"
RESTART_FILE = "restart.fl"

#: Grace period for a process that was asked to end, in seconds. Its own clean-up waits for up to 6.
END_TIMEOUT_S = 8.0

#: A process that crashes this often, within so many seconds, will crash again.
MAX_RESTARTS = 5
RESTART_WINDOW_S = 300.0


class RestartAction(enum.Enum):
    """The supervisor's action on a process."""

    NOTHING = "it is running, or is ending as requested"
    KILL = "it was asked to end, but is still running"
    START = "it ended, and must be started again"
    GIVE_UP = "it ended, and must not be started again"


def decide(
    *,
    is_running: bool,
    should_restart: bool,
    shutdown_requested: bool,
    restart_requested: bool,
    end_requested_at: float | None,
    start_times: Sequence[float],
    now: float,
) -> RestartAction:
    """Return the action for one process.

    Parameters
    ----------
    is_running
        True if it runs.
    should_restart
        True if the federation is up. While it is being started, a process that ends is a failure to report.
    shutdown_requested, restart_requested
        True if the process left a note that an admin wants it to shut down, or to restart.
    end_requested_at
        The time the note was first seen.
    start_times
        The time of each start.
    now
        The current time, on the same clock.
    """
    if is_running:
        overdue = end_requested_at is not None and now - end_requested_at > END_TIMEOUT_S
        return RestartAction.KILL if overdue else RestartAction.NOTHING
    if not should_restart or shutdown_requested:
        return RestartAction.GIVE_UP
    if restart_requested:
        return RestartAction.START
    recent = [start for start in start_times if now - start < RESTART_WINDOW_S]
    return RestartAction.START if len(recent) <= MAX_RESTARTS else RestartAction.GIVE_UP
