"""The wheel and the sdist, and an install of the wheel where there is neither node nor nvflare."""

from __future__ import annotations

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
MANIFEST = json.loads((STATIC / "manifest.json").read_text(encoding="utf-8"))["files"]
MOST = 1_000_000  # bytes


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
    bundle = {name.rpartition("/")[2] for name in names if name.startswith("flare_widgets/views/static/")}
    assert bundle == {"manifest.json", *MANIFEST}
    assert "flare_widgets/py.typed" in names
    assert "flare_widgets/views/templates/job.html.j2" in names
    assert not [name for name in names if name.endswith((".ts", ".pyc", ".ipynb", ".png"))]


def hook_for(root: Path) -> Any:
    """The build hook, for a project in this folder that has a copy of the bundle."""
    shutil.copytree(STATIC, root / "flare_widgets" / "views" / "static")
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
