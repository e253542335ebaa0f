"""Actions without a notebook: wishes in, the trait out."""

from __future__ import annotations

import concurrent.futures
import json
import logging
import threading
import time
from typing import Any

import pytest

from flare_widgets.errors import AuthorizationError, TransferCancelled
from flare_widgets.views.core.actions import Action, Actions


class Desk:
    """Actions, and what was told of them."""

    def __init__(self, *offers):
        self.told: list[dict[str, Any]] = []
        self.actions = Actions(offers, lambda: self.told.append(self.one()))

    def one(self, name=None):
        described = self.actions.to_json()
        json.dumps(described)
        return described[0] if name is None else next(d for d in described if d["name"] == name)

    def act(self, name="go", **more):
        self.actions.handle_message({"kind": "ask", "action": name})
        return self.actions.handle_message({"kind": "start", "action": name, **more})

    def until(self, *states):
        end = time.monotonic() + 10
        while self.one()["state"] not in states:
            assert time.monotonic() < end, f"still {self.one()}"
            time.sleep(0.005)
        return self.one()


@pytest.fixture
def future():
    return concurrent.futures.Future()


def test_what_browser_gets():
    action = Action(
        "delete",
        "Delete",
        run=print,
        is_destructive=True,
        question="Delete it?",
        required_text="it",
        cancel_label="Keep it",
    )
    assert Desk(action).one() == {
        "name": "delete",
        "label": "Delete",
        "is_destructive": True,
        "emphasis": "danger",
        "question": "Delete it?",
        "required_text": "it",
        "confirm_label": "Yes, delete",
        "cancel_label": "Keep it",
        "is_cancellable": False,
        "disabled_reason": "",
        "state": "ready",
        "message": "",
        "progress": None,
        "revision": 0,
    }


class TestStart:
    def test_success(self, future):
        desk = Desk(Action("go", "Go", start=lambda _: future, describe_result=lambda said: f"gone: {said}"))
        assert desk.act()
        assert desk.one()["state"] == "asked"
        future.set_result("far away")
        assert (desk.one()["state"], desk.one()["message"]) == ("done", "gone: far away")
        assert [told["state"] for told in desk.told] == ["asked", "done"]
        assert desk.actions.outcomes == ["gone: far away"]

    def test_refusal_says_errors_sentence(self, future):
        desk = Desk(Action("go", "Go", start=lambda _: future))
        desk.act()
        future.set_exception(AuthorizationError("user lead@x is not authorized"))
        assert (desk.one()["state"], desk.one()["message"]) == ("failed", "go failed: user lead@x is not authorized")

    def test_unexpected_failure_is_named_and_logged(self, future, caplog):
        desk = Desk(Action("go", "Go", start=lambda _: future))
        desk.act()
        with caplog.at_level(logging.ERROR, "flare_widgets"):
            future.set_exception(KeyError("x"))
        assert desk.one()["message"] == "go failed: KeyError: 'x'"
        assert "go failed" in caplog.text

    def test_cancelled_request(self, future):
        desk = Desk(Action("go", "Go", start=lambda _: future))
        desk.act()
        future.cancel()
        assert desk.one()["state"] == "failed"
        assert "cancelled" in desk.one()["message"]

    def test_session_that_refuses_at_once(self):
        def closed(_):
            raise AuthorizationError("the session is closed")

        desk = Desk(Action("go", "Go", start=closed))
        desk.act()
        assert desk.one()["message"] == "go failed: the session is closed"

    def test_second_click_is_ignored_but_acknowledged(self):
        futures: list[concurrent.futures.Future[str]] = []

        def start(_):
            futures.append(concurrent.futures.Future())
            return futures[-1]

        desk = Desk(Action("go", "Go", start=start))
        desk.act()
        desk.act()
        assert len(futures) == 1
        assert desk.one()["revision"] == 2
        futures[0].set_exception(AuthorizationError("no"))
        desk.act()
        futures[1].set_result("yes")
        assert desk.one()["message"] == "yes"


class TestWork:
    def test_work_runs_in_named_background_thread(self):
        go_on, seen = threading.Event(), []

        def work(doing):
            seen.append(threading.current_thread().name)
            assert go_on.wait(10)
            return "there"

        desk = Desk(Action("go", "Go", run=work))
        desk.act()
        assert desk.one()["state"] == "asked"
        go_on.set()
        assert desk.until("done")["message"] == "there"
        assert seen == ["flare-action"]

    def test_transfer_says_how_far_it_is(self):
        go_on = threading.Event()

        def work(doing):
            tell = doing.progress_callback("received")
            assert tell(0, 0) is True
            assert tell(1_500_000, 0) is True
            assert desk.one()["message"] == "received 1.5 MB"
            assert desk.one()["progress"] is None
            assert tell(500, 1000) is True
            assert go_on.wait(10)
            return "there"

        desk = Desk(Action("go", "Go", run=work))
        desk.act()
        end = time.monotonic() + 10
        while desk.one()["progress"] != 0.5:
            assert time.monotonic() < end
            time.sleep(0.005)
        assert desk.one()["message"] == "received 500 B of 1.0 kB"
        go_on.set()
        desk.until("done")
        assert desk.one()["progress"] is None

    def test_cancel(self):
        begun = threading.Event()

        def work(doing):
            tell = doing.progress_callback("received")
            begun.set()
            while tell(1, 0):
                time.sleep(0.005)
            raise TransferCancelled("the download was cancelled: nothing was kept")

        desk = Desk(Action("go", "Go", run=work, is_cancellable=True))
        desk.act()
        assert begun.wait(10)
        assert desk.actions.handle_message({"kind": "cancel", "action": "go"})
        ended = desk.until("ready")
        assert ended["message"] == "the download was cancelled: nothing was kept"
        assert "cancelling…" in [told["message"] for told in desk.told]
        assert desk.actions.outcomes == []

    def test_uncancellable_work_ignores_cancel(self):
        go_on, doings = threading.Event(), []

        def work(doing):
            doings.append(doing)
            assert go_on.wait(10)
            return ""

        desk = Desk(Action("go", "Go", run=work))
        desk.act()
        desk.actions.handle_message({"kind": "cancel", "action": "go"})
        go_on.set()
        desk.until("done")
        assert not doings[0].cancelled

    def test_arguments_reach_it(self):
        seen = []

        def run(doing):
            seen.append(doing.arguments["site"])
            return "ok"

        desk = Desk(Action("go", "Go", run=run))
        desk.act(arguments={"site": "site-1"})
        desk.until("done")
        assert seen == ["site-1"]


class TestRefused:
    def test_disabled_action_click_is_refused(self):
        done: Any = []
        desk = Desk(Action("go", "Go", start=done.append, disabled_reason=lambda: "the job has ended"))
        desk.act()
        assert not done
        assert desk.one()["disabled_reason"] == "the job has ended"
        assert desk.one()["state"] == "ready"
        assert desk.told[-1]["revision"] == 1, "the browser waits for an answer"

    @pytest.mark.parametrize("typed", [None, "", "site-2", ["site-1"]])
    def test_word_must_be_typed(self, typed):
        done: Any = []
        desk = Desk(Action("go", "Go", start=done.append, required_text="site-1"))
        desk.act(typed=typed)
        assert not done
        assert desk.one()["state"] == "ready"

    def test_word_was_typed(self, future):
        desk = Desk(Action("go", "Go", start=lambda _: future, required_text="site-1"))
        desk.act(typed="site-1")
        assert desk.one()["state"] == "asked"

    @pytest.mark.parametrize(
        "nonsense",
        [
            {},
            {"kind": "start"},
            {"kind": "start", "action": "stop"},
            {"kind": "start", "action": []},
            {"kind": "other"},
        ],
    )
    def test_other_messages_are_not_for_it(self, nonsense):
        desk = Desk(Action("go", "Go", start=lambda _: pytest.fail("it was started")))
        assert not desk.actions.handle_message(nonsense)
        assert desk.told == []

    def test_arguments_that_are_none(self):
        seen = []

        def run(doing):
            seen.append(dict(doing.arguments))
            return ""

        desk = Desk(Action("go", "Go", run=run))
        desk.act(arguments="rm -rf")
        desk.until("done")
        assert seen == [{}]


def test_hostile_words_are_cleaned_and_bounded(future):
    desk = Desk(Action("go", "Go", start=lambda _: future, disabled_reason=lambda: "\x1b[2Jno\n\u202e"))
    assert desk.one()["disabled_reason"] == "�[2Jno �"
    desk = Desk(Action("go", "Go", start=lambda _: future))
    desk.act()
    future.set_result("\x1b]0;title\x07" + "x" * 5000)
    assert "\x1b" not in desk.one()["message"]
    assert len(desk.one()["message"]) == 500


def test_finished_outcome_can_be_reset(future):
    desk = Desk(Action("go", "Go", start=lambda _: future))
    desk.act()
    desk.actions.reset("go")
    assert desk.one()["state"] == "asked", "it is under way"
    future.set_result("gone")
    desk.actions.reset("go")
    assert (desk.one()["state"], desk.one()["message"]) == ("ready", "")
    told = len(desk.told)
    desk.actions.reset("go")
    assert len(desk.told) == told


CONFIRMED = [
    {"question": "Abort it?"},
    {"required_text": "go"},
    {"is_destructive": True},
    {"question": "Abort it?", "is_destructive": True, "required_text": "go"},
]


class TestConfirmation:
    """The kernel asks too: one message of a page destroys nothing."""

    def make(self, settings):
        self.done: list[object] = []
        return Desk(Action("go", "Go", run=self.done.append, describe_result=lambda _: "", **settings))

    def start(self, desk):
        desk.actions.handle_message({"kind": "start", "action": "go", "typed": "go"})
        desk.until("done", "failed")
        return len(self.done)

    @pytest.mark.parametrize("settings", CONFIRMED)
    def test_start_that_was_not_asked_is_refused(self, settings):
        desk = self.make(settings)
        assert self.start(desk) == 0
        assert desk.one()["message"] == "go: it was not confirmed in time: press the button again"

    @pytest.mark.parametrize("settings", CONFIRMED)
    def test_start_after_question_is_done_once(self, settings):
        desk = self.make(settings)
        desk.actions.handle_message({"kind": "ask", "action": "go"})
        assert self.start(desk) == 1
        assert self.start(desk) == 1

    @pytest.mark.parametrize("settings", CONFIRMED)
    def test_dismissed_question_is_asked_again(self, settings):
        desk = self.make(settings)
        desk.actions.handle_message({"kind": "ask", "action": "go"})
        desk.actions.handle_message({"kind": "dismiss", "action": "go"})
        assert self.start(desk) == 0

    def test_old_question_is_asked_again(self, monkeypatch):
        desk = self.make(CONFIRMED[0])
        desk.actions.handle_message({"kind": "ask", "action": "go"})
        now = time.monotonic()
        with monkeypatch.context() as patch:
            patch.setattr("flare_widgets.views.core.actions.time.monotonic", lambda: now + 601)
            desk.actions.handle_message({"kind": "start", "action": "go", "typed": "go"})
        assert self.done == []

    def test_harmless_action_needs_no_question(self):
        assert self.start(self.make({})) == 1
