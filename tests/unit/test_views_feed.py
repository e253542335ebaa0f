"""Rows by patches: what a browser gets, played by a reader of the messages."""

from __future__ import annotations

import json
import threading
import time

import pytest

from flare_widgets.views.core import row_sync as feeds
from flare_widgets.views.core.row_sync import RowSync


class Browser:
    """The other half of a feed, as js/src/core/row-sync.ts is."""

    def __init__(self, feed_name="rows"):
        self.feed = RowSync(self.receive, feed_name)
        self.name = feed_name
        self.messages, self.times = [], []
        self.table, self.seq, self.parts = None, None, []
        self.came = threading.Condition()

    def receive(self, message):
        text = json.dumps(message)
        with self.came:
            self.messages.append((json.loads(text), len(text)))
            self.times.append(time.monotonic())
            self._take(json.loads(text))
            self.came.notify_all()

    def put(self, rows):
        self.feed.replace({**self.feed.rows, **rows})

    def remove(self, keys):
        self.feed.replace({key: row for key, row in self.feed.rows.items() if key not in keys})

    def ask(self, token="t"):
        assert self.feed.handle_message({"kind": "resync", "feed": self.name, "token": token})

    def wait_for(self, table):
        with self.came:
            assert self.came.wait_for(lambda: self.table == table, 10), f"{len(self.messages)} messages"

    def _take(self, message):
        if "part" in message:
            assert message["part"] == len(self.parts)
            self.parts.append(message)
            if message["last"]:
                self.table = {key: row for part in self.parts for key, row in part["set"]}
                assert len(self.table) == message["total"]
                self.seq, self.parts = message["seq"], []
        elif self.table is not None:
            assert self.seq is not None
            assert message["seq"] == self.seq + 1
            for key in message["removed"]:
                self.table.pop(key, None)
            self.table.update(message["set"])
            self.seq = message["seq"]


def test_nothing_is_sent_before_somebody_asks():
    browser = Browser()
    browser.put({"a": 1})
    time.sleep(0.1)
    assert browser.messages == []
    browser.ask()
    browser.wait_for({"a": 1})
    assert [m["to"] for m, _ in browser.messages] == [["t"]]


def test_empty_table_is_answer_too():
    browser = Browser()
    browser.ask()
    browser.wait_for({})


def test_only_what_changed_is_sent():
    browser = Browser()
    rows = {f"k{i}": {"n": i} for i in range(1000)}
    browser.put(rows)
    browser.ask()
    browser.wait_for(rows)
    browser.feed.replace({**rows, "k7": {"n": -7}})
    browser.wait_for({**rows, "k7": {"n": -7}})
    browser.feed.replace({"k7": {"n": -7}})
    browser.wait_for({"k7": {"n": -7}})
    browser.feed.replace({"k7": {"n": -7}})
    browser.remove(["nobody"])
    time.sleep(0.15)
    changes = [m for m, _ in browser.messages if "part" not in m]
    assert changes[0]["set"] == [["k7", {"n": -7}]]
    assert changes[0]["removed"] == []
    assert [len(m["set"]) for m in changes[1:]] == [0] * len(changes[1:])
    assert sum(len(m["removed"]) for m in changes) == 999


def test_messages_are_numbered_without_gap():
    browser = Browser()
    browser.ask()
    browser.wait_for({})
    for i in range(5):
        browser.put({"a": i})
        browser.wait_for({"a": i})
    assert [m["seq"] for m, _ in browser.messages] == [0, 1, 2, 3, 4, 5]
    assert browser.feed.seq == 5


def test_patch_flood_is_limited_per_second():
    browser = Browser()
    browser.ask()
    start = time.monotonic()
    i = 0
    while time.monotonic() - start < 0.6:
        i += 1
        browser.put({"a": i, f"k{i % 50}": i})
        if i % 20 == 0:
            browser.ask(f"t{i}")  # a browser gone mad as well
        time.sleep(0.0005)
    browser.wait_for(browser.feed.rows)
    assert len(browser.messages) <= (browser.times[-1] - start) * feeds.MAX_MESSAGES_PER_S + 2
    assert i > 300


def test_large_table_comes_in_several_messages():
    browser = Browser()
    rows = {f"k{i}": {"name": "é" * 180, "n": i} for i in range(4000)}
    browser.put(rows)
    browser.ask()
    browser.wait_for(rows)
    whole = [json.dumps(m, ensure_ascii=False).encode() for m, _ in browser.messages]
    assert len(whole) > 2
    assert max(map(len, whole)) <= 512 * 1024
    changed = {key: {**row, "n": -1} for key, row in rows.items()}
    browser.put(changed)
    browser.wait_for(changed)
    patches = [m for m, _ in browser.messages if "part" not in m]
    assert len(patches) == len(whole)


def test_patches_follow_unfinished_full_state():
    browser = Browser()
    rows = {f"k{i}": "x" * 1000 for i in range(1500)}
    browser.put(rows)
    browser.ask()
    browser.put({"late": 1})
    browser.remove(["k0"])
    del rows["k0"]
    browser.wait_for({**rows, "late": 1})
    assert "part" not in browser.messages[-1][0]


def many_rows(count):
    return {f"k{i:06}": {"name": "x" * 100, "n": i} for i in range(count)}


def test_first_rows_of_large_table_are_few_and_encoded_alone():
    encoded = []
    browser = Browser()

    def encode(row):
        encoded.append(row)
        return row

    browser.feed = RowSync(browser.receive, max_messages_per_s=4, to_json=encode)
    rows = many_rows(20_000)
    browser.feed.replace(rows)
    assert encoded == []
    browser.ask()
    ((first, size),) = browser.messages
    assert len(encoded) == len(first["set"]) == feeds.FIRST_ROWS
    assert (first["part"], first["last"], first["total"]) == (0, False, 20_000)
    assert size < 100_000
    browser.wait_for(rows)
    parts = [m for m, _ in browser.messages]
    assert [m["part"] for m in parts] == list(range(len(parts)))
    assert [m["last"] for m in parts] == [False] * (len(parts) - 1) + [True]
    assert [key for m in parts for key, _ in m["set"]] == list(rows)


def test_rows_are_sent_in_order_of_last_replacement():
    browser = Browser()
    browser.feed.replace({"old": 1})
    browser.feed.replace({"new": 2, "old": 1})
    browser.ask()
    assert browser.messages[0][0]["set"] == [["new", 2], ["old", 1]]


def test_table_that_comes_as_patches_begins_with_few_rows():
    browser = Browser()
    browser.ask()
    browser.wait_for({})
    rows = many_rows(20_000)
    browser.feed.replace(rows)
    browser.wait_for(rows)
    patches = [m for m, _ in browser.messages[1:]]
    assert len(patches[0]["set"]) == feeds.FIRST_ROWS
    assert {m["total"] for m in patches} == {20_000}
    assert [key for m in patches for key, _ in m["set"]] == list(rows)


def test_changes_between_parts_are_not_lost():
    browser = Browser()
    rows = many_rows(10_000)
    browser.feed.replace(rows)
    with browser.came:  # nothing more comes meanwhile
        browser.ask()
        assert browser.table is None
        assert len(browser.messages) == 1
        # A new first row, one that was sent, one that was not, and one that goes.
        changed = {"new": {"n": -1}, **rows, "k000000": {"n": -2}, "k009999": {"n": -3}}
        del changed["k005000"]
        browser.feed.replace(changed)
    browser.wait_for(changed)
    whole = [m for m, _ in browser.messages if "part" in m]
    assert whole[-1]["last"]
    assert {m["total"] for m in whole} == {10_000}
    assert browser.messages[-1][0]["total"] == 10_000
    assert browser.seq == browser.feed.seq == 1


def test_rows_are_compared_only_where_they_are_others():
    compared = []

    class Row(dict[str, int]):
        def __ne__(self, other):
            compared.append(self["n"])
            return super().__ne__(other)

    browser = Browser()
    rows = {f"k{n}": Row(n=n) for n in range(100)}
    browser.feed.replace(rows)
    browser.feed.replace({key: Row(row) for key, row in rows.items()})
    assert compared == []  # nobody has them
    browser.feed.replace(rows)
    browser.ask()
    browser.wait_for(rows)
    browser.feed.replace({**rows, "k7": Row(n=7), "k8": Row(n=-8)})
    browser.wait_for({**rows, "k8": {"n": -8}})
    assert compared == [7, 8]


def test_simultaneous_resyncs_share_one_answer():
    browser = Browser()
    browser.put({"a": 1})
    browser.ask("first")
    browser.ask("second")
    browser.ask("third")
    with browser.came:
        assert browser.came.wait_for(lambda: len(browser.messages) == 2, 10)
    assert [m["to"] for m, _ in browser.messages] == [["first"], ["second", "third"]]


@pytest.mark.parametrize(
    "content",
    [
        None,
        "resync",
        {"kind": "clock"},
        {"kind": "resync"},
        {"kind": "resync", "feed": "other", "token": "t"},
    ],
)
def test_foreign_messages_are_not_handled(content):
    browser = Browser()
    assert not browser.feed.handle_message(content)
    assert browser.messages == []


@pytest.mark.parametrize("token", [None, 5, "", "x" * 1000, ["t"]])
def test_resync_without_valid_token_is_ignored(token):
    browser = Browser()
    assert browser.feed.handle_message({"kind": "resync", "feed": "rows", "token": token})
    assert browser.messages == []


def test_closed_feed_sends_nothing():
    browser = Browser()
    browser.ask()
    browser.wait_for({})
    browser.put({"a": 1})
    browser.feed.close()
    browser.put({"b": 1})
    time.sleep(0.12)
    assert browser.table == {}
