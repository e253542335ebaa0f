"""The wheel and the sdist, and an install of the wheel where there is neither node nor nvflare."""

from __future__ import annotations

import gzip
import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "flare_widgets" / "views" / "static"
EXTENSION = ROOT / "flare_widgets" / "labextension"
MAX_CONTAINER_BYTES = 30_000
MANIFEST = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))["files"]
MOST = 1_500_000  # bytes; the bundles of the views are in there twice, for kernels and for JupyterLab


def run(*command: str | Path, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, cwd=cwd, env=env, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder)
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def test_they_are_small_and_well_described(built: tuple[Path, Path]) -> None:
    run(sys.executable, "-m", "twine", "check", "--strict", *built)
    assert [path.name for path in built if path.stat().st_size >= MOST] == []


def test_wheel_has_package_and_nothing_else(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = wheel.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"flare_widgets"}
    assert not [name for name in names if name.startswith("flare_widgets/labextension/")]
    bundle = {name.rpartition("/")[2] for name in names if name.startswith("flare_widgets/views/static/")}
    assert bundle == {"manifest.json", *MANIFEST}
    assert "flare_widgets/py.typed" in names
    assert "flare_widgets/views/templates/job.html.j2" in names
    assert not [name for name in names if name.endswith((".ts", ".pyc", ".ipynb", ".png"))]


def hook_for(root: Path) -> Any:
    """The build hook, for a project in this folder that has a copy of the bundle."""
    shutil.copytree(STATIC, root / "flare_widgets" / "views" / "static")
    shutil.copytree(EXTENSION, root / "flare_widgets" / "labextension")
    hook = runpy.run_path(str(ROOT / "hatch_build.py"))["RequireBundle"]
    return hook(str(root), {}, None, None, str(root / "dist"), "wheel")


def test_manifest_lists_live_and_static_files() -> None:
    assert {"confirm.js", "confirm.css", "confirm-static.css", "job-static.css", "kit-static.css"} <= set(MANIFEST)
    assert sorted(MANIFEST) == MANIFEST


def test_build_hook_accepts_complete_bundle(tmp_path: Path) -> None:
    hook_for(tmp_path).initialize("standard", {})


@pytest.mark.parametrize("name", [*MANIFEST, "manifest.json"])
def test_build_hook_refuses_missing_file(name: str, tmp_path: Path) -> None:
    hook = hook_for(tmp_path)
    (tmp_path / "flare_widgets" / "views" / "static" / name).unlink()
    with pytest.raises(RuntimeError, match=re.escape(name)):
        hook.initialize("standard", {})
    hook.initialize("editable", {})


def test_build_hook_refuses_unlisted_file(tmp_path: Path) -> None:
    hook = hook_for(tmp_path)
    (tmp_path / "flare_widgets" / "views" / "static" / "question.js").touch()
    with pytest.raises(RuntimeError, match=r"question\.js"):
        hook.initialize("standard", {})


def test_build_hook_refuses_incomplete_extension(tmp_path: Path) -> None:
    hook, folder = hook_for(tmp_path), tmp_path / "flare_widgets" / "labextension"
    (container,) = (folder / "static").iterdir()
    (folder / "static" / "remoteEntry.old.js").touch()
    with pytest.raises(RuntimeError, match=r"of another build: static/remoteEntry\.old\.js"):
        hook.initialize("standard", {})
    (folder / "static" / "remoteEntry.old.js").unlink()
    container.unlink()
    with pytest.raises(RuntimeError, match=re.escape(container.name)):
        hook.initialize("standard", {})
    (folder / "package.json").unlink()
    with pytest.raises(RuntimeError, match=r"package\.json is missing"):
        hook.initialize("standard", {})
    hook.initialize("editable", {})


def test_wheel_has_both_halves_of_extension(built: tuple[Path, Path]) -> None:
    with zipfile.ZipFile(built[0]) as wheel:
        names = [name.partition(".data/data/")[2] for name in wheel.namelist() if ".data/data/" in name]
        prefix = next(name for name in wheel.namelist() if ".data/data/" in name).partition(".data/data/")[0]
        server = json.loads(wheel.read(f"{prefix}.data/data/etc/jupyter/jupyter_server_config.d/flare_widgets.json"))
        package = json.loads(wheel.read(f"{prefix}.data/data/share/jupyter/labextensions/flare-widgets/package.json"))
    assert server == {"ServerApp": {"jpserver_extensions": {"flare_widgets.lab": True}}}
    lab = {name.partition("labextensions/flare-widgets/")[2] for name in names if "labextensions" in name}
    assert {"package.json", "install.json", package["jupyterlab"]["_build"]["load"]} <= lab
    assert {f"static/views/{name}" for name in MANIFEST} <= lab
    assert package["version"] == runpy.run_path(str(ROOT / "flare_widgets" / "_version.py"))["__version__"]
    assert all(name.startswith(("share/jupyter/labextensions/flare-widgets/", "etc/jupyter/")) for name in names)


def test_page_loads_little_before_anything_is_opened() -> None:
    """The container comes with each page of JupyterLab, also if FLARE is never used; the views come when opened."""
    (container,) = (EXTENSION / "static").glob("remoteEntry.*.js")
    assert len(gzip.compress(container.read_bytes(), 9)) <= MAX_CONTAINER_BYTES


def test_install_enables_both_halves_and_uninstall_leaves_nothing(built: tuple[Path, Path], tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    before = {path for path in (tmp_path / "venv").rglob("*") if "__pycache__" not in path.parts}
    run(python, "-m", "pip", "install", "--quiet", "--no-deps", built[0])
    # JupyterLab is that of these tests; what is installed is only in the new environment.
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    link = packages / "of-the-tests.pth"
    link.write_text(str(next(Path(path) for path in sys.path if path.endswith("site-packages"))))
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHONPATH", "JUPYTER"))} | {
        "HOME": str(tmp_path),
        "JUPYTER_NO_CONFIG": "",
    }
    lists = {
        "server": "from jupyter_server.extension.serverextension import main; main()",
        "lab": "from jupyterlab.labextensions import main; main()",
    }

    def listed(which: str) -> str:
        done = subprocess.run(
            [python, "-c", lists[which], "list"], capture_output=True, text=True, cwd=tmp_path, env=env, timeout=120
        )
        return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)

    assert re.search(r"flare_widgets\.lab \S* ?enabled", listed("server"))
    assert re.search(r"flare_widgets\.lab.*OK", listed("server"))
    assert re.search(r"flare-widgets v\S+ enabled OK", listed("lab"))
    link.unlink()
    run(python, "-m", "pip", "uninstall", "--quiet", "--yes", "flare-widgets")
    after = {path for path in (tmp_path / "venv").rglob("*") if "__pycache__" not in path.parts}
    assert [str(path) for path in after - before if path.is_file()] == []


def test_sdist_rebuilds_and_is_clean(built: tuple[Path, Path]) -> None:
    with tarfile.open(built[1]) as sdist:
        names = [name.partition("/")[2] for name in sdist.getnames()]
    assert {"pyproject.toml", "hatch_build.py", "js/build.mjs", "js/package-lock.json", "LICENSE"} <= set(names)
    assert not [
        name for name in names if "node_modules" in name or name.startswith(("tests", "docs", "out", ".venv", ".ci"))
    ]


def test_wheel_works_in_empty_environment(built: tuple[Path, Path], tmp_path: Path) -> None:
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", built[0])
    # Its own programs only: no node, and nothing of this checkout.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {
        "PATH": str(python.parent),
        "HOME": str(tmp_path),
    }
    listed = json.loads(run(python, "-m", "pip", "list", "--format", "json", env=env))
    assert not {"nvflare", "grpcio", "jupyterlab"} & {package["name"] for package in listed}
    code = (
        "import sys; sys.stderr = sys.stdout\n"
        "import flare_widgets, flare_widgets.views.display; print(flare_widgets.__file__)\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "shell = InteractiveShell.instance()\n"
        "for line in ('%load_ext flare_widgets', '%flare help', '%flare up'):\n"
        "    shell.run_cell(line)\n"
    )
    told = run(python, "-c", code, cwd=tmp_path, env=env)
    assert str(tmp_path) in told
    assert "%flare connect" in told
    # What only the local federation needs is told by name.
    assert "nvflare" in told
    assert "submit" in run(python.parent / "flare-widgets", "--help", cwd=tmp_path, env=env)
