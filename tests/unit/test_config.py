"""The settings: their order, their checks, and where each says it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import traitlets
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from shells import ipython
from traitlets.config import Config

from flare_widgets.config import ENV_PREFIX, FlareWidgets, settings_table
from flare_widgets.errors import ConfigError


def settings(environ: dict[str, str] | None = None, **profile: Any) -> FlareWidgets:
    return FlareWidgets(environ=environ or {}, config=Config({"FlareWidgets": profile}))


def sources(config: FlareWidgets) -> dict[str, str]:
    return {row.name: row.source for row in config.settings()}


def test_defaults() -> None:
    config = settings()
    assert {row.name: row.value for row in config.settings()} == {
        "kit": "", "kit_folders": [], "study": "default", "timeout": 10.0, "poll_interval": 0.0,
        "download_folder": "results", "read_only": False, "confirm": True, "views": True,
    }  # fmt: skip
    assert set(sources(config).values()) == {"default"}
    assert all(row.meaning and row.value == row.default for row in config.settings())


def test_environment_overrides_profile_and_names_source() -> None:
    environ = {
        "FLARE_WIDGETS_STUDY": "heart",
        "FLARE_WIDGETS_KIT_FOLDERS": os.pathsep.join(["~/kits", "/srv/kits"]),
        "FLARE_WIDGETS_READ_ONLY": "1",
        "FLARE_WIDGETS_TIMEOUT": "2.5",
        "FLARE_WIDGETS_FEDERATION": "what a federation's processes are marked with",
    }
    config = settings(environ, study="lung", views=False)
    assert (config.study, config.read_only, config.timeout, config.views) == ("heart", True, 2.5, False)
    assert config.kit_folders == ["~/kits", "/srv/kits"]
    found = sources(config)
    assert found["study"] == "environment: FLARE_WIDGETS_STUDY"
    assert found["views"] == "profile"
    assert found["kit"] == "default"


def test_variable_equal_to_default_is_source() -> None:
    assert sources(settings({"FLARE_WIDGETS_VIEWS": "true"}))["views"] == "environment: FLARE_WIDGETS_VIEWS"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("timeout", "soon", "could not convert string to float: 'soon'"),
        ("timeout", "0", "timeout: "),
        ("timeout", "inf", "timeout: "),
        ("poll_interval", "-1", "poll_interval: "),
        ("study", "My Study", "study: invalid study name 'My Study'"),
        ("read_only", "maybe", "'maybe' is not 1, 0, true, or false"),
    ],
)
def test_bad_variable_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(ConfigError) as error:
        settings({ENV_PREFIX + name.upper(): value})
    assert f"the environment has {ENV_PREFIX}{name.upper()}={value}: " in str(error.value)
    assert words in str(error.value)


def test_bad_profile_is_told() -> None:
    with pytest.raises(ConfigError, match=r"the IPython profile: .*'timeout' trait .* expected a float"):
        settings(timeout="soon")


def test_bad_value_changes_nothing() -> None:
    config = settings()
    with pytest.raises(traitlets.TraitError, match="invalid study name"):
        config.study = "No Good"
    assert (config.study, sources(config)["study"]) == ("default", "default")


def test_table_for_documentation_has_every_setting() -> None:
    table = settings_table()
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert len(rows) == len(settings().settings())
    assert "| `study` | `'default'` | `FLARE_WIDGETS_STUDY` | the study to work in |" in rows


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    with ipython(load=False, config=Config({"FlareWidgets": {"study": "lung"}})) as shell:
        yield shell


def run(shell: InteractiveShell, cell: str) -> tuple[Any, str]:
    with capture_output() as captured:
        result = shell.run_cell(cell)
    return result, captured.stdout + captured.stderr


def test_config_magic_sets_shows_and_refuses(shell: InteractiveShell, caplog: pytest.LogCaptureFixture) -> None:
    run(shell, "%load_ext flare_widgets")
    table = run(shell, "%flare config")[0].result
    by_name = {row["name"]: row for row in table}
    assert (by_name["study"]["value"], by_name["study"]["source"]) == ("lung", "profile")
    assert "FlareWidgets" in run(shell, "%config")[1]
    run(shell, "%config FlareWidgets.views = False")
    by_name = {row["name"]: row for row in run(shell, "%flare config")[0].result}
    assert (by_name["views"]["value"], by_name["views"]["source"]) == (False, "%config")
    assert by_name["study"]["source"] == "profile"
    run(shell, "%config FlareWidgets.study = 'A B'")
    assert "invalid study name" in caplog.text  # where IPython tells it
    assert {row["name"]: row["value"] for row in run(shell, "%flare config")[0].result}["study"] == "lung"


def test_bad_variable_keeps_extension_from_loading(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLARE_WIDGETS_TIMEOUT", "soon")
    result, said = run(shell, "%load_ext flare_widgets")
    assert result.error_in_exec is not None
    assert said.strip().splitlines() == [
        "UsageError: flare_widgets was not loaded: the environment has FLARE_WIDGETS_TIMEOUT=soon: "
        "could not convert string to float: 'soon'"
    ]


@pytest.mark.parametrize("line", ["submit x", "abort --yes", "up", "restart all --yes", "delete x --yes", "down"])
def test_read_only_mode_refuses_every_change(shell: InteractiveShell, line: str) -> None:
    run(shell, "%load_ext flare_widgets")
    run(shell, "%config FlareWidgets.read_only = True")
    verb = line.split()[0]
    assert (
        f"UsageError: %flare {verb} may change something, and read-only mode is on" in run(shell, f"%flare {line}")[1]
    )
