"""A job's result, as it was downloaded: what is in it, without running any of it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from .. import bounds
from ..errors import InputError
from ..formatting.text import sanitize
from ..local_files import expand_path, translate_os_errors
from ..monitoring import JobSnapshot
from ..monitoring.history import read_history
from ..monitoring.job.records import MetricRecord, list_round_metrics, list_step_metrics
from ..monitoring.job.reducer import apply_updates
from ..monitoring.job.updates import JobMeta
from ..monitoring.polling.polls import server_clock
from ..monitoring.results.evaluation import Evaluation
from ..monitoring.results.files import RUN_FOLDER, ResultFile, Selection, list_files
from ..monitoring.results.job_result import JobResult, parse_job_result
from ..monitoring.results.statistics import Statistics, find_statistics_path
from ..monitoring.results.values import parse_json
from .folder import list_paths, read_folder, read_listing
from .models import Model, Models, describe_missing_model, describe_model

if TYPE_CHECKING:
    from ..api.transfer.progress import ProgressCallback

_MAX_MODELS = 100


@dataclass(frozen=True)
class JobConfig:
    """Settings of a job, from its configuration.

    Attributes
    ----------
    rounds
        The number of rounds of all workflows together; None if unknown.
    arguments
        The arguments of the sites' script by name; of several scripts those of the first.
    key_metric
        The metric by which the best model is selected; empty if there is none.
    lower_is_better
        True if a lower value of the key metric is better.
    """

    rounds: int | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    key_metric: str = ""
    lower_is_better: bool = False


class Result:
    """A job's result in a folder.

    The small files are read when they are first asked for; models only when they are loaded.

    Parameters
    ----------
    path
        The folder that ``%flare download``, ``Session.download_job_result`` or ``Job.download`` returned, or one with a
        part of a large result, as ``%flare results`` makes it.
    fetch
        Downloads one of the files that are missing in such a part, by its path, and returns it.

    Raises
    ------
    InputError
        There is no result in the folder.
    FileAccessError
        The folder may not be read.

    Examples
    --------
    >>> result = Result("results/hello-95d46377")  # doctest: +SKIP
    >>> result.models[0].load()  # doctest: +SKIP
    >>> pandas.DataFrame(result.metrics)  # doctest: +SKIP
    """

    def __init__(
        self, path: str | Path, *, fetch: Callable[[str, ProgressCallback | None], Path] | None = None
    ) -> None:
        self._fetch = fetch
        self.path = expand_path(path).absolute()
        with translate_os_errors(f"{self.path} cannot be read"):
            is_folder = self.path.is_dir()
        if not is_folder:
            raise InputError(f"{path} is not a folder", next_step="Pass the folder that %flare download returned")
        here = list_paths(self.path)
        self._sizes = {**read_listing(self.path), **here}
        self._missing = self._sizes.keys() - here.keys()
        if not any(name.startswith(RUN_FOLDER) for name in self._sizes):
            raise InputError(
                f"{path} is not the result of a job: it has no folder {RUN_FOLDER.rstrip('/')} with files",
                next_step="Pass the folder that %flare download returned",
            )

    @property
    def job_id(self) -> str:
        """The job's id; empty if the result does not tell it."""
        return self.snapshot.job_id

    @property
    def name(self) -> str:
        """The job's name; empty if the result does not tell it."""
        return sanitize(self.snapshot.name, 200)

    @functools.cached_property
    def snapshot(self) -> JobSnapshot:
        """All that the result tells of its job, as the views show it; its status is of the time of the download."""
        meta = self._meta
        job_id = meta.get("job_id")
        known = JobSnapshot(sanitize(job_id, 100) if isinstance(job_id, str) else "")
        updates = [JobMeta(meta, 0.0), *read_history(self._content, server_clock(meta, 0.0))]
        return apply_updates(known, updates)

    @functools.cached_property
    def models(self) -> tuple[Model, ...]:
        """The models, the best one first; empty if they stay at the sites: see `notes`."""
        snapshot = self.snapshot
        best = snapshot.best
        best_round = None if best is None else snapshot.nth_round(best.round, best.workflow)
        last = snapshot.rounds[-1] if snapshot.rounds else None
        last_round = None if last is None else snapshot.nth_round(last.number, last.workflow)
        found = []
        for name in self._names_of("model")[:_MAX_MODELS]:
            path, short, rounds = self.path / name, name.removeprefix(RUN_FOLDER), (best_round, last_round)
            with translate_os_errors(f"{path} cannot be read"):
                if name in self._missing:
                    fetch = functools.partial(self.fetch, short)
                    found.append(
                        describe_missing_model(
                            path, short, self._sizes[name], fetch, best_round=rounds[0], last_round=rounds[1]
                        )
                    )
                else:
                    found.append(describe_model(path, short, best_round=rounds[0], last_round=rounds[1]))
        reason = " ".join(self.notes) or "no file of it is one; result.files lists them all"
        return Models(sorted(found, key=lambda model: (not model.is_best, model.name)), reason)

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what FLARE keeps out of the result, such as models that stay at the sites, and where."""
        return tuple(dict.fromkeys(note for workflow in self.snapshot.workflows for note in workflow.untold))

    @functools.cached_property
    def metrics(self) -> list[MetricRecord]:
        """The metrics by round, one record a value."""
        return list_round_metrics(self.snapshot)

    @functools.cached_property
    def scalars(self) -> list[MetricRecord]:
        """TensorBoard's metrics by step, one record a value."""
        return list_step_metrics(self.snapshot, self._content.scalars)

    @property
    def cross_site(self) -> tuple[Evaluation, ...]:
        """The evaluation of models by the sites: one record for each site, model and metric."""
        return self._content.evaluations

    @property
    def statistics(self) -> Statistics:
        """Federated statistics: numbers and histograms of features."""
        return self._content.statistics

    @functools.cached_property
    def files(self) -> tuple[ResultFile, ...]:
        """All files of the server's run folder, with size and kind; the first of them if there are thousands."""
        run = ((path, size) for path, size in self._sizes.items() if path.startswith(RUN_FOLDER))
        return list_files(run, self._statistics_path)

    @property
    def logs(self) -> dict[str, Path]:
        """The server's logs by name, as far as they are on this machine."""
        return self._paths_of("log")

    @property
    def outputs(self) -> dict[str, Path]:
        """The files that the job's own code wrote, by path in the run folder, as far as they are on this machine."""
        return self._paths_of("output")

    @property
    def missing(self) -> dict[str, int]:
        """The sizes of the files that are not on this machine, by their paths in the server's run folder."""
        run = sorted(name for name in self._missing if name.startswith(RUN_FOLDER))
        return {name.removeprefix(RUN_FOLDER): self._sizes[name] for name in run}

    def fetch(self, name: str, progress: ProgressCallback | None = None) -> Path:
        """Return a file of the result; download it first if it is not on this machine.

        Parameters
        ----------
        name
            Its path in the server's run folder: ``models/server.npy``.
        progress
            As of :meth:`.Session.download_result_file`, and so are the errors.

        Raises
        ------
        InputError
            There is no such file, or it is missing here and the result was not opened by a session.
        """
        path = RUN_FOLDER + name
        if path not in self._sizes:
            raise InputError(f"the result has no file {name!r}", next_step="Pick one of result.files")
        if path not in self._missing:
            return self.path / path
        if self._fetch is None:
            raise InputError(
                f"{name} is not on this machine: only a part of the result was downloaded",
                next_step=f"%flare results {self.job_id} opens it by a session, which downloads the file",
            )
        fetched = self._fetch(path, progress)
        self._missing.discard(path)
        self.__dict__.pop("models", None)
        return fetched

    @functools.cached_property
    def config(self) -> JobConfig:
        """The job's settings."""
        snapshot = self.snapshot
        totals = [workflow.total_rounds for workflow in snapshot.workflows if workflow.total_rounds is not None]
        key = snapshot.key_metric
        return JobConfig(
            sum(totals) if totals else None,
            MappingProxyType({argument.name: argument.value for argument in snapshot.arguments}),
            "" if key is None else key.name,
            key is not None and key.mode == "min",
        )

    @property
    def reason(self) -> str:
        """The reason why some of the small files were not read; empty if all were."""
        return self._content.reason

    def to_frame(self) -> Any:
        """Return the metrics by round and by step as a ``pandas.DataFrame``.

        Raises
        ------
        NotInstalled
            pandas is missing.
        """
        return self.snapshot.to_frame()

    def __repr__(self) -> str:
        return f"<Result of {self.name or 'a job'} in {self.path}: {len(self.models)} models, {len(self.files)} files>"

    @functools.cached_property
    def _content(self) -> JobResult:
        selection = Selection()
        found = read_folder(
            self.path, self._sizes, lambda path, size: selection(path, size) and path not in self._missing
        )
        return parse_job_result(found, selection.too_large)

    @functools.cached_property
    def _meta(self) -> dict[str, Any]:
        size = None if "meta.json" in self._missing else self._sizes.get("meta.json")
        if size is None or size > bounds.MAX_FILE_BYTES:
            return {}
        with translate_os_errors(f"{self.path / 'meta.json'} cannot be read"):
            meta = parse_json((self.path / "meta.json").read_text("utf-8", "replace"))
        return meta if isinstance(meta, dict) else {}

    @property
    def _statistics_path(self) -> str | None:
        config = self._content.config
        return None if config is None else find_statistics_path(config)

    def _names_of(self, kind: str) -> list[str]:
        return [
            RUN_FOLDER + f.path.removeprefix(RUN_FOLDER) for f in self.files if f.kind == kind and f.path in self._sizes
        ]

    def _paths_of(self, kind: str) -> dict[str, Path]:
        here = (name for name in self._names_of(kind) if name not in self._missing)
        return {name.removeprefix(RUN_FOLDER): self.path / name for name in here}
