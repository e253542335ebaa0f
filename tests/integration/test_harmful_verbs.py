"""The verbs that end or shut out processes, against a federation of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from jobs import write_job
from shells import flare, ipython, said
from waiting import wait_until

from flare_widgets.api import Session

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell with a federation of two sites."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    with ipython() as shell:
        try:
            flare(shell, "up")
            yield shell
        finally:
            flare(shell, "down --all --yes")


def connected(shell: InteractiveShell) -> set[str]:
    return {row["name"] for row in flare(shell, "sites")}


def heard(shell: InteractiveShell) -> dict[str, float]:
    """Return the time of each site's last heartbeat."""
    return {client.name: client.last_connect_time for client in flare(shell, "status").client_info}


def _restarted(shell: InteractiveShell, site: str) -> bool:
    try:
        flare(shell, f"restart {site} --yes")
    except UsageError as e:
        if "still jobs running" not in str(e):
            raise
        return False
    return True


def test_they_do_what_they_say(shell: InteractiveShell, tmp_path: Path) -> None:
    session: Session = flare(shell, "use admin@localhost")

    # A running job is in the way of a restart, and the server says so in a sentence.
    job = flare(shell, f"submit '{write_job(tmp_path, 'in-the-way', wait=True, sites=1)}'")
    wait_until(lambda: flare(shell, "meta")["status"] == "RUNNING")
    with pytest.raises(UsageError, match=r"^There are still jobs running"):
        flare(shell, "restart site-1 --yes")
    flare(shell, f"abort {job} --yes")
    wait_until(lambda: not flare(shell, "status").job_info)

    flare(shell, "disable site-2 --yes")
    wait_until(lambda: connected(shell) == {"site-1"})
    flare(shell, "enable site-2")
    wait_until(lambda: connected(shell) == {"site-1", "site-2"})

    # The server goes on counting a job as running for a moment after it lists it no more.
    wait_until(lambda: _restarted(shell, "site-1"))
    assert "restarting site-2: done after" in said(shell, "%flare restart client site-2 --yes")
    wait_until(lambda: connected(shell) == {"site-1", "site-2"})

    # After the server was restarted, the verbs work with a new session of the same name.
    started = flare(shell, "status").server_info.start_time
    flare(shell, "restart all --yes")
    assert session.closed
    assert [row["name"] for row in flare(shell, "sessions") if row["current"]] == ["admin@localhost"]
    assert flare(shell, "status").server_info.start_time != started
    wait_until(lambda: connected(shell) == {"site-1", "site-2"})
    # The server goes on listing a site that was shut down before its first heartbeat.
    at = heard(shell)
    wait_until(lambda: all(heard(shell)[site] > at[site] for site in at))

    with pytest.raises(UsageError, match="cannot be combined"):
        flare(shell, "shutdown server site-1 --yes")
    with pytest.raises(UsageError, match="still running"):
        flare(shell, "shutdown server --yes")
    flare(shell, "shutdown client --yes")
    assert connected(shell) == set()
    assert "No sites are connected" in said(shell, "%flare sites")
    flare(shell, "shutdown server --yes")
    assert flare(shell, "sessions") == []
    with pytest.raises(UsageError, match="not connected"):
        flare(shell, "status")
