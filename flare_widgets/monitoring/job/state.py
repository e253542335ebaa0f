"""State of a job at one moment: the fields of a snapshot, and the questions it answers. No text for people.

All times are seconds since the epoch (UTC).
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields
from functools import cached_property, lru_cache
from itertools import chain, groupby
from operator import attrgetter, itemgetter
from statistics import median
from typing import Any, NamedTuple

from ...api.job_status import JobStatus, has_ended
from ...formatting.text import format_duration
from ...script_arguments import to_value
from ..diagnosis.model import Failure
from ..results.scalars import StepSeries
from .deserialize import JSON_NAME
from .model import (
    Argument,
    BestRound,
    Event,
    Freshness,
    KeyMetric,
    LogPosition,
    Point,
    Results,
    Round,
    Scheduling,
    Series,
    SiteActivity,
    SiteDeployment,
    SiteTask,
    StatusChange,
    Workflow,
    earliest,
)
from .round_tasks import (
    Column,
    History,
    RoundTasks,
    TaskGroupKey,
    find_history,
    round_column,
    settled_states,
    update_history,
)

SCHEMA = 2
"""Version of the snapshot's JSON form; raised when a field changes its meaning (not when one is added)."""

ZOMBIE_AFTER = 20.0
"""Seconds that a job may be listed as RUNNING with no process on the server; starting and ending take up to 7."""

QUEUED_AFTER_S = 10.0
"""Seconds after which a submitted job that has not started is said to wait; before that it is just queued."""

SCHEDULER_IDLE_AFTER_S = 30.0
"""Seconds without a scheduling attempt after which the scheduler is assumed dead; it checks once a second."""

SILENT_AFTER = 25.0
"""Seconds without a heartbeat after which a site counts as silent; sites send one every 10 s."""

_UNSCHEDULED = Scheduling()
_LATE_FACTOR = 3.0  # times the median duration of that kind of task
_MIN_LATE_S = 10.0  # seconds
_TYPICAL_TASKS = 1000  # recent tasks from which the usual duration of a task is taken
_RECENT_ROUNDS = 5  # rounds from which the duration of the next ones is estimated


# A tuple, as there are thousands.
class MatrixCell(NamedTuple):
    """Cell of the matrix: the work of a site in a round or a step.

    Attributes
    ----------
    state
        ``waiting`` (for its turn, or for others), ``working``, ``late`` (much longer than usual: it works, or has not
        fetched its task), ``submitted``, ``failed``, or ``unfinished`` (the job ended meanwhile).
        Of a site as a whole also ``deployed``, ``silent``, ``self-directed`` (its work is not known to the server),
        or ``done``.
    since
        The time when that state began; None if unknown.
    task
        The words for the task, or its name.
    column
        Its column; None if the state belongs to none.
    is_fetched
        False if the site is late because it has not fetched its task.
    """

    state: str
    since: float | None = None
    task: str = ""
    column: Column | None = None
    is_fetched: bool = True


@dataclass(frozen=True)
class JobState:
    """Everything known about a job at one moment.

    Attributes
    ----------
    job_id, name, study, submitter
        The server's values; empty if it sends none. Hostile text: escape before showing.
    status
        The server's name for the status; empty before the first answer.
    timeline
        The statuses passed so far, oldest first; the last one is the current one.
    sites
        The sites that the job is deployed to; ``server`` first. Empty if the job is for all sites and not yet deployed.
    duration
        The job's run time in seconds, once it has ended; None before that or if the server does not send it.
    facts_at
        The time of the server's last answer about this job (our clock); None before the first answer.
    trouble, trouble_label
        One sentence if the data may be stale or monitoring has stopped, else empty; and the same in two words.
    scheduling
        The server's attempts to start the job, and the reason why it waits.
    arguments
        The arguments of the script that the sites run, by name; of several scripts those of the first. They are known
        from the job's meta, where a sweep and ``%%flare`` record theirs, or from its configuration, once it runs.
    workflows
        The workflows known so far, in the order in which they run.
    rounds
        The rounds started so far, by workflow and number.
    tasks
        The tasks of the sites, in the order of workflow, round, site and time.
    packing_since
        The time when the last workflow had ended, and the server began to pack up the results.
    round_metrics
        The metrics by round, by name, site and workflow; the aggregate first.
    key_metric, best
        The metric by which the job selects its best model, and the best round so far.
    selector, selector_best, recorded_best
        The values of `round_metrics` and `best` as they were received: the selector's may have the other sign.
    live_scalars
        The metrics by step that were sent while the job runs, as far as they were logged; see `step_metrics`.
    has_live_metrics
        True if the job logs all metrics of each round while it runs, not only its key metric from the second round on.
    recorded
        The small data of the result, once the job has ended; None before that, or if it was not read.
    events
        The events, oldest first; only the newest if there were many.
    activity
        The current activity of each site, as far as it was polled.
    log_positions
        The read positions in the logs.
    running_seen_at, absent_seen_at
        The times when the server last reported the job's process as running, and as not running (our clock).
    presence_since
        The time of the first such report.
    server_started_at
        The time when the server started, as of the last such report (our clock); None if it did not tell.
    failure
        The diagnosis of a failed or stalled job, once there is one.
    freshness
        The age of each group of updates, and the reason if one is missing.
    seen
        The statuses of the timeline as they were received: their times may contradict each other.
    troubled_at
        The time of the last connection problem.
    """

    job_id: str
    name: str = ""
    study: str = ""
    submitter: str = ""
    status: str = ""
    timeline: tuple[StatusChange, ...] = ()
    sites: tuple[SiteDeployment, ...] = ()
    duration: float | None = None
    facts_at: float | None = None
    trouble: str = ""
    trouble_label: str = ""
    scheduling: Scheduling = _UNSCHEDULED
    arguments: tuple[Argument, ...] = ()
    workflows: tuple[Workflow, ...] = ()
    rounds: tuple[Round, ...] = ()
    tasks: tuple[SiteTask, ...] = ()
    packing_since: float | None = None
    round_metrics: tuple[Series, ...] = field(default=(), metadata={JSON_NAME: "metrics"})
    key_metric: KeyMetric | None = None
    best: BestRound | None = None
    selector: tuple[Series, ...] = ()
    selector_best: BestRound | None = None
    recorded_best: BestRound | None = None
    live_scalars: tuple[StepSeries, ...] = ()
    has_live_metrics: bool = False
    recorded: Results | None = field(default=None, metadata={JSON_NAME: "results"})
    events: tuple[Event, ...] = ()
    activity: tuple[SiteActivity, ...] = ()
    log_positions: tuple[LogPosition, ...] = field(default=(), metadata={JSON_NAME: "logs"})
    running_seen_at: float | None = None
    absent_seen_at: float | None = None
    presence_since: float | None = None
    server_started_at: float | None = None
    failure: Failure | None = None
    freshness: tuple[Freshness, ...] = ()
    seen: tuple[StatusChange, ...] = ()
    troubled_at: float | None = None
    schema: int = SCHEMA

    def __getstate__(self) -> dict[str, Any]:
        # What a state has found out, or has to hand over, is not for its copies.
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @property
    def parameters(self) -> dict[str, int | float | str]:
        """The arguments of the script that the sites run by name, numbers as numbers."""
        return {argument.name: to_value(argument.value) for argument in self.arguments}

    # -- status and times -----------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """True if the job has reached a final status."""
        return has_ended(self.status)

    @property
    def submitted_at(self) -> float | None:
        """The time when the job was submitted."""
        return self._time_of(lambda s: s == JobStatus.SUBMITTED)

    @property
    def started_at(self) -> float | None:
        """The time when the job began to run."""
        return self._time_of(lambda s: s == JobStatus.RUNNING)

    @property
    def ended_at(self) -> float | None:
        """The time when the job ended."""
        return self._time_of(has_ended)

    def elapsed(self, now: float) -> float | None:
        """Return the seconds the job has been running at the time `now`; its duration once it has ended.

        None if it has not started, or if it ended without running. The clock of a zombie stops at the last moment at
        which it is known to have run; None if there is none.
        """
        if self.duration is not None:
            return self.duration
        if self.started_at is None:
            return None
        end = self.last_run_at if self.is_zombie else self.ended_at if self.ended_at is not None else now
        return None if end is None else max(0.0, end - self.started_at)

    def age(self, now: float) -> float | None:
        """Return the seconds since the server last answered about this job, None before its first answer."""
        return None if self.facts_at is None else max(0.0, now - self.facts_at)

    def as_of(self, now: float) -> float:
        """Return the time that the state is for: `now`, or the server's last answer if it does not answer now."""
        return self.facts_at if self.trouble and self.facts_at is not None else now

    @property
    def is_zombie(self) -> bool:
        """True if the server lists the job as RUNNING, but lost its process when it was killed and restarted.

        Such a job never ends. If it is not known when the server and the job started, it counts as one after
        `ZOMBIE_AFTER` seconds without a process.
        """
        if self._has_server_restarted is None:
            return self._is_absent()
        return self._has_server_restarted and self._is_absent(0.0)

    @property
    def is_awaiting_outcomes(self) -> bool:
        """True if the job's part on the server has ended, and the server still waits for what the sites report.

        It does so for up to 15 minutes by default (FLARE 2.9) if a site went away before it reported.
        """
        return self._has_server_restarted is False and self._is_absent()

    @property
    def last_run_at(self) -> float | None:
        """The latest time at which the job is known to have run: its process was seen, or its log tells of work."""
        rounds = (at for this in self.rounds[-1:] for at in (this.started_at, this.ended_at))
        times = (self.running_seen_at, *rounds, *map(last_activity_at, self.tasks))
        return max((at for at in times if at is not None), default=None)

    @property
    def _has_server_restarted(self) -> bool | None:
        """True if the server started after the job; None if that is not known."""
        started = next((s for s in self.timeline if s.status == JobStatus.RUNNING), None)
        if self.server_started_at is None or started is None or not started.exact:
            return None
        return self.server_started_at > started.at

    def _is_absent(self, after: float = ZOMBIE_AFTER) -> bool:
        """Return whether a job that is listed as RUNNING has had no process for more than some seconds."""
        if self.status != JobStatus.RUNNING or self.absent_seen_at is None:
            return False
        # If the first poll falls into the seconds in which a job ends, absence alone proves nothing.
        since = self.presence_since if after else None
        alive = max(self.running_seen_at or 0.0, self.started_at or 0.0, since or 0.0)
        return self.absent_seen_at - alive > after

    @property
    def silent_since(self) -> dict[str, float]:
        """The sites that had sent the server no heartbeat for `SILENT_AFTER` seconds at the last poll.

        Each with the time of its last heartbeat. Empty if the job is not running.
        """
        asked = self.freshness_of("system").at
        if asked is None or self.status != JobStatus.RUNNING:
            return {}
        here = set(self.participating_sites)
        seen = {a.site: a.last_seen for a in self.activity if a.site in here and a.last_seen is not None}
        return {site: at for site, at in seen.items() if asked - at > SILENT_AFTER}

    @property
    def silent_sites(self) -> tuple[str, ...]:
        """The sites of `silent_since`."""
        return tuple(self.silent_since)

    def is_scheduler_idle(self, now: float) -> bool:
        """Return whether the server has not tried to start a submitted job for `SCHEDULER_IDLE_AFTER_S` seconds.

        A server whose scheduler has died answers as usual, but schedules no job.
        """
        if self.status != JobStatus.SUBMITTED or self.scheduling.attempts or self.submitted_at is None:
            return False
        return now - self.submitted_at > SCHEDULER_IDLE_AFTER_S

    def waiting_reason(self, now: float) -> str:
        """Return the reason why a submitted job has not started at the time `now`; empty if it has."""
        if self.status != JobStatus.SUBMITTED:
            return ""
        if self.is_scheduler_idle(now):
            waited = format_duration(now - (self.submitted_at or now))
            return f"the server's scheduler has not considered it for {waited}"
        return self.scheduling.reason

    def freshness_of(self, group: str) -> Freshness:
        """Return the age of a group of updates (one of `GROUPS`), and the reason if it is missing."""
        return next((f for f in self.freshness if f.group == group), Freshness(group))

    @property
    def missing_groups(self) -> tuple[Freshness, ...]:
        """The groups of updates that are missing, and would tell something that is not known otherwise."""
        return tuple(f for f in self.freshness if f.missing_reason and self._is_missed(f.group))

    @property
    def step_metrics(self) -> tuple[StepSeries, ...]:
        """The metrics by step: those of the result, and those logged meanwhile that the result does not have."""
        recorded = () if self.recorded is None else self.recorded.scalars
        if not (recorded and self.live_scalars):
            return recorded or self.live_scalars
        known = {(series.name, series.site) for series in recorded}
        return (*recorded, *(series for series in self.live_scalars if (series.name, series.site) not in known))

    # -- workflows and rounds -------------------------------------------------------------------------------

    @cached_property
    def current_workflow(self) -> Workflow:
        """The workflow that runs: the last one that has started, or the first one before any has.

        Of a job that has ended, the last one that had rounds, if any had. An empty one if none is known.
        """
        with_rounds = self.workflows_with_rounds
        begun = with_rounds | set(map(itemgetter(0), self._tasks_by_round))
        started = [w for w in self.workflows if w.started_at is not None or w.id in begun] or list(self.workflows[:1])
        if self.ended:
            started = [w for w in started if w.id in with_rounds] or started
        return started[-1] if started else Workflow("")

    @property
    def is_packing(self) -> bool:
        """True if all workflows have ended, and the server packs up the results of a job that still runs."""
        return self.packing_since is not None and self.status == JobStatus.RUNNING

    def find_workflow(self, workflow_id: str) -> Workflow:
        """Return the workflow with an id; an empty one if it is unknown."""
        return self._workflows_by_id.get(workflow_id) or Workflow(workflow_id)

    @cached_property
    def _workflow_places(self) -> dict[str, int]:
        return {workflow.id: place for place, workflow in enumerate(self.workflows)}

    @cached_property
    def _workflows_by_id(self) -> dict[str, Workflow]:
        return {workflow.id: workflow for workflow in reversed(self.workflows)}

    def rounds_of(self, workflow_id: str) -> tuple[Round, ...]:
        """Return the rounds of a workflow that have started, by number."""
        return self._rounds_by_workflow.get(workflow_id, ())

    @property
    def workflows_with_rounds(self) -> Set[str]:
        """The ids of the workflows of which a round has started."""
        return self._rounds_by_workflow.keys()

    @cached_property
    def _rounds_by_workflow(self) -> dict[str, tuple[Round, ...]]:
        if self.rounds and "_is_in_order" in self.__dict__ and self.rounds[0].workflow == self.rounds[-1].workflow:
            return {self.rounds[0].workflow: self.rounds}
        found: dict[str, list[Round]] = {}
        for workflow, rounds in groupby(self.rounds, attrgetter("workflow")):
            found.setdefault(workflow, []).extend(rounds)
        return {workflow: tuple(rounds) for workflow, rounds in found.items()}

    @cached_property
    def current_rounds(self) -> tuple[Round, ...]:
        """The rounds of the current workflow."""
        return self.rounds_of(self.current_workflow.id)

    @property
    def total_rounds(self) -> int | None:
        """The number of rounds of the current workflow, as configured; None if it has none, or if it is unknown."""
        return self.current_workflow.total_rounds

    @property
    def round(self) -> int | None:
        """The number of the latest round of the current workflow, as FLARE counts (mostly from 0)."""
        return self.current_rounds[-1].number if self.current_rounds else None

    @property
    def rounds_begun(self) -> int:
        """The number of rounds started in the current workflow: the *k* in "round *k* of *n*" (`total_rounds`)."""
        rounds = self.current_rounds
        return max(self.nth_round(rounds[-1].number, rounds[-1].workflow), len(rounds)) if rounds else 0

    def nth_round(self, number: int, workflow_id: str | None = None) -> int:
        """Return the ordinal of a round in its workflow, counted from 1 as in "round 6/10"; FLARE counts from 0.

        Parameters
        ----------
        number
            FLARE's number.
        workflow_id
            The workflow; the current one if not given.
        """
        workflow = self.current_workflow if workflow_id is None else self.find_workflow(workflow_id)
        begin = workflow.first_round
        if begin is None:
            started = self.rounds_of(workflow.id)
            begin = started[0].number if started else 0
        return number - begin + 1

    def round_end(self, of: Round) -> float | None:
        """Return the end of a round: as logged, else the start of the next one, or the end of its workflow or job."""
        if of.ended_at is not None:
            return of.ended_at
        rounds = self.current_rounds if of.workflow == self.current_workflow.id else self.rounds_of(of.workflow)
        index = bisect_right(rounds, of.number, key=lambda this: this.number)
        if index < len(rounds):
            return rounds[index].started_at
        ended = self.find_workflow(of.workflow).ended_at
        return ended if ended is not None else self.ended_at

    @cached_property
    def usual_round_duration(self) -> float | None:
        """The median duration of the last rounds of the current workflow that have ended; None if none has."""
        lasted = []
        for this in self.current_rounds[-_RECENT_ROUNDS - 1 :]:
            end = self.round_end(this)
            if end is not None and this.started_at is not None:
                lasted.append(end - this.started_at)
        return median(lasted) if lasted else None

    @property
    def round_since(self) -> float | None:
        """The start of the current round; None if it is over, or unknown."""
        current = self.current_rounds[-1] if self.current_rounds else None
        if current is None or self.ended or self.is_packing or self.round_end(current) is not None:
            return None
        return current.started_at

    def is_round_late(self, now: float) -> bool:
        """Return whether the current round lasts for much longer than usual, by the rule for the work of a site."""
        since, usual = self.round_since, self.usual_round_duration
        return since is not None and usual is not None and now - since > _late_after(usual)

    @property
    def estimate_ends_at(self) -> float | None:
        """The time from which the current round lasts three times as long as usual, so that there is no estimate."""
        since, usual = self.round_since, self.usual_round_duration
        return None if since is None or usual is None else since + _LATE_FACTOR * usual

    def remaining(self, now: float) -> float | None:
        """Estimate the seconds that the remaining rounds of the current workflow will take; None if there is no basis.

        The last rounds are the basis; there is none any more when the current round lasts three times as long, or a
        site that it needs is silent. What comes after the rounds, such as another workflow, is not estimated: None.
        """
        rounds, total, typical = self.current_rounds, self.total_rounds, self.usual_round_duration
        if self.ended or self.is_packing or total is None or not rounds or self.rounds_begun > total:
            return None
        if self.current_workflow.id != (self.workflows[-1].id if self.workflows else "") or typical is None:
            return None
        if self.is_zombie or now > (self.estimate_ends_at or math.inf):
            return None
        if self.silent_sites and not set(self.silent_sites).isdisjoint(self.pending_sites(now)):
            return None
        current = rounds[-1]
        left = typical * (total - self.rounds_begun)
        if current.ended_at is None and current.started_at is not None:
            left += max(0.0, typical - (now - current.started_at))
        return max(0.0, left)

    # -- the matrix -----------------------------------------------------------------------------------------

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The columns of the matrix: rounds and steps of all workflows, in the order of their start."""
        place = self._workflow_places
        columns = self._history.columns
        unknown = columns[bisect_left(columns, len(place), key=lambda of: place.get(of.workflow, len(place))) :]
        if not self._steps and (not unknown or unknown[0].workflow == unknown[-1].workflow):
            # The usual case, of which there may be thousands: each workflow's rounds are in the order of their numbers.
            return columns
        starts = {(r.workflow, r.number): r.started_at for r in self.rounds}
        for (workflow, number), group in self._tasks_by_round.items():
            if number is not None and (workflow, number) not in starts:
                sent = [task.sent_at for task in group.tasks if task.sent_at is not None]
                starts[workflow, number] = min(sent, default=None)
        ranked: list[tuple[tuple[int, float, int, str, int], Column]] = []
        # Rounds are in the order of their numbers, also where the start of one is not known.
        latest_start: dict[str, float] = {}
        for workflow, number in sorted(starts):
            before, at = latest_start.get(workflow, 0.0), starts[workflow, number]
            latest_start[workflow] = start = before if at is None else max(at, before)
            ranked.append(((place.get(workflow, len(place)), start, number, "", 0), round_column(workflow, number)))
        steps: dict[Column, float | None] = {}
        for task, column in self._steps.values():
            steps[column] = earliest(task.sent_at, steps.get(column))
        for column, at in steps.items():
            start = math.inf if at is None else at
            ranked.append(((place.get(column.workflow, len(place)), start, -1, column.task, column.nth), column))
        return tuple(column for _, column in sorted(ranked, key=itemgetter(0)))

    @property
    def _tasks_by_round(self) -> dict[TaskGroupKey, RoundTasks]:
        """The tasks of each round, by its workflow and number, and those of each workflow that belong to none."""
        return self._history.tasks_by_round

    @cached_property
    def _history(self) -> History:
        order = self._workflow_places
        before, changed = self.__dict__.pop("_earlier_history", (None, ()))
        if before is None or len(changed) >= len(before.columns) >> 2:
            return find_history(self.rounds, self.tasks, order)
        return update_history(before, changed, self.rounds, self.tasks, order, self._deployed_sites)

    def hand_over_tasks(self) -> dict[str, SiteTask] | None:
        """Return the tasks by id for the next state, which may change them; None if they are not left here."""
        tasks_by_id: dict[str, SiteTask] | None = self.__dict__.pop("_tasks_by_id", None)
        return tasks_by_id

    def take_over(self, before: JobState, tasks_by_id: dict[str, SiteTask], changed: Set[TaskGroupKey]) -> None:
        """Use again what an earlier state has found out.

        Parameters
        ----------
        before
            The earlier state, by which this one was made.
        tasks_by_id
            The tasks, for the state that will be made by this one: see `hand_over_tasks`.
        changed
            The rounds that have come or gone since, and those whose tasks are others.
        """
        self.__dict__["_tasks_by_id"] = tasks_by_id
        self.__dict__["_is_in_order"] = True
        is_in_order = "_is_in_order" in before.__dict__ and self._workflow_places == before._workflow_places
        if self is before or not is_in_order:
            return
        if "_history" in before.__dict__:
            self.__dict__["_earlier_history"] = before._history, changed
        elif (earlier := before.__dict__.get("_earlier_history")) is not None:
            self.__dict__["_earlier_history"] = earlier[0], earlier[1] | changed

    def tasks_of_round(self, workflow_id: str, number: int) -> tuple[SiteTask, ...]:
        """Return the tasks of a round."""
        group = self._tasks_by_round.get((workflow_id, number))
        return () if group is None else group.tasks

    @cached_property
    def _steps(self) -> dict[str, tuple[SiteTask, Column]]:
        """The tasks that belong to no round, each with its column, by id; without those that only configure a site.

        Nothing tells which tasks of different sites are one step. But a site takes its steps in order, so its task
        belongs to the first step of that name after the one before; and where there is none, to a new one.
        """
        groups = [group.tasks for (_, number), group in self._tasks_by_round.items() if number is None]
        steps = [task for task in chain.from_iterable(groups) if not task.is_setup]
        places: dict[tuple[str, str], list[int]] = {}
        last: dict[tuple[str, str], int] = {}
        found = {}
        for place, task in enumerate(sorted(steps, key=lambda t: (first_activity_at(t), t.task_id))):
            known, site = places.setdefault((task.workflow, task.name), []), (task.workflow, task.site)
            nth = bisect_right(known, last.get(site, -1))
            if nth == len(known):
                known.append(place)
            last[site] = known[nth]
            found[task.task_id] = task, Column(task.workflow, None, task.name, nth)
        return found

    @cached_property
    def step_labels(self) -> dict[Column, str]:
        """The words for each step, or the name of its task: steps of one name may be stages with words of their own."""
        labels: dict[Column, str] = {}
        for task, column in self._steps.values():
            labels[column] = labels.get(column) or task.label
        return {column: label or column.task for column, label in labels.items()}

    def matrix(self, now: float, columns: Collection[Column] | None = None) -> dict[str, dict[Column, MatrixCell]]:
        """Return the matrix: by site and column, the site's work.

        If a site had several tasks in a round, the latest one counts. A site that had none has no cell there; but
        in the current column of a running job it is waiting.

        Parameters
        ----------
        now
            The time (seconds since the epoch).
        columns
            The columns needed; all if not given.
        """
        shown = self.columns if columns is None else tuple(columns)
        rows: dict[str, dict[Column, MatrixCell]] = {site: {} for site in self.participating_sites}
        for column in shown:
            for site, task in self._tasks_in(column).items():
                rows.setdefault(site, {})[column] = self._matrix_cell(task, column, now)
        last = self._open_column
        if last is not None:
            unfetched = self._unfetched_cells(last)
            for site, row in rows.items():
                row.setdefault(last, unfetched[self._unfetched_state(site, now)])
        return rows

    @property
    def has_open_column(self) -> bool:
        """True if sites without a task in the newest column wait for one."""
        return self._open_column is not None

    def matrix_states(self, now: float, start: int = 0) -> list[Mapping[str, str]]:
        """Return the matrix in short: of each of `columns`, the states of the sites that have a cell there.

        Parameters
        ----------
        now
            The time (seconds since the epoch).
        start
            The number of columns that are left out, the first ones.
        """
        found: list[Mapping[str, str]] = []
        for column, settled in zip(self.columns[start:], self._settled_states[start:], strict=True):
            if settled and column.round is not None:  # most of them
                found.append(self._tasks_by_round[column.workflow, column.round].submitted)
            else:
                found.append({site: self._task_state(task, now) for site, task in self._tasks_in(column).items()})
        if self.has_open_column and found:
            found[-1] = {site: self._unfetched_state(site, now) for site in self.participating_sites} | dict(found[-1])
        return found

    def states_in_columns(self, now: float, stop: int) -> list[frozenset[str]]:
        """Return the states of the sites in each of the first `stop` of `columns`; see `matrix_states`."""
        return [
            frozenset(self._task_state(task, now) for task in self._tasks_in(column).values())
            if settled is None
            else settled
            for column, settled in zip(self.columns[:stop], self._settled_states[:stop], strict=True)
        ]

    @cached_property
    def _settled_states(self) -> Sequence[frozenset[str] | None]:
        """The states of the sites in each of `columns` that has no others whatever the time; else None."""
        history = self._history
        if self.columns is history.columns:
            return history.settled
        groups = history.tasks_by_round
        return [None if c.round is None else settled_states(groups.get((c.workflow, c.round))) for c in self.columns]

    def _tasks_in(self, column: Column) -> dict[str, SiteTask]:
        """Return the task that counts in each cell of a column, by the site."""
        if column.round is None:
            return self._tasks_by_step.get(column, {})
        group = self._tasks_by_round.get((column.workflow, column.round))
        return {} if group is None else group.newest

    @cached_property
    def _tasks_by_step(self) -> dict[Column, dict[str, SiteTask]]:
        found: dict[Column, dict[str, SiteTask]] = {}
        for task, column in self._steps.values():
            found.setdefault(column, {})[task.site] = task
        return found

    @property
    def _open_column(self) -> Column | None:
        """The newest column if sites without a task in it are waiting for one."""
        last = self.columns[-1] if self.columns else None
        if last is None or self.current_workflow.is_self_directed or not self._is_under_way(last):
            return None
        return last

    def pending_sites(self, now: float) -> tuple[str, ...]:
        """Return the sites whose result the newest round or step still lacks.

        They work on it, or have not fetched their task although they had one in each of the rounds before.
        """
        last = self.columns[-1] if self.columns else None
        if last is None or not self._is_under_way(last):
            return ()
        tasks, is_open = self._tasks_in(last), self.has_open_column
        found = []
        for site in self.participating_sites:
            task = tasks.get(site)
            if task is None and not is_open:
                continue
            state = self._unfetched_state(site, now) if task is None else self._task_state(task, now)
            if state in ("working", "late") or (state == "waiting" and site in self._late_fetch_at):
                found.append(site)
        return tuple(found)

    def _unfetched_cells(self, column: Column) -> dict[str, MatrixCell]:
        """Return the cells of the sites that have no task in the newest column, by their state."""
        begun = [] if column.round is None else reversed(self.current_rounds)
        since = next((this.started_at for this in begun if this.number == column.round), None)
        return {state: MatrixCell(state, since, "", column, state != "late") for state in ("waiting", "late")}

    def _unfetched_state(self, site: str, now: float) -> str:
        """Return the state of a site that has no task in the newest column."""
        return "late" if now > self._late_fetch_at.get(site, math.inf) else "waiting"

    @cached_property
    def _late_fetch_at(self) -> dict[str, float]:
        """The sites that should have a task in the current round, each with the time from which it is late with it.

        Those are the sites of the round before, if they were those of the round before that too, or all sites: a
        workflow may choose other sites for each round. A site has as long as it would have to do its task.
        """
        rounds = self.current_rounds[-3:]
        if len(rounds) < 2 or rounds[-1].started_at is None:
            return {}
        groups = [self._tasks_by_round.get((this.workflow, this.number)) for this in reversed(rounds[:-1])]
        before, *earlier = [{} if group is None else group.last for group in groups]
        if before.keys() != (earlier[0].keys() if earlier else set(self.participating_sites)):
            return {}
        began = rounds[-2].started_at
        found = {}
        for site, task in before.items():
            usual = self._typical_durations.get(task.name)
            if usual is not None:
                delay = 0.0 if began is None or task.sent_at is None else max(0.0, task.sent_at - began)
                found[site] = rounds[-1].started_at + delay + _late_after(usual)
        return found

    def site_states(self, now: float) -> Mapping[str, MatrixCell]:
        """Return the current state of each site, which its newest task tells; see :class:`MatrixCell`."""
        # Every part of a view asks for it, at the same moment. One assignment: views live in several threads.
        known: tuple[float, dict[str, MatrixCell]] | None = self.__dict__.get("_known_states")
        if known is None or known[0] != now:
            known = self.__dict__["_known_states"] = (now, self._find_site_states(now))
        return known[1]

    def _find_site_states(self, now: float) -> dict[str, MatrixCell]:
        states = {s.name: _deployment_cell(s.state) for s in self.sites if s.name != "server" or s.state == "failed"}
        if self.status == JobStatus.SUBMITTED:
            return {site: cell for site, cell in states.items() if cell.state != "waiting"}
        failed = {site: cell for site, cell in states.items() if cell.state == "failed"}
        for activity in self.activity:
            if activity.site != "server" and activity.at is not None:
                states[activity.site] = (
                    MatrixCell("working", task=activity.tasks[0]) if activity.tasks else MatrixCell("waiting")
                )
        current = self.current_workflow.id
        for site, (task, column) in self._newest_tasks.items():
            if task.workflow == current or self.ended or self.is_packing:
                states[site] = self._matrix_cell(task, column, now)
        if not self.ended:
            states |= self._states_without_task(states, now)
        states |= failed
        for site, seen_at in self.silent_since.items():
            if site not in states or states[site].state != "failed":
                states[site] = MatrixCell("silent", seen_at)
        return states

    def _states_without_task(self, states: dict[str, MatrixCell], now: float) -> dict[str, MatrixCell]:
        """Return the states of sites whose newest task does not tell what they do now."""
        if self.is_packing:
            return self._states_while_packing(states)
        workflow, last = self.current_workflow, self.columns[-1] if self.columns else None
        has_begun = workflow.started_at is not None or any(a.at is not None for a in self.activity)
        is_under_way = last is not None and last.workflow == workflow.id and self._is_under_way(last)
        unfetched = {} if last is None else self._unfetched_cells(last)
        found = {}
        for site in self.participating_sites:
            cell = states.get(site)
            has_work = cell is not None and cell.column is not None
            if workflow.is_self_directed:
                is_busy = has_work and cell is not None and cell.state in ("working", "late", "failed")
                if has_begun and not is_busy:
                    found[site] = MatrixCell("self-directed", workflow.started_at)
            elif is_under_way:
                newest = self._newest_tasks.get(site)
                if newest is None or (newest[1] != last and newest[0].returned_at is not None):
                    found[site] = unfetched[self._unfetched_state(site, now)]
            elif not has_work and workflow.started_at is not None and not self.activity:
                found[site] = MatrixCell("waiting", workflow.started_at)
        return found

    def _states_while_packing(self, states: dict[str, MatrixCell]) -> dict[str, MatrixCell]:
        """Return the states of sites once all workflows have ended: done only if nothing speaks against it."""
        cut_off = {s for s, c in states.items() if c.column is not None and c.state in ("working", "late")}
        goes_well = not cut_off and all(cell.state != "failed" for cell in states.values())
        found = {site: states[site]._replace(state="unfinished") for site in cut_off}
        for site, cell in states.items():
            if cell.state == "submitted" or (goes_well and site not in found):
                found[site] = MatrixCell("done")
        return found

    @cached_property
    def _newest_tasks(self) -> dict[str, tuple[SiteTask, Column]]:
        """The newest task of each site, and its column."""
        found: dict[str, tuple[SiteTask, Column]] = {}
        sites, complete = set(self.participating_sites), set[str]()
        workflow = None
        # From the last workflow back; in each from its steps to its first round.
        for task in reversed(self.tasks):
            if task.workflow != workflow:
                complete |= found.keys()
                workflow = task.workflow
            if len(complete) == len(sites):
                break
            if task.site in complete or (task.round is None and task.task_id not in self._steps):
                continue
            known = found.get(task.site)
            if known is None or (task.sent_at or 0.0) > (known[0].sent_at or 0.0):
                column = self._steps[task.task_id][1] if task.round is None else round_column(workflow, task.round)
                found[task.site] = task, column
            if task.round is not None:
                complete.add(task.site)
        return dict(sorted(found.items()))

    def _is_under_way(self, column: Column) -> bool:
        """Return whether work on the newest column may still come: its workflow runs, and so does the job."""
        return (
            not self.ended
            and not self.is_packing
            and column.workflow == self.current_workflow.id
            and self.current_workflow.ended_at is None
        )

    @cached_property
    def participating_sites(self) -> tuple[str, ...]:
        """The names of the sites (without the server) that the job was deployed to or that had a task, sorted."""
        return tuple(sorted(self._deployed_sites | self._history.sites))

    @property
    def _deployed_sites(self) -> set[str]:
        return {site.name for site in self.sites if site.name != "server"}

    # -- metrics --------------------------------------------------------------------------------------------

    @cached_property
    def series_by_metric(self) -> dict[tuple[str, str], list[Series]]:
        """The series that have points, by the metric's name and its workflow."""
        found: dict[tuple[str, str], list[Series]] = {}
        for series in self.round_metrics:
            if series.points:
                found.setdefault((series.name, series.workflow), []).append(series)
        return found

    @property
    def metric_workflow(self) -> Workflow:
        """The workflow whose metrics count: the current one if it has any, else the last one that has."""
        measured = {workflow for _, workflow in self.series_by_metric}
        current = self.current_workflow
        return (
            current
            if current.id in measured
            else next((w for w in reversed(self.workflows) if w.id in measured), current)
        )

    def series(self, name: str, site: str = "", workflow_id: str | None = None) -> Series | None:
        """Return a metric of a site, or the aggregate, in a workflow (that of `metric_workflow` if not given)."""
        key = (name, site, self.metric_workflow.id if workflow_id is None else workflow_id)
        return next((s for s in self.round_metrics if (s.name, s.site, s.workflow) == key), None)

    @property
    def headline_metric(self) -> str | None:
        """The name of the job's main metric: the key metric if it has an aggregate, else the first one that has."""
        workflow = self.metric_workflow.id
        names = [s.name for s in self.round_metrics if not s.site and s.points and s.workflow == workflow]
        key = self.key_metric.name if self.key_metric is not None else None
        return key if key in names else next(iter(names), None)

    @property
    def newest_points(self) -> dict[str, dict[str, Point]]:
        """The newest points of `metric_workflow` by the site's name (empty for the aggregate) and the metric's."""
        found: dict[str, dict[str, Point]] = {}
        workflow = self.metric_workflow.id
        for series in self.round_metrics:
            if series.points and series.workflow == workflow:
                found.setdefault(series.site, {})[series.name] = series.points[-1]
        return found

    @property
    def _has_all_rounds(self) -> bool:
        """True if the rounds known are as many as each workflow with rounds has been configured for."""
        begun = Counter(r.workflow for r in self.rounds)
        totals = {w.id: w.total_rounds for w in self.workflows}
        expected = begun.keys() | {workflow for workflow, total in totals.items() if total is not None}
        return bool(begun) and all(begun[workflow] >= (totals.get(workflow) or math.inf) for workflow in expected)

    def _is_missed(self, group: str) -> bool:
        if group == "failure":
            return self.failure is None
        if not self.ended:
            return True
        if group == "metrics":
            return bool(self.columns)  # a job that reached no round and no step has none
        return group == "rounds" and not self._has_all_rounds  # the others are of no use now

    def _time_of(self, matches: Callable[[str], bool]) -> float | None:
        return next((s.at for s in self.timeline if matches(s.status)), None)

    @cached_property
    def _typical_durations(self) -> dict[str, float]:
        """Return the median duration in seconds of each kind of task."""
        took: dict[str, list[float]] = {}
        for task in self.tasks[-_TYPICAL_TASKS:]:
            if task.sent_at is not None and task.returned_at is not None and not task.failed:
                took.setdefault(task.name, []).append(task.returned_at - task.sent_at)
        return {name: median(times[-100:]) for name, times in took.items()}

    def _matrix_cell(self, task: SiteTask, column: Column, now: float) -> MatrixCell:
        state = self._task_state(task, now)
        since = last_activity_at(task) if state == "failed" else task.returned_at
        return MatrixCell(state, task.sent_at if since is None else since, task.label or task.name, column)

    def _task_state(self, task: SiteTask, now: float) -> str:
        """Return the state of a site's work on a task; see :class:`MatrixCell`."""
        if task.returned_at is not None and task.code in ("", "OK"):
            return "submitted"
        if task.failed or (self.failure is not None and self.failure.site == task.site):
            return "failed"
        if self.ended:
            return "unfinished"
        if task.sent_at is None:
            return "waiting"
        usual = self._typical_durations.get(task.name)
        late = usual is not None and now - task.sent_at > _late_after(usual)
        return "late" if late else "working"


@lru_cache
def _deployment_cell(state: str) -> MatrixCell:
    return MatrixCell(state)


def _late_after(usual_s: float) -> float:
    """Return the seconds after which something that usually takes `usual_s` is late."""
    return max(_LATE_FACTOR * usual_s, usual_s + _MIN_LATE_S)


def first_activity_at(task: SiteTask) -> float:
    """Return the time of a task's first known change; infinity if none is known."""
    return next((at for at in (task.sent_at, task.returned_at) if at is not None), math.inf)


def last_activity_at(task: SiteTask) -> float | None:
    """Return the time of a task's last change."""
    return task.returned_at if task.returned_at is not None else task.sent_at
