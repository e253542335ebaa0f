"""Every public call with a broken disk, a broken network and a broken home: only errors that say what to do.

Of kits, verbs and commands; test_method_trouble has the methods of sessions, monitors and federations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kits
import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from servers import FlareServer
from shells import flare, ipython, said
from trouble import Trouble, broken_federation, check_error, with_trouble

from flare_widgets import cli
from flare_widgets.api.transfer import upload
from flare_widgets.cli.command import ExitCode
from flare_widgets.errors import FlareError
from flare_widgets.federation import FederationError, LocalFederation, startup
from flare_widgets.kit import StartupKit, find_startup
from flare_widgets.magics import _SHELL_ATTRIBUTE, job_display
from flare_widgets.magics.verbs import VERBS
from flare_widgets.manager import find_kits
from flare_widgets.options import Option

JOB_ID = "76b8f0c2-0000-4000-8000-000000000001"


# -- kits and federations ----------------------------------------------------------------------------------------


@with_trouble
@pytest.mark.parametrize(
    "use",
    [
        StartupKit.load,
        StartupKit.check,
        find_startup,
        lambda path: find_kits([path], path),
        lambda path: LocalFederation(folder=path).start(),
        lambda path: LocalFederation.attach(path),
    ],
    ids=["load", "check", "find_startup", "find_kits", "start", "attach"],
)
def test_call_with_broken_machine_raises_flare_error(
    use: Callable[[str], Any], trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = trouble(monkeypatch, tmp_path)
    monkeypatch.setattr("flare_widgets.federation.startup._StartAttempt", lambda *_, **__: pytest.fail("it started"))
    try:
        use(path)
    except FlareError as e:
        check_error(e)
    # Whatever is left to do with such a kit is told in a report, or finds nothing.


# -- verbs -------------------------------------------------------------------------------------------------------


def sample(option: Option, path: str) -> list[str]:
    """Return arguments that give an option a value: a path where it takes one."""
    value = {
        "kits": path, "folders": path, "files": path, "jobs": JOB_ID, "sites": "site-1", "targets": "server",
        "studies": "default", "sessions": "nobody", "federations": "nobody", "verbs": "jobs",
    }.get(option.completes)  # fmt: skip
    choices = option.kwargs.get("choices")
    if value is None and not choices and option.flags[0].startswith("-"):
        return []
    value = value or (str(next(iter(choices))) if choices else "word")
    if not option.flags[0].startswith("-"):
        return [value]
    return [option.flags[-1], value] if option.completes in ("folders", "files") else []


def make_line(name: str, path: str) -> str:
    words = [word for option in VERBS[name].options for word in sample(option, path)]
    known = {"--yes": ["--yes"], "--timeout": ["--timeout", "0.5"]}  # else some wait for the server without an end
    flags = [flag for option in VERBS[name].options for flag in option.flags if flag in known]
    return " ".join([name, *(f'"{word}"' for word in words), *(word for flag in flags for word in known[flag])])


@pytest.fixture
def server() -> Iterator[tuple[FlareServer, int]]:
    server = FlareServer()
    with server.running() as port:
        yield server, port


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FLARE_WIDGETS_TIMEOUT", "0.3")
    monkeypatch.setattr(startup, "_StartAttempt", refuse_to_start)
    monkeypatch.setattr(job_display, "FIRST_UPDATE_TIMEOUT_S", 0.5)
    # A submission needs no temporary folder, and this server never answers one.
    monkeypatch.setattr(upload, "PART_TIMEOUTS_S", (0.5,))
    with ipython() as shell:
        yield shell


def refuse_to_start(*_: Any, **__: Any) -> Any:
    raise FederationError("no federation is started here", next_step="Do without")


def check_verb(shell: InteractiveShell, name: str, path: str) -> None:
    check_line(shell, make_line(name, path))


def check_line(shell: InteractiveShell, line: str) -> None:
    """Run a line: a value, or one line that says what is wrong."""
    try:
        flare(shell, line)
    except UsageError as e:
        refusal = e
    else:
        return
    assert "\n" not in str(refusal)
    assert not str(refusal).startswith("this failed"), str(refusal)
    if refusal.__cause__ is not None:
        check_error(refusal.__cause__)


@with_trouble
def test_verbs_without_session_say_what_is_wrong(
    trouble: Trouble, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = trouble(monkeypatch, tmp_path)
    for name in VERBS:
        check_verb(shell, name, path)


@with_trouble
def test_verbs_of_federation_say_what_is_wrong(
    trouble: Trouble, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    federation = broken_federation(monkeypatch, tmp_path)
    getattr(shell, _SHELL_ATTRIBUTE).state.federations["local"] = federation
    trouble(monkeypatch, tmp_path)
    for line in ("faults", "faults kill site-1", "faults pause server", "up", "up --name local", "down --yes"):
        check_line(shell, line)


@with_trouble
def test_verbs_with_paths_say_what_is_wrong(
    trouble: Trouble, shell: InteractiveShell, server: tuple[FlareServer, int], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kit = kits.write_kit(tmp_path / "good", host="127.0.0.1", port=server[1])
    flare(shell, f'connect "{kit}" --timeout 15')
    path = trouble(monkeypatch, tmp_path)
    for name in ("submit", "kits", "check", "connect", "config", "sessions", "help"):
        check_verb(shell, name, path)


def test_verbs_after_server_has_gone_say_so(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FlareServer()
    with server.running() as port:
        kit = kits.write_kit(tmp_path / "good", host="127.0.0.1", port=port)
        session = flare(shell, f'connect "{kit}" --timeout 15')
        session.set_timeout(0.03)
    monkeypatch.setattr(job_display, "FIRST_UPDATE_TIMEOUT_S", 0.1)
    for name in VERBS:
        check_verb(shell, name, str(tmp_path))


def run_recipe(specification: dict[str, Any], code: str, folder: Path) -> tuple[Path, tuple[str, ...]]:
    """Stand in for FLARE's recipe, which takes seconds."""
    job = folder / specification["folder"]
    job.mkdir()
    (job / "meta.json").write_text(code)
    return job, ()


@with_trouble
def test_cell_says_what_is_wrong(
    trouble: Trouble, shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flare_widgets.authoring.jobs._run_recipe", run_recipe)
    path = trouble(monkeypatch, tmp_path)
    cell = "import nvflare.client as flare\nflare.init()\nflare.receive()\nflare.send(flare.FLModel(params={}))\n"
    output = said(shell, f'%%flare --model [0.0] --dry-run "{path}"\n{cell}')
    assert "Traceback" not in output
    assert "this failed" not in output


# -- the command line --------------------------------------------------------------------------------------------


@with_trouble
@pytest.mark.parametrize("command", [each.name for each in cli.COMMANDS if each.name != "lab"])
def test_commands_say_what_is_wrong(
    command: str, trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FLARE_WIDGETS_TIMEOUT", "0.5")
    monkeypatch.setattr(LocalFederation, "start", lambda _: pytest.fail("it started"))
    monkeypatch.setattr(LocalFederation, "list_running", list)
    path = trouble(monkeypatch, tmp_path)
    lines = {"check": [path, "--offline"], "submit": [path, "--kit", path], "demo": [path], "up": ["--keep", "0"]}
    arguments = lines.get(command, ["--kit", path] if command in ("jobs", "monitor") else [])
    code = cli.main([command, *arguments])
    out, err = capsys.readouterr()
    if command not in ("down", "check"):  # these may have nothing to say against it
        assert code in (ExitCode.FAILED, ExitCode.NO_CONNECTION)
        assert out == ""
        assert err.count("\n") == 1
    assert "Traceback" not in err
    assert "the command failed" not in err
