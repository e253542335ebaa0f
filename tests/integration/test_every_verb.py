"""Every verb of ``%flare`` in a real IPython shell, against a real federation."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from common import ADMIN, LEAD, MEMBER, Finished
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from jobs import RESULT, RESULT_SIZE, write_job
from shells import answer_questions, flare, ipython, said
from waiting import wait_until

from flare_widgets.api import Session
from flare_widgets.federation import LocalFederation
from flare_widgets.magics.verbs import VERBS
from flare_widgets.monitoring import JobSnapshot
from flare_widgets.views.kit.view import PrettyKitReport


@pytest.fixture(scope="module")
def shell(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell that is connected as the project admin, in a folder of its own."""
    with pytest.MonkeyPatch.context() as patch, ipython() as shell:
        patch.chdir(tmp_path_factory.mktemp("notebook"))
        flare(shell, f"connect '{federation.admin_kit}'")
        yield shell


@pytest.fixture(scope="module")
def running(shell: InteractiveShell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job that runs, and can be asked."""
    session: Session = flare(shell, "use admin@localhost")
    job_id = session.submit_job(str(write_job(tmp_path_factory.mktemp("running"), "long-one", wait=True)))
    wait_until(lambda: "ClientRunner" in str(_stats(session, job_id)))
    yield job_id
    session.abort_job(job_id)


def _stats(session: Session, job_id: str) -> Any:
    try:
        return session.show_stats(job_id, "all")
    except Exception:
        return None


def refused(shell: InteractiveShell, line: str) -> str:
    """The one line that a verb is refused with."""
    with pytest.raises(UsageError) as error:
        flare(shell, line)
    assert "\n" not in str(error.value)
    return str(error.value)


# -- sessions ------------------------------------------------------------------------------------------------


def test_sessions_side_by_side(shell: InteractiveShell, federation: LocalFederation) -> None:
    admin = flare(shell, "use admin@localhost")
    lead = flare(shell, f"connect '{federation.kit(LEAD)}' --name the-lead")
    member = flare(shell, f"connect '{federation.kit(MEMBER)}' --study default --timeout 5")
    assert flare(shell, f"connect '{federation.kit(LEAD)}'") is lead
    assert flare(shell, f"connect '{federation.kit(MEMBER)}'") is member
    listed = flare(shell, "sessions")
    assert [(row["name"], row["user"], row["state"]) for row in listed] == [
        ("admin@localhost", ADMIN, "ready"), ("the-lead", LEAD, "ready"), ("member@localhost", MEMBER, "ready"),
    ]  # fmt: skip
    assert [row["name"] for row in listed if row["current"]] == ["member@localhost"]
    assert "the-lead" in repr(listed)
    assert flare(shell, "use the-lead") is lead
    assert flare(shell, f"connect '{federation.admin_kit}'") is admin
    assert flare(shell, "close the-lead") is lead
    assert lead.closed
    assert "did you mean 'member@localhost'?" in refused(shell, "use member@local")
    flare(shell, "use member@localhost")
    assert flare(shell, "close") is member
    assert refused(shell, "jobs") == "no current session: choose one with %flare use NAME (admin@localhost)"
    assert flare(shell, "use admin@localhost") is admin


def test_kits_listed_and_connected_by_name(shell: InteractiveShell, federation: LocalFederation) -> None:
    assert flare(shell, "kits") == []
    listed = flare(shell, f"kits '{federation.folder}'")
    assert {row["user"] for row in listed} >= {ADMIN, LEAD}
    assert {row["role"] for row in listed} >= {"project_admin", "lead"}
    said(shell, f"%config FlareWidgets.kit_folders = ['{federation.folder}']")
    assert len(flare(shell, "kits")) == len(listed)
    assert flare(shell, "connect lead --name by-name").username == LEAD
    flare(shell, "close by-name")
    said(shell, "%config FlareWidgets.kit = 'lead@example.org'")
    assert flare(shell, "connect --name configured").username == LEAD
    flare(shell, "close")
    said(shell, "%config FlareWidgets.kit = ''")
    assert refused(shell, "connect").startswith("which startup kit? Use %flare connect KIT")
    flare(shell, "use admin@localhost")


def test_check(shell: InteractiveShell) -> None:
    report = flare(shell, "check")
    assert isinstance(report, PrettyKitReport)
    assert report.ok
    assert [f.outcome for f in flare(shell, "check --offline").findings if f.name == "login"] == ["skipped"]
    assert "no such folder" in repr(flare(shell, "check /nowhere"))


# -- jobs ----------------------------------------------------------------------------------------------------


def test_submit_wait_and_inspect_finished_job(shell: InteractiveShell, tmp_path: Path) -> None:
    job = flare(shell, f"submit '{write_job(tmp_path, 'short-one', sites=1)}'")
    assert uuid.UUID(job)
    end = flare(shell, "wait --timeout 120")
    assert isinstance(end, JobSnapshot)
    assert (end.job_id, end.status) == (job, "FINISHED:COMPLETED")
    shown = said(shell, "%flare wait")
    assert "FINISHED:COMPLETED" in shown
    assert "JobSnapshot(" not in shown  # told as a person would
    assert flare(shell, f"meta {job[:12]}")["status"] == "FINISHED:COMPLETED"
    assert flare(shell, "meta short-one")["job_id"] == job
    listed = flare(shell, "jobs --name short")
    assert [row["job_id"] for row in listed] == [job]
    assert flare(shell, "jobs -n 1")[0]["job_id"] == job
    assert flare(shell, f"jobs --id {job[:12]}") == listed
    assert flare(shell, "jobs --oldest")[-1]["job_id"] == job
    assert flare(shell, "components") == []
    assert "is not running" in refused(shell, "stats")

    result = flare(shell, f"download --to '{tmp_path / 'results'}'")
    assert result == tmp_path / "results" / f"short-one-{job[:8]}"
    (result / "mine.txt").touch()
    assert "already in " in said(shell, f"%flare download --to '{tmp_path / 'results'}'")
    assert (result / "mine.txt").exists()
    assert flare(shell, "download") == Path.cwd() / "results" / f"short-one-{job[:8]}"
    assert (result / "workspace" / RESULT).stat().st_size == RESULT_SIZE
    said(shell, f"%config FlareWidgets.download_folder = '{tmp_path / 'configured'}'")
    assert flare(shell, "download").parent == tmp_path / "configured"
    said(shell, "%config FlareWidgets.download_folder = 'results'")
    assert "component" in refused(shell, "download --components")

    assert flare(shell, "delete short-one --yes")["job_id"] == job
    assert "no job of the study default has the name or the id 'short-one'" in refused(shell, "meta short-one")
    assert "which job?" in refused(shell, "meta")


def test_token_gives_same_job(shell: InteractiveShell, finished: Finished) -> None:
    assert flare(shell, f"submit '{finished.folder}' --token {finished.token}") == finished.job_id


def test_clone_and_abort_by_name(shell: InteractiveShell, tmp_path: Path) -> None:
    folder = write_job(tmp_path, "many")
    meta = folder / "meta.json"
    meta.write_text(meta.read_text().replace('"min_clients": 2', '"min_clients": 5'))
    first = flare(shell, f"submit '{folder}'")
    second = flare(shell, "clone many")
    assert second != first
    assert f"2 jobs are called 'many', the newest is {second}: pass an id" in refused(shell, "abort many --yes")
    for job in (first, second):
        assert "bort" in flare(shell, f"abort {job[:13]} --yes")
    assert {flare(shell, f"meta {job}")["status"] for job in (first, second)} == {"FINISHED:ABORTED"}


def test_compare(shell: InteractiveShell, finished: Finished, tmp_path: Path) -> None:
    other = flare(shell, f"submit '{write_job(tmp_path, 'another')}'")
    flare(shell, "wait --timeout 120")
    view = flare(shell, f"compare {finished.job_id} {other[:12]}")
    assert [job["job_id"] for job in view.jobs] == [finished.job_id, other]
    said(shell, "%config FlareWidgets.views = False")
    told = flare(shell, f"compare another {finished.job_id}")
    said(shell, "%config FlareWidgets.views = True")
    assert "another" in told
    assert "completed" in told
    assert told.records()[0]["name"] == "another"
    assert len(flare(shell, 'compare "another*" ' + finished.job_id).records()) == 2
    assert "two different jobs or more, got 1" in refused(shell, "compare another another")
    assert "has the name or the id 'nonsense'" in refused(shell, "compare another nonsense")


def test_wait_timeout_or_interrupt_keeps_session(
    shell: InteractiveShell, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "did not end within 1 s; it is still running" in refused(shell, f"wait {running} --timeout 1")

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flare_widgets.magics.progress.ProgressLine.update", interrupt)
    assert refused(shell, f"wait {running}").startswith("stopped waiting; the job is still running")
    monkeypatch.undo()
    assert flare(shell, f"meta {running}")["status"] == "RUNNING"


def test_monitor_as_text(shell: InteractiveShell, running: str) -> None:
    now = flare(shell, f"monitor {running} --text")
    assert isinstance(now, JobSnapshot)
    assert (now.name, now.status) == ("long-one", "RUNNING")
    assert said(shell, f"%flare monitor {running} --text").count("long-one") == 1
    said(shell, "%config FlareWidgets.views = False")
    assert isinstance(flare(shell, f"monitor {running}"), JobSnapshot)
    said(shell, "%config FlareWidgets.views = True")


# -- what jobs say -------------------------------------------------------------------------------------------


def test_logs(shell: InteractiveShell, finished: Finished) -> None:
    whole = flare(shell, f"logs {finished.job_id}")
    assert list(whole) == ["server"]
    assert "Server runner starting" in whole["server"] or "ServerRunner" in whole["server"]
    assert flare(shell, f"logs {finished.job_id} --tail 2")["server"] == "".join(
        whole["server"].splitlines(keepends=True)[-2:]
    )
    matching = flare(shell, f"logs {finished.job_id} --grep 'ServerRunner - INFO'")["server"].splitlines()
    assert matching
    assert all("ServerRunner - INFO" in line for line in matching)
    warnings = flare(shell, f"logs {finished.job_id} --level WARNING")["server"]
    assert " - INFO - " not in warnings
    assert flare(shell, f"logs {finished.job_id} --site all")["server"] == whole["server"]
    # The sites of this federation do not stream their logs to the server, so they are read there.
    other = flare(shell, f"logs {finished.job_id} --site site-1")
    assert "worker_process" in other["site-1"]
    assert other.unavailable == {}
    assert repr(other).startswith("[site-1] ")
    assert f"this is {finished.job_id[:8]}/log.txt in the folder of site-1" in repr(other).splitlines()[0]
    assert set(flare(shell, f"logs {finished.job_id} --site all")) == {"server", "site-1", "site-2"}
    assert "Sites of the job: site-1 and site-2" in refused(shell, f"logs {finished.job_id} --site site-9")
    assert "invalid regular expression" in refused(shell, f"logs {finished.job_id} --grep '('")


def test_followed_log_printed_until_job_ends(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flare(shell, f"submit '{write_job(tmp_path, 'followed', sites=1)}'")
    wait_until(lambda: flare(shell, "meta")["status"] == "RUNNING")
    shown = said(shell, "followed = %flare logs --follow --raw")
    assert flare(shell, "meta")["status"] == "FINISHED:COMPLETED"
    lines = shown.splitlines()
    assert sum("ServerRunner" in line for line in lines) > 2
    records = [line for line in lines if line.startswith("20")]
    assert len(records) == len(set(records))  # nothing twice
    assert shell.user_ns["followed"]["server"].splitlines() == flare(shell, "logs")["server"].splitlines()


def test_following_is_ended_by_interrupt(
    shell: InteractiveShell, running: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("flare_widgets.magics.verbs.logs.time.sleep", interrupt)
    assert refused(shell, f"logs {running} --follow") == "stopped following; the job is still running"
    monkeypatch.undo()
    assert flare(shell, f"meta {running}")["status"] == "RUNNING"


def test_stats_and_errors(shell: InteractiveShell, running: str) -> None:
    assert set(flare(shell, f"stats {running}")) == {"server", "site-1", "site-2"}
    assert flare(shell, f"stats {running} --site server")["server"]["ServerRunner"]["job_id"] == running
    assert set(flare(shell, f"stats {running} --site site-1")) == {"site-1"}
    assert set(flare(shell, f"errors {running}")) == {"server", "site-1", "site-2"}
    assert set(flare(shell, f"errors {running} --reset --site server")) == {"server"}
    for line in (f"stats {running} --site site-9", f"errors {running} --site site-9", "tail site-9"):
        assert "Connected sites: site-1 and site-2 (%flare sites)" in refused(shell, line)


# -- the server and the sites --------------------------------------------------------------------------------


def test_status_and_sites(shell: InteractiveShell, running: str) -> None:
    status = flare(shell, "status")
    assert {c.name for c in status.client_info} == {"site-1", "site-2"}
    assert running in {job.job_id for job in status.job_info}
    sites = flare(shell, "sites --jobs --env")
    assert [row["name"] for row in sites] == ["site-1", "site-2"]
    assert all(running in row["jobs"] and row["workspace"].endswith(row["name"]) for row in sites)
    assert all("jobs" not in row and row["last_connect_time"] for row in flare(shell, "sites"))


def test_resources_and_versions(shell: InteractiveShell) -> None:
    assert set(flare(shell, "resources")) == {"server", "site-1", "site-2"}
    assert set(flare(shell, "resources site-2")) == {"site-2"}
    versions = flare(shell, "versions")
    assert len({info["version"] for info in versions.values()}) == 1
    assert set(flare(shell, "versions server site-1")) == {"server", "site-1"}
    assert "site-9" in refused(shell, "versions site-9")


def test_files(shell: InteractiveShell, running: str) -> None:
    said(shell, f"job = '{running}'")
    assert running in flare(shell, "ls server").split()
    assert shell.run_cell("%flare ls server {job}").result.split()
    assert shell.run_cell("%flare ls server $job").result.split()
    assert "fed_client.json" in flare(shell, "ls site-1 -al startup")
    assert '"servers"' in flare(shell, "cat site-1 startup/fed_client.json")
    assert len(flare(shell, "tail site-1 -n 3").splitlines()) == 3
    assert len(flare(shell, f"head server {running}/log.txt --lines 2").splitlines()) == 2
    found = flare(shell, "grep site-1 'Successfully registered' -n")
    assert found[0].isdigit()
    assert flare(shell, "grep site-1 'SUCCESSFULLY REGISTERED' -i")
    assert flare(shell, "grep site-1 no-such-words-anywhere") == ""
    assert Path(flare(shell, "pwd site-1")).name == "site-1"
    assert "absolute path" in refused(shell, "cat server /etc/passwd.txt")
    assert "'..'" in refused(shell, "ls server ..")


def test_disable_and_enable(shell: InteractiveShell, federation: LocalFederation) -> None:
    # A name that no site has: the shared federation keeps its sites.
    assert flare(shell, "disable site-7 --yes")["clients"][0]["state"] == "disabled"
    assert flare(shell, "enable site-7")["clients"][0]["state"] == "enabled"


# -- studies -------------------------------------------------------------------------------------------------


@pytest.fixture
def untouched(shell: InteractiveShell, tmp_path: Path) -> Iterator[LocalFederation]:
    """A federation in which no site was disabled: FLARE does not know the organization of one that came back."""
    with LocalFederation(2, folder=tmp_path / "federation", users={LEAD: "lead"}) as federation:
        flare(shell, f"connect '{federation.admin_kit}' --name untouched")
        try:
            yield federation
        finally:
            flare(shell, "close untouched")
            flare(shell, "use admin@localhost")


def test_studies(shell: InteractiveShell, untouched: LocalFederation) -> None:
    assert "which sites?" in refused(shell, "study register heart")
    made = flare(shell, "study register heart --site-org nvidia:site-1,site-2")
    try:
        assert made["name"] == "heart"
        assert "heart" in {row["name"] for row in flare(shell, "studies")}
        assert "heart" in repr(flare(shell, "studies"))
        assert "which user?" in refused(shell, "study add-user heart")
        flare(shell, f"study add-user heart {LEAD}")
        assert LEAD in flare(shell, "study show heart")["users"]
        flare(shell, f"study remove-user heart {LEAD}")
        flare(shell, "study remove-site heart --site-org nvidia:site-2")
        assert flare(shell, "study show heart")["sites"] == ["site-1"]
        flare(shell, "study add-site heart --site-org nvidia:site-2")
        session = flare(shell, f"connect '{untouched.admin_kit}' --study heart --name in-heart")
        assert session.study == "heart"
        assert [row["name"] for row in flare(shell, "sessions") if row["current"]] == ["in-heart"]
        assert flare(shell, "jobs") == []
        flare(shell, "close")
    finally:
        flare(shell, "use untouched")
        flare(shell, "study remove heart --yes")
    assert "heart" not in {row["name"] for row in flare(shell, "studies")}


# -- asking, refusing ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "question"),
    [
        ("abort {job}", "Abort long-one {short} (RUNNING)?"),
        ("delete {job}", "Permanently delete long-one {short} (RUNNING) and its results?"),
        ("shutdown all", "Shut down the server and all sites on localhost:{port}? 1 job is running."),
        ("restart site-1", "Restart site-1 on localhost:{port}? 1 job is running."),
        (
            "disable site-1",
            "Disable site-1 on localhost:{port}? It is disconnected and cannot rejoin until you enable it. "
            "1 job is running.",
        ),
        ("study remove heart", "Remove the study heart from localhost:{port}?"),
    ],
)
def test_what_destroys_asks_first(
    shell: InteractiveShell,
    federation: LocalFederation,
    running: str,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    question: str,
) -> None:
    asked = answer_questions(monkeypatch, "n")
    assert flare(shell, line.format(job=running)) is None
    whole = question.format(short=running[:8], port=federation.port)
    assert asked == [f"{whole} [y/N] "]

    def nobody(_: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", nobody)
    assert refused(shell, line.format(job=running)) == (
        f"{whole} Cannot ask for confirmation here; add --yes to proceed"
    )
    assert flare(shell, f"meta {running}")["status"] == "RUNNING"
    assert len(flare(shell, "sites")) == 2


def test_confirmation_can_be_turned_off(
    shell: InteractiveShell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda text: pytest.fail(f"it asked: {text}"))
    flare(shell, f"submit '{write_job(tmp_path, 'unasked', wait=True)}'")
    said(shell, "%config FlareWidgets.confirm = False")
    try:
        flare(shell, "abort")
    finally:
        said(shell, "%config FlareWidgets.confirm = True")


def test_read_only_mode_refuses_changes(
    shell: InteractiveShell, federation: LocalFederation, running: str, tmp_path: Path
) -> None:
    before = [row["job_id"] for row in flare(shell, "jobs")]
    said(shell, "%config FlareWidgets.read_only = True")
    try:
        for line in (
            f"submit '{write_job(tmp_path)}'",
            f"abort {running} --yes",
            f"clone {running}",
            "shutdown all -y",
        ):
            assert "read-only mode is on" in refused(shell, line)
        for line in ("study register heart --site-org nvidia:site-1", f"errors {running} --reset"):
            assert "this session is read-only" in refused(shell, line)
        # Not only the verbs: whoever has the session, such as a view.
        session = flare(shell, "use admin@localhost")
        with pytest.raises(Exception, match="read-only"):
            session.submit_job(str(write_job(tmp_path, "another")))
        with pytest.raises(Exception, match="read-only"):
            session.aio.session.abort_job(running)
        assert flare(shell, f"connect '{federation.kit(LEAD)}' --name second").read_only
        flare(shell, "close")
        flare(shell, "use admin@localhost")
        assert flare(shell, "status").client_info
        assert [row["job_id"] for row in flare(shell, "jobs")] == before
        assert flare(shell, f"meta {running}")["status"] == "RUNNING"
    finally:
        said(shell, "%config FlareWidgets.read_only = False")
    assert flare(shell, "use admin@localhost").read_only is False


# -- help, and the rest --------------------------------------------------------------------------------------


def test_help(shell: InteractiveShell) -> None:
    assert all(f"%flare {verb} " in said(shell, "%flare help") for verb in VERBS)
    assert said(shell, "%flare") == said(shell, "%flare help")
    assert said(shell, "%flare help monitor").strip() == VERBS["monitor"].help().strip()
    assert said(shell, "%flare monitor -h") == said(shell, "%flare help monitor")
    assert "did you mean 'monitor'?" in refused(shell, "help montior")


def test_value_from_every_verb(shell: InteractiveShell, finished: Finished) -> None:
    shell.user_ns["job"] = finished.job_id
    lines = ("status", "jobs", "sessions", "kits", "sites", "versions", "resources", "studies", "config", "pwd server")
    for line in (*lines, "meta {job}", "logs $job", "components {job}"):
        shell.user_ns.pop("out", None)
        assert "Error" not in said(shell, f"out = %flare {line}")
        assert shell.user_ns["out"] is not None, line


def test_reloading_extension_keeps_sessions_and_settings(shell: InteractiveShell) -> None:
    session = flare(shell, "use admin@localhost")
    said(shell, "%config FlareWidgets.timeout = 7")
    for cell in ("%load_ext flare_widgets", "%reload_ext flare_widgets"):
        said(shell, cell)
        assert flare(shell, "use admin@localhost") is session
        assert not session.closed
        assert {row["name"]: row["value"] for row in flare(shell, "config")}["timeout"] == 7.0
    said(shell, "%config FlareWidgets.timeout = 10")
