"""A sweep: one job for each combination of parameters, a few at a time, resumed by running it again."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..api import Job, Session
from ..api.job import JobShortcuts
from ..errors import FlareError, InvalidArgumentError, JobTimeout
from ..formatting.table import MAX_ROWS, ShownAsTable, Table
from ..formatting.text import SHORT_ID, sanitize
from ..local_files import scratch_folder
from ..monitoring import JobSnapshot, Monitor, Watch
from ..monitoring.job.metric_direction import best_point, metric_direction
from ..monitoring.job.model import RANK_SELECTOR, Point, Series
from ..monitoring.job.records import MetricRecord, argument_columns
from ..optional_packages import make_frame
from ..script_arguments import describe_arguments, to_value
from .variants import Grid, JobTemplate, SweptJob, combine, make_templates, to_texts, write_variant

if TYPE_CHECKING:
    from typing_extensions import Self

THREAD_NAME = "flare-sweep"

_WAKE_INTERVAL_S = 1.0
_RESULTS_TIMEOUT_S = 60.0
_MAX_PROBLEMS = 5  # in a table; what fails in one job fails in most


@dataclass
class SweepJob(JobShortcuts):
    """One job of a sweep.

    Attributes
    ----------
    parameters
        Its parameters.
    job_id
        Its id; empty until it is submitted.
    error
        The reason why it could not be submitted; empty if it could.
    """

    parameters: Mapping[str, str]
    job_id: str = ""
    error: str = ""

    def __post_init__(self) -> None:
        # Not fields: whoever takes jobs apart, as pandas does, is to find data only.
        self._template: JobTemplate | None = None
        self._watch: Watch | None = None
        self._open: Callable[[str], Job] | None = None

    @classmethod
    def _of(cls, parameters: Mapping[str, str], template: JobTemplate) -> Self:
        made = cls(parameters)
        made._template = template
        return made

    def __format__(self, spec: str) -> str:
        # In a line such as %flare report {found.best} it is its id; without one, nothing that could be another job's.
        return format(self.job_id or repr(self), spec)

    @property
    def snapshot(self) -> JobSnapshot | None:
        """All that is known of it; None until it is submitted."""
        return None if self._watch is None else self._watch.snapshot

    @property
    def job(self) -> Job:
        """The handle on the job: ``job.meta``, ``job.changes()``, ...

        Raises
        ------
        InvalidArgumentError
            It is not submitted yet.
        """
        if not self.job_id or self._open is None:
            raise InvalidArgumentError(
                f"the job with {describe_arguments(self.parameters)} is {self.status}",
                next_step=self.error or "Wait for its turn: .wait() of the sweep waits for all",
            )
        return self._open(self.job_id)

    def results(self) -> Any:
        """Return the finished job's result; see :meth:`.Job.results`."""
        return self.job.results()

    @property
    def metrics(self) -> list[MetricRecord]:
        """The metrics known so far, one flat record a value; empty until it is submitted."""
        return [] if self.snapshot is None else self.snapshot.metrics

    def wait(self, timeout: float = 0.0) -> dict[str, Any]:
        """Wait until the job ends, and return its final meta; see :meth:`.Job.wait`."""
        return self.job.wait(timeout)

    @property
    def is_done(self) -> bool:
        """True if there is nothing more to wait for: also if the job was deleted, or can no longer be watched."""
        watch = self._watch
        return bool(self.error) or (watch is not None and (watch.snapshot.ended or watch.done))

    @property
    def _is_fetching(self) -> bool:
        return self._watch is not None and not self._watch.done

    @property
    def problem(self) -> str:
        """The reason why it was not submitted, or why it failed, in a sentence; empty if neither, or unknown."""
        failure = None if self.snapshot is None else self.snapshot.failure
        return self.error or ("" if failure is None else failure.sentence)

    @property
    def status(self) -> str:
        """Its status: that of the server, or ``waiting``, ``not submitted`` or ``no longer watched``."""
        if self.error:
            return "not submitted"
        watch = self._watch
        if watch is None:
            return "waiting"
        if watch.done and not watch.snapshot.ended:
            return "no longer watched"
        return watch.snapshot.status or "submitted"

    @property
    def best(self) -> tuple[str, float, int] | None:
        """Its key metric, the best value of its aggregate, and the round of that, from 1, as Compare shows them.

        The last value if the better direction is unknown.
        """
        snapshot, found = self.snapshot, self._best
        if snapshot is None or found is None:
            return None
        series, point = found
        return series.name, point.value, snapshot.nth_round(point.round, series.workflow)

    @property
    def _best(self) -> tuple[Series, Point] | None:
        snapshot = self.snapshot
        name = None if snapshot is None else snapshot.headline_metric
        series = None if snapshot is None or name is None else snapshot.series(name)
        if snapshot is None or series is None:
            return None
        return series, best_point(series.points, metric_direction(series.name, snapshot.key_metric))

    def _record(self) -> dict[str, Any]:
        snapshot, best = self.snapshot, self.best
        name, value, number = best if best is not None else (None, None, None)
        return {
            "job_id": self.job_id or None,
            **argument_columns({name: to_value(text) for name, text in self.parameters.items()}),
            "status": self.status,
            "metric": name,
            "value": value,
            "round": number,
            "duration": None if snapshot is None else snapshot.duration,
            "problem": self.problem or None,
        }


class Sweep(ShownAsTable):
    """Jobs that differ by their parameters. Made by :func:`sweep`, which starts it.

    It runs in a thread of its own: the kernel stays free.

    Attributes
    ----------
    name
        The name of the sweep; the jobs are called by it and their parameters.
    jobs
        The jobs, in the order of the parameters.
    """

    def __init__(
        self,
        monitor: Monitor,
        jobs: Sequence[SweepJob],
        *,
        name: str,
        at_once: int,
        files: contextlib.ExitStack,
    ) -> None:
        self.name = name
        self.jobs = list(jobs)
        self._monitor, self._session = monitor, monitor.session
        self._at_once, self._files = at_once, files
        self._changed = threading.Condition()
        self._listeners: list[Callable[[Sweep], None]] = []
        self._is_stopped = False
        self._finished = threading.Event()

    @classmethod
    def start(
        cls, monitor: Monitor | Session, job: SweptJob, parameters: Grid, *, name: str = "", at_once: int = 2
    ) -> Self:
        """Start a sweep; see :func:`sweep`."""
        if at_once < 1:
            raise InvalidArgumentError("at_once must be at least 1")
        combinations = combine(parameters)
        with contextlib.ExitStack() as files:
            # The folder may change or go, and so may what a function reads, while jobs wait for their turn.
            templates = make_templates(job, combinations, files.enter_context(scratch_folder("preparing a sweep")))
            texts = [to_texts(each) for each in combinations]
            with scratch_folder("trying a job of a sweep") as scratch:  # all that can be refused here is refused now
                write_variant(templates[0], texts[0], "trial", scratch)
            found = cls(
                monitor if isinstance(monitor, Monitor) else Monitor(monitor),
                [SweepJob._of(each, template) for each, template in zip(texts, templates, strict=True)],
                name=name or templates[0].folder.name,
                at_once=at_once,
                files=files.pop_all(),  # closed by the thread
            )
        found._start()
        return found

    @property
    def has_ended(self) -> bool:
        """True if no job of it is under way or will be, and their metrics are known."""
        return self._finished.is_set()

    @property
    def best(self) -> SweepJob | None:
        """The job with the best value of the key metric so far; None if no job has one."""
        ranked = []
        for job in self.jobs:
            found, snapshot = job._best, job.snapshot
            direction = (
                "" if found is None or snapshot is None else metric_direction(found[0].name, snapshot.key_metric)
            )
            if found is not None and direction:
                ranked.append((found[1].value if direction == "max" else -found[1].value, job))
        return max(ranked, key=lambda each: each[0])[1] if ranked else None

    def records(self) -> list[dict[str, Any]]:
        """Return a flat record for each job, which ``pandas.DataFrame`` takes as it is.

        Returns
        -------
        list of dict
            ``job_id``; an ``arg.NAME`` for each parameter, as a number if it is one; ``status``; ``metric``, ``value``
            and ``round`` of the best value of the key metric; ``duration`` (seconds); ``problem``. None where nothing
            is known.
        """
        return [job._record() for job in self.jobs]

    def to_frame(self) -> Any:
        """Return the :meth:`records` as a ``pandas.DataFrame``.

        Raises
        ------
        NotInstalled
            pandas is missing.
        """
        return make_frame(self.records())

    def subscribe(self, listener: Callable[[Sweep], None]) -> Callable[[], None]:
        """Call a function when something has changed, and return one that ends that. It must return quickly."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def wait(self, timeout: float = 0.0) -> Sweep:
        """Wait until all jobs have ended. An interrupt ends the waiting only.

        Parameters
        ----------
        timeout
            Seconds; 0 for no limit.

        Raises
        ------
        JobTimeout
            They did not end in time; they continue.
        """
        until = time.monotonic() + timeout if timeout else float("inf")
        while not self._finished.wait(min(_WAKE_INTERVAL_S, max(0.0, until - time.monotonic()))):
            if time.monotonic() >= until:
                left = sum(not job.is_done for job in self.jobs)
                raise JobTimeout(f"{left} of {len(self.jobs)} jobs did not end within {timeout:g} s; they continue")
        return self

    def stop(self) -> None:
        """Submit no further job; those under way continue."""
        self._is_stopped = True
        self._wake()

    def abort(self) -> list[str]:
        """Submit no further job, abort those under way, and return their ids.

        Raises
        ------
        FlareError
            The server refused, or was lost.
        """
        self.stop()
        aborted = []
        for job in self.jobs:
            if job.job_id and not job.is_done:
                self._session.abort_job(job.job_id)
                aborted.append(job.job_id)
        return aborted

    def _table(self) -> Table:
        best, names = self.best, list(dict.fromkeys(name for job in self.jobs for name in job.parameters))
        metric = next((job.best[0] for job in self.jobs if job.best is not None), "")
        rows = [
            [
                *(sanitize(job.parameters.get(name, ""), 60) for name in names),
                sanitize(job.status, 60),
                *([_describe_best(job, is_best=job is best)] if metric else []),
                job.job_id[:SHORT_ID],
            ]
            for job in self.jobs
        ]
        headings = [
            *(sanitize(name, 60) for name in names),
            "status",
            *([sanitize(metric, 60)] if metric else []),
            "job",
        ]
        done = sum(job.is_done for job in self.jobs)
        problems = list(dict.fromkeys(job.problem for job in self.jobs if job.problem))[:_MAX_PROBLEMS]
        notes = [
            f"{self.name}: {done} of {len(self.jobs)} jobs done",
            *(sanitize(problem, 500) for problem in problems),
        ]
        return Table(headings, rows[:MAX_ROWS], notes)

    def _open_job(self, job_id: str) -> Job:
        return self._session.job(job_id)

    # -- the thread

    def _start(self) -> None:
        threading.Thread(target=self._run, name=THREAD_NAME, daemon=True).start()

    def _run(self) -> None:
        try:
            for job in self.jobs:
                self._wait_for_place()
                if self._is_stopped:
                    break
                self._submit(job)
                self._notify()
            while any(job.job_id and not job.is_done for job in self.jobs):
                self._wait_for_change()
            until = time.monotonic() + _RESULTS_TIMEOUT_S  # the metrics of the last jobs come with their results
            while any(job._is_fetching for job in self.jobs) and time.monotonic() < until:
                self._wait_for_change()
        finally:
            self._files.close()
            self._finished.set()
            self._notify()

    def _wait_for_place(self) -> None:
        while not self._is_stopped and sum(bool(j.job_id) and not j.is_done for j in self.jobs) >= self._at_once:
            self._wait_for_change()

    def _wait_for_change(self) -> None:
        with self._changed:
            self._changed.wait(_WAKE_INTERVAL_S)

    def _submit(self, job: SweepJob) -> None:
        assert job._template is not None
        name = f"{self.name} {describe_arguments(job.parameters)}"
        # The same job again is the same submission to the server: so a sweep is resumed, and no job is doubled.
        token = hashlib.sha256(f"{name}\0{job._template.digest}".encode()).hexdigest()
        try:
            with scratch_folder("making a job of a sweep") as scratch:
                variant = write_variant(job._template, job.parameters, name, scratch)
                job.job_id = self._session.submit_job(str(variant), token)
            job._open = self._open_job
            job._watch = self._monitor.watch(job.job_id)
            job._watch.subscribe(lambda _: self._wake())
        except FlareError as e:
            job.error = str(e)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()
        self._notify()

    def _notify(self) -> None:
        for listener in tuple(self._listeners):
            listener(self)

    def __iter__(self) -> Iterator[SweepJob]:
        return iter(self.jobs)


def _describe_best(job: SweepJob, *, is_best: bool) -> str:
    best, found = job.best, job._best
    if best is None or found is None:
        return ""
    _, value, number = best
    # Until FLARE's record is read there may be no other value than the one by which the server selects the model.
    mean = ", mean of the sites" if found[1].rank == RANK_SELECTOR else ""
    # All with as many digits, so that they can be compared at a glance.
    return f"{f'{value:#.4g}'.rstrip('.')} (round {number}{mean}){', best' if is_best else ''}"


def sweep(monitor: Monitor | Session, job: SweptJob, parameters: Grid, *, name: str = "", at_once: int = 2) -> Sweep:
    """Run a job once for each combination of parameters, and return at once.

    To resume a sweep after a restart of the kernel, run it again: as long as name, job and parameters are the same,
    jobs that are on the server already are taken up and not submitted again (FLARE 2.8 or later).

    Parameters
    ----------
    monitor
        The monitor that watches the jobs, or the session to make one for.
    job
        A job folder, which is not changed, or one of FLARE's recipes: the parameters become arguments of the script
        that the sites run, ``--rate=0.1``. Or a function that is called with the parameters of each job, and returns
        its recipe: the parameters are whatever the function makes of them. It is called for all jobs at once, and must
        make the same recipe of the same parameters each time, or the sweep is not resumed.
    parameters
        Values by name, of which all combinations are made: ``{"rate": [0.01, 0.1], "batch": [16, 32]}``. Or the
        combinations: a list of mappings.
    name
        The sweep's name; the folder's or the recipe's if not given. With another name all jobs are submitted anew.
    at_once
        The most jobs under way at a time.

    Raises
    ------
    InvalidArgumentError
        The parameters make no job, or too many, or cannot be passed.
    InvalidJobDefinition
        The folder is no job, or has no script with arguments.

    Examples
    --------
    >>> sweep(session, "jobs/train", {"rate": [0.01, 0.1], "batch": [16, 32]})  # doctest: +SKIP
    >>> def make(rate, rounds):
    ...     return FedAvgRecipe(name="train", num_rounds=rounds, train_args=f"--rate={rate}", ...)  # doctest: +SKIP
    >>> sweep(session, make, {"rate": [0.01, 0.1], "rounds": [3, 10]})  # doctest: +SKIP
    """
    return Sweep.start(monitor, job, parameters, name=name, at_once=at_once)
