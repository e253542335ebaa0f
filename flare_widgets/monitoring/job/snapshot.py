"""Snapshot of a job: its state at one moment, as data and as text."""

from __future__ import annotations

import dataclasses
import typing
from dataclasses import dataclass
from typing import Any

from ...errors import InvalidArgumentError
from ...optional_packages import make_frame
from .deserialize import deserialize, json_name
from .format import describe, live_metrics_note
from .records import FLAT_COLUMNS, MetricRecord, flatten, list_round_metrics, list_step_metrics
from .state import SCHEMA, JobState
from .summary import summarize


@dataclass(frozen=True)
class JobSnapshot(JobState):
    """Snapshot of everything known about a job: all that a view or a callback needs.

    It is made by applying updates to the previous one (:func:`.apply_updates`). Its fields are those of
    :class:`.JobState`. ``print`` shows it as one line.
    """

    def to_json(self) -> dict[str, Any]:
        """Return JSON-able data with `ended` added; :meth:`from_json` reads it back."""
        data = dataclasses.asdict(self)
        return {**{json_name(field): data[field.name] for field in dataclasses.fields(self)}, "ended": self.ended}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> JobSnapshot:
        """Create a snapshot from the output of :meth:`to_json`.

        Raises
        ------
        InvalidArgumentError
            The data was written by a version whose fields have another meaning, or is not a snapshot.
        """
        if not isinstance(data, dict):
            raise InvalidArgumentError(f"a snapshot is a map, not {type(data).__name__}")
        if data.get("schema") == 1:
            data = _upgrade_from_1(data)
        if data.get("schema") != SCHEMA:
            raise InvalidArgumentError(
                f"a snapshot of schema {data.get('schema')!r} cannot be read, only {SCHEMA} and earlier"
            )
        return typing.cast(JobSnapshot, deserialize(cls, data))

    @property
    def metrics(self) -> list[MetricRecord]:
        """The metrics by round and by step, one flat record a value.

        ``pandas.DataFrame(snapshot.metrics)`` takes them as they are.
        """
        return [*list_round_metrics(self), *list_step_metrics(self, self.step_metrics)]

    def to_frame(self) -> Any:
        """Return the :attr:`metrics` as a ``pandas.DataFrame``, with a column for each argument: ``arg.rate``.

        Raises
        ------
        NotInstalled
            pandas is missing.
        """
        return make_frame(flatten(self, self.metrics), FLAT_COLUMNS)

    def __str__(self) -> str:
        return describe(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Show the snapshot as readable text, not field by field, when a cell returns it."""
        words = (str(self), live_metrics_note(self)) if cycle or not self.ended else (summarize(self),)
        printer.text("\n".join(filter(None, words)))


def _upgrade_from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Return the data of a snapshot of schema 1, which knew one workflow, as schema 2."""
    workflow = {"id": "", "name": data.get("workflow", "")}
    workflow |= {key: data.get(key) for key in ("first_round", "total_rounds")}
    return {**data, "schema": SCHEMA, "workflows": [workflow], "recorded_best": data.get("best")}
