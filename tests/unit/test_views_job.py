"""The job view without a notebook: its comm records what it would send."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import threading
import time
from dataclasses import replace

import comm
import pytest
from comm.base_comm import BaseComm

from flare_widgets.errors import AuthorizationError
from flare_widgets.monitoring.snapshot import JobSnapshot, StatusChange
from flare_widgets.monitoring.text import describe
from flare_widgets.views.job import JobView
from flare_widgets.views.outputs import Outputs

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


class FakeWatch:
    """A watch that knows what the test tells it."""

    def __init__(self, snapshot=RUNNING):
        self.job_id = snapshot.job_id
        self.snapshot = snapshot
        self.done = snapshot.ended
        self.listeners = []

    def subscribe(self, listener):
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener) if listener in self.listeners else None

    def learn(self, snapshot, done=None):
        """Have a thread bring news, as the monitor does, and wait until the listeners have them."""
        self.done = snapshot.ended if done is None else done
        self.snapshot = snapshot
        told = [threading.Thread(target=listener, args=(snapshot,)) for listener in list(self.listeners)]
        for thread in told:
            thread.start()
        for thread in told:
            thread.join(10)
            assert not thread.is_alive()


class RecordingComm(BaseComm):
    """A comm that keeps what is sent over it."""

    def __init__(self, *args, **kwargs):
        self.sent = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type, data=None, **_):
        # As the kernel does: what cannot be JSON fails here.
        self.sent.append(json.loads(json.dumps(data)))

    @property
    def updates(self):
        return [data["state"] for data in self.sent if data and data.get("method") == "update"]

    @property
    def answers(self):
        return [data["content"] for data in self.sent if data and data.get("method") == "custom"]


@pytest.fixture(autouse=True)
def recorded(monkeypatch):
    monkeypatch.setattr(comm, "create_comm", RecordingComm)


@pytest.fixture
def replaced(monkeypatch):
    """What was put in place of a view's outputs."""
    data = []
    monkeypatch.setattr(Outputs, "replace", lambda self, static: data.append(static))
    return data


def click_abort(view):
    view._handle_custom_msg({"kind": "abort"}, [])


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.005)


def test_the_browser_gets_the_whole_snapshot_and_the_time():
    before = time.time()
    view = JobView(FakeWatch())
    state = view.get_state(["snapshot", "sentence", "sent_at", "can_abort", "abort_state"])
    assert JobSnapshot.from_json(state["snapshot"]) == RUNNING
    assert state["sentence"] == describe(RUNNING, state["sent_at"])
    assert before <= state["sent_at"] <= time.time()
    assert state["can_abort"] is False
    assert state["abort_state"] == {"state": "idle", "words": ""}


def test_news_come_in_one_message_with_their_time():
    watch = FakeWatch()
    view = JobView(watch)
    view.comm.sent.clear()
    wait_for(lambda: time.time() > view.sent_at)
    watch.learn(replace(RUNNING, name="renamed"))
    wait_for(lambda: view.comm.updates)
    (update,) = view.comm.updates
    assert update["snapshot"]["name"] == "renamed"
    assert update["sentence"].startswith("renamed 76b8d043  RUNNING")
    assert update.keys() == {"snapshot", "sentence", "sent_at"}


def test_a_flood_of_news_becomes_at_most_twenty_messages_a_second():
    watch = FakeWatch()
    view = JobView(watch)
    view.comm.sent.clear()
    start = time.monotonic()
    facts_at = 200.0
    while time.monotonic() - start < 0.5:
        facts_at += 1
        watch.snapshot = replace(RUNNING, facts_at=facts_at)
        watch.listeners[0](watch.snapshot)
    wait_for(lambda: view.comm.updates and view.comm.updates[-1]["snapshot"]["facts_at"] == facts_at)
    seconds = time.monotonic() - start
    assert facts_at > 300, "not a flood"
    assert len(view.comm.updates) <= 20 * seconds + 2


def test_news_between_the_first_look_and_the_subscription_are_not_lost():
    class Late(FakeWatch):
        def subscribe(self, listener):
            self.snapshot = replace(RUNNING, name="renamed")
            return super().subscribe(listener)

    assert JobView(Late()).snapshot["name"] == "renamed"


def test_a_job_that_ends_during_the_subscription_freezes_the_view():
    class Ending(FakeWatch):
        def subscribe(self, listener):
            unsubscribe = super().subscribe(listener)
            self.learn(COMPLETED)
            return unsubscribe

    watch = Ending()
    view = JobView(watch)
    assert view.snapshot["ended"] is True
    assert watch.listeners == []


def test_the_end_of_the_job_replaces_the_view(replaced):
    watch = FakeWatch()
    view = JobView(watch, abort=concurrent.futures.Future)
    assert view.can_abort
    watch.learn(COMPLETED)
    (static,) = replaced
    assert static["text/plain"] == str(COMPLETED)
    assert "FINISHED:COMPLETED" in static["text/html"]
    assert WIDGET not in static
    # A view inside a container stays alive: it has the last facts, and offers nothing.
    assert view.snapshot["status"] == "FINISHED:COMPLETED"
    assert not view.can_abort
    assert watch.listeners == []


def test_a_job_that_has_ended_is_drawn_live_until_all_is_known_of_it(replaced):
    watch = FakeWatch()
    view = JobView(watch, abort=concurrent.futures.Future)
    watch.learn(COMPLETED, done=False)
    deadline = time.monotonic() + 10
    while not view.snapshot["ended"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert view.snapshot["ended"] is True
    assert not view.can_abort
    assert replaced == []
    watch.learn(replace(COMPLETED, workflow="FedAvg"))
    assert len(replaced) == 1
    assert view.snapshot["workflow"] == "FedAvg"


def test_the_last_news_do_not_wait_their_turn(replaced):
    watch = FakeWatch()
    view = JobView(watch)
    watch.learn(replace(RUNNING, facts_at=111.0))
    watch.learn(COMPLETED)
    assert replaced, "who waits for the job would have gone on before the static form was there"
    assert view.snapshot["ended"] is True


def test_the_end_of_the_watch_replaces_the_view_too(replaced):
    watch = FakeWatch()
    JobView(watch)
    watch.learn(replace(RUNNING, trouble="the session was closed. Nobody watches this job any more"), done=True)
    (static,) = replaced
    assert "Nobody watches this job any more" in static["text/html"]
    assert "RUNNING" in static["text/plain"]


def test_freeze_is_done_once_and_when_it_returns_it_is_done(monkeypatch):
    entered, go_on, done = threading.Event(), threading.Event(), []

    def slow(self, data):
        entered.set()
        assert go_on.wait(10)
        done.append(data)

    monkeypatch.setattr(Outputs, "replace", slow)
    watch = FakeWatch()
    view = JobView(watch)
    first = threading.Thread(target=view.freeze)
    first.start()
    assert entered.wait(10)
    seen = []
    second = threading.Thread(target=lambda: (view.freeze(), seen.append(len(done))))
    second.start()
    go_on.set()
    first.join(10)
    second.join(10)
    assert seen == [1]
    assert len(done) == 1


def test_after_the_freeze_nothing_is_sent():
    watch = FakeWatch()
    view = JobView(watch)
    listener = watch.listeners[0]
    view.freeze()
    view.comm.sent.clear()
    watch.snapshot = COMPLETED
    listener(COMPLETED)
    assert view.comm.sent == []


def test_a_view_of_an_ended_job_is_static_from_the_start():
    watch = FakeWatch(COMPLETED)
    view = JobView(watch, abort=concurrent.futures.Future)
    assert not view.can_abort
    assert watch.listeners == []
    data, _ = view._repr_mimebundle_()
    assert data.keys() == {"text/plain", "text/html"}


def test_every_form_is_in_the_bundle():
    view = JobView(FakeWatch())
    data, _ = view._repr_mimebundle_()
    assert data[WIDGET]["model_id"] == view.model_id
    assert data["text/plain"] == str(RUNNING) == repr(view)
    assert "hello-numpy" in data["text/html"]
    assert "RUNNING" in data["text/html"]


def test_the_bundle_is_cheap():
    view = JobView(FakeWatch())
    view._repr_mimebundle_()
    start = time.perf_counter()
    for _ in range(50):
        view._repr_mimebundle_()
    assert (time.perf_counter() - start) / 50 < 0.02


def test_a_closed_widget_still_has_its_static_forms():
    view = JobView(FakeWatch())
    view.close()
    assert "RUNNING" in view._forms()["text/html"]


def test_the_browser_can_ask_for_the_time():
    view = JobView(FakeWatch())
    before = time.time()
    view._handle_custom_msg({"kind": "clock"}, [])
    (answer,) = view.comm.answers
    assert answer["kind"] == "clock"
    assert before <= answer["now"] <= time.time()


@pytest.mark.parametrize("nonsense", [None, [], "abort", {}, {"kind": "shutdown"}])
def test_other_messages_do_nothing(nonsense):
    asked = []
    view = JobView(FakeWatch(), abort=lambda: asked.append(1))
    view.comm.sent.clear()
    view._handle_custom_msg(nonsense, [])
    assert not asked
    assert view.comm.sent == []


class TestAbort:
    @pytest.fixture
    def future(self):
        return concurrent.futures.Future()

    @pytest.fixture
    def watch(self):
        return FakeWatch()

    @pytest.fixture
    def view(self, watch, future):
        return JobView(watch, abort=lambda: future)

    def test_success(self, view, future):
        click_abort(view)
        assert view.abort_state == {"state": "asked", "words": ""}
        future.set_result("Abort signal has been sent to the server app.")
        assert view.abort_state == {"state": "sent", "words": "Abort signal has been sent to the server app."}
        assert [u["abort_state"]["state"] for u in view.comm.updates if "abort_state" in u] == ["asked", "sent"]

    def test_refusal_by_the_server(self, view, future):
        click_abort(view)
        future.set_exception(AuthorizationError("user lead@x may not abort"))
        assert view.abort_state == {"state": "failed", "words": "user lead@x may not abort"}

    def test_a_failure_of_another_kind_names_its_kind_and_is_logged(self, view, future, caplog):
        click_abort(view)
        with caplog.at_level(logging.ERROR, "flare_widgets"):
            future.set_exception(KeyError("x"))
        assert view.abort_state == {"state": "failed", "words": "KeyError: 'x'"}
        assert "aborting job 76b8d043-5f0e failed" in caplog.text

    def test_a_cancelled_request(self, view, future):
        click_abort(view)
        future.cancel()
        assert view.abort_state["state"] == "failed"
        assert "cancelled" in view.abort_state["words"]

    def test_a_session_that_refuses_at_once(self, watch):
        def closed():
            raise AuthorizationError("the session is closed")

        view = JobView(watch, abort=closed)
        click_abort(view)
        assert view.abort_state == {"state": "failed", "words": "the session is closed"}

    def test_the_click_does_not_wait_for_the_answer(self, view, future):
        click_abort(view)
        assert not future.done()
        assert view.abort_state["state"] == "asked"

    def test_a_second_click_asks_nothing(self, watch):
        asked = []

        def abort():
            asked.append(concurrent.futures.Future())
            return asked[-1]

        view = JobView(watch, abort=abort)
        click_abort(view)
        click_abort(view)
        asked[0].set_result("sent")
        click_abort(view)
        assert len(asked) == 1

    def test_after_a_failure_it_can_be_tried_again(self, watch):
        asked = []

        def abort():
            asked.append(concurrent.futures.Future())
            return asked[-1]

        view = JobView(watch, abort=abort)
        click_abort(view)
        asked[0].set_exception(AuthorizationError("no"))
        click_abort(view)
        asked[1].set_result("yes")
        assert view.abort_state == {"state": "sent", "words": "yes"}

    def test_a_new_status_closes_the_matter(self, view, watch, future):
        click_abort(view)
        future.set_result("sent")
        watch.learn(replace(RUNNING, facts_at=112.0))
        wait_for(lambda: view.snapshot["facts_at"] == 112.0)
        assert view.abort_state["state"] == "sent"
        watch.learn(replace(RUNNING, status="PAUSED"))
        wait_for(lambda: view.abort_state["state"] == "idle")

    def test_an_answer_after_a_new_status_does_not_open_it_again(self, view, watch, future):
        click_abort(view)
        watch.learn(replace(RUNNING, status="PAUSED"))
        future.set_result("sent")
        assert view.abort_state["state"] == "idle"

    def test_without_a_session_nothing_can_be_asked(self, watch):
        view = JobView(watch)
        assert not view.can_abort
        click_abort(view)
        assert view.abort_state["state"] == "idle"

    def test_an_ended_job_cannot_be_aborted(self, view, watch, future):
        watch.learn(COMPLETED)
        click_abort(view)
        assert view.abort_state["state"] == "idle"


class TestClicksWhileACellRuns:
    def test_the_browsers_choice_of_thread_stands(self, monkeypatch):
        class Ipykernel74Comm(RecordingComm):
            def _reply_subshell_for(self, data, default):
                return "the thread that used the comm last"

        monkeypatch.setattr(comm, "create_comm", Ipykernel74Comm)
        view = JobView(FakeWatch())
        assert view.comm._reply_subshell_for({"method": "custom"}, "subshell-1") == "subshell-1"
        assert view.comm._reply_subshell_for({"method": "custom"}, None) is None

    def test_kernels_that_have_no_such_method_are_left_alone(self):
        assert not hasattr(JobView(FakeWatch()).comm, "_reply_subshell_for")

    def test_ipykernel_still_asks_that_method(self):
        """When this fails, ipykernel routes messages another way: find out which, and mend JobView."""
        kernelbase = pytest.importorskip("ipykernel.kernelbase", reason="needs ipykernel")
        import inspect

        import ipykernel
        from ipykernel.comm.comm import BaseComm as KernelComm

        if ipykernel.version_info < (7, 4):
            assert not hasattr(KernelComm, "_reply_subshell_for")
            return
        assert hasattr(KernelComm, "_reply_subshell_for")
        assert 'getattr(comm, "_reply_subshell_for"' in inspect.getsource(kernelbase.Kernel.shell_channel_thread_main)
