"""User settings: from an IPython profile, from the environment, or changed while working."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import traitlets
from traitlets.config import Config, Configurable

from .errors import ConfigError

ENV_PREFIX = "FLARE_WIDGETS_"


class Setting(NamedTuple):
    """A row of the table of settings."""

    name: str
    value: Any
    default: Any
    source: str
    variable: str
    meaning: str


class FlareWidgets(Configurable):
    """The settings of flare-widgets.

    A setting's value comes from the first of: a change while working (``%config FlareWidgets.study = "heart"``), the
    environment (``FLARE_WIDGETS_STUDY=heart``), the IPython profile (``c.FlareWidgets.study = "heart"`` in
    ``ipython_config.py``), the default.

    Parameters
    ----------
    environ
        The environment; the process's own when not given.
    **kwargs
        As of ``traitlets.config.Configurable``: `parent` or `config`.

    Raises
    ------
    ConfigError
        The environment or the profile has an invalid value; the message names it.
    """

    kit = traitlets.Unicode("", help="the default startup kit: its folder, or its name in %flare kits").tag(config=True)
    kit_folders = traitlets.List(
        traitlets.Unicode(),
        help=f"additional folders to search for startup kits (in the environment, separated by '{os.pathsep}')",
    ).tag(config=True)
    study = traitlets.Unicode("default", help="the study to work in").tag(config=True)
    timeout = traitlets.Float(10.0, help="seconds to keep trying to connect").tag(config=True)
    poll_interval = traitlets.Float(
        0.0, help="seconds between two polls of a watched job; 0 adapts to the pace of the job"
    ).tag(config=True)
    download_folder = traitlets.Unicode(
        "results", help="the folder for results; each job gets a folder named after it in there"
    ).tag(config=True)
    read_only = traitlets.Bool(False, help="refuse everything that may change the server or a site").tag(config=True)
    confirm = traitlets.Bool(True, help="ask for confirmation before a destructive action").tag(config=True)
    views = traitlets.Bool(True, help="show live views instead of text").tag(config=True)

    def __init__(self, environ: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        self._sources: dict[str, str] = {}
        self._source = "profile"
        try:
            super().__init__(**kwargs)
        except traitlets.TraitError as e:
            raise ConfigError(f"the IPython profile: {e}") from None
        self._apply_environment(os.environ if environ is None else environ)
        self._source = "%config"

    def settings(self) -> list[Setting]:
        """Return the table of settings, with the source of each value."""
        return [
            Setting(
                name,
                getattr(self, name),
                trait.default(),
                self._sources.get(name, "default"),
                ENV_PREFIX + name.upper(),
                trait.help,
            )
            for name, trait in self.traits(config=True).items()
        ]

    def _apply_environment(self, environ: Mapping[str, str]) -> None:
        for name, trait in self.traits(config=True).items():
            variable = ENV_PREFIX + name.upper()
            text = environ.get(variable, "")
            if not text:
                continue
            self._source = f"environment: {variable}"
            try:
                value = _split_folders(text) if name == "kit_folders" else trait.from_string(text)
                setattr(self, name, value)
            except (traitlets.TraitError, ValueError) as e:
                words = str(e).replace("%r", repr(text))  # as traitlets has it
                raise ConfigError(f"the environment has {variable}={text}: {words}") from None
            self._sources[name] = self._source

    @traitlets.observe(traitlets.All)
    def _record_source(self, change: Any) -> None:
        if change.name in self.trait_names(config=True):
            self._sources[change.name] = self._source

    @traitlets.validate("study")
    def _validate_study(self, proposal: Any) -> str:
        from .api.commands import STUDY_NAME_PATTERN

        if not STUDY_NAME_PATTERN.fullmatch(proposal.value):
            raise traitlets.TraitError(
                f"study: invalid study name {proposal.value!r}: use lowercase letters, digits, _ and -"
            )
        return str(proposal.value)

    @traitlets.validate("timeout")
    def _validate_timeout(self, proposal: Any) -> float:
        if not 0 < proposal.value < math.inf:
            raise traitlets.TraitError(f"timeout: expected a number of seconds > 0, got {proposal.value:g}")
        return float(proposal.value)

    @traitlets.validate("poll_interval")
    def _validate_poll_interval(self, proposal: Any) -> float:
        if not 0 <= proposal.value < math.inf:
            raise traitlets.TraitError(f"poll_interval: expected a number of seconds >= 0, got {proposal.value:g}")
        return float(proposal.value)


def settings_table() -> str:
    """Return the settings as a Markdown table, for the documentation."""
    rows = FlareWidgets(environ={}, config=Config()).settings()
    lines = ["| setting | default | environment | meaning |", "| --- | --- | --- | --- |"]
    lines += [f"| `{r.name}` | `{r.default!r}` | `{r.variable}` | {r.meaning} |" for r in rows]
    return "\n".join(lines)


def _split_folders(text: str) -> list[str]:
    return [folder for folder in text.split(os.pathsep) if folder]
