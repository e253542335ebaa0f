"""Import rules: nothing heavy by accident, and nothing upwards."""

from __future__ import annotations

import ast
import functools
import importlib
import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "flare_widgets"

#: Whom a room may import, besides itself. Everybody may import ``_version``.
# fmt: off
MAY = {
    "bounds": set(),
    "cell_jobs": set(),
    "errors": set(),
    "hooks": set(),
    "protobuf": set(),
    "_version": set(),
    "formatting": set(),
    "config_files": {"errors"},
    "optional_packages": {"errors"},
    "local_files": {"errors", "formatting"},
    "kit": {"hooks", "errors", "formatting", "local_files"},
    "wire": {"kit", "errors", "formatting", "protobuf"},
    "api": {
        "bounds", "wire", "kit", "hooks", "errors", "formatting", "config_files", "local_files", "optional_packages",
        "script_arguments",
    },
    "monitoring": {
        "bounds", "cell_jobs", "protobuf", "api", "wire", "kit", "errors", "formatting", "config_files", "local_files",
        "optional_packages", "script_arguments",
    },
    "script_arguments": {"bounds", "errors", "formatting"},
    "sweep": {
        "script_arguments", "monitoring", "api", "authoring", "errors", "formatting", "config_files", "local_files",
        "optional_packages",
    },
    "results": {
        "script_arguments",
        "bounds", "monitoring", "api", "errors", "formatting", "config_files", "local_files", "optional_packages",
    },
    "config": {"api", "errors", "formatting"},
    "options": set(),
    "manager": {"monitoring", "api", "kit", "errors", "formatting", "local_files"},
    "views": {
        "bounds", "results", "manager", "monitoring", "api", "kit", "errors", "formatting", "local_files",
        "optional_packages", "script_arguments",
    },
    "federation": {"api", "errors", "formatting", "local_files"},
    "authoring": {"api", "cell_jobs", "hooks", "errors", "local_files", "script_arguments"},
    "magics": {
        "views", "manager", "monitoring", "api", "kit", "errors", "formatting", "federation", "authoring",
        "config", "options", "local_files", "hooks", "bounds", "results", "sweep",
    },
    "demo": {"api", "monitoring", "views", "formatting"},
    "cli": {
        "demo", "views", "manager", "monitoring", "api", "kit", "errors", "formatting", "federation", "authoring",
        "magics",
        "config", "options", "local_files",
    },
    "lab": {
        "views", "manager", "monitoring", "results", "api", "kit", "errors", "formatting", "federation", "config",
    },
    "__main__": {"cli"},
}
# fmt: on

#: Importing them into a script that only wants the FLARE API would be a surprise.
NOTEBOOK = {"IPython", "ipywidgets", "anywidget"}
HEAVY = {"nvflare", "grpc", "traitlets", *NOTEBOOK}

#: What only a Jupyter server has.
SERVER = {"jupyter_server", "jupyter_core", "tornado"}

#: Whom views follow: what changes in there is a trait.
OBSERVED = {"manager", "config"}

MODULES = sorted(p for p in PACKAGE.rglob("*.py") if "static" not in p.parts)


def dotted(file: Path) -> list[str]:
    """The parts of a module's name below ``flare_widgets``."""
    parts = list(file.relative_to(PACKAGE).with_suffix("").parts)
    return parts[:-1] if parts[-1] == "__init__" else parts


def room(file: Path) -> str:
    return (dotted(file) or ["front door"])[0]


def imports(file: Path, *, at_import_time: bool = False) -> list[str]:
    """The full names of what a module imports, also inside its functions, also what only type checkers see.

    Parameters
    ----------
    file
        The module.
    at_import_time
        Only what is imported when the module is.
    """
    return [name for name, is_at_import_time in find_imports(file) if is_at_import_time or not at_import_time]


@functools.cache
def find_imports(file: Path) -> list[tuple[str, bool]]:
    """The full names of what a module imports, and whether it does when it is imported itself."""
    here = ["flare_widgets", *file.relative_to(PACKAGE).with_suffix("").parts][:-1]

    def visit(node: ast.AST, at_import_time: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_import_time) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            for alias in node.names:
                yield ".".join([*base, *([node.module] if node.module else []), alias.name]), at_import_time
        for child in ast.iter_child_nodes(node):
            is_later = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)) or (
                isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test)
            )
            if not isinstance(child, ast.expr):
                yield from visit(child, at_import_time and not is_later)

    return list(visit(ast.parse(file.read_text()), True))


def top_level(names: Iterable[str]) -> set[str]:
    """The packages that modules belong to."""
    return {name.split(".")[0] for name in names}


def test_rooms_are_known() -> None:
    assert {room(f) for f in MODULES} - {"front door"} <= set(MAY)
    assert {"wire", "api", "monitoring", "kit", "errors"} <= {room(f) for f in MODULES}


def test_nobody_may_import_upwards() -> None:
    """The table itself has no circle."""
    reached: set[str] = set()
    while len(reached) < len(MAY):
        next_ones = {name for name, others in MAY.items() if others <= reached} - reached
        assert next_ones, f"a circle among {set(MAY) - reached}"
        reached |= next_ones


def test_module_imports_only_whom_it_may() -> None:
    wrong = []
    for file in MODULES:
        own = room(file)
        if own == "front door":
            continue
        for name in imports(file):
            other = name.removeprefix("flare_widgets.").split(".")[0]
            if name.startswith("flare_widgets.") and other not in MAY[own] | {own, "_version"}:
                wrong.append(f"{'.'.join(dotted(file))} imports {name}")
    assert wrong == []


def test_only_views_and_magics_know_notebook() -> None:
    wrong = []
    for file in MODULES:
        own = room(file)
        if own in ("views", "magics"):
            continue
        forbidden = NOTEBOOK if own in OBSERVED | {"lab"} else NOTEBOOK | {"traitlets"}
        # The front door and the command line hand the notebook's objects on, inside functions.
        names = top_level(imports(file, at_import_time=own in ("front door", "cli")))
        wrong += [f"{'.'.join(dotted(file))} imports {name}" for name in names & forbidden]
    assert wrong == []


def test_only_lab_knows_jupyter_server() -> None:
    wrong = []
    for file in MODULES:
        names = top_level(imports(file, at_import_time=room(file) == "manager"))
        if room(file) != "lab":
            wrong += [f"{'.'.join(dotted(file))} imports {name}" for name in names & SERVER]
            assert room(file) in ("lab",) or "flare_widgets.lab" not in imports(file)
    assert wrong == []


def test_nvflare_is_imported_only_where_needed() -> None:
    wrong = []
    for file in MODULES:
        users = room(file) in ("federation", "authoring")
        # The component that is shipped with jobs is run by FLARE's server; nothing here imports it.
        if dotted(file) != ["authoring", "live_metrics"] and "nvflare" in top_level(
            imports(file, at_import_time=users)
        ):
            wrong.append(".".join(dotted(file)))
    assert wrong == []


def test_only_transports_touch_socket() -> None:
    users = {
        ".".join(dotted(f))
        for f in MODULES
        if room(f) in ("kit", "errors", "wire", "api", "monitoring", "views")
        and {"socket", "ssl", "websockets", "grpc"} & top_level(imports(f))
    }
    assert users
    assert all(name.startswith("wire.transports.") for name in users), users


def test_checks_see_what_is_forbidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    (tmp_path / "wire").mkdir()
    bad = tmp_path / "wire" / "bad.py"
    bad.write_text(
        "from ..api import session\nfrom .. import views\ndef f():\n    import nvflare.apis\n    from . import x\n"
    )
    assert imports(bad) == [
        "flare_widgets.api.session",
        "flare_widgets.views",
        "nvflare.apis",
        "flare_widgets.wire.x",
    ]
    assert imports(bad, at_import_time=True) == ["flare_widgets.api.session", "flare_widgets.views"]


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("import flare_widgets", HEAVY | {"cryptography", "websockets", "msgpack", "jinja2"}),
        ("import flare_widgets; dir(flare_widgets), flare_widgets.__version__", HEAVY | {"cryptography"}),
        ("import flare_widgets.api", HEAVY | {"jinja2"}),
        ("from flare_widgets import connect, Session", HEAVY | {"jinja2"}),
        ("import flare_widgets.monitoring", HEAVY | {"jinja2"}),
        ("import flare_widgets.manager", (HEAVY | {"jinja2"}) - {"traitlets"}),
        ("from flare_widgets.wire.transports import http", HEAVY),
        ("from flare_widgets import LocalFederation", HEAVY),
        ("import flare_widgets.lab", HEAVY | {"jupyter_server", "tornado", "cryptography", "jinja2"}),
        # What a Jupyter server does at its start, whether or not a page will ever connect.
        (
            "import flare_widgets.lab as lab; lab._jupyter_server_extension_points()",
            (NOTEBOOK - {"IPython"}) | {"nvflare", "flare_widgets.api", "flare_widgets.views", "cryptography"},
        ),
    ],
)
def test_importing_brings_nothing_heavy(statement: str, forbidden: set[str]) -> None:
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True
    )
    loaded = top_level(json.loads(done.stdout))
    assert "flare_widgets" in loaded
    assert not loaded & forbidden
    assert done.stderr == ""


#: Needed by who loads a startup kit, connects, or transfers files.
CONNECTION = {
    "cryptography", "difflib", "email", "http", "importlib.metadata", "msgpack", "tempfile", "urllib.request",
    "websockets", "zipfile",
    "flare_widgets.api.kit_check", "flare_widgets.api.transfer.download", "flare_widgets.config_files",
    "flare_widgets.kit.checks", "flare_widgets.wire.connection", "flare_widgets.wire.transports",
}  # fmt: skip
LOAD_EXTENSION = """
from IPython.core.interactiveshell import InteractiveShell
shell = InteractiveShell.instance()
before = set(sys.modules)
shell.extension_manager.load_extension("flare_widgets")
"""


def list_loaded(code: str) -> set[str]:
    """Return the modules, and the packages they are in, that a new interpreter has loaded after `code`.

    If `code` sets `before`, those in it do not count.
    """
    script = f"import json, sys\nbefore = set()\n{code}\nprint(json.dumps(sorted(set(sys.modules) - before)))"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""
    loaded = json.loads(done.stdout.splitlines()[-1])
    return set(loaded) | top_level(loaded)


@pytest.mark.parametrize(
    ("code", "needed", "forbidden"),
    [
        ("import flare_widgets", "flare_widgets", CONNECTION | {"flare_widgets.errors", "asyncio", "dataclasses"}),
        ("import flare_widgets.api", "flare_widgets.api.session", CONNECTION),
        (
            "import flare_widgets.wire.connection",
            "flare_widgets.wire.cell",
            {"cryptography", "websockets", "urllib.request"},
        ),
        ("import flare_widgets.wire.transports.tcp", "cryptography", {"websockets", "grpc", "urllib.request"}),
        ("import flare_widgets.wire.transports.http", "websockets", {"grpc", "flare_widgets.protobuf"}),
    ],
)
def test_import_leaves_rest_to_first_use(code: str, needed: str, forbidden: set[str]) -> None:
    loaded = list_loaded(code)
    assert needed in loaded
    assert not loaded & forbidden


def test_loading_extension_imports_no_verb() -> None:
    loaded = {name for name in list_loaded(LOAD_EXTENSION) if name.startswith("flare_widgets.")}
    rooms = {name.split(".")[1] for name in loaded}
    assert "flare_widgets.magics.flare" in loaded
    assert rooms == {"_version", "config", "errors", "formatting", "hooks", "local_files", "magics", "options"}
    assert not {name for name in loaded if name.startswith("flare_widgets.magics.verbs.")}
    assert not loaded & {f"flare_widgets.magics.{name}" for name in ("cell", "completion", "state")}


@pytest.mark.parametrize(
    ("line", "needed", "forbidden"),
    [
        ("help", "flare_widgets.magics.verbs.faults", {"nvflare", "grpc", "cryptography", "websockets"}),
        ("help connect", "flare_widgets.magics.verbs.sessions", {"flare_widgets.magics.verbs.jobs", "cryptography"}),
        ("config", "flare_widgets.magics.verbs.general", {"flare_widgets.federation", "anywidget", "cryptography"}),
    ],
)
def test_verb_imports_only_its_module(line: str, needed: str, forbidden: set[str]) -> None:
    loaded = list_loaded(f"{LOAD_EXTENSION}\nshell.run_line_magic('flare', {line!r})")
    assert needed in loaded
    assert not loaded & forbidden


def test_completing_names_of_verbs_imports_none() -> None:
    complete = 'assert shell.complete("dow", "%flare dow", 10)[1] == ["download", "down"]'
    loaded = list_loaded(f"{LOAD_EXTENSION}\n{complete}")
    assert "flare_widgets.magics.completion" in loaded
    assert not {name for name in loaded if name.startswith("flare_widgets.magics.verbs.")}


@pytest.mark.parametrize(
    ("code", "output"),
    [
        ("from flare_widgets.kit import StartupKit; print(StartupKit.check('no-kit', False))", "no-kit: 1 problem, "),
        ("from flare_widgets.api import Job; Job(None, 'x').watch(timeout=-1)", "Error: timeout must be >= 0"),
    ],
)
def test_hook_set_when_lower_room_imported(code: str, output: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, timeout=60, check=False
    )
    assert output in done.stdout + done.stderr


def test_all_public_names_exist() -> None:
    import flare_widgets
    import flare_widgets.api

    for module in (flare_widgets, flare_widgets.api):
        for name in module.__all__:
            assert getattr(module, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        flare_widgets.nothing  # noqa: B018


def test_every_error_is_flare_error() -> None:
    """The docs promise one base for whatever the package raises under a name of its own."""
    from flare_widgets.errors import FlareError

    found = set()
    for file in PACKAGE.rglob("errors.py"):
        module = importlib.import_module(".".join(["flare_widgets", *dotted(file)]))
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, Exception):
                assert issubclass(value, FlareError), name
                found.add(name)
    assert {"FederationError", "CellError", "NoConnection"} <= found
