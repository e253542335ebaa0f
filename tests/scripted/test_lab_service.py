"""Sessions, kits and the sidebar of a Jupyter server, with a scripted FLARE server and pages that are lists."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import stat
import time
import weakref
from typing import Any

import kits
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jobs import write_job
from servers import FlareServer, ok
from traitlets.config import Config

from flare_widgets import hooks
from flare_widgets.federation import LocalFederation, RunningFederation
from flare_widgets.lab import service as service_module
from flare_widgets.lab import sidebar
from flare_widgets.lab.hub import Refused
from flare_widgets.lab.protocol import Ask, Open, encode
from flare_widgets.lab.service import Service, Settings
from flare_widgets.lab.workspace import find_lessons, make_connect_cell
from flare_widgets.manager.shared_session import (
    SharedSession,
    find_shared_session,
    read_news_time,
    read_shared_session,
    shared_session_file,
    write_shared_session,
)
from flare_widgets.monitoring.polling import intervals
from flare_widgets.views.display import make_jobs_view

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e"
JOB = "07d15d2a-0000-4000-8000-000000000001"
#: The views that a page opens, and their arguments beside the session.
VIEWS: list[tuple[str, dict[str, Any]]] = [
    ("jobs", {}),
    ("job", {"job": JOB}),
    ("system", {}),
    ("submit", {"folder": "kits"}),
    ("compare", {"jobs": [JOB, "07d15d2a-0000-4000-8000-000000000002"]}),
]


class Page:
    """A page that keeps what it is sent."""

    def __init__(self, username="ada"):
        self.username = username
        self.last_frame_at = time.monotonic()
        self.frames = []

    def deliver(self, text):
        self.frames.append(json.loads(text))

    def of(self, op):
        return [frame for frame in self.frames if frame["op"] == op]

    @property
    def sidebar(self):
        facts: dict[str, Any] = {}
        for frame in self.of("sidebar"):
            facts |= frame["set"]
        return facts


async def until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        await asyncio.sleep(0.01)


class JobsServer(FlareServer):
    """A FLARE server with jobs.

    Attributes
    ----------
    port
        Where it listens.
    jobs
        The jobs.
    """

    port = 0

    def __init__(self) -> None:
        super().__init__()
        self.jobs: list[dict[str, Any]] = []


@pytest.fixture
def server():
    server = JobsServer()
    server.jobs = [{"job_id": JOB, "job_name": "hello", "status": "RUNNING", "duration": "0:00:09"}]
    server.commands |= {
        "list_jobs": lambda _: ok(jobs=server.jobs),
        "get_job_meta": lambda _: ok(job_meta=server.jobs[0]),
        "check_status": ok(
            server_start_time=1.0,
            clients=[{"client_name": "hospital-a", "client_last_conn_time": time.time()}],
            jobs=[{"job_id": JOB, "app_name": "app"}],
        ),
    }
    with server.running() as port:
        server.port = port
        yield server


@pytest.fixture(autouse=True)
def no_other_federation(monkeypatch):
    """Hide the federations of this user's other processes."""
    monkeypatch.setattr(LocalFederation, "list_running", classmethod(lambda _: []))


@pytest.fixture(autouse=True)
def quick_updates(monkeypatch):
    """Have the sidebar told of changes sooner than half a second after the last."""
    monkeypatch.setattr(sidebar, "_MIN_INTERVAL_S", 0.05)
    monkeypatch.setattr(service_module, "_NEWS_INTERVAL_S", 0.1)


@pytest.fixture
def root(tmp_path, server):
    root = tmp_path / "root"
    kits.write_kit(root / "kits" / "ada", host="127.0.0.1", port=server.port)
    return root


def make_settings(root, **changes):
    values = {
        "root": root,
        "is_hidden_allowed": False,
        "kit_folders": (),
        "read_only": False,
        "owner_only": False,
        "reconnect": False,
        "data_folder": root.parent / "data",
        "runtime_folder": root.parent / "runtime",
        "config": Config(),
    }
    return Settings(**{**values, **changes})


@contextlib.asynccontextmanager
async def serving(root, **changes):
    service = Service(make_settings(root, **changes))
    try:
        yield service
    finally:
        await service.close()


def asked(server, verb):
    return [line for line in server.lines if line.split()[0] == verb]


def run(scenario):
    return asyncio.run(asyncio.wait_for(scenario(), 60))


async def connect(service, page):
    service.connect(page)
    await until(lambda: page.sidebar.get("kits"))
    return (await service.ask(page, "connect", {"kit": page.sidebar["kits"][0]["id"]}))["session"]


# -- sessions and the sidebar ----------------------------------------------------------------------------------


def test_page_connects_and_sees_everything(root, server):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            service.connect(page)
            await until(lambda: page.sidebar.get("kits"))
            (kit,) = page.sidebar["kits"]
            assert (kit["user"], kit["folder"], kit["usable"]) == ("ada@example.org", "kits/ada", True)
            assert asked(server, "list_jobs") == []
            name = await connect(service, page)
            await until(lambda: page.sidebar["sessions"])
            (session,) = page.sidebar["sessions"]
            assert (session["name"], session["state"], session["current"]) == (name, "ready", True)
            assert page.sidebar["kits"] == []
            assert asked(server, "list_jobs") == []  # nobody looks
            await service.ask(page, "visible", {"visible": True})
            await until(lambda: page.sidebar["jobs"]["rows"])
            (row,) = page.sidebar["jobs"]["rows"]
            assert (row["id"], row["name"], row["status"]) == (JOB, "hello", "running")
            await until(lambda: page.sidebar["sites"]["connected"] == 1)
            server.jobs.append({"job_id": "new", "job_name": "by a kernel", "status": "SUBMITTED"})
            await service.ask(page, "refresh", {})
            await until(lambda: len(page.sidebar["jobs"]["rows"]) == 2)
            await service.ask(page, "close", {"session": name})
            await until(lambda: page.sidebar["kits"])
            assert page.sidebar["sessions"] == []
            assert [frame["seq"] for frame in page.of("sidebar")] == sorted({f["seq"] for f in page.of("sidebar")})

    run(scenario)


def test_nothing_is_asked_when_nobody_looks(root, server, monkeypatch):
    monkeypatch.setattr(service_module, "_IDLE_AFTER_S", 0.05)

    async def scenario():
        async with serving(root) as service:
            page = Page()
            await connect(service, page)
            await service.ask(page, "visible", {"visible": True})
            await until(lambda: asked(server, "list_jobs"))
            service.disconnect(page)
            follows = service._sidebar._followers
            await until(lambda: not follows)

    run(scenario)


def test_notice_of_ended_job_goes_to_page_in_front(root, server):
    async def scenario():
        async with serving(root) as service:
            front, back = Page(), Page()
            await connect(service, back)
            service.connect(front)
            for page in (back, front):
                await service.ask(page, "notifications", {"wanted": True})
            front.last_frame_at = time.monotonic() + 1
            await until(lambda: asked(server, "get_job_meta"))
            server.jobs[0] |= {"status": "FINISHED:COMPLETED", "duration": "0:00:10"}
            await until(lambda: front.of("notification"))
            (notice,) = front.of("notification")
            assert (notice["words"], notice["tone"]) == (f"hello {JOB[:8]} is completed", "done")
            assert notice["open"]["kind"] == "job"
            assert back.of("notification") == []

    run(scenario)


def test_views_of_closed_session_end(root):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            model = await service.hub.open("jobs", {"session": name})
            service.hub.follow(page, model.id)
            await service.ask(page, "close", {"session": name})
            await until(lambda: page.of("gone"))
            assert page.of("gone") == [{"op": "gone", "model": model.id, "why": "The session was closed."}]
            with pytest.raises(Refused, match=f"Not connected as {name}"):
                await service.hub.open("jobs", {"session": name})

    run(scenario)


@pytest.mark.parametrize(
    ("kind", "args", "why"),
    [
        ("nothing", {}, "cannot show 'nothing'"),
        ("jobs", {"session": 3}, "Not connected: connect"),
        ("job", {"job": "a b; shutdown"}, "not the id of a job"),
        ("job", {"job": None}, "not the id of a job"),
        ("results", {"job": "../../etc"}, "not the id of a job"),
        ("results", {"job": JOB}, "has not ended"),
        ("compare", {"jobs": [JOB]}, "two to 200 jobs"),
        ("compare", {"jobs": JOB}, "two to 200 jobs"),
        ("submit", {"folder": "../.."}, "out of the root folder"),
        ("submit", {"folder": "nowhere"}, "no folder nowhere"),
    ],
)
def test_impossible_view_is_refused(root, kind, args, why):
    async def scenario():
        async with serving(root) as service:
            name = await connect(service, Page())
            with pytest.raises(Refused, match=why):
                await service.hub.open(kind, {"session": name, **args})

    run(scenario)


@pytest.mark.parametrize(
    ("do", "args", "why"),
    [
        ("nothing", {}, "cannot do 'nothing'"),
        ("connect", {"kit": "kit-99"}, "not known any more"),
        ("connect", {"kit": ["kit-1"]}, "not known any more"),
        ("connect", {"folder": "../x"}, "out of the root folder"),
        ("connect", {"folder": "kits"}, "kits is not a startup kit"),
        ("connect", {"folder": "kits/ada", "study": "A B"}, "study"),
        ("connect", {"folder": "kits/ada", "study": 7}, "not the name of a study"),
        ("use", {"session": HOSTILE}, "not open any more"),
        ("close", {}, "not open any more"),
        ("study", {"session": []}, "not open any more"),
        ("check_job", {"folder": "/../etc"}, "out of the root folder"),
        ("connect_cell", {"session": "x"}, "not open any more"),
    ],
)
def test_impossible_request_is_refused_without_paths(root, do, args, why):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            service.connect(page)
            with pytest.raises(Refused, match=why) as refused:
                await service.ask(page, do, args)
            assert str(root.parent) not in str(refused.value)

    run(scenario)


def test_checks_name_no_absolute_path(root):
    (root / "hello").mkdir()
    (root / "hello" / "meta.json").write_text("{")

    async def scenario():
        async with serving(root) as service:
            page = Page()
            service.connect(page)
            kit = await service.ask(page, "check_kit", {"folder": "kits/ada"})
            job = await service.ask(page, "check_job", {"folder": "hello"})
            assert kit["words"].startswith("kits/ada: ")
            assert job["problems"]
            assert {p["severity"] for p in [*kit["problems"], *job["problems"]]} <= {"error", "warning"}
            assert str(root) not in json.dumps([kit, job])

    run(scenario)


def test_change_of_study_replaces_session(root):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            value = await service.ask(page, "study", {"session": name, "study": "heart"})
            assert value == {"session": f"{name}/heart"}
            await until(lambda: [s["study"] for s in page.sidebar["sessions"]] == ["heart"])

    run(scenario)


def test_read_only_server_refuses_every_session(root):
    async def scenario():
        async with serving(root, read_only=True) as service:
            page = Page()
            name = await connect(service, page)
            await until(lambda: page.sidebar["sessions"])
            assert service.is_read_only
            assert page.sidebar["read_only"] is True
            assert service._workspace.manager[name].session.read_only

    run(scenario)


def test_owner_only_serves_nobody_else(root):
    async def scenario():
        async with serving(root, owner_only=True) as service:
            owner, other = Page("ada"), Page("bob")
            service.connect(other)
            assert service.refusal(other) == ""
            await connect(service, owner)
            assert "another user" in service.refusal(other)
            assert service.refusal(Page("ada")) == ""
            before = len(other.frames)
            await service.ask(owner, "refresh", {})
            await until(lambda: owner.sidebar["sessions"])
            assert len(other.frames) == before or not other.sidebar["sessions"]

    run(scenario)


def test_who_acts_is_logged_without_paths(root, caplog):
    caplog.set_level("INFO", logger="flare_widgets.lab")

    async def scenario():
        async with serving(root) as service:
            page = Page(f"ada{HOSTILE}")
            name = await connect(service, page)
            model = await service.hub.open("jobs", {"session": name})
            service.log_message(page, model.id, {"kind": "start", "action": "abort"})
            service.log_open(page, "results", {"job": f"{JOB}{HOSTILE}"})

    run(scenario)
    ours = [record.getMessage() for record in caplog.records if record.name == "flare_widgets.lab"]
    assert any(": connect kit-1" in line for line in ours)
    assert any(": abort in the view" in line for line in ours)
    assert any(f": open results {JOB}" in line for line in ours)
    assert not any(str(root) in line or "\x1b" in line for line in ours)


def secrets_of(root):
    """The lines of keys and certificates, the FLARE server's tokens, and the paths that nobody needs to know."""
    kit = root / "kits" / "ada" / "startup"
    lines = [line for file in kit.iterdir() if file.suffix != ".json" for line in file.read_text().splitlines()]
    secrets = {line for line in lines if len(line) > 40}
    assert len(secrets) > 20
    return {*secrets, "the-secret-session-token", "the-secret-cell-token", "the-signature", str(root.parent)}


def registrations(server):
    return sum(headers.get("cn__topic") == "register" for headers in server.heard)


def test_stop_of_local_federation_logs_out_of_it_alone(root, server, monkeypatch):
    """Otherwise its session would try to reconnect for ever."""
    kits.write_kit(root / "federation" / "kits" / "admin", host="127.0.0.1", port=server.port)
    running = [RunningFederation("local", ("site-1", "site-2"), server.port, root / "federation", 0.0)]
    monkeypatch.setattr(RunningFederation, "is_in_default_folder", True)
    monkeypatch.setattr(LocalFederation, "list_running", classmethod(lambda _: running))
    at_the_end = []

    class Attached:
        def stop(self):
            running.clear()
            at_the_end.extend(services[0]._workspace.manager.sessions)

    services = []

    monkeypatch.setattr(LocalFederation, "attach", classmethod(lambda *_: Attached()))

    async def scenario():
        async with serving(root) as service:
            services.append(service)
            page = Page()
            service.connect(page)
            await until(lambda: page.sidebar.get("local", {}).get("state") == "running")
            names = [
                (await service.ask(page, "connect", {"folder": folder}))["session"]
                for folder in ("kits/ada", "federation/kits/admin")
            ]
            assert len(set(names)) == 2
            await service.ask(page, "local_stop", {})
            await until(lambda: [each["name"] for each in page.sidebar["sessions"]] == names[:1])
            await until(lambda: page.sidebar["local"]["state"] == "stopped")
            assert at_the_end == names[:1]  # logged out while there was a server to tell

    run(scenario)


def test_frames_and_log_hold_no_secret(root, server, caplog):
    """Of a whole session: everything that a page can ask for and open, and what goes wrong."""
    caplog.set_level("DEBUG", logger="flare_widgets")
    write_job(root, "cifar")
    page = Page()

    async def scenario():
        async with serving(root) as service:
            name = await connect(service, page)
            answers = []
            for do, args in [
                ("visible", {"visible": True}),
                ("notifications", {"wanted": True}),
                ("check_kit", {"folder": "kits/ada"}),
                ("check_kit", {"folder": "cifar"}),
                ("check_job", {"folder": "kits/ada"}),
                ("check_job", {"folder": "cifar"}),
                ("connect_cell", {"session": name, "path": "cifar/x.ipynb"}),
                ("connect", {"folder": "cifar"}),
                ("study", {"session": name, "study": "heart"}),
                ("use", {"session": f"{name}/heart"}),
                ("local_stop", {}),
            ]:
                try:
                    answers.append(await service.ask(page, do, args))
                except Refused as e:
                    answers.append(str(e))
            for kind, args in VIEWS:
                model = await service.hub.open(kind, {"session": f"{name}/heart", **args})
                service.hub.follow(page, model.id)
                service.hub.send(model.id, {"kind": "visible", "visible": True, "view": "v"})
                service.hub.send(model.id, {"kind": "start", "action": "submit", "arguments": {}})
            await until(lambda: {frame["op"] for frame in page.frames} >= {"sidebar", "state", "update"})
            before = registrations(server)
            server.hang_up()
            await until(lambda: registrations(server) > before)
            await service.ask(page, "close", {"session": f"{name}/heart"})
            await until(lambda: page.of("gone"))
            return answers

    answers = run(scenario)
    said = json.dumps([answers, page.frames]) + caplog.text
    assert len(page.of("state")) == len(VIEWS)
    assert [secret for secret in secrets_of(root) if secret in said or json.dumps(secret)[1:-1] in said] == []


def test_closed_views_of_all_kinds_leave_nothing(root):
    views = []

    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            owner = service._workspace.manager[name]
            for _ in range(60):
                for kind, args in VIEWS:
                    model = await service.hub.open(kind, {"session": name, **args})
                    service.hub.follow(page, model.id)
                    views.append(weakref.ref(model.view))
                service.hub.end_owned(owner, "over")
            await until(lambda: not service.hub._tasks)
            page.frames.clear()
            model = None
            assert service.hub._by_key == {}
            gc.collect()
            # The last one of each kind may be in some frame.
            assert sum(view() is not None for view in views) <= len(VIEWS)

    run(scenario)
    assert len(views) == 300


def test_twenty_pages_ask_flare_as_often_as_one(root, server):
    """Requests of pages are shared: nineteen more pages cost less than a command each."""

    async def scenario():
        async with serving(root, config=Config({"FlareWidgets": {"poll_interval": 30.0}})) as service:
            pages = [Page() for _ in range(20)]
            name = await connect(service, pages[0])

            async def look(page):
                service.connect(page)
                await service.ask(page, "visible", {"visible": True})
                await service.ask(page, "notifications", {"wanted": True})
                for kind, args in VIEWS:
                    model = await service.hub.open(kind, {"session": name, **args})
                    service.hub.follow(page, model.id)
                    service.hub.send(model.id, {"kind": "visible", "visible": True, "view": str(id(page))})
                await until(lambda: page.sidebar.get("jobs", {}).get("rows") and len(page.of("state")) == len(VIEWS))

            await look(pages[0])
            await asyncio.sleep(1)  # the first one's commands are on their way
            before = len(server.lines)
            for page in pages[1:]:
                await look(page)
            await asyncio.sleep(1)  # and theirs would be
            assert len(server.lines) - before < len(pages) - 1
            # And what a page asks for anew reaches the others by the same answer.
            server.jobs.append({"job_id": "new", "job_name": "by a kernel", "status": "SUBMITTED"})
            await service.ask(pages[0], "refresh", {})
            await until(lambda: all(len(page.sidebar["jobs"]["rows"]) == 2 for page in pages))

    run(scenario)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Return what a server answers to whatever a page asks."""
    root = tmp_path_factory.mktemp("anything") / "root"
    server = FlareServer()
    loop = asyncio.new_event_loop()
    with server.running() as port, contextlib.closing(loop):
        kits.write_kit(root / "kits" / "ada", host="127.0.0.1", port=port)
        page = Page()

        async def start():
            service = Service(make_settings(root))
            service.connect(page)
            return service

        service = loop.run_until_complete(start())

        async def answer(frame):
            try:
                if isinstance(frame, Open):
                    return (await service.hub.open(frame.kind, frame.args)).id
                return await service.ask(page, frame.do, frame.args)
            except Refused as e:
                return str(e)

        yield lambda frame: loop.run_until_complete(answer(frame))
        loop.run_until_complete(service.close())


TEXTS = st.sampled_from(["kits/ada", "kit-1", "..", "/", "default", "ada@127.0.0.1", JOB, HOSTILE, "\0", "\ud800"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9) | TEXTS,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["kit", "folder", "session", "study", "path", "visible", "wanted", "job", "jobs"]),
    VALUES | TEXTS,
    max_size=4,
)
# All but what begins a federation.
REQUESTS = "connect close use study forget check_kit check_job connect_cell local_stop refresh visible notifications"


@given(
    st.builds(Ask, st.just(1), st.sampled_from(REQUESTS.split()), ARGUMENTS)
    | st.builds(Open, st.just(1), st.sampled_from(["results", *(kind for kind, _ in VIEWS)]), ARGUMENTS)
)
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_asked_is_answered(answered, frame):
    text = encode("done", ref=1, value=answered(frame))
    assert "anything" not in text  # a part of the path of the root folder


# -- results, and jobs of kernels -------------------------------------------------------------------------------


def end_job(server):
    server.jobs[0] |= {"name": "hello", "status": "FINISHED:COMPLETED", "duration": "0:00:10"}


def write_result(folder, **files):
    """Write a result as it was downloaded: what is there is not asked for again."""
    meta = {"job_id": JOB, "name": "hello", "status": "FINISHED:COMPLETED"}
    for name, content in {"meta.json": json.dumps(meta), "workspace/log.txt": "x", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)


def test_results_are_in_root_folder_and_say_no_other_path(root, server):
    end_job(server)
    write_result(root / "results" / f"hello-{JOB[:8]}", **{"workspace/model.pt": "no model"})

    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            model = await service.hub.open("results", {"session": name, "job": JOB})
            service.hub.follow(page, model.id)
            (state,) = page.of("state")
            heading = state["state"]["heading"]
            assert (heading["name"], heading["job_id"]) == ("hello", JOB)
            assert heading["folder"] == f"results/hello-{JOB[:8]}"
            assert heading["place"].endswith(f"in results/hello-{JOB[:8]}")
            (found,) = state["state"]["contents"]["models"]
            assert f"'results/hello-{JOB[:8]}/workspace/model.pt'" in found["load_line"]
            assert str(root) not in json.dumps(page.frames)

    run(scenario)


def test_results_of_running_job_are_refused_in_table_of_jobs(root, caplog):
    """The page greys the button; a message that is made by hand is no unexpected failure."""

    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            model = await service.hub.open("jobs", {"session": name})
            service.hub.follow(page, model.id)

            def results():
                return next(each for each in model.view.get_state()["actions"] if each["name"] == "results")

            service.hub.send(model.id, {"kind": "start", "action": "results", "arguments": {"jobs": [JOB]}})
            await until(lambda: results()["state"] == "failed")
            assert results()["message"] == (
                "results failed: This job has not ended: its results are there when it has."
            )

    run(scenario)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_large_file_of_result_waits_to_be_asked_for(root, server):
    end_job(server)
    listing = json.dumps({"workspace/log.txt": 1, "workspace/model.pt": 90_000})
    write_result(root / "results" / f"hello-{JOB[:8]}-parts", **{".files.json": listing})

    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            model = await service.hub.open("results", {"session": name, "job": JOB[:8]})
            service.hub.follow(page, model.id)
            (state,) = page.of("state")
            (found,) = state["state"]["contents"]["models"]
            assert (found["action"], found["load_line"]) == ("fetch model.pt", "")
            service.hub.send(model.id, {"kind": "start", "action": "fetch ../../kits/ada/startup/client.key"})
            service.hub.send(model.id, {"kind": "start", "action": "fetch model.pt"})
            await until(lambda: any(frame["state"].get("file_actions") for frame in page.of("update")))
            asked_for = [a["name"] for f in page.of("update") for a in f["state"]["file_actions"].get("actions", [])]
            assert set(asked_for) == {"fetch model.pt"}
            assert str(root) not in json.dumps(page.frames)

    server.jobs = [{"job_id": JOB, "job_name": "hello", "name": "hello", "status": "FINISHED:COMPLETED"}]
    run(scenario)


def test_results_folder_that_leads_elsewhere_is_refused(root, server, tmp_path):
    end_job(server)
    write_result(tmp_path / "elsewhere" / f"hello-{JOB[:8]}")
    (root / "results").symlink_to(tmp_path / "elsewhere")

    async def scenario():
        async with serving(root) as service:
            name = await connect(service, Page())
            with pytest.raises(Refused, match="out of the root folder"):
                await service.hub.open("results", {"session": name, "job": JOB})

    run(scenario)


@pytest.fixture
def slow_polls(monkeypatch):
    """Have jobs listed so seldom that only what asks for it lists them again."""
    monkeypatch.setattr(intervals, "_LIST_INTERVAL_S", 600.0)


def test_submission_of_kernel_is_seen_at_once(root, server, slow_polls, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(root.parent / "runtime"))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))

    async def scenario():
        async with serving(root) as service:
            page = Page()
            await connect(service, page)
            await service.ask(page, "visible", {"visible": True})
            await until(lambda: len(page.sidebar["jobs"]["rows"]) == 1)
            await asyncio.sleep(1.5 * service_module._NEWS_INTERVAL_S)  # the session itself was news
            server.jobs.append({"job_id": "new", "job_name": "by a kernel", "status": "SUBMITTED"})
            hooks.note_submission()
            await until(lambda: len(page.sidebar["jobs"]["rows"]) == 2)

    run(scenario)


def test_submission_outside_of_jupyter_is_nobodys_news(monkeypatch, tmp_path):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("JPY_PARENT_PID", "7")
    hooks.note_submission()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.delenv("JPY_PARENT_PID")
    hooks.note_submission()
    assert read_news_time(shared_session_file(tmp_path, 7)) == 0


def test_submission_by_form_is_seen_at_once(root, server, slow_polls):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            await service.ask(page, "visible", {"visible": True})
            await until(lambda: len(page.sidebar["jobs"]["rows"]) == 1)
            made = await asyncio.to_thread(service._workspace.factories.make, "submit", {"session": name})
            server.jobs.append({"job_id": "new", "job_name": "by a form", "status": "SUBMITTED"})
            view: Any = made.view
            view._make_job_view("new")
            await until(lambda: len(page.sidebar["jobs"]["rows"]) == 2)

    run(scenario)


def test_view_of_kernel_names_session_of_sidebar(root):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            name = await connect(service, page)
            await until(lambda: page.sidebar["sessions"])
            key = page.sidebar["sessions"][0]["key"]
            managed = service._workspace.manager[name]
            view = await asyncio.to_thread(make_jobs_view, managed.monitor)
            assert view.tab == {"kind": "jobs", "args": {}, "session": key}
            view.close()
            model = await service.hub.open("jobs", {"session": name})
            service.hub.follow(page, model.id)
            assert page.of("state")[0]["state"]["tab"] == {}  # it is in a tab
            await service.ask(page, "study", {"session": name, "study": "heart"})
            await until(lambda: page.sidebar["sessions"][0]["study"] == "heart")
            assert page.sidebar["sessions"][0]["key"] != key

    run(scenario)


def test_cell_of_current_session_needs_no_name(root):
    async def scenario():
        async with serving(root) as service:
            page = Page()
            await connect(service, page)
            cell = await service.ask(page, "connect_cell", {"session": None, "path": "a.ipynb"})
            assert "%flare connect ada" in cell["source"]

    run(scenario)


# -- what is kept, and what kernels find -----------------------------------------------------------------------


def test_sessions_are_remembered_and_reopened(root):
    async def first():
        async with serving(root) as service:
            await connect(service, Page())

    async def second():
        async with serving(root, reconnect=True) as service:
            page = Page()
            service.connect(page)
            await until(lambda: page.sidebar["sessions"])
            await service.ask(page, "close", {"session": page.sidebar["sessions"][0]["name"]})

    async def third():
        async with serving(root, reconnect=True) as service:
            page = Page()
            service.connect(page)
            await until(lambda: page.sidebar["kits"])
            assert page.sidebar["sessions"] == []
            assert page.sidebar["kits"][0]["remembered"]
            await service.ask(page, "forget", {"kit": page.sidebar["kits"][0]["id"]})
            await until(lambda: not page.sidebar["kits"][0]["remembered"])

    run(first)
    file = root.parent / "data" / "sessions.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    run(second)
    run(third)
    assert json.loads(file.read_text()) == []


def test_remembered_nonsense_is_ignored(root):
    file = root.parent / "data" / "sessions.json"
    file.parent.mkdir()
    file.write_text('[1, {"kit": 3}, {"kit": "/nowhere", "study": "default", "connected": true}]')

    async def scenario():
        async with serving(root, reconnect=True) as service:
            page = Page()
            service.connect(page)
            await until(lambda: page.sidebar.get("kits"))

    run(scenario)


def test_kernel_finds_session_of_its_server(root, monkeypatch):
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(root.parent / "runtime"))
    monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))
    assert find_shared_session() is None

    async def scenario():
        async with serving(root) as service:
            name = await connect(service, Page())
            await until(lambda: find_shared_session() is not None)
            assert find_shared_session() == SharedSession(root / "kits" / "ada", "default", name)
            monkeypatch.setenv("JPY_PARENT_PID", "1")
            assert find_shared_session() is None
            monkeypatch.setenv("JPY_PARENT_PID", str(os.getpid()))

    run(scenario)
    assert find_shared_session() is None
    assert list((root.parent / "runtime").iterdir()) == []


def test_file_of_another_user_is_not_believed(tmp_path):
    file = shared_session_file(tmp_path, 7)
    write_shared_session(file, SharedSession(tmp_path, "default", "a"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert read_shared_session(file) == SharedSession(tmp_path, "default", "a")
    file.chmod(0o666)
    assert read_shared_session(file) is None
    file.chmod(0o600)
    for text in ("", "[]", '{"kit": 1, "study": "x", "name": "y"}', '{"kit": "x"}'):
        file.write_text(text)
        assert read_shared_session(file) is None


def test_cell_names_kit_as_kernel_finds_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    kit = tmp_path / "projects" / "kits" / "ada smith"
    lines = "%load_ext flare_widgets\n%flare connect "
    assert make_connect_cell(tmp_path / "projects" / "kits" / "ada", "default", tmp_path / "projects") == f"{lines}ada"
    assert make_connect_cell(kit, "heart", tmp_path) == f'{lines}"projects/kits/ada smith" --study heart'
    assert make_connect_cell(tmp_path / "projects" / "ada", "default", tmp_path / "x") == f"{lines}~/projects/ada"
    assert make_connect_cell(tmp_path / "projects" / "ada", "default", None) == f"{lines}~/projects/ada"


def test_lessons_are_found_by_name(tmp_path):
    assert find_lessons(tmp_path / "nowhere") == []
    (tmp_path / "notebooks").mkdir()
    for name in ("notebooks/02_two_hospitals.ipynb", "notebooks/01_first.ipynb", "notebooks/notes.ipynb", "03-x.txt"):
        (tmp_path / name).touch()
    assert find_lessons(tmp_path) == [
        {"name": "01 first", "path": "notebooks/01_first.ipynb"},
        {"name": "02 two hospitals", "path": "notebooks/02_two_hospitals.ipynb"},
    ]
