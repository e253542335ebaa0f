"""Actions on a server and its sites from the system view, without a server."""

from __future__ import annotations

import concurrent.futures
import json
import threading
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from fakes import FakeSubject
from recording import Elements
from waiting import wait_until

from flare_widgets.api.models import ClientInfo, ServerInfo, SystemInfo
from flare_widgets.api.permissions import session_denial_reason
from flare_widgets.errors import AuthorizationError, JobNotDone, NoConnection
from flare_widgets.monitoring.system.snapshot import Site, SiteJob, SystemSnapshot
from flare_widgets.views.system import actions as system_actions
from flare_widgets.views.system.actions import SystemActions
from flare_widgets.views.system.view import SystemView

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"


class World(FakeSubject):
    """A session and its watch in one: a server with sites that does what it is told, or what a test says.

    Attributes
    ----------
    asked
        What was asked of the server, in order.
    answers
        What `get_system_info` returns or raises, one after the other; the last one for ever.
    fails
        What is raised by anything else that is asked.
    """

    def __init__(self, *sites, role="project_admin", address="fl.example.org:8002"):
        super().__init__()
        self.kit = SimpleNamespace(username="ann@h.org", organization="h", role=role, address=address)
        self.read_only, self.done, self.paused, self.fails = False, False, False, None
        self.asked, self.learned, self.looks = [], [], 0
        self.go_on = threading.Event()
        self.go_on.set()
        now = time.time()
        self.snapshot = SystemSnapshot(
            address=address, sites=tuple(Site(name, last_seen=now) for name in sites), facts_at=now
        )
        self.answers = [self.info(1.0, *sites)]

    @staticmethod
    def info(started, *sites):
        return SystemInfo(ServerInfo("started", started), [ClientInfo(name, 1.0) for name in sites], [])

    def know(self, **news):
        self.snapshot = replace(self.snapshot, **news)

    def site(self, name, **news):
        self.know(sites=tuple(replace(s, **news) if s.name == name else s for s in self.snapshot.sites))

    # -- the session

    def start(self, command):
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        self.asked.append(command.line)
        future.set_exception(self.fails) if self.fails else future.set_result({})
        return future

    def restart(self, kind, names=None, *, timeout):
        self._do(f"restart {kind} {names}")

    def shutdown(self, kind, names=None, *, timeout):
        self._do(f"shutdown {kind} {names}")

    def get_system_info(self):
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _do(self, what):
        self.asked.append(what)
        assert self.go_on.wait(10)
        if self.fails:
            raise self.fails

    # -- the watch

    def refresh(self):
        self.looks += 1

    def update(self, info):
        self.learned.append(info)

    def resume(self):
        pass

    def pause(self):
        pass

    def stop(self):
        self.done = True


class Desk:
    """The actions of a world, for the server and for each site, and what was told of them."""

    def __init__(self, world, *names):
        self.told: list[None] = []
        self.actions = SystemActions(world, world, lambda: self.told.append(None))
        for name in names:
            self.actions.add_actions_for(name)

    def one(self, name):
        (found,) = [a for actions in self.actions.to_json().values() for a in actions if a["name"] == name]
        return found

    def offered(self, name):
        return [action["label"] for action in self.actions.to_json()[name]]

    def act(self, name, **more):
        self.actions.handle_message({"kind": "ask", "action": name})
        return self.actions.handle_message({"kind": "start", "action": name, **more})

    def done(self, name, **more):
        """Do it to the end; how it stands then, and in which words."""
        self.act(name, **more)
        wait_until(lambda: not self.actions.is_busy)
        return self.one(name)["state"], self.one(name)["message"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(system_actions, "_POLL_INTERVAL_S", 0.001)


class TestOffers:
    def test_actions_only_for_unfolded_known_sites(self):
        desk = Desk(World("site-1"))
        assert desk.actions.to_json() == {}
        desk.actions.add_actions_for("site-9")
        assert desk.actions.to_json() == {}
        assert not desk.told
        assert not desk.act("restart site-1", typed="site-1")
        desk.actions.add_actions_for("site-1")
        desk.actions.add_actions_for("server")
        assert len(desk.told) == 2
        assert set(desk.actions.to_json()) == {"site-1", "server"}

    def test_site_offers_disable_or_enable(self):
        world = World("site-1")
        desk = Desk(world, "server", "site-1")
        assert desk.offered("server") == ["Restart server and sites", "Shut down server and sites"]
        assert desk.offered("site-1") == ["Restart", "Shut down", "Disable"]
        world.site("site-1", disabled=True, connected=False)
        assert desk.offered("site-1") == ["Restart", "Shut down", "Enable"]

    def test_repeated_unfolding_keeps_outcome(self):
        desk = Desk(World("site-1"), "site-1")
        desk.done("disable site-1", typed="site-1")
        desk.actions.add_actions_for("site-1")
        assert desk.one("disable site-1")["message"] == "site-1 is disabled"

    @pytest.mark.parametrize("role", ["project_admin", "org_admin", "lead", "a role of their own"])
    def test_who_may(self, role):
        desk = Desk(World("site-1", role=role), "server", "site-1")
        reasons = {a["disabled_reason"] for name in ("server", "site-1") for a in desk.actions.to_json()[name]}
        assert reasons == {""}

    def test_who_may_not_sees_why(self):
        world = World("site-1", role="member")
        desk = Desk(world, "server", "site-1")
        for name, command in (
            ("restart server", "restart"),
            ("stop site-1", "shutdown"),
            ("disable site-1", "disable_client"),
        ):
            assert desk.one(name)["disabled_reason"] == session_denial_reason(world, command) != ""

    def test_read_only_session_disables_all_actions(self):
        world = World("site-1", "site-2")
        world.site("site-2", disabled=True, connected=False)
        desk = Desk(world, "server", "site-1", "site-2")
        world.read_only = True
        reasons = [a["disabled_reason"] for actions in desk.actions.to_json().values() for a in actions]
        assert reasons == [session_denial_reason(world, "restart")] * 8
        assert all(reasons)
        desk.act("stop server", typed="fl.example.org")
        desk.act("enable site-2")
        assert not desk.actions.is_busy
        assert world.asked == []
        world.read_only = False
        assert desk.one("restart server")["disabled_reason"] == ""


class TestGrey:
    def reasons(self, world):
        desk = Desk(world, "server", "site-1")
        return {a["name"]: a["disabled_reason"] for actions in desk.actions.to_json().values() for a in actions}

    def test_running_jobs_allow_only_disable(self):
        world = World("site-1")
        world.know(jobs=(SiteJob("j1"),))
        reasons = self.reasons(world)
        assert reasons.pop("disable site-1") == ""
        assert all(reason.startswith("jobs are running") for reason in reasons.values())

    def test_disconnected_site_can_be_disabled(self):
        world = World("site-1")
        world.site("site-1", connected=False)
        reasons = self.reasons(world)
        assert reasons["restart site-1"] == reasons["stop site-1"] == "it is not connected"
        assert reasons["disable site-1"] == reasons["restart server"] == ""

    def test_lost_server_or_session_disables_actions(self):
        world = World("site-1")
        world.know(trouble="no connection to fl.example.org:8002, trying again (2)")
        assert set(self.reasons(world).values()) == {"the server does not answer now"}
        world.done = True
        assert set(self.reasons(world).values()) == {"the session has ended"}

    def test_late_request_is_refused_and_acknowledged(self):
        world = World("site-1")
        desk = Desk(world, "site-1")
        world.know(jobs=(SiteJob("j1"),))
        assert desk.act("restart site-1", typed="site-1")
        assert (desk.one("restart site-1")["state"], desk.one("restart site-1")["revision"]) == ("ready", 1)
        assert world.asked == []


class TestTyped:
    @pytest.mark.parametrize("typed", [{}, {"typed": ""}, {"typed": "site-2"}, {"typed": True}, {"typed": ["site-1"]}])
    @pytest.mark.parametrize("action", ["restart", "stop", "disable"])
    def test_another_word_does_nothing(self, action, typed):
        world = World("site-1")
        desk = Desk(world, "site-1")
        assert desk.one(f"{action} site-1")["required_text"] == "site-1"
        assert desk.act(f"{action} site-1", **typed)
        assert not desk.actions.is_busy
        assert (desk.one(f"{action} site-1")["revision"], world.asked, world.looks) == (1, [], 0)

    @pytest.mark.parametrize(
        ("address", "word"),
        [("fl.example.org:8002", "fl.example.org"), ("[::1]:8002", "::1"), ("127.0.0.1:8002", "127.0.0.1")],
    )
    def test_for_server_it_is_host(self, address, word):
        world = World(address=address)
        desk = Desk(world, "server")
        assert [a["required_text"] for a in desk.actions.to_json()["server"]] == [word, word]
        assert all(f"Type {word} to do it" in a["question"] for a in desk.actions.to_json()["server"])
        desk.act("stop server", typed="server")
        assert world.asked == []
        assert desk.done("stop server", typed=word)[0] == "done"

    def test_harmless_action_needs_no_confirmation(self):
        world = World("site-1")
        world.site("site-1", disabled=True)
        enable = Desk(world, "site-1").one("enable site-1")
        assert (enable["required_text"], enable["question"], enable["is_destructive"]) == ("", "", False)


class TestDoing:
    def test_site_is_disabled_and_enabled(self):
        world = World("site-1", "site-2")
        desk = Desk(world, "site-1")
        assert desk.done("disable site-1", typed="site-1") == ("done", "site-1 is disabled")
        world.site("site-1", disabled=True, connected=False)
        # What came of it is still said, though it is not offered any more.
        assert desk.one("disable site-1")["message"] == "site-1 is disabled"
        assert desk.done("enable site-1") == ("done", "site-1 is enabled: it may connect again")
        assert world.asked == ["disable_client site-1", "enable_client site-1"]
        assert world.looks == 2
        assert desk.actions.outcomes == ["site-1 is disabled", "site-1 is enabled: it may connect again"]

    def test_site_is_restarted_and_waited_for(self):
        world = World("site-1")
        world.go_on.clear()
        desk = Desk(world, "site-1")
        desk.act("restart site-1", typed="site-1")
        wait_until(lambda: world.asked)
        assert desk.one("restart site-1")["message"] == "asked; waiting until it is back"
        assert desk.actions.is_busy
        desk.act("restart site-1", typed="site-1")  # a second click
        world.go_on.set()
        wait_until(lambda: not desk.actions.is_busy)
        assert desk.one("restart site-1")["message"] == "site-1 was restarted and is connected again"
        assert world.asked == ["restart client ['site-1']"]
        assert world.looks == 1

    def test_site_and_all_are_shut_down(self):
        world = World("site-1")
        desk = Desk(world, "server", "site-1")
        assert desk.done("stop site-1", typed="site-1") == ("done", "site-1 was shut down")
        assert desk.done("stop server", typed="fl.example.org") == ("done", "the server and its sites were shut down")
        assert world.asked == ["shutdown client ['site-1']", "shutdown all None"]
        assert world.looks == 2

    @pytest.mark.parametrize(
        ("action", "words"),
        [
            ("restart", "site-1 was told to restart, but is not back after 90 s"),
            ("stop", "site-1 was told to shut down, but not gone after 90 s"),
        ],
    )
    def test_timeout_is_reported_and_state_refreshed(self, action, words):
        world = World("site-1")
        world.fails = TimeoutError()
        desk = Desk(world, "site-1")
        assert desk.done(f"{action} site-1", typed="site-1") == ("done", words)
        assert world.looks == 1

    @pytest.mark.parametrize("action", ["restart", "stop", "disable"])
    def test_refusal_quotes_server_and_allows_retry(self, action):
        world = World("site-1")
        world.fails = AuthorizationError("user ann@h.org is not authorized for it")
        desk = Desk(world, "site-1")
        state, words = desk.done(f"{action} site-1", typed="site-1")
        assert state == "failed"
        assert words.endswith(" failed: user ann@h.org is not authorized for it")
        world.fails = None
        assert desk.done(f"{action} site-1", typed="site-1")[0] == "done"
        assert len(world.asked) == 2


class TestRestartOfAll:
    def test_restart_waits_for_server_and_sites(self):
        world = World("site-1", "site-2")
        world.answers = [
            world.info(1.0, "site-1", "site-2"),
            world.info(1.0, "site-1", "site-2"),  # the old one, which has not ended yet
            NoConnection("cannot connect"),
            world.info(2.0),
            world.info(2.0, "site-2"),
            world.info(2.0, "site-1", "site-2"),
        ]
        desk = Desk(world, "server")
        assert desk.done("restart server", typed="fl.example.org") == (
            "done",
            "the server and all its sites were restarted and are connected again",
        )
        assert world.asked == ["restart server"]
        assert [len(info.client_info) for info in world.learned] == [0, 1, 2]

    def test_restart_reports_progress_and_missing_sites(self, monkeypatch):
        monkeypatch.setattr(system_actions, "_TIMEOUT_S", 0.3)
        world = World("site-1", "site-2")
        world.answers = [world.info(1.0, "site-1", "site-2"), world.info(2.0, "site-1")]
        desk = Desk(world, "server")
        desk.act("restart server", typed="fl.example.org")
        wait_until(lambda: "1 of 2 sites are still to come" in desk.one("restart server")["message"])
        wait_until(lambda: not desk.actions.is_busy)
        assert "but not everything is back after" in desk.one("restart server")["message"]

    def test_refused_restart_is_not_awaited(self):
        world = World("site-1")
        world.fails = JobNotDone("there are still running jobs: abort them first")
        desk = Desk(world, "server")
        assert desk.done("restart server", typed="fl.example.org") == (
            "failed",
            "restart server and sites failed: there are still running jobs: abort them first",
        )


@pytest.mark.parametrize("name", [HOSTILE, "site 1; shutdown all", "a\nshutdown all", "-\udcff", "", "ü"])
def test_unaddressable_site_is_never_sent(name):
    world = World(name, "site-1")
    desk = Desk(world, name)
    assert {a["disabled_reason"] for a in desk.actions.to_json()[name]} == {"FLARE's commands cannot name it"}
    for action in ("restart", "stop", "disable", "enable"):
        desk.act(f"{action} {name}", typed=name)
    assert not desk.actions.is_busy
    assert world.asked == []


@pytest.mark.usefixtures("replaced")
class TestInTheView:
    def say(self, view, kind, **more):
        if kind == "start":
            view._handle_custom_msg({"kind": "ask", **more}, [])
        view._handle_custom_msg({"kind": kind, **more}, [])

    def test_listener_called_during_construction_updates_view(self, monkeypatch):
        """As a watch does: from its callback thread, before `subscribe` returns."""
        world = World("site-1")
        subscribe, failed = world.subscribe, []

        def call_at_once(listener):
            def call():
                try:
                    listener(world.snapshot)
                except Exception as error:
                    failed.append(error)

            thread = threading.Thread(target=call)
            thread.start()
            thread.join()
            return subscribe(listener)

        monkeypatch.setattr(world, "subscribe", call_at_once)
        view = SystemView(world, world)
        assert failed == []
        assert "site-1" in str(view.view_model)

    def test_unfolded_actions_are_carried_out(self):
        world = World("site-1")
        view = SystemView(world, world)
        assert view.actions == {}
        self.say(view, "show_actions", name="site-1")
        wait_until(lambda: view.actions)
        assert [a["name"] for a in view.actions["site-1"]] == ["restart site-1", "stop site-1", "disable site-1"]
        self.say(view, "start", action="disable site-1", typed="site-1")
        wait_until(lambda: view.actions["site-1"][2]["state"] == "done")
        assert world.asked == ["disable_client site-1"]
        self.say(view, "clock")
        assert view.comm.answers[-1]["kind"] == "clock"
        view.make_static()

    def test_site_that_goes_is_saved_at_once(self, renewed):
        world = World("site-1", "site-2")
        view = SystemView(world, world)
        view._ipython_display_()
        world.site("site-1", disabled=True)
        world.listeners[0](world.snapshot)
        wait_until(lambda: renewed)
        # Sooner than the ten seconds that may pass until other news is in the file.
        world.site("site-2", connected=False)
        world.listeners[0](world.snapshot)
        wait_until(lambda: "not connected" in renewed[-1]["text/plain"], 8)
        view.make_static()

    def test_server_shutdown_outcome_is_shown(self, replaced):
        world = World("site-1")
        world.go_on.clear()
        view = SystemView(world, world)
        self.say(view, "show_actions", name="server")
        self.say(view, "start", action="stop server", typed="fl.example.org")
        wait_until(lambda: world.asked)
        world.done = True  # the session has ended with the server
        for listener in list(world.listeners):
            listener(world.snapshot)
        assert replaced == []
        world.go_on.set()
        wait_until(lambda: replaced)
        assert "the server and its sites were shut down" in replaced[0]["text/plain"]
        assert "the server and its sites were shut down" in replaced[0]["text/html"]
        assert view.actions == {}

    @pytest.mark.parametrize("session", [None, "frozen"])
    def test_no_actions_without_open_session(self, session):
        world = World("site-1")
        view = SystemView(world, None if session is None else world)
        if session:
            self.say(view, "show_actions", name="site-1")
            view.make_static()
        self.say(view, "show_actions", name="site-1")
        self.say(view, "start", action="disable site-1", typed="site-1")
        assert (view.actions, world.asked) == ({}, [])

    @pytest.mark.parametrize(
        "wish",
        [
            {"kind": "show_actions"},
            {"kind": "show_actions", "name": ["site-1"]},
            {"kind": "start"},
            {"kind": "start", "action": {}},
            {"kind": "cancel", "action": "restart site-1"},
        ],
    )
    def test_nonsense_does_nothing(self, wish):
        world = World("site-1")
        view = SystemView(world, world)
        view._handle_custom_msg(wish, [])
        assert (view.actions, world.asked) == ({}, [])
        view.make_static()

    def test_hostile_names_are_only_text(self):
        world = World(HOSTILE)
        view = SystemView(world, world)
        self.say(view, "show_actions", name=HOSTILE)
        wait_until(lambda: view.actions)
        (actions,) = view.actions.values()
        assert json.dumps(view.get_state(), default=str, ensure_ascii=False).encode()
        said = " ".join(f"{a['question']} {a['message']} {a['disabled_reason']}" for a in actions)
        assert not {"\u202e", "\x1b"} & set(said)
        view.make_static()
        forms = view._mimebundle()
        page = Elements(forms["text/html"].partition("</style>")[2])
        assert "script" not in page.tags
        assert "<script>alert(1)</script>" in page.words
        assert not {"\u202e", "\x1b"} & set(page.words + forms["text/plain"])
