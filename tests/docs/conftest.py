"""Things that the pages use: a federation, startup kits in ``kits``, job folders in ``jobs``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from training_jobs import fed_avg

from flare_widgets.federation import LocalFederation

USERS = {"ada@example.org": "lead", "ben@example.org": "member"}


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFederation]:
    """A server and a site, for all pages: each site of a job is a process that takes seconds to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        with LocalFederation(1, folder=tmp_path_factory.mktemp("docs") / "federation", users=USERS) as federation:
            yield federation


@pytest.fixture
def reader(federation: LocalFederation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which a reader of a page works: each page starts with a fresh one."""
    (tmp_path / "kits").mkdir()
    for user in ("admin@nvidia.com", *USERS):
        (tmp_path / "kits" / user).symlink_to(federation.kit(user), target_is_directory=True)
    (tmp_path / "jobs").mkdir()
    fed_avg(tmp_path / "jobs", "hello", rounds=2, seconds=0.2, sites=1)
    broken = fed_avg(tmp_path / "jobs", "broken", rounds=2, seconds=0.2, sites=1)
    script = next(broken.rglob("train.py"))
    script.write_text(script.read_text().replace("time.sleep(SECONDS)", 'raise ValueError("shapes not aligned")'))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path
