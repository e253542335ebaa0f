"""A walk through every family of commands, for servers of any version and scheme."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jobs import ECHO, RESULT, RESULT_SIZE, with_code, write_job
from waiting import wait_until

from flare_widgets.api import FlareError, InternalError, JobNotDone, Session, commands
from flare_widgets.errors import JobNotFound, NoConnection
from flare_widgets.monitoring.polling import intervals

#: More than one chunk of an upload (1 MiB), and less than what FLARE's own sites can receive over http (4 MiB:
#: they leave aiohttp's limit for messages as it is).
BALLAST = 5 << 19

SITES = ["site-1", "site-2"]
_LONG = 90.0


def walk(session: Session, folder: Path, version: str) -> None:
    """Do everything that comes after the login, and check it.

    Parameters
    ----------
    session
        With a federation of two sites and no jobs.
    folder
        An empty folder.
    version
        The server's version of FLARE.
    """
    # In 2.7 there are no studies and no logs of jobs, no versions are reported, and no site is disabled.
    young = tuple(int(part) for part in version.split(".")[:2]) >= (2, 8)
    assert session.list_jobs() == []
    _system(session, young, version)
    _shell(session)
    _studies(session, young)
    quick = _job_from_start_to_result(session, folder, young)
    _jobs_that_run(session, folder, quick, young)
    _sites(session, young)


def _refused(session: Session, call: str, *arguments: Any) -> None:
    """A command unknown to an older server is one clear error, after which the session goes on."""
    with pytest.raises(FlareError, match=r"Unknown command|does not know"):
        getattr(session, call)(*arguments)
    assert session.list_jobs(limit=1) is not None


def _system(session: Session, young: bool, version: str) -> None:
    info = session.get_system_info()
    assert info.server_info.status == "stopped"
    assert sorted(client.name for client in info.client_info) == SITES
    assert sorted(client.name for client in session.get_connected_client_list()) == SITES
    assert "server" in str(session.check_status("all"))
    sessions = session.start(commands.list_sessions()).result()
    assert all(float(each["IDLE"]) >= 0 for each in sessions)
    assert intervals.count_active_sessions(sessions) >= 1
    assert session.kit.username in {each["USER"] for each in sessions}
    assert {row["client_name"]: row["status"] for row in session.get_client_job_status() or ()} == dict.fromkeys(
        SITES, "no_jobs"
    )
    assert sorted(session.report_resources("client")) == SITES
    assert "site-1" in str(session.get_client_env("site-1"))
    if young:
        assert version in str(session.report_version("server"))
    else:
        _refused(session, "report_version", "server")
    assert session.configure_site_log("INFO", "server") is None
    answer = session.do_command("show_scopes server")
    assert answer["status"] == "SUCCESS", answer
    assert session.do_command("nonsense")["status"] != "SUCCESS"


def _shell(session: Session) -> None:
    for target in ("server", "site-1"):
        assert session.get_working_directory(target).startswith("/")
        assert "log.txt" in session.ls_target(target)
        for method in ("head_target_log", "tail_target_log"):
            assert len(getattr(session, method)(target, "-n 2").splitlines()) == 2
    assert "format_version" in session.head_target("server", "-n 3", "local/resources.json")
    assert session.tail_target("server", "-n 1", "local/resources.json").strip() == "}"
    assert "snapshot_persistor" in session.cat_target("server", None, "local/resources.json")
    assert "snapshot_persistor" in session.grep_target("server", "-n", "snapshot_persistor", "local/resources.json")


def _studies(session: Session, young: bool) -> None:
    if not young:
        return _refused(session, "list_studies")
    # A project admin of one organization gives sites by organization.
    session.register_study("study", None, ["nvidia:site-1"])
    session.add_study_site("study", None, ["nvidia:site-2"])
    session.add_study_user("study", "x@y.z")
    assert "x@y.z" in str(session.show_study("study"))
    assert "study" in str(session.list_studies())
    session.remove_study_user("study", "x@y.z")
    session.remove_study_site("study", None, ["nvidia:site-2"])
    shown = str(session.show_study("study"))
    assert "site-1" in shown
    assert "site-2" not in shown
    session.remove_study("study")
    assert "'study'" not in str(session.list_studies()["studies"])


def _components(session: Session, job_id: str, young: bool) -> list[str]:
    """The components of a job, but for the logs of sites that had trouble, as happens on a busy machine."""
    try:
        found = session.list_job_components(job_id)
    except InternalError as error:  # 2.7 has no empty list
        if young or "No additional job components" not in str(error):
            raise
        return []
    return [name for name in found if not name.startswith("ERRORLOG_")]


def _job_from_start_to_result(session: Session, folder: Path, young: bool) -> str:
    job = write_job(folder / "jobs", "quick", ballast=BALLAST, sites=1)
    told: list[tuple[int, int]] = []
    quick = session.submit_job(str(job), progress=lambda done, size: told.append((done, size)))
    assert len([done for done, size in told if size]) >= 3  # while the folder is packed, the size is not known
    assert told[-1][0] == told[-1][1] > BALLAST
    assert session.wait_for_job(quick, _LONG, 0.2)["status"] == "FINISHED:COMPLETED"
    for filters in ({}, {"detailed": True}, {"name_prefix": "qu"}, {"id_prefix": quick[:8]}, {"reverse": True}):
        assert [found["job_id"] for found in session.list_jobs(**filters)] == [quick], filters
    assert session.list_jobs(name_prefix="other") == []
    # A server of 2.7 names files that it is still writing, too.
    wait_until(lambda: _components(session, quick, young) == [], _LONG)

    result = Path(session.download_job_result(quick, str(folder / "results")))
    assert sorted(entry.name for entry in result.iterdir()) == ["job", "meta.json", "workspace"]
    for name in ("app/custom/ballast.bin", "app/custom/quick_workflow.py"):
        (received,) = (file for file in (result / "job").rglob("*") if file.as_posix().endswith(name))
        assert received.read_bytes() == (job / name).read_bytes()
    assert [file.stat().st_size for file in (result / "workspace").rglob(RESULT)] == [RESULT_SIZE]
    for _ in range(2):  # the first must leave nothing behind
        small = session.read_result_files(quick, lambda path, size: size < RESULT_SIZE, timeout=_LONG)
        assert small.is_complete, small.reason
        assert [file.size for file in small.skipped] == [RESULT_SIZE]
        assert {path: (result / path).read_bytes() for path in small.files} == small.files
        assert {"meta.json", "workspace/log.txt"} <= set(small.files)
    (large,) = (file.path for file in small.skipped)
    alone = Path(session.download_result_file(quick, large, str(folder / "alone")))
    assert alone == folder / "alone" / large
    assert alone.read_bytes() == (result / large).read_bytes()
    return quick


def _jobs_that_run(session: Session, folder: Path, quick: str, young: bool) -> None:
    waiting = session.submit_job(str(with_code(write_job(folder / "jobs", "waiting", wait=True), ECHO)))
    clone = session.clone_job(waiting)
    assert clone != waiting
    session.abort_job(clone)
    wait_until(lambda: session.get_job_status(waiting) == "RUNNING", _LONG)
    wait_until(lambda: _all_up(session, waiting), _LONG)
    assert session.get_system_info().job_info[0].job_id == waiting
    assert {row["job_id"] for row in session.get_client_job_status(["site-1"]) or ()} == {waiting}
    assert session.show_stats(waiting, "client", ["site-2"])["site-2"]["ClientRunner"]["job_id"] == waiting
    assert sorted(session.show_errors(waiting, "all")) == ["server", *SITES]
    session.reset_errors(waiting)
    session.configure_job_log(waiting, "INFO")
    assert session.do_app_command(waiting, "echo", {"x": [1]}) == {"topic": "echo", "data": {"x": [1]}}
    assert "log.txt" in session.ls_target("server", None, waiting)
    if young:
        assert "ServerRunner" in session.get_job_logs(waiting)["logs"]["server"]
    else:
        _refused(session, "get_job_logs", waiting)
    # A server of 2.7 gives what there is so far.
    refusing: list[Callable[[str], Any]] = [session.delete_job, *([session.download_job_result] if young else [])]
    for refused in refusing:
        with pytest.raises(JobNotDone):
            refused(waiting)

    session.abort_job(waiting)
    for job_id in (waiting, clone):
        assert session.wait_for_job(job_id, _LONG, 0.2)["status"] == "FINISHED:ABORTED"
    for job_id in (quick, waiting, clone):
        session.delete_job(job_id)
    assert session.list_jobs() == []
    with pytest.raises(JobNotFound):
        session.get_job_meta(quick)


def _all_up(session: Session, job_id: str) -> bool:
    """Return True if all processes of a job are up; until then, questions to them are refused."""
    try:
        stats = session.show_stats(job_id, "all")
    except FlareError:
        return False
    return all("ClientRunner" in stats.get(site, {}) for site in SITES) and "ServerRunner" in stats["server"]


def _sites(session: Session, young: bool) -> None:
    """Last, since a site takes a while to come back."""

    def connected() -> list[str]:
        return sorted(client.name for client in session.get_connected_client_list())

    if young:
        session.disable_client("site-1")
        assert connected() == ["site-2"]
        session.enable_client("site-1")
    else:
        _refused(session, "disable_client", "site-1")
        session.remove_client("site-1")
        assert connected() == ["site-2"]

    def all_back() -> bool:
        # On a busy machine a server may not answer for some seconds; the session keeps trying.
        try:
            return connected() == SITES
        except NoConnection:
            return False

    wait_until(all_back, _LONG)
