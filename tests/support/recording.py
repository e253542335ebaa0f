"""A comm that records, and a page taken apart, for the tests of views."""

from __future__ import annotations

import html.parser
import json

import comm
from comm.base_comm import BaseComm

from flare_widgets.views.core.output_handles import OutputHandles


class RecordingComm(BaseComm):
    """A comm that keeps what is sent over it."""

    def __init__(self, *args, **kwargs):
        self.sent = []
        super().__init__(*args, **kwargs)

    def publish_msg(self, msg_type, data=None, metadata=None, buffers=None, **_):
        # As the kernel does: what cannot be JSON fails here.
        self.sent.append(json.loads(json.dumps(data)))

    @property
    def updates(self):
        return [data["state"] for data in self.sent if data and data.get("method") == "update"]

    @property
    def answers(self):
        return [data["content"] for data in self.sent if data and data.get("method") == "custom"]

    @property
    def rows(self):
        return [message for message in self.answers if message["kind"] == "rows"]


def record(monkeypatch):
    """Have views send into the void, and return what they leave in their place in the end, as it comes."""
    left = []
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    monkeypatch.setattr(OutputHandles, "replace", lambda self, make_static: left.append(make_static()))
    return left


def record_renewals(monkeypatch):
    """Have views send into the void, as if an output showed each; return the static forms that stand beside them."""
    renewed = []
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    monkeypatch.setattr(OutputHandles, "are_shown", True)
    monkeypatch.setattr(OutputHandles, "renew", lambda self, static: renewed.append(static))
    return renewed


class Elements(html.parser.HTMLParser):
    """The elements, the names of attributes and the words of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.words = set(), set(), ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data):
        self.words += data
