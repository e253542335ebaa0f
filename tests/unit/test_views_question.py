"""A question in a view: who is heard, what is answered, and what stays."""

from __future__ import annotations

import threading
import time

import pytest
from recording import Elements

from flare_widgets.views.core.confirm import ConfirmationView

HOSTILE = "<script>alert(1)</script>\u202e\x1b[31m'\"&"


pytestmark = pytest.mark.usefixtures("replaced")


def asked(view, *messages, patience=20):
    """Ask, while a front end sends messages, and return what was answered."""

    def send():
        for message in messages:
            view._handle_custom_msg(message, [])

    browser = threading.Thread(target=send)
    browser.start()
    answer = view.ask(patience)
    browser.join(10)
    return answer


@pytest.mark.parametrize(("answer", "words"), [(True, "Delete it? → Delete"), (False, "Delete it? → Cancel")])
def test_first_answer_counts_and_stays(replaced, answer, words):
    view = ConfirmationView("Delete it?", "Delete")
    messages = [
        {"kind": "clock"},
        {"kind": "answer", "is_confirmed": answer},
        {"kind": "answer", "is_confirmed": not answer},
    ]
    assert asked(view, *messages) is answer
    assert [form["text/plain"] for form in replaced] == [words]
    assert words.partition(" → ")[2] in replaced[0]["text/html"]


def test_question_without_frontend_returns_at_once(replaced):
    began = time.monotonic()
    assert ConfirmationView("Delete it?", "Delete").ask(0.2) is None
    assert time.monotonic() - began < 5
    assert "not answered here" in replaced[0]["text/plain"]


@pytest.mark.parametrize(
    "wish", [{"kind": "answer"}, {"kind": "answer", "is_confirmed": "true"}, {"kind": "answer", "is_confirmed": 1}]
)
def test_only_yes_or_no_is_answer(wish):
    assert asked(ConfirmationView("Delete it?", "Delete"), wish, {"kind": "answer", "is_confirmed": False}) is False


def test_interrupt_leaves_static_form(replaced):
    view = ConfirmationView("Delete it?", "Delete")

    class Interrupted(threading.Event):
        def wait(self, timeout=None):
            raise KeyboardInterrupt

    view._answered = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        asked(view, {"kind": "clock"})
    assert "not answered here" in replaced[0]["text/plain"]
    view._handle_custom_msg({"kind": "answer", "is_confirmed": True}, [])  # too late
    assert view.answer is None


def test_hostile_words_are_only_text(replaced):
    view = ConfirmationView(HOSTILE, "Delete")
    assert asked(view, {"kind": "answer", "is_confirmed": False}) is False
    assert "\x1b" not in replaced[0]["text/plain"]
    assert "\u202e" not in replaced[0]["text/plain"]
    page = Elements(replaced[0]["text/html"])
    assert "script" not in page.tags
    assert "<script>alert(1)</script>" in page.words
