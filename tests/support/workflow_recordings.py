"""Recorded runs of each kind of workflow, and what the sites did in them by their ``truth.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from flare_widgets.monitoring.job.updates import Update
from flare_widgets.monitoring.logs.facts import ServerLogParser
from flare_widgets.monitoring.logs.files import ServerConfig, read_config

FOLDER = Path(__file__).parents[1] / "unit" / "recordings_workflows"
NAMES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())

_SETUP_TASKS = {"config", "start", "sync", "setup"} | {
    f"{prefix}_{end}" for prefix in ("swarm", "cyclic", "cse") for end in ("config", "start")
}


@dataclass(frozen=True)
class Work:
    """Work of a site from one time to another: a round, a step, or a call of one of its functions."""

    site: str
    task: str
    round: int | None
    began_at: float
    ended_at: float
    workflow: str


@dataclass(frozen=True)
class Run:
    """Workflow of a recorded run, by its truth."""

    told: dict[str, Any]

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.told["id"])

    @property
    def class_name(self) -> str:
        """Its class, without the module."""
        return str(self.told["class"]).rpartition(".")[2]

    @property
    def total_rounds(self) -> int | None:
        """Its number of rounds as configured."""
        total: int | None = self.told["total_rounds"]
        return total

    @property
    def times(self) -> tuple[float, float]:
        """Its start and its end."""
        return to_seconds(self.told["started_at"]), to_seconds(self.told["ended_at"])

    @property
    def rounds(self) -> list[tuple[int, float, float]]:
        """Its rounds, each with its start and its end; none if nobody but a site or a result knows of them."""
        return [(n, to_seconds(a), to_seconds(b)) for n, a, b in self.told["rounds"] if a is not None]

    @property
    def work(self) -> list[Work]:
        """Work of the sites in it, in the order of the beginnings."""
        return sorted(self._list_work(), key=lambda work: work.began_at)

    def _list_work(self) -> Iterator[Work]:
        for site, rounds in self.told["sites"].items():
            if not self.told["rounds"]:
                break  # its author's rounds, which are steps
            for number, began, ended in rounds:
                yield Work(site, "train", number, to_seconds(began), to_seconds(ended), self.id)
        for task, sites in self.told.get("steps", {}).items():
            for site, times in sites.items():
                for began, ended in times if task not in _SETUP_TASKS else ():
                    yield Work(site, task, None, to_seconds(began), to_seconds(ended), self.id)
        for site, function, began, ended in self.told.get("calls", ()):
            yield Work(site, function, None, to_seconds(began), to_seconds(ended), self.id)


class Recording:
    """One recorded run, by its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._folder = FOLDER / name
        self.truth: dict[str, Any] = json.loads((self._folder / "truth.json").read_text())
        self.log = (self._folder / "log.json").read_text()
        self.config_file = next(self._folder.glob("config_fed_server.*"))

    @cached_property
    def config(self) -> ServerConfig:
        """The server's part of the configuration."""
        found = read_config(self.config_file.read_text(), self.config_file.suffix)
        assert found is not None
        return found

    @cached_property
    def updates(self) -> list[Update]:
        """All updates of the configuration and the log."""
        return [*self.config.updates, *ServerLogParser().feed(self.log)]

    @property
    def runs(self) -> list[Run]:
        """The workflows of the truth, in their order."""
        return [Run(told) for told in self.truth["workflows"]]

    @property
    def work(self) -> list[Work]:
        """Work of the sites in all of them."""
        return [work for run in self.runs for work in run.work]

    @property
    def packed_from(self) -> float:
        """The time from which on the server packed up the results."""
        return to_seconds(self.truth["packed_up_from"])


@lru_cache
def load(name: str) -> Recording:
    """Return a recorded run."""
    return Recording(name)


def to_seconds(text: str) -> float:
    """Return a time of a truth in seconds since the epoch, as if it were in UTC, like those of an unadjusted log."""
    return datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=timezone.utc).timestamp()
