"""The job view without a notebook: its comm records what it would send."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace

import comm
import pytest
from fakes import FakeWatch
from job_session import FakeSession
from recording import RecordingComm
from waiting import wait_until

from flare_widgets.errors import AuthorizationError, InvalidArgumentError
from flare_widgets.formatting import reader_time
from flare_widgets.monitoring.job.format import describe
from flare_widgets.monitoring.job.model import Results, StatusChange, Workflow
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.results.files import ResultFile
from flare_widgets.views.core.output_handles import OutputHandles
from flare_widgets.views.core.patches import receive
from flare_widgets.views.job.view import JobView
from flare_widgets.views.job.view_model import build_view_model

WIDGET = "application/vnd.jupyter.widget-view+json"
RUNNING = JobSnapshot(
    "76b8d043-5f0e",
    name="hello-numpy",
    status="RUNNING",
    timeline=(StatusChange("SUBMITTED", 100.0, True), StatusChange("RUNNING", 101.0, True)),
    facts_at=110.0,
)
COMPLETED = replace(
    RUNNING,
    status="FINISHED:COMPLETED",
    timeline=(*RUNNING.timeline, StatusChange("FINISHED:COMPLETED", 151.0, True)),
    duration=50.0,
)


pytestmark = pytest.mark.usefixtures("recorded")


def act(view, action):
    view._handle_custom_msg({"kind": "ask", "action": action}, [])
    view._handle_custom_msg({"kind": "start", "action": action}, [])


def by_name(view):
    """Return the browser's data of each action."""
    return {one["name"]: one for one in view.actions}


def test_browser_state_has_keys_and_time():
    before = time.time()
    view = JobView(FakeWatch(RUNNING))
    state = view.get_state(["view_model", "label", "sent_at", "actions"])
    written = json.loads(json.dumps(state["view_model"]))
    assert written == json.loads(json.dumps(build_view_model(RUNNING, state["sent_at"]).to_json()))
    assert written["elapsed"] == [{"text": ["", " elapsed"], "moment": 101.0}]
    assert state["label"] == describe(RUNNING, state["sent_at"])
    assert before <= state["sent_at"] <= time.time()
    assert state["actions"] == []


def test_update_arrives_in_one_timed_message():
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    view.comm.sent.clear()
    wait_until(lambda: time.time() > view.sent_at)
    watch.learn(replace(RUNNING, name="renamed"))
    wait_until(lambda: view.comm.updates)
    (update,) = view.comm.updates
    assert update["patch"]["changes"]["view_model"]["keys"]["name"] == {"set": "renamed"}
    assert update["label"].startswith("renamed 76b8d043  RUNNING")
    assert update.keys() == {"patch", "label", "sent_at"}


def test_page_that_follows_has_what_one_that_joins_gets():
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    page = view.get_state()
    view.comm.sent.clear()
    for number in range(3):
        watch.snapshot = replace(RUNNING, name=f"renamed-{number}", facts_at=200.0 + number)
        view._send_update()
    for update in view.comm.updates:
        receive(page, update)
    assert view.revision == page["revision"] == page["patch"]["seq"] >= 3
    assert page == view.get_state()


def test_page_that_missed_a_patch_gets_the_whole():
    view = JobView(FakeWatch(RUNNING))
    view.comm.sent.clear()
    view._handle_custom_msg({"kind": "resync", "feed": "rows"}, [])
    assert view.comm.updates == []
    view._handle_custom_msg({"kind": "resync", "feed": "traits"}, [])
    (update,) = view.comm.updates
    assert update.keys() == {*JobView.patched, "revision", "patch"}
    assert update["view_model"]["name"] == "hello-numpy"
    assert update["revision"] == view.revision
    view._handle_msg({"content": {"data": {"method": "request_state"}}})  # as old front ends join
    assert view.comm.updates[-1].items() >= update.items()
    view.make_static()
    assert view.comm.updates[-1]["view_model"] == json.loads(json.dumps(view.view_model)), "what the notebook keeps"


def test_update_flood_is_limited_per_second():
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    view.comm.sent.clear()
    start = time.monotonic()
    facts_at = 200.0
    while time.monotonic() - start < 0.5:
        facts_at += 1
        watch.snapshot = replace(RUNNING, facts_at=facts_at)
        watch.listeners[0](watch.snapshot)
    wait_until(lambda: view.view_model["updated_at"] == facts_at)
    seconds = time.monotonic() - start
    assert facts_at > 300, "not a flood"
    assert len(view.comm.updates) <= 20 * seconds + 2


def test_new_view_sends_its_state_once():
    (opening,) = JobView(FakeWatch(RUNNING)).comm.sent
    assert opening["state"]["view_model"]["name"] == "hello-numpy"


def test_update_before_subscription_is_not_lost():
    class Late(FakeWatch):
        def subscribe(self, listener):
            self.snapshot = replace(RUNNING, name="renamed")
            return super().subscribe(listener)

    assert JobView(Late(RUNNING)).view_model["name"] == "renamed"


def test_job_ending_during_subscription_freezes_view():
    class Ending(FakeWatch):
        def subscribe(self, listener):
            unsubscribe = super().subscribe(listener)
            self.learn(COMPLETED)
            return unsubscribe

    watch = Ending(RUNNING)
    view = JobView(watch)
    assert view.view_model["has_ended"] is True
    assert watch.listeners == []


def test_ended_job_view_stays_an_instrument(replaced, renewed):
    watch = FakeWatch(RUNNING)
    view = JobView(watch, FakeSession())
    assert by_name(view)["abort"]["disabled_reason"] == ""
    watch.learn(COMPLETED)
    assert replaced == []
    assert renewed[-1]["text/plain"] == str(COMPLETED)
    assert "FINISHED:COMPLETED" in renewed[-1]["text/html"]
    assert view.view_model["status"] == "FINISHED:COMPLETED"
    assert by_name(view)["download"]["disabled_reason"] == ""
    assert view.has_log
    assert WIDGET in view._repr_mimebundle_()[0]
    assert watch.listeners == []
    wait_until(lambda: not any(t._timer for t in (view._throttle, view._renew_soon, view._renew_later)), 20)


def test_ended_job_changes_until_details_complete(renewed):
    watch = FakeWatch(RUNNING)
    view = JobView(watch, FakeSession())
    watch.learn(COMPLETED, done=False)
    deadline = time.monotonic() + 10
    while not view.view_model["has_ended"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert view.view_model["has_ended"] is True
    assert by_name(view)["abort"]["disabled_reason"] == "the job has ended"
    watch.learn(replace(COMPLETED, workflows=(Workflow("", "FedAvg"),)))
    assert "FedAvg" in renewed[-1]["text/html"]
    assert {"term": "workflow", "text": [{"text": ["FedAvg"]}], "updated_at": None} in view.view_model["details"]


def test_final_update_is_sent_immediately(renewed):
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    watch.learn(replace(RUNNING, facts_at=111.0))
    watch.learn(COMPLETED)
    assert "COMPLETED" in renewed[-1]["text/plain"], "who waits for the job would go on before the form is there"
    assert view.view_model["has_ended"] is True


@pytest.mark.usefixtures("renewed")
def test_static_form_is_renewed_for_new_facts_only(monkeypatch):
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    view._renew_static_form()  # the form that is shown with the view
    forms: list[dict[str, str]] = []
    monkeypatch.setattr(view._outputs, "renew", forms.append)
    watch.learn(replace(RUNNING, facts_at=111.0))
    wait_until(lambda: view.view_model["updated_at"] == 111.0)
    watch.learn(replace(RUNNING, facts_at=112.0, name="renamed"))
    wait_until(lambda: forms)
    assert "renamed" in forms[0]["text/html"], "the age alone renewed it"
    watch.learn(replace(RUNNING, facts_at=113.0, name="again"))
    wait_until(lambda: view._renew_later._timer)
    assert len(forms) == 1, "not before the interval is over"
    watch.learn(replace(RUNNING, facts_at=114.0, status="PAUSED"))
    wait_until(lambda: len(forms) == 2)
    assert "PAUSED" in forms[1]["text/html"]
    view.make_static()
    assert view._renew_later._timer is None


@pytest.mark.usefixtures("renewed")
def test_static_form_is_renewed_in_zone_of_reader(monkeypatch):
    monkeypatch.setattr(reader_time, "_zone", None)
    view = JobView(FakeWatch(RUNNING))
    view._renew_static_form()  # the form that is shown with the view
    forms: list[dict[str, str]] = []
    monkeypatch.setattr(view._outputs, "renew", forms.append)
    for zone in (None, 7, "../Berlin", "Europe/Nowhere", "x" * 5000):
        view._handle_custom_msg({"kind": "clock", "zone": zone}, [])
    assert forms == []
    view._handle_custom_msg({"kind": "clock", "zone": "Asia/Tokyo"}, [])
    wait_until(lambda: forms)
    assert "(Asia/Tokyo, UTC+09:00)" in forms[0]["text/html"]
    view._handle_custom_msg({"kind": "clock", "zone": "Asia/Tokyo"}, [])
    assert view._renew_soon._timer is None
    view.make_static()


def test_end_of_watch_replaces_view_too(replaced):
    watch = FakeWatch(RUNNING)
    JobView(watch)
    watch.learn(replace(RUNNING, trouble="the session was closed. Monitoring stopped"), done=True)
    (static,) = replaced
    assert "Monitoring stopped" in static["text/html"]
    assert "RUNNING" in static["text/plain"]


def test_concurrent_freeze_runs_once_and_waits(monkeypatch):
    entered, go_on, done = threading.Event(), threading.Event(), []

    def slow(self, data):
        entered.set()
        assert go_on.wait(10)
        done.append(data)

    monkeypatch.setattr(OutputHandles, "replace", slow)
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    first = threading.Thread(target=view.make_static)
    first.start()
    assert entered.wait(10)
    seen = []

    def freeze():
        view.make_static()
        seen.append(len(done))

    second = threading.Thread(target=freeze)
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)
    assert seen == [1]
    assert len(done) == 1


def test_after_freeze_nothing_is_sent():
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    listener = watch.listeners[0]
    view.make_static()
    view.comm.sent.clear()
    watch.snapshot = COMPLETED
    listener(COMPLETED)
    assert view.comm.sent == []


def test_ended_job_view_starts_settled():
    watch = FakeWatch(COMPLETED)
    view = JobView(watch, FakeSession())
    assert by_name(view)["clone"]["disabled_reason"] == ""
    assert watch.listeners == []
    assert WIDGET in view._repr_mimebundle_()[0]


def test_every_form_is_in_bundle():
    view = JobView(FakeWatch(RUNNING))
    data, _ = view._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == view.model_id
    assert data["text/plain"] == str(RUNNING) == repr(view)
    assert "hello-numpy" in data["text/html"]
    assert "RUNNING" in data["text/html"]


def test_bundle_is_cheap():
    view = JobView(FakeWatch(RUNNING))
    view._repr_mimebundle_()
    start = time.perf_counter()
    for _ in range(50):
        view._repr_mimebundle_()
    assert (time.perf_counter() - start) / 50 < 0.02


def test_closed_widget_still_has_static_forms():
    view = JobView(FakeWatch(RUNNING))
    view.close()
    assert "RUNNING" in view._mimebundle()["text/html"]


def test_browser_can_ask_for_time():
    view = JobView(FakeWatch(RUNNING))
    before = time.time()
    view._handle_custom_msg({"kind": "clock"}, [])
    (answer,) = view.comm.answers
    assert answer["kind"] == "clock"
    assert before <= answer["now"] <= time.time()


@pytest.mark.parametrize(
    "nonsense", [None, [], "abort", {}, {"kind": "shutdown"}, {"kind": "start", "action": "submit"}]
)
def test_other_messages_do_nothing(nonsense):
    session = FakeSession()
    view = JobView(FakeWatch(RUNNING), session)
    view.comm.sent.clear()
    view._handle_custom_msg(nonsense, [])
    assert not session.asked
    assert view.comm.sent == []


class TestActions:
    @pytest.fixture
    def session(self):
        return FakeSession()

    @pytest.fixture
    def watch(self):
        return FakeWatch(RUNNING)

    @pytest.fixture
    def view(self, watch, session):
        return JobView(watch, session)

    def test_what_running_job_offers(self, view):
        assert {name: one["disabled_reason"] for name, one in by_name(view).items()} == {
            "download": "there are no results to download while it is RUNNING",
            "clone": "",
            "abort": "",
            "delete": "only a job that has ended can be deleted while it is RUNNING",
        }

    def test_lost_job_can_only_be_cloned(self, session):
        lost = replace(RUNNING, absent_seen_at=200.0, server_started_at=150.0)
        reasons = {name: one["disabled_reason"] for name, one in by_name(JobView(FakeWatch(lost), session)).items()}
        assert reasons["clone"] == ""
        assert reasons["abort"] == "no process runs it any more: clone it to run it again"
        assert reasons["download"] == reasons["delete"]
        assert "the server still lists it as RUNNING" in reasons["delete"]

    def test_nothing_is_offered_while_server_does_not_answer(self, session):
        cut = replace(RUNNING, trouble="no connection", trouble_label="reconnecting (2)")
        view = by_name(JobView(FakeWatch(cut), session))
        assert {view[name]["disabled_reason"] for name in ("abort", "clone")} == {"the server does not answer now"}
        unwatched = replace(cut, trouble="your callback raised", trouble_label="not monitored")
        assert by_name(JobView(FakeWatch(unwatched), session))["abort"]["disabled_reason"] == ""

    def test_what_ended_job_offers(self, session):
        view = JobView(FakeWatch(COMPLETED), session)
        reasons = {name: one["disabled_reason"] for name, one in by_name(view).items()}
        assert reasons == {"download": "", "clone": "", "abort": "the job has ended", "delete": ""}

    @pytest.mark.parametrize(
        ("role", "name", "grey"),
        [
            ("project_admin", "admin@nvidia.com", {"abort"}),
            ("lead", "ada@example.org", {"abort"}),
            ("lead", "bob@example.org", {"abort", "clone", "delete", "download"}),
            ("member", "ada@example.org", {"abort", "clone", "delete", "download"}),
            ("org_admin", "ada@example.org", {"abort", "clone"}),
        ],
    )
    def test_what_each_role_is_offered(self, role, name, grey):
        watch = FakeWatch(replace(COMPLETED, submitter="ada@example.org"))
        view = JobView(watch, FakeSession(role, name))
        assert {action for action, one in by_name(view).items() if one["disabled_reason"]} == grey

    def test_abort(self, view, session):
        act(view, "abort")
        assert session.asked[0][0] == "abort_job 76b8d043-5f0e"
        assert not session.asked[0][1].done(), "the click does not wait for the answer"
        wait_until(lambda: by_name(view)["abort"]["state"] == "asked")
        session.answer("Abort signal has been sent to the server app.")
        wait_until(lambda: by_name(view)["abort"]["state"] == "done")
        assert by_name(view)["abort"]["message"] == "abort requested: Abort signal has been sent to the server app."
        assert "requested" in by_name(view)["abort"]["disabled_reason"]
        act(view, "abort")
        assert len(session.asked) == 1

    def test_new_status_closes_matter(self, view, watch, session):
        act(view, "abort")
        session.answer("sent")
        watch.learn(replace(RUNNING, facts_at=112.0))
        wait_until(lambda: view.view_model["updated_at"] == 112.0 and by_name(view)["abort"]["state"] == "done")
        watch.learn(replace(RUNNING, status="PAUSED"))
        wait_until(lambda: by_name(view)["abort"]["state"] == "ready")
        assert by_name(view)["abort"]["disabled_reason"] == ""

    def test_late_answer_does_not_reopen_action(self, view, watch, session):
        act(view, "abort")
        watch.learn(replace(RUNNING, status="PAUSED"))
        session.answer("sent")
        wait_until(lambda: by_name(view)["abort"]["state"] == "ready")
        assert by_name(view)["abort"]["message"] == ""

    def test_refused_action_can_be_retried(self, view, session):
        act(view, "abort")
        session.answer(AuthorizationError("user lead@x may not abort"))
        wait_until(lambda: by_name(view)["abort"]["state"] == "failed")
        assert by_name(view)["abort"]["message"] == "abort failed: user lead@x may not abort"
        act(view, "abort")
        assert len(session.asked) == 2

    def test_clone_shows_monitor_command(self, view, session):
        act(view, "clone")
        assert session.asked[0][0] == "clone_job 76b8d043-5f0e"
        session.answer("1a2b3c4d-0000-1111")
        wait_until(lambda: by_name(view)["clone"]["state"] == "done")
        words = "cloned as 1a2b3c4d-0000-1111: %flare monitor 1a2b3c4d shows it"
        assert by_name(view)["clone"]["message"] == words

    def test_delete(self, session):
        view = JobView(FakeWatch(COMPLETED), session)
        assert "This cannot be undone" in by_name(view)["delete"]["question"]
        act(view, "delete")
        assert session.asked[0][0] == "delete_job 76b8d043-5f0e"
        session.answer({"job_id": "76b8d043-5f0e"})
        wait_until(lambda: by_name(view)["delete"]["state"] == "done")
        assert {one["disabled_reason"] for name, one in by_name(view).items() if name != "abort"} == {
            "the job was deleted"
        }
        html = view._mimebundle()["text/html"]
        assert "deleted: the job and its results are gone from the server" in html
        assert "%flare download" not in html

    def test_download(self, session):
        view = JobView(FakeWatch(COMPLETED), session, folder="/data")
        act(view, "download")
        wait_until(lambda: by_name(view)["download"]["message"] == "received 1.0 MB")
        assert by_name(view)["delete"]["disabled_reason"] == "it is being downloaded"
        session.go_on.set()
        wait_until(lambda: by_name(view)["download"]["state"] == "done")
        assert by_name(view)["download"]["message"] == "downloaded to /data/hello-numpy-76b8d043"
        assert session.downloads == [("76b8d043-5f0e", "/data")]

    def test_without_session_nothing_can_be_asked(self, watch):
        view = JobView(watch)
        assert view.actions == []
        act(view, "abort")

    def test_after_freeze_nothing_is_done(self, view, session):
        view.make_static()
        act(view, "abort")
        assert session.asked == []
        assert view.actions == []

    def test_pending_action_outcome_updates_static_form(self, session, replaced):
        view = JobView(FakeWatch(COMPLETED), session)
        act(view, "download")
        wait_until(lambda: session.downloads)
        view.make_static()
        assert "downloaded to" not in replaced[-1]["text/html"]
        session.go_on.set()
        wait_until(lambda: len(replaced) == 2)
        assert "downloaded to results/hello-numpy-76b8d043" in replaced[-1]["text/html"]

    def test_ended_view_stays_live_until_frozen(self, session, replaced):
        watch = FakeWatch(RUNNING)
        view = JobView(watch, session)
        watch.learn(COMPLETED)
        view.make_static()
        assert len(replaced) == 1
        assert WIDGET not in view._repr_mimebundle_()[0]
        assert view.actions == []

    def test_action_of_ended_job_renews_static_form(self, session, renewed):
        watch = FakeWatch(RUNNING)
        view = JobView(watch, session)
        watch.learn(COMPLETED)
        act(view, "clone")
        session.answer("1a2b3c4d-0000-1111")
        wait_until(lambda: "cloned as 1a2b3c4d" in renewed[-1]["text/html"])
        view.make_static()

    def test_ended_job_static_form_names_commands(self, view, watch):
        assert "%flare" not in view._mimebundle()["text/html"]
        watch.learn(COMPLETED)
        assert "%flare download 76b8d043 fetches its results" in view._mimebundle()["text/html"]


class TestClicksWhileACellRuns:
    def test_browsers_choice_of_thread_stands(self, monkeypatch):
        class Ipykernel74Comm(RecordingComm):
            def _reply_subshell_for(self, data, default):
                return "the thread that used the comm last"

        monkeypatch.setattr(comm, "create_comm", Ipykernel74Comm)
        view = JobView(FakeWatch(RUNNING))
        assert view.comm._reply_subshell_for({"method": "custom"}, "subshell-1") == "subshell-1"
        assert view.comm._reply_subshell_for({"method": "custom"}, None) is None

    def test_kernels_without_subshells_are_unchanged(self):
        assert not hasattr(JobView(FakeWatch(RUNNING)).comm, "_reply_subshell_for")

    def test_ipykernel_still_asks_that_method(self):
        """When this fails, ipykernel routes messages another way: find out which, and mend JobView."""
        kernelbase = pytest.importorskip("ipykernel.kernelbase", reason="needs ipykernel")
        import inspect

        from ipykernel._version import version_info
        from ipykernel.comm.comm import BaseComm as KernelComm

        if version_info < (7, 4):
            assert not hasattr(KernelComm, "_reply_subshell_for")
            return
        assert hasattr(KernelComm, "_reply_subshell_for")
        assert 'getattr(comm, "_reply_subshell_for"' in inspect.getsource(kernelbase.Kernel.shell_channel_thread_main)


FILES = (
    ResultFile("workspace/models/server.npy", 5_000_000, "model"),
    ResultFile("workspace/log.txt", 100, "log"),
)
WITH_RESULT = replace(COMPLETED, recorded=Results(files=FILES))


class FileSession(FakeSession):
    """A session that downloads single files."""

    def __init__(self):
        super().__init__()
        self.files = []

    def download_result_file(self, job_id, path, destination=None, *, progress=None):
        self.files.append((job_id, path, destination))
        progress(1, 0)
        return f"{destination}/{path}"


def test_result_of_ended_job_lists_its_files(tmp_path):
    watch, session = FakeWatch(RUNNING), FileSession()
    view = JobView(watch, session, folder=str(tmp_path))
    assert (view.result, view.file_actions) == ({}, {})
    watch.learn(WITH_RESULT)
    wait_until(lambda: view.result)
    (model,) = view.result["models"]
    assert (model["name"], model["action"]) == ("models/server.npy", "fetch models/server.npy")
    assert view.result["tree"]["summary"] == "2 files, 5.0 MB"
    act(view, model["action"])
    wait_until(lambda: view.file_actions["actions"] and view.file_actions["actions"][0]["state"] == "done")
    folder = str(tmp_path / "hello-numpy-76b8d043-parts")
    assert session.files == [("76b8d043-5f0e", "workspace/models/server.npy", folder)]
    html = view._mimebundle()["text/html"]
    assert '<summary>Result <span class="flw-aside">2 files, 5.0 MB</span></summary>' in html
    assert "<summary>models/ " in html
    assert "<code>server.npy</code>" in html


def test_result_without_session_has_no_buttons():
    view = JobView(FakeWatch(WITH_RESULT))
    assert view.result["models"][0]["action"] == ""
    assert view.file_actions == {}


def test_view_is_handle_on_job():
    session = FakeSession()
    session.job = lambda job_id: SimpleNamespace(
        id=job_id,
        abort=lambda: "aborted",
        clone=lambda: "its clone",
        logs=lambda target: {"logs": {target: "text"}},
        report=lambda path: f"written to {path}",
    )
    view = JobView(FakeWatch(WITH_RESULT), session)
    assert (view.job_id, view.status, view.job.id) == ("76b8d043-5f0e", "FINISHED:COMPLETED", "76b8d043-5f0e")
    assert view.metrics == WITH_RESULT.metrics
    assert view.snapshot is view.wait(5)
    assert view.abort() == "aborted"
    assert view.clone() == "its clone"
    assert view.report("r.html") == "written to r.html"
    assert view.report() == "written to ."
    assert view.logs("site-1") == {"logs": {"site-1": "text"}}
    with pytest.raises(InvalidArgumentError, match="without a session"):
        JobView(FakeWatch(RUNNING)).abort()


def test_view_waits_until_job_has_ended():
    watch = FakeWatch(RUNNING)
    view = JobView(watch)
    threading.Timer(0.1, lambda: watch.learn(COMPLETED)).start()
    assert view.wait(10).status == "FINISHED:COMPLETED"
