"""What to do with a process of the federation, now: pure decisions of the supervisor.

They follow the loop at the end of a provisioned ``sub_start.sh``, which a real FLARE server or site is
started by: the process writes ``shutdown.fl`` or ``restart.fl`` into its folder when an admin asks it to,
and ends; if it ends without being asked, it crashed and is started again.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

SHUTDOWN_FILE = "shutdown.fl"
RESTART_FILE = "restart.fl"

#: How long a process that was told to end may take, in seconds. Its own clean-up waits for up to 6.
PATIENCE = 8.0

#: A process that crashes this often, within so many seconds, will crash again.
MOST_RESTARTS = 5
RESTARTS_WITHIN = 300.0


class Action(enum.Enum):
    """What the supervisor does with a process."""

    NOTHING = "it runs, or is ending as it was told"
    KILL = "it was told to end, and does not"
    START = "it ended, and shall run"
    GIVE_UP = "it ended, and shall not run any more"


def decide(
    *,
    running: bool,
    keep: bool,
    shutdown: bool,
    restart: bool,
    told_since: float | None,
    starts: Sequence[float],
    now: float,
) -> Action:
    """What to do with one process.

    Parameters
    ----------
    running
        Whether it runs.
    keep
        Whether the federation is up. While it is being started, a process that ends is a failure to report.
    shutdown, restart
        Whether it has left a note that an admin wants it to shut down, or to restart.
    told_since
        When the note was first seen.
    starts
        When it was started, each time.
    now
        The time, on the same clock.
    """
    if running:
        overdue = told_since is not None and now - told_since > PATIENCE
        return Action.KILL if overdue else Action.NOTHING
    if not keep or shutdown:
        return Action.GIVE_UP
    if restart:
        return Action.START
    recent = [start for start in starts if now - start < RESTARTS_WITHIN]
    return Action.START if len(recent) <= MOST_RESTARTS else Action.GIVE_UP
