"""Every command, by our client and by nvflare's, on the same server: what both read and do must be the same."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from jobs import ECHO, contents, with_code, write_job
from oracle import Oracle, outcome
from waiting import wait_until

from flare_widgets.api import JobNotRunning, NoConnection, Session, SessionClosed, new_secure_session
from flare_widgets.federation import LocalFederation

ADMIN = "admin@nvidia.com"
NO_JOB = "1b4e28ba-2fa1-41d2-883f-0016d3cca427"
SITES = ["site-1", "site-2"]

#: A site's component that has trouble at the start of a job: FLARE sends the site's log of errors to the server.
TROUBLE = """

class Nothing(Nothing):
    def handle_event(self, event_type, fl_ctx):
        if event_type == "_start_run":
            self.logger.error("trouble on purpose")
"""


def timeless(value: Any, key: str = "") -> Any:
    """Without what differs from one look to the next: times, durations, and the order of sites."""
    if isinstance(value, dict):
        return {k: timeless(v, k) for k, v in sorted(value.items())}
    if isinstance(value, list):
        return sorted((timeless(v) for v in value), key=json.dumps) if key != "rows" else timeless(value, "")
    if isinstance(value, float) or key in ("time", "duration"):
        return type(value).__name__
    if isinstance(value, str):
        return re.sub(r"\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}", "a time", value)
    return value


def same(ours: Session, oracle: Oracle, method: str, *arguments: Any) -> Any:
    """Call a method of both clients; what comes of it must be the same. Asked again while state changes."""

    def asked() -> tuple[Any, ...] | None:
        answers = [outcome(lambda: getattr(ours, method)(*arguments)), oracle(method, *arguments)]
        answers.append(outcome(lambda: getattr(ours, method)(*arguments)))
        comparable = []
        for answer in answers:
            answer = json.loads(json.dumps(answer))
            answer.pop("calls", None)
            answer.pop("message", None)
            comparable.append(timeless(answer))
        before, other, after = comparable
        return (before, other) if before == after else None

    mine, other = wait_until(asked, 20)
    assert mine == other
    return mine


READS: list[tuple[Any, ...]] = [
    ("get_connected_client_list",),
    ("get_available_apps_to_upload",),
    *[("check_status", *a) for a in [("all",), ("server",), ("client",), ("client", ["site-1"]), ("client", ["nope"])]],
    *[("get_client_job_status", *a) for a in [(), (["site-2"],), (["nope"],), (["server"],)]],
    *[("report_resources", *a) for a in [("all",), ("server",), ("client", ["site-1"]), ("client", ["nope"])]],
    *[("report_version", *a) for a in [("all",), ("server",), ("client", SITES), ("client", ["nope"])]],
    *[("get_client_env", *a) for a in [(), ("site-1",), ("site-1 site-2",), (["nope"],), ([ADMIN],)]],
    *[("ls_target", *a) for a in [("server",), ("site-1", "-1", "startup"), ("site-1", "-l -a"), ("nope",), ("all",)]],
    ("ls_target", "server", None, "no_such_folder"),
    *[("get_working_directory", t) for t in ("server", "site-2", "nope", ADMIN)],
    *[("cat_target", *a) for a in [("server", "-n", "local/resources.json"), ("site-1", None, "readme.txt")]],
    *[
        ("cat_target", *a)
        for a in [("server", None, "nothing.txt"), ("server", "-Z", "log.txt"), ("nope", None, "a.txt")]
    ],
    *[
        ("head_target", *a)
        for a in [("server", "-n 3", "log.txt"), ("site-2", "-n3", "log.txt"), ("server", None, "x.py")]
    ],
    ("head_target_log", "site-1", "-n1"),
    ("tail_target", "server", "-n 3", "local/resources.json"),
    ("tail_target", "site-1", None, "local/resources.json"),
    ("tail_target_log", "site-1", "-n1"),
    *[("grep_target", "server", *a) for a in [("-n", "AuxRunner", "log.txt"), (None, "no such text", "log.txt")]],
    ("grep_target", "site-1", "-c", 'a "quoted \\\\ word', "log.txt"),
    ("grep_target", "site-1", None, "Connected to", "log.txt"),
    ("list_studies",),
    ("show_study", "nope"),
    ("remove_study", "nope"),
    ("add_study_user", "nope", "x@y.z"),
    ("remove_study_user", "nope", "x@y.z"),
    ("add_study_site", "nope", ["site-1"]),
    ("remove_study_site", "nope", None, ["nvidia:site-1"]),
    ("register_study", "study", ["site-1"]),
    ("register_study", "No Study", None, ["nvidia:site-1"]),
    ("remove_client", "nope"),
    ("remove_client", ADMIN),
    ("configure_site_log", "INFO"),
    ("configure_site_log", "reload", "server"),
    ("configure_site_log", "INFO", "client"),
    *[(m, j) for m in ("list_job_components", "get_job_logs", "reset_errors") for j in ("j", "a b", NO_JOB)],
    *[(m, j, "all") for m in ("show_stats", "show_errors") for j in ("j", NO_JOB)],
    ("configure_job_log", NO_JOB, "INFO"),
    ("do_app_command", NO_JOB, "topic", {"x": 1}),
    ("download_job_components", NO_JOB),
    *[(m, "client", ["nope"]) for m in ("restart", "shutdown")],
    *[("do_command", line) for line in ("check_status client", "list_jobs -x", "get_job_meta", "show_scopes server")],
    *[("do_command", line) for line in ("ls", "report_env nope", f"download_job {NO_JOB}", "configure_site_log")],
]


@pytest.fixture(scope="module", autouse=True)
def submitted(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A job whose sites have trouble, submitted first: while it runs, other tests do."""
    return ours.submit_job(str(with_code(write_job(tmp_path_factory.mktemp("troubled"), "troubled"), TROUBLE)))


@pytest.fixture(scope="module")
def troubled(ours: Session, submitted: str) -> str:
    """The same job, ended."""
    ours.wait_for_job(submitted, timeout=120, poll_interval=0.2)
    return submitted


@pytest.mark.parametrize("call", READS, ids=str)
def test_both_read_same(ours: Session, oracle: Oracle, call: tuple[Any, ...]) -> None:
    same(ours, oracle, *call)


@pytest.fixture(scope="module")
def running(ours: Session, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A job that runs until the end of this module, with all its processes up."""
    job = ours.submit_job(str(with_code(write_job(tmp_path_factory.mktemp("running"), "endless", wait=True), ECHO)))

    def up() -> bool:
        try:
            stats = ours.show_stats(job, "all")
        except Exception:
            return False
        return all("ClientRunner" in stats.get(site, {}) for site in SITES) and "ServerRunner" in stats["server"]

    wait_until(up)
    yield job
    ours.abort_job(job)
    ours.wait_for_job(job, timeout=60, poll_interval=0.2)


def of(job: str) -> list[tuple[Any, ...]]:
    """Questions to both about a running job."""
    return [
        *[(m, job, *a) for m in ("show_stats", "show_errors") for a in [("all",), ("server",), ("client",)]],
        *[(m, job, "client", names) for m in ("show_stats", "show_errors") for names in (["site-1"], ["nope"])],
        ("check_status", "all"),
        ("get_client_job_status",),
        ("get_client_job_status", ["site-1"]),
        ("list_job_components", job),
        ("download_job_components", job),
        ("get_job_logs", job, "server", None, "ServerRunner"),
        ("get_job_logs", job, "server", 3, None, "log.json"),
        ("get_job_logs", job, "site-1"),
        ("get_job_logs", job, "nope"),
        ("get_job_logs", job, "all", 0),
        ("configure_job_log", job, "INFO"),
        ("configure_job_log", job, "DEBUG", "site-1"),
        ("configure_job_log", job, "INFO", "nope"),
        ("configure_job_log", job, "nonsense"),
        ("reset_errors", job),
        ("do_app_command", job, "unknown", {"x": [1]}),
        *[("do_app_command", job, "echo", data) for data in ({"x": [1]}, [1, "two"], "text", None)],
        ("do_app_command", job, "two words", None),
        ("ls_target", "server", None, job),
        ("cat_target", "site-1", None, f"{job}/meta.json"),
        ("grep_target", "server", "-n", "Server runner starting", f"{job}/log.txt"),
        # Refused while jobs run; were they not, the rest would fail.
        *[(m, t, None, w) for m in ("restart", "shutdown") for t in ("server", "all") for w in (True, False)],
        ("shutdown_system",),
        ("delete_job", job),
        ("download_job_result", job),
    ]


def test_running_job_commands_match_nvflare(ours: Session, oracle: Oracle, running: str) -> None:
    for call in of(running):
        answer = same(ours, oracle, *call)
        if call[0] in ("restart", "shutdown", "shutdown_system"):
            assert answer["error"] == "JobNotDone"
    assert ours.get_job_status(running) == "RUNNING"
    assert ours.do_app_command(running, "echo", {"x": [1]}) == {"topic": "echo", "data": {"x": [1]}}
    stats = ours.show_stats(running, "client", ["site-2"])
    assert stats["site-2"]["ClientRunner"]["job_id"] == running


def test_components_of_job(ours: Session, oracle: Oracle, troubled: str) -> None:
    names = [f"ERRORLOG_{site}" for site in SITES]
    wait_until(lambda: sorted(ours.list_job_components(troubled)) == names, 20)
    same(ours, oracle, "list_job_components", troubled)
    calls: list[tuple[Any, ...]] = [
        ("get_job_logs", troubled, "all"),
        ("get_job_logs", troubled, "server", 5, None, "log.json"),
        ("show_stats", troubled, "all"),
        ("show_errors", troubled, "server"),
        ("configure_job_log", troubled, "INFO"),
        ("do_app_command", troubled, "topic", None),
    ]
    for call in calls:
        same(ours, oracle, *call)
    with pytest.raises(JobNotRunning):
        ours.show_stats(troubled, "all")

    progress: list[tuple[int, int]] = []
    first = Path(ours.download_job_components(troubled, progress=lambda *done: progress.append(done)))
    assert first == Path(ours.download_dir, troubled)
    assert sorted(contents(first)) == names
    assert "trouble on purpose" in (first / names[0]).read_text()
    assert progress[-1] == (sum(len(c or b"") for c in contents(first).values()), 0)
    other = oracle("download_job_components", troubled)["value"]
    assert contents(Path(other)) == contents(first)
    # Nothing is overwritten, and a line does as its method.
    line = ours.do_command(f"download_job_components {troubled}")
    assert (line["status"], line["meta"]) == ("SUCCESS", {"location": f"{first}__2"})
    assert other == f"{first}__1"
    assert contents(Path(f"{first}__2")) == contents(first)


def test_job_submitted_and_fetched_by_line(ours: Session, oracle: Oracle, troubled: str) -> None:
    write_job(Path(ours.upload_dir), "by-line")
    same(ours, oracle, "get_available_apps_to_upload")
    token = f"token-{time.time_ns()}"
    mine = ours.do_command(f"submit_job by-line --submit-token {token}")
    assert (mine["status"], mine["meta"]["status"]) == ("SUCCESS", "ok")
    job = mine["meta"]["job_id"]
    assert [j["job_id"] for j in ours.list_jobs(submit_token=token)] == [job]
    ours.abort_job(job)
    mine, other = (
        ours.do_command(f"download_job {troubled} mine"),
        oracle("do_command", f"download_job {troubled} other"),
    )
    assert Path(mine["meta"]["location"]) == Path(ours.download_dir, "mine")
    assert contents(Path(mine["meta"]["location"])) == contents(Path(other["value"]["meta"]["location"]))
    assert sorted(mine) == sorted(other["value"])


def test_study_lives_same_life(ours: Session, oracle: Oracle) -> None:
    def life(ask: Callable[..., dict[str, Any]], name: str) -> Any:
        steps = [
            ask("register_study", name, None, ["nvidia:site-1"]),
            ask("register_study", name, None, ["nvidia:site-1"]),
            ask("add_study_site", name, None, ["nvidia:site-2"]),
            ask("add_study_user", name, "x@y.z"),
            ask("add_study_user", name, "x@y.z"),
            ask("show_study", name),
            ask("list_studies"),
            ask("remove_study_user", name, "x@y.z"),
            ask("remove_study_site", name, None, ["nvidia:site-2"]),
            ask("remove_study", name),
            ask("show_study", name),
        ]
        for step in steps:
            step.pop("calls", None)
        return json.loads(json.dumps(steps).replace(name, "NAME"))

    mine = life(lambda method, *a: outcome(lambda: getattr(ours, method)(*a)), "study-a")
    assert mine == life(oracle, "study-b")
    assert {"NAME"} == {s["value"]["name"] for s in mine if "value" in s and "name" in s["value"]}


def test_site_is_disabled_and_enabled(ours: Session, oracle: Oracle) -> None:
    """Last, since the site takes a while to come back."""

    def connected() -> list[str]:
        return sorted(client.name for client in ours.get_connected_client_list())

    def told(answer: dict[str, Any], name: str) -> Any:
        return json.loads(json.dumps(answer["value"]).replace(name, "NAME"))

    for method in ("disable_client", "disable_client", "enable_client", "enable_client"):
        mine = outcome(lambda: getattr(ours, method)("ghost-a"))  # noqa: B023
        assert told(mine, "ghost-a") == told(oracle(method, "ghost-b"), "ghost-b")
    wait_until(lambda: connected() == SITES)
    try:
        mine = outcome(lambda: ours.disable_client("site-1"))
        assert connected() == ["site-2"]
        assert told(mine, "site-1") == told(oracle("disable_client", "site-2"), "site-2")
        assert connected() == []
        same(ours, oracle, "check_status", "client")
        same(ours, oracle, "get_client_job_status")
    finally:
        mine = outcome(lambda: ours.enable_client("site-1"))
        assert told(mine, "site-1") == told(oracle("enable_client", "site-2"), "site-2")
        wait_until(lambda: connected() == SITES)


async def ticking(coroutine: Coroutine[Any, Any, Any]) -> tuple[Any, int]:
    """Await something; its result, and how often the loop was free for something else meanwhile."""
    turns, task = 0, asyncio.ensure_future(coroutine)
    while not task.done():
        await asyncio.sleep(0.02)
        turns += 1
    return await task, turns


def test_federation_is_restarted_and_shut_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with LocalFederation(1, folder=tmp_path / "federation") as federation:

        def opened() -> Session:
            return new_secure_session(ADMIN, str(federation.admin_kit))

        def started() -> tuple[Any, Any]:
            with opened() as session:
                info = session.get_system_info()
                return info.server_info.start_time, {c.name: c.last_connect_time for c in info.client_info}

        before = started()
        session = opened()
        with pytest.raises(ValueError):
            session.restart("all", timeout=0)
        assert session.restart("all")["server_status"] == "ok"
        with pytest.raises(SessionClosed):
            session.get_system_info()
        after = started()
        assert after[0] > before[0]
        assert after[1]["site-1"] > before[1]["site-1"]

        with opened() as session:
            # Awaited, the same waiting leaves the loop free.
            result, turns = asyncio.run(ticking(session.aio.restart("client", ["site-1"])))
            assert result["status"] == "ok"
            assert turns > 20
            assert started()[1]["site-1"] > after[1]["site-1"]
            assert outcome(lambda: session.shutdown("server"))["error"] == "ClientsStillRunning"
            # A site that is ended before its first heartbeat sends that all the same: the server takes it for back.
            # Nor does the server know the organization of one that it takes back after it was removed, which is why
            # that is not done in the federation that the other tests share.
            assert session.remove_client("site-1") is None
            assert session.get_connected_client_list() == []
            wait_until(lambda: [c.name for c in session.get_connected_client_list()] == ["site-1"])
            heard = started()[1]["site-1"]
            wait_until(lambda: started()[1]["site-1"] > heard, 30)
            assert session.shutdown("client", ["site-1"])["status"] == "ok"
            assert session.get_connected_client_list() == []
            assert session.shutdown("server")["status"] == "ok"
            with pytest.raises(SessionClosed):
                session.get_system_info()
        with pytest.raises(NoConnection):
            new_secure_session(ADMIN, str(federation.admin_kit), timeout=1)
