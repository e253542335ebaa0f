"""The badge of a session and the switcher of all: real sessions, with a server that nearly is one."""

from __future__ import annotations

import json
import re
import time
from datetime import timedelta
from types import SimpleNamespace

import kits
import pytest
from fakes import FakeSubject
from recording import Elements
from servers import FlareServer
from waiting import wait_until

from flare_widgets.api import SessionState
from flare_widgets.manager import SessionManager
from flare_widgets.views.session.view import SessionBadge, SessionSwitcher
from flare_widgets.views.session.view_model import certificate_text, state_text

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m"
NONE = "No session. %flare connect KIT opens one."


pytestmark = pytest.mark.usefixtures("replaced")


@pytest.fixture
def port():
    with FlareServer().running() as port:
        yield port


@pytest.fixture
def kit(tmp_path, port):
    return kits.write_kit(tmp_path / "ada", host="127.0.0.1", port=port)


@pytest.fixture
def manager():
    manager = SessionManager()
    yield manager
    manager.close_all()


def say(view, kind, **more):
    """Send what a browser would."""
    if kind == "start":
        view._handle_custom_msg({"kind": "ask", **more}, [])
    view._handle_custom_msg({"kind": kind, **more}, [])


def states(view):
    return {session["name"]: session["state"] for session in view.sessions}


class Scripted(FakeSubject):
    """A session whose words are a test's."""

    def __init__(self, word="x", state=SessionState.READY, closed=False):
        super().__init__()
        expires = kits.NOW + timedelta(days=300)
        self.kit = SimpleNamespace(
            username=word, role=word, organization=word, address=f"{word}:8002", expires_at=expires
        )
        self.study, self.closed = word, closed
        self.status = SimpleNamespace(state=state, reason=word, since=time.time() - 300)

    def subscribe(self, listener):
        # As a session does: it tells at once how it stands, too.
        listener(self.status)
        return super().subscribe(listener)


class TestBadge:
    def test_badge_shows_user_server_and_state(self, manager, kit, port):
        session = manager.open(kit, study="heart").session
        badge = SessionBadge(session)
        (facts,) = badge.sessions
        assert {key: facts[key] for key in ("username", "role_and_org", "address", "study", "state")} == {
            "username": "ada@example.org",
            "role_and_org": "lead, example",
            "address": f"127.0.0.1:{port}",
            "study": "heart",
            "state": "ready",
        }
        assert (badge.can_switch, badge.actions) == (False, {})
        assert badge.label.startswith(f"ada@example.org  lead, example  →  127.0.0.1:{port}  study heart  ready for ")
        assert repr(badge).startswith("ada@example.org  lead, example")
        say(badge, "clock")
        assert badge.comm.answers[-1]["kind"] == "clock"

    def test_badge_follows_disconnect_and_reconnect(self, tmp_path, manager):
        server = FlareServer()
        with server.running() as port:
            session = manager.open(kits.write_kit(tmp_path / "ada", host="127.0.0.1", port=port)).session
            badge = SessionBadge(session)
            assert badge.sessions[0]["state"] == "ready"
        wait_until(lambda: badge.sessions[0]["state"] == "reconnecting")
        assert "reconnecting for" in badge.label
        assert badge.sessions[0]["trouble"].startswith(f"no connection to 127.0.0.1:{port}, trying again")
        with server.running(port):
            wait_until(lambda: badge.sessions[0]["state"] == "ready")
            session.close()

    def test_closed_session_leaves_static_form(self, manager, kit, replaced):
        session = manager.open(kit).session
        badge = SessionBadge(session)
        assert replaced == []
        session.close()
        wait_until(lambda: replaced)
        assert replaced[0]["text/plain"].endswith("  closed")
        assert re.search(r"</span> closed</span>", replaced[0]["text/html"])
        assert badge.sessions[0]["state"] == "closed"

    def test_closed_session_badge_is_static(self, replaced):
        session = Scripted(state=SessionState.CLOSED, closed=True)
        badge = SessionBadge(session)
        assert len(replaced) == 1
        assert badge.sessions[0]["state"] == "closed"
        assert "application/vnd.jupyter.widget-view+json" not in badge._repr_mimebundle_()[0]

    @pytest.mark.parametrize(
        ("days", "words"), [(300, ""), (5, "the certificate expires in 5 days"), (-1, "the certificate has expired")]
    )
    def test_certificate_that_ends_soon_is_said(self, days, words):
        session = Scripted()
        session.kit.expires_at = kits.NOW + timedelta(days=days, hours=1)
        badge = SessionBadge(session)
        for text in (badge.label, repr(badge), badge._mimebundle()["text/html"]):
            assert words in text
            assert ("the certificate" in text) == bool(words)
        badge.make_static()
        assert session.listeners == []


@pytest.mark.parametrize(
    ("state", "after", "text", "severity"),
    [
        ("ready", 7300, "ready for 2 h 1 min", "good"),
        ("reconnecting", 12, "reconnecting for 12 s", "warn"),
        ("connecting", 1, "connecting for 1 s", "unknown"),
        ("expired", 2000, "idle; logs in again at the next command", "unknown"),
        ("closed", 60, "closed 1 min ago: reset", "bad"),
        ("dreaming\x1b", 1, "dreaming\ufffd", "unknown"),
    ],
)
def test_state_text_of_each_state(state, after, text, severity):
    found = state_text(state, 1000.0, "reset")
    assert (found.text_at(1000.0 + after), found.severity_at(1000.0 + after)) == (text, severity)


def test_session_closed_on_purpose_is_no_problem():
    found = state_text("closed", 1000.0, "")
    assert (found.text_at(1060.0), found.severity_at(1060.0)) == ("closed", "unknown")


@pytest.mark.parametrize(
    ("days_left", "text"),
    [
        (30, ""),
        (29.9, "the certificate expires in 29 days"),
        (1.5, "the certificate expires in 36 h"),
        (0.5, "the certificate expires today: ask the project admin for a new startup kit"),
        (-0.1, "the certificate has expired: ask the project admin for a new startup kit"),
    ],
)
def test_certificate_text_changes_as_days_pass(days_left, text):
    assert certificate_text(1e9).text_at(1e9 - days_left * 86_400) == text


class TestSwitcher:
    def test_switcher_lists_all_and_marks_current(self, manager, kit):
        assert SessionSwitcher(manager).label == "no session, current: none"
        manager.open(kit, "one")
        manager.open(kit, "two", study="heart")
        switcher = SessionSwitcher(manager)
        assert states(switcher) == {"one": "ready", "two": "ready"}
        assert (switcher.can_switch, switcher.current) == (True, "two")
        assert switcher.label == "2 sessions, current: two"
        assert [line[:5] for line in repr(switcher).splitlines()] == ["  one", "▸ two"]
        rows = switcher._mimebundle()["text/html"].partition("</style>")[2].split("<li")
        (current,) = [row for row in rows if "flw-session-current" in row]
        assert "two" in current

    def test_it_follows_what_comes_and_goes(self, manager, kit):
        switcher = SessionSwitcher(manager)
        assert repr(switcher) == NONE
        first = manager.open(kit, "one")
        wait_until(lambda: states(switcher) == {"one": "ready"} and switcher.current == "one")
        manager.open(kit, "two")
        wait_until(lambda: switcher.label == "2 sessions, current: two")
        wait_until(lambda: set(switcher.actions) == {"one", "two"})
        first.session.close()  # behind the manager's back: it is there still, and closed
        wait_until(lambda: states(switcher) == {"one": "closed", "two": "ready"})
        manager.close_all()
        wait_until(lambda: switcher.label == "no session, current: none")
        assert (switcher.actions, switcher._subscriptions) == ({}, {})

    def test_switcher_click_changes_current(self, manager, kit):
        manager.open(kit, "one")
        manager.open(kit, "two")
        switcher = SessionSwitcher(manager)
        say(switcher, "use", name="one")
        assert manager.current == "one"
        wait_until(lambda: switcher.current == "one")

    @pytest.mark.parametrize(
        "wish",
        [
            {"kind": "use"},
            {"kind": "use", "name": "three"},
            {"kind": "use", "name": ["one"]},
            {"kind": "start", "action": "close three"},
            {"kind": "start", "action": {}},
            {"kind": "cancel", "action": "close one"},
        ],
    )
    def test_nonsense_does_nothing(self, manager, kit, wish):
        manager.open(kit, "one")
        manager.open(kit, "two")
        switcher = SessionSwitcher(manager)
        switcher._handle_custom_msg(wish, [])
        assert (list(manager.sessions), manager.current) == (["one", "two"], "two")

    def test_one_is_closed_after_question(self, manager, kit):
        first = manager.open(kit, "one")
        manager.open(kit, "two")
        switcher = SessionSwitcher(manager)
        (close,) = wait_until(lambda: switcher.actions.get("one"))
        assert (close["label"], close["confirm_label"], close["disabled_reason"]) == ("Close", "Log out", "")
        assert close["question"] == "Log out of one? Its jobs go on."
        say(switcher, "start", action="close one")
        wait_until(lambda: states(switcher) == {"two": "ready"})
        assert first.session.closed
        assert (list(manager.sessions), manager.current, set(switcher.actions)) == (["two"], "two", {"two"})
        # Another one of that name is not taken for it.
        manager.open(kit, "one")
        wait_until(lambda: "one" in switcher.actions)
        assert (switcher.actions["one"][0]["state"], switcher.actions["one"][0]["message"]) == ("ready", "")

    def test_closing_current_session_leaves_none(self, manager, kit):
        manager.open(kit, "one")
        manager.open(kit, "two")
        switcher = SessionSwitcher(manager)
        say(switcher, "start", action="close two")
        wait_until(lambda: switcher.label == "1 session, current: none")
        assert switcher.current == ""

    def test_closed_session_is_saved_at_once(self, manager, kit, renewed):
        manager.open(kit, "one")
        switcher = SessionSwitcher(manager)
        switcher._ipython_display_()
        manager.open(kit, "two")
        wait_until(lambda: renewed and "▸ two" in renewed[-1]["text/plain"])
        # Sooner than the ten seconds that may pass until other news is in the file.
        manager.close_all()
        wait_until(lambda: renewed[-1]["text/plain"] == NONE, 8)

    def test_what_fails_is_told(self, manager, kit, monkeypatch):
        manager.open(kit, "one")
        switcher = SessionSwitcher(manager)

        def fail(name):
            raise OSError("the disk is full")

        monkeypatch.setattr(manager, "close", fail)
        say(switcher, "start", action="close one")
        wait_until(lambda: [one["state"] for one in switcher.actions.get("one", [])] == ["failed"])
        assert switcher.actions["one"][0]["message"] == "close failed: OSError: the disk is full"

    def test_frozen_it_is_picture(self, manager, kit, replaced):
        manager.open(kit, "one")
        manager.open(kit, "two")
        switcher = SessionSwitcher(manager)
        switcher.make_static()
        assert "▸ two" in replaced[0]["text/plain"]
        assert switcher.actions == {}
        say(switcher, "use", name="one")
        say(switcher, "start", action="close one")
        manager.open(kit, "three")
        assert (list(manager.sessions), manager.current) == (["one", "two", "three"], "three")
        assert (set(states(switcher)), switcher._subscriptions) == ({"one", "two"}, {})


class TestHostile:
    class Manager(SimpleNamespace):
        def observe(self, *_):
            pass

        unobserve = observe

    @pytest.mark.parametrize("word", [HOSTILE, "a\nb", "x" * 10_000])
    @pytest.mark.parametrize("state", list(SessionState))
    def test_certificate_and_server_text_is_escaped(self, word, state):
        session = Scripted(word, state)
        managed = {word: SimpleNamespace(session=session)}
        for view in (SessionBadge(session), SessionSwitcher(self.Manager(sessions=managed, current=word))):
            view.make_static()
            json.dumps(view.get_state(), default=str, ensure_ascii=False, allow_nan=False).encode()
            forms = view._mimebundle()
            page = Elements(forms["text/html"].partition("</style>")[2])
            assert "script" not in page.tags
            assert not {name for name in page.attributes if name.startswith("on") or name in ("src", "href")}
            for text in (page.words, forms["text/plain"], view.label):
                text.encode()
                assert not {"\u202e", "\x1b"} & set(text)
                assert len(text) < 3000
            assert "\n" not in view.label

    def test_name_in_question_is_only_text(self):
        managed = {HOSTILE: SimpleNamespace(session=Scripted())}
        switcher = SessionSwitcher(self.Manager(sessions=managed, current=""))
        (close,) = wait_until(lambda: switcher.actions.get(HOSTILE))
        assert close["question"] == "Log out of <script>alert(1)</script>\ufffd\ufffd[31m? Its jobs go on."
        switcher.make_static()
