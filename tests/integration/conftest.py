"""A real federation, both clients, and jobs that tests can share."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest
from common import ADMIN, LEAD, MEMBER, Finished
from fragile import Fragile
from jobs import state, write_job
from oracle import Oracle

from flare_widgets.api import Session, new_secure_session
from flare_widgets.federation import LocalFederation


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFederation]:
    """A server and two sites, for all tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        folder = tmp_path_factory.mktemp("shared") / "federation"
        federation = LocalFederation(2, folder=folder, users={LEAD: "lead", MEMBER: "member"})
        federation.start()
    try:
        yield federation
    finally:
        federation.stop()


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fragile]:
    """A server and a site, for tests that harm them."""
    fragile = Fragile(tmp_path_factory.mktemp("fragile"))
    try:
        yield fragile
    finally:
        fragile.stop()


@pytest.fixture(scope="session")
def oracle(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Oracle]:
    """nvflare's client, connected to the same server."""
    oracle = Oracle(federation.admin_kit, ADMIN, tmp_path_factory.mktemp("oracle"))
    try:
        assert "value" in oracle.opened()
        yield oracle
    finally:
        oracle.close()


@pytest.fixture(scope="session")
def ours(federation: LocalFederation) -> Iterator[Session]:
    """Our client."""
    with new_secure_session(ADMIN, str(federation.admin_kit)) as session:
        yield session


@pytest.fixture(scope="session")
def finished(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """A job submitted by our client, that has ended."""
    folder = write_job(tmp_path_factory.mktemp("jobs"), "finished-job", ballast=2_500_000)
    # A folder that has been there for a while: a change of its times would show.
    for path in [folder, *folder.rglob("*")]:
        os.utime(path, (1_700_000_000, 1_700_000_000))
    before = state(folder)
    token = f"token-{os.getpid()}-{time.time_ns()}"
    job_id = ours.submit_job(str(folder), token)
    return Finished(job_id, folder, before, token, ours.wait_for_job(job_id, timeout=120, poll_interval=0.1))
