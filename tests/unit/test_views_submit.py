"""The submit form without a server: what it says of a folder, and what becomes of what is sent."""

from __future__ import annotations

import concurrent.futures
import json
import os
import threading
from types import SimpleNamespace

import pytest
from fakes import FakeSubject
from recording import Elements
from waiting import wait_until

from flare_widgets.api import SessionState
from flare_widgets.api.models import ClientInfo, ServerInfo, SystemInfo
from flare_widgets.api.permissions import session_denial_reason
from flare_widgets.errors import InvalidJobDefinition, TransferCancelled
from flare_widgets.views.submit.view import SubmitForm

HOSTILE = "<script>alert(1)<b>\u202e\x1b[31m"


class World(FakeSubject):
    """A session that takes jobs, as slowly as it is told.

    Attributes
    ----------
    sent
        The folders that were submitted.
    fails
        What is raised at the end of an upload.
    """

    def __init__(self, role="lead", connected=("site-1", "site-2")):
        super().__init__()
        self.kit = SimpleNamespace(username="ann@h.org", organization="h", role=role, address="fl.example.org:8002")
        self.study, self.read_only, self.closed = "heart", False, False
        self.status = SimpleNamespace(state=SessionState.READY, reason="")
        self.sent, self.fails = [], None
        self.connected = connected
        self.half_way, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    def subscribe(self, listener):
        # As a session does: it tells at once how it stands, too.
        listener(None)
        return super().subscribe(listener)

    def close(self):
        self.closed = True
        for listener in list(self.listeners):
            listener(None)

    def start(self, command):
        answer: concurrent.futures.Future[SystemInfo] = concurrent.futures.Future()
        clients = [ClientInfo(name, 1.0) for name in self.connected]
        answer.set_result(SystemInfo(ServerInfo("started", 1.0), clients, []))
        return answer

    def submit_job(self, path, *, progress):
        progress(0, 0)
        progress(1_000_000, 4_000_000)
        self.half_way.set()
        while not self.go_on.wait(0.005):
            if progress(1_000_000, 4_000_000) is False:
                raise TransferCancelled("the upload was cancelled: the job was not submitted")
        if self.fails:
            raise self.fails
        self.sent.append(path)
        return f"{len(self.sent)}6b8d043-5f0e-4c7e"


def make_job(folder, *, deploy_map=None, **meta):
    """Write a job of one app for all."""
    config = folder / "app" / "config"
    config.mkdir(parents=True)
    for side in ("server", "client"):
        (config / f"config_fed_{side}.json").write_text("{}")
    meta = {"name": folder.name, "min_clients": 1, "deploy_map": deploy_map or {"app": ["@ALL"]}, **meta}
    (folder / "meta.json").write_text(json.dumps(meta))
    return folder


def say(form, kind, **more):
    """Send what a browser would."""
    form._handle_custom_msg({"kind": kind, **more}, [])


def submit(form):
    """Return the state of the action now: its trait may follow a moment later."""
    (action,) = form._state()["actions"]
    return action


def go(form, name):
    """Go to a folder by its number in the list, as a click does."""
    say(form, "open_folder", id=next(folder["id"] for folder in form.listing["folders"] if folder["name"] == name))


def traits(form):
    """All that a browser is told, as a message of it is written."""
    return json.dumps(form.get_state(), default=str, ensure_ascii=False, allow_nan=False).encode()


pytestmark = pytest.mark.usefixtures("replaced")


@pytest.fixture(autouse=True)
def no_thread_dies(monkeypatch):
    """Fail when a thread ends by an exception: it would be printed into some cell."""
    died = []
    monkeypatch.setattr(threading, "excepthook", lambda args: died.append(args.exc_value))
    yield
    assert died == []


@pytest.fixture
def world():
    return World()


@pytest.fixture
def hello(tmp_path):
    return make_job(tmp_path / "hello")


class TestChoosing:
    def test_form_opens_at_given_folder(self, world, hello, tmp_path):
        (tmp_path / "notes").mkdir()
        (tmp_path / ".hidden").mkdir()
        (tmp_path / "file.txt").write_text("x")
        form = SubmitForm(world, tmp_path)
        assert form.session_facts == {"username": "ann@h.org", "address": "fl.example.org:8002", "study": "heart"}
        assert [(f["name"], f["job"]) for f in form.listing["folders"]] == [("hello", True), ("notes", False)]
        assert form.listing["crumbs"][-1]["name"] == tmp_path.name
        assert (form.job, submit(form)["disabled_reason"]) == ({}, "choose a job folder first")

    def test_form_defaults_to_working_directory(self, world, hello, monkeypatch):
        monkeypatch.chdir(hello)
        # Though it is a job's: nobody has chosen it.
        form = SubmitForm(world)
        assert (form.listing["path"], form.job) == (str(hello), {})

    def test_job_folder_chosen_and_neighbours_listed(self, world, hello):
        form = SubmitForm(world, hello)
        assert (form.job["name"], form.job["path"]) == ("hello", str(hello))
        assert [f["name"] for f in form.listing["folders"]] == ["hello"]

    def test_click_enters_folder_and_chooses_job(self, world, tmp_path):
        make_job(tmp_path / "jobs" / "one")
        form = SubmitForm(world, tmp_path)
        go(form, "jobs")
        wait_until(lambda: form.listing["path"] == str(tmp_path / "jobs"))
        go(form, "one")
        wait_until(lambda: form.job)
        assert submit(form)["disabled_reason"] == ""
        say(form, "back")
        wait_until(lambda: not form.job)
        assert form.listing["path"] == str(tmp_path / "jobs")
        up = form.listing["crumbs"][-2]
        say(form, "open_folder", id=up["id"])
        wait_until(lambda: form.listing["path"] == str(tmp_path))

    def test_typed_path_resolves_from_shown_folder(self, world, hello, tmp_path, monkeypatch):
        (tmp_path / "deep").mkdir()
        monkeypatch.setenv("HOME", str(tmp_path))
        form = SubmitForm(world, tmp_path / "deep")
        say(form, "open_path", path="  ../hello ")
        wait_until(lambda: form.job.get("path") == str(hello))
        say(form, "back")
        say(form, "open_path", path="~/deep")
        wait_until(lambda: form.listing["path"] == str(tmp_path / "deep") and not form.job)

    @pytest.mark.parametrize("typed", ["nowhere", "~nosuchuser/jobs", "x" * 5000, "\ud800", "hello/meta.json", "a\nb"])
    def test_bad_path_keeps_folder_and_explains(self, world, hello, tmp_path, typed):
        form = SubmitForm(world, tmp_path)
        say(form, "open_path", path=typed)
        wait_until(lambda: form.listing["problem"])
        assert "cannot be read" in form.listing["problem"]
        assert (form.listing["path"], form.job) == (str(tmp_path), {})
        assert [f["name"] for f in form.listing["folders"]] == ["hello"]
        traits(form)
        go(form, "hello")
        wait_until(lambda: form.job)

    @pytest.mark.parametrize(
        "wish",
        [
            {"kind": "open_folder"},
            {"kind": "open_folder", "id": 0},
            {"kind": "open_folder", "id": "1"},
            {"kind": "open_folder", "id": [1]},
            {"kind": "open_path"},
            {"kind": "open_path", "path": 3},
            {"kind": "open_path", "path": " "},
            {"kind": "open_path", "path": "/\0"},
            {"kind": "recheck"},
            {"kind": "start", "action": []},
            {"kind": "cancel", "action": "submit"},
        ],
    )
    def test_nonsense_does_nothing(self, world, tmp_path, wish):
        form = SubmitForm(world, tmp_path)
        before = form.listing
        form._handle_custom_msg(wish, [])
        form.make_static()
        assert (form.listing, form.job, world.sent) == (before, {}, [])

    def test_clock_is_answered(self, world, tmp_path):
        form = SubmitForm(world, tmp_path)
        say(form, "clock")
        assert form.comm.answers[-1]["kind"] == "clock"


class TestWhatIsSaid:
    def test_what_will_be_sent(self, world, hello):
        (hello / "app" / "custom").mkdir()
        (hello / "app" / "custom" / "net.py").write_bytes(b"x" * 1000)
        form = SubmitForm(world, hello)
        total = sum(file.stat().st_size for file in hello.rglob("*") if file.is_file())
        assert (form.job["count"], form.job["size"]) == (4, total)
        assert {"name": "app/custom/net.py", "size": 1000} in form.job["files"]
        (app,) = form.job["apps"]
        assert (app["name"], list(app["sites"]), app["custom"]) == ("app", ["@ALL"], True)
        assert form.job["problems"] == []
        assert f"4 files, {total / 1000:.1f} kB" in repr(form)

    def test_error_disables_submit_until_rechecked(self, world, hello):
        meta = (hello / "meta.json").read_text()
        (hello / "meta.json").write_text("{")
        form = SubmitForm(world, hello)
        (problem,) = form.job["problems"]
        assert problem["severity"] == "error"
        assert submit(form)["disabled_reason"] == "fix the errors above, then re-check"
        assert f"✕ {problem['message']}" in repr(form)
        say(form, "start", action="submit")
        assert (submit(form)["state"], world.sent) == ("ready", [])
        (hello / "meta.json").write_text(meta)
        say(form, "recheck")
        wait_until(lambda: form.job["problems"] == [])
        assert submit(form)["disabled_reason"] == ""

    def test_warning_does_not(self, world, tmp_path):
        form = SubmitForm(world, make_job(tmp_path / "large", min_clients=5))
        # Who is connected is asked for, and may be known only later.
        (problem,) = wait_until(lambda: form.job["problems"])
        assert problem["severity"] == "warning"
        assert submit(form)["disabled_reason"] == ""

    def test_removed_folder_is_deselected_with_reason(self, world, hello, tmp_path):
        form = SubmitForm(world, hello)
        hello.rename(tmp_path / "away")
        say(form, "recheck")
        wait_until(lambda: not form.job)
        assert "cannot be read" in form.listing["problem"]

    def test_who_may_not_submit_sees_why(self, hello):
        world = World(role="member")
        reason = session_denial_reason(world, "submit_job")
        assert submit(SubmitForm(world, hello))["disabled_reason"] == reason != ""

    def test_session_that_only_reads(self, world, hello):
        world.read_only = True
        form = SubmitForm(world, hello)
        assert submit(form)["disabled_reason"] == session_denial_reason(world, "submit_job") != ""
        say(form, "start", action="submit")
        assert (submit(form)["state"], world.sent) == ("ready", [])
        world.read_only = False
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")


class TestSubmitting:
    def test_submit_sends_folder_and_opens_job(self, world, hello):
        before = sorted((str(path), path.stat().st_mtime_ns) for path in hello.rglob("*"))
        opened: list[str] = []
        form = SubmitForm(world, hello, opened.append)
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")
        assert (world.sent, opened) == ([str(hello)], ["16b8d043-5f0e-4c7e"])
        assert submit(form)["message"] == "submitted as job 16b8d043"
        (job,) = wait_until(lambda: form.submitted)
        assert (job["job_id"], job["name"]) == ("16b8d043-5f0e-4c7e", "hello")
        assert sorted((str(path), path.stat().st_mtime_ns) for path in hello.rglob("*")) == before
        say(form, "start", action="submit")
        wait_until(lambda: len(form.submitted) == 2)
        assert [one["job_id"][0] for one in form.submitted] == ["2", "1"]

    def test_submit_shows_progress_and_sends_once(self, world, hello):
        world.go_on.clear()
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        assert world.half_way.wait(10)
        wait_until(lambda: form.actions[0]["progress"] == 0.25)
        assert (submit(form)["state"], submit(form)["message"]) == ("running", "sending 1.0 MB of 4.0 MB")
        say(form, "start", action="submit")
        world.go_on.set()
        wait_until(lambda: submit(form)["state"] == "done")
        assert world.sent == [str(hello)]

    def test_running_upload_keeps_form_on_job(self, world, hello, tmp_path):
        world.go_on.clear()
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        assert world.half_way.wait(10)
        say(form, "back")
        say(form, "recheck")
        say(form, "open_path", path=str(tmp_path))
        wait_until(lambda: not any(thread.name == "flare-folders" for thread in threading.enumerate()))
        assert form._state()["job"]["name"] == "hello"
        world.go_on.set()
        wait_until(lambda: submit(form)["state"] == "done")
        assert form._state()["submitted"][0]["name"] == "hello"

    def test_submit_can_be_cancelled_and_restarted(self, world, hello):
        world.go_on.clear()
        form = SubmitForm(world, hello)
        assert submit(form)["is_cancellable"]
        say(form, "start", action="submit")
        assert world.half_way.wait(10)
        say(form, "cancel", action="submit")
        wait_until(lambda: submit(form)["state"] == "ready")
        assert submit(form)["message"] == "the upload was cancelled: the job was not submitted"
        assert (world.sent, form._state()["submitted"]) == ([], [])
        world.go_on.set()
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")

    def test_refusal_is_cleared_with_folder(self, world, hello):
        world.fails = InvalidJobDefinition("the server does not like it")
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "failed")
        assert submit(form)["message"] == "submit failed: the server does not like it"
        assert form._state()["submitted"] == []
        say(form, "back")
        wait_until(lambda: not form.job and submit(form)["state"] == "ready")
        assert submit(form)["message"] == ""

    def test_failing_job_view_keeps_submission(self, world, hello, caplog):
        def opened(job_id):
            raise OSError("no view today")

        form = SubmitForm(world, hello, opened)
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")
        assert len(form._state()["submitted"]) == 1
        assert "could not be shown" in caplog.text


class TestFence:
    """A form of which only a folder is to be seen, as in a Jupyter server."""

    @pytest.fixture
    def root(self, tmp_path):
        root = tmp_path / "root"
        make_job(root / "jobs" / "mine")
        make_job(tmp_path / "outside" / "secret-job")
        (root / "link").symlink_to(tmp_path / "outside")
        (root / "job-link").symlink_to(tmp_path / "outside" / "secret-job")
        return root

    def test_paths_begin_with_folder(self, world, root, tmp_path):
        form = SubmitForm(world, root / "jobs" / "mine", within=root)
        assert form.job["path"] == "root/jobs/mine"
        assert [crumb["name"] for crumb in form.listing["crumbs"]] == ["root", "jobs"]
        assert str(tmp_path) not in json.dumps(form.get_state(), default=str)

    def test_folder_that_is_job_shows_no_parent(self, world, root):
        form = SubmitForm(world, root / "jobs" / "mine", within=root / "jobs" / "mine")
        assert form.job["name"] == "mine"
        assert [crumb["name"] for crumb in form.listing["crumbs"]] == ["mine"]

    @pytest.mark.parametrize("typed", ["..", "/", "../outside/secret-job", "link", "link/secret-job", "job-link", "~"])
    def test_typed_path_leads_not_out(self, world, root, typed):
        form = SubmitForm(world, root, within=root)
        form._handle_custom_msg({"kind": "open_path", "path": typed}, [])
        wait_until(lambda: form.listing["problem"])
        assert form.listing["problem"] == "this folder is not in the root folder of the Jupyter server"
        assert form.listing["path"] == "root"
        assert form.job == {}

    def test_link_in_listing_leads_not_out(self, world, root):
        form = SubmitForm(world, root, within=root)
        number = next(f["id"] for f in form.listing["folders"] if f["name"] == "link")
        form._handle_custom_msg({"kind": "open_folder", "id": number}, [])
        wait_until(lambda: form.listing["problem"])
        assert form.job == {}

    def test_folder_swapped_for_link_is_not_sent(self, world, root, tmp_path):
        form = SubmitForm(world, root / "jobs" / "mine", within=root)
        (root / "jobs" / "mine").rename(tmp_path / "gone")
        (root / "jobs" / "mine").symlink_to(tmp_path / "outside" / "secret-job")
        form._handle_custom_msg({"kind": "start", "action": "submit"}, [])
        wait_until(lambda: form.actions[0]["state"] == "failed")
        assert world.sent == []
        assert "not in the root folder" in form.actions[0]["message"]


class TestTheEnd:
    def test_closed_session_leaves_submitted_list(self, world, hello, replaced):
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")
        assert replaced == []
        world.close()
        (left,) = replaced
        assert "submitted hello as 16b8d043-5f0e-4c7e" in left["text/plain"]
        assert "16b8d043" in left["text/html"]
        assert (form.actions, world.listeners) == ([], [])
        say(form, "start", action="submit")
        say(form, "back")
        assert (len(world.sent), form.job["name"]) == (1, "hello")

    def test_not_while_job_is_being_sent(self, world, hello, replaced):
        world.go_on.clear()
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        assert world.half_way.wait(10)
        world.close()
        assert replaced == []
        world.go_on.set()
        wait_until(lambda: replaced)
        assert "submitted hello" in replaced[0]["text/plain"]

    def test_session_that_has_ended_before(self, world, hello, replaced):
        world.closed = True
        form = SubmitForm(world, hello)
        assert len(replaced) == 1
        assert form.actions == []


class TestHostile:
    def check(self, form):
        traits(form)
        forms = form._mimebundle()
        page = Elements(forms["text/html"].partition("</style>")[2])
        assert not {"script", "b"} & page.tags
        for text in (page.words, forms["text/plain"]):
            text.encode()
            assert not {"\u202e", "\x1b"} & set(text)

    @pytest.mark.parametrize("name", [HOSTILE.replace("/", "_"), "a\nb", os.fsdecode(b"\xff\xfe"), "x" * 255, "-rf"])
    def test_hostile_file_names_are_escaped(self, world, tmp_path, name):
        job = make_job(tmp_path / name, deploy_map={"app": ["@ALL"]})
        (job / "app" / name).write_text("x")
        form = SubmitForm(world, tmp_path)
        (folder,) = form.listing["folders"]
        assert folder["name"].isprintable()
        traits(form)
        # It is gone to by a number, whatever it is called.
        say(form, "open_folder", id=folder["id"])
        wait_until(lambda: form.job)
        self.check(form)

    @pytest.mark.parametrize("word", [HOSTILE, "\ud800", "x" * 100_000])
    def test_what_meta_says_is_only_text(self, world, tmp_path, word):
        job = make_job(tmp_path / "job", name=word, min_clients=word, mandatory_clients=[word])
        meta = json.loads((job / "meta.json").read_text())
        (job / "meta.json").write_text(json.dumps({**meta, "deploy_map": {word.replace("/", "_"): [word]}}))
        form = SubmitForm(world, job)
        assert form.job["problems"]
        self.check(form)

    @pytest.mark.parametrize("meta", ["1" * 5000, '{"min_clients": ' + "1" * 5000 + "}", "[" * 100_000, "NaN", "\0"])
    def test_invalid_meta_is_reported(self, world, hello, meta):
        (hello / "meta.json").write_text(meta)
        form = SubmitForm(world, hello)
        assert submit(form)["disabled_reason"] == "fix the errors above, then re-check"
        assert form.job["problems"][0]["message"].startswith("meta.json")
        self.check(form)

    def test_hostile_job_id_is_escaped(self, world, hello):
        world.submit_job = lambda path, *, progress: HOSTILE
        form = SubmitForm(world, hello)
        say(form, "start", action="submit")
        wait_until(lambda: submit(form)["state"] == "done")
        self.check(form)


def test_lost_connection_is_told_on_top():
    world = World()
    form = SubmitForm(world)
    assert form.connection_problem == ""
    world.status = SimpleNamespace(state=SessionState.RECONNECTING, reason="reset")
    world.notify(None)
    wait_until(lambda: form.connection_problem)
    assert form.connection_problem == "no connection to fl.example.org:8002, trying again: reset"
    assert "! no connection to fl.example.org:8002" in form._mimebundle()["text/plain"]
    assert 'class="flw-banner"' in form._mimebundle()["text/html"]
