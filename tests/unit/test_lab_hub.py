"""The models that pages share: found by what they show, ended when nobody follows, and nothing left of them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import threading
import weakref
from typing import Any

import pytest

from flare_widgets.lab import hub as hub_module
from flare_widgets.lab.channel import visible_state
from flare_widgets.lab.hub import Hub, Made, Refused


class Page:
    """A page that keeps what it is sent."""

    def __init__(self):
        self.frames = []

    def deliver(self, text):
        self.frames.append(json.loads(text))

    def of(self, op):
        return [frame for frame in self.frames if frame["op"] == op]


class View:
    """A view with one trait."""

    bundle = "jobs"

    def __init__(self, host, value=0):
        self.value = value
        self.is_static = self.is_closed = False
        self.received: list[Any] = []
        self.on_message = self.received.append
        self.channel = host.make_channel(self)
        self.channel.on_msg(lambda message: self.on_message(message["content"]["data"]["content"]))

    def get_state(self):
        return {"value": self.value, "_esm": "code", "layout": "IPY_MODEL_1"}

    def set(self, value):
        self.value = value
        self.channel.send({"method": "update", "state": {"value": value, "_hidden": 1}})

    def make_static(self):
        self.is_static = True

    def close(self):
        self.is_closed = True
        self.channel.close()


class Host:
    """A maker of views that counts them."""

    def __init__(self):
        self.make_channel = None
        self.views = []
        self.ended = []
        self.gate = threading.Event()
        self.gate.set()

    @contextlib.contextmanager
    def hosted_by(self, make_channel):
        self.make_channel = make_channel
        yield

    def make(self, kind, args):
        assert self.gate.wait(10)
        if kind == "none":
            raise Refused("there is no such view")
        if kind == "broken":
            raise ValueError("secret detail")
        view = View(self)
        self.views.append(view)
        return Made(view, lambda: self.ended.append(kind), args.get("session"))


@pytest.fixture
def host():
    return Host()


def run(host, scenario, **kwargs):
    """Run a coroutine function with a hub of its own, on a loop of its own."""

    async def main():
        made = Hub(host.make, host.hosted_by, lambda error: f"sorry: {type(error).__name__}", **kwargs)
        await scenario(made)
        await made.close()
        assert len(made) == 0

    asyncio.run(asyncio.wait_for(main(), 30))


async def until(condition):
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


def test_pages_share_model_of_same_thing(host):
    async def scenario(hub):
        first, second = Page(), Page()
        model = await hub.open("jobs", {"session": "a", "x": 1})
        assert await hub.open("jobs", {"x": 1, "session": "a"}) is model
        assert await hub.open("jobs", {"session": "b", "x": 1}) is not model
        hub.follow(first, model.id)
        hub.follow(second, model.id)
        assert first.frames == [{"op": "state", "model": model.id, "view": "jobs", "state": {"value": 0}}]
        host.views[0].set(7)
        await until(lambda: second.of("update"))
        assert first.of("update") == second.of("update") == [{"op": "update", "model": model.id, "state": {"value": 7}}]

    run(host, scenario)


def test_concurrent_opens_make_one_view(host):
    async def scenario(hub):
        host.gate.clear()
        tasks = [asyncio.create_task(hub.open("jobs", {})) for _ in range(5)]
        await asyncio.sleep(0)
        host.gate.set()
        models = await asyncio.gather(*tasks)
        assert len(set(map(id, models))) == len(host.views) == 1

    run(host, scenario)


def test_cancelled_open_disturbs_no_other(host):
    async def scenario(hub):
        host.gate.clear()
        gone, stays = (asyncio.create_task(hub.open("jobs", {})) for _ in range(2))
        await asyncio.sleep(0)
        gone.cancel()
        host.gate.set()
        assert (await stays).view is host.views[0]

    run(host, scenario)


def test_refusal_reaches_page_and_is_not_kept(host):
    async def scenario(hub):
        with pytest.raises(Refused, match="there is no such view"):
            await hub.open("none", {})
        with pytest.raises(Refused, match=r"^sorry: ValueError$"):
            await hub.open("broken", {})
        await asyncio.sleep(0)
        assert hub._by_key == {}

    run(host, scenario)


def test_unfollowed_model_ends_after_grace(host):
    async def scenario(hub):
        page = Page()
        model = await hub.open("jobs", {})
        hub.follow(page, model.id)
        await asyncio.sleep(0.1)
        assert len(hub) == 1
        hub.disconnect(page)
        await until(lambda: host.ended)
        assert host.views[0].is_static
        await until(lambda: host.views[0].is_closed)
        assert len(hub) == 0
        assert page.of("gone") == []  # it had left
        assert await hub.open("jobs", {}) is not model

    run(host, scenario, grace_s=0.02)


def test_reloaded_page_finds_model_again(host):
    async def scenario(hub):
        page = Page()
        model = await hub.open("jobs", {})
        hub.follow(page, model.id)
        hub.disconnect(page)
        again = await hub.open("jobs", {})
        hub.follow(Page(), again.id)
        assert again is model
        await asyncio.sleep(0.3)
        assert len(hub) == 1

    run(host, scenario, grace_s=0.2)


def test_end_of_owner_is_told(host):
    async def scenario(hub):
        page = Page()
        mine, other = [await hub.open("jobs", {"session": name}) for name in ("a", "b")]
        for model in (mine, other):
            hub.follow(page, model.id)
        hub.end_owned("a", "logged out")
        assert page.of("gone") == [{"op": "gone", "model": mine.id, "why": "logged out"}]
        assert len(hub) == 1
        with pytest.raises(Refused):
            hub.follow(page, mine.id)

    run(host, scenario)


def test_static_view_is_made_anew(host):
    async def scenario(hub):
        model = await hub.open("jobs", {})
        host.views[0].make_static()
        assert await hub.open("jobs", {}) is not model

    run(host, scenario)


def test_messages_come_in_order_and_one_by_one(host):
    async def scenario(hub):
        model = await hub.open("jobs", {})
        slow, busy, together = [], threading.Lock(), []

        def receive(content):
            together.append(busy.locked())
            with busy:
                slow.append(content["n"])

        host.views[0].on_message = receive
        for number in range(50):
            hub.send(model.id, {"n": number})
        await until(lambda: len(slow) == 50)
        assert slow == list(range(50))
        assert not any(together)

    run(host, scenario)


def test_slow_view_delays_no_other(host):
    async def scenario(hub):
        slow, quick = [await hub.open("jobs", {"session": name}) for name in "ab"]
        gate = threading.Event()
        host.views[0].on_message = lambda _: gate.wait(10)
        hub.send(slow.id, {})
        hub.send(quick.id, {"n": 1})
        await until(lambda: host.views[1].received)
        gate.set()

    run(host, scenario)


def test_failing_message_ends_nothing(host, caplog):
    async def scenario(hub):
        model = await hub.open("jobs", {})
        seen = []

        def receive(content):
            seen.append(content)
            if len(seen) == 1:
                raise ValueError("no")

        host.views[0].on_message = receive
        hub.send(model.id, {"n": 1})
        hub.send(model.id, {"n": 2})
        await until(lambda: len(seen) == 2)

    run(host, scenario)
    assert "a message to the view jobs failed" in caplog.text


def test_flood_of_messages_is_cut(host):
    async def scenario(hub):
        model = await hub.open("jobs", {})
        gate = threading.Event()
        seen = []

        def receive(content):
            gate.wait(10)
            seen.append(content)

        host.views[0].on_message = receive
        for number in range(1000):
            hub.send(model.id, {"n": number})
        assert len(model.queue) == hub_module._MAX_QUEUED_MESSAGES
        gate.set()
        await until(lambda: not model.is_busy)
        assert len(seen) <= hub_module._MAX_QUEUED_MESSAGES + 1

    run(host, scenario)


def test_too_many_models_are_refused(host, monkeypatch):
    monkeypatch.setattr(hub_module, "MAX_MODELS", 3)

    async def scenario(hub):
        for number in range(3):
            await hub.open("jobs", {"n": number})
        with pytest.raises(Refused, match="close some tabs first"):
            await hub.open("jobs", {"n": 3})
        await hub.open("jobs", {"n": 0})

    run(host, scenario)


def test_view_in_view_ends_when_it_is_closed(host):
    async def scenario(hub):
        page = Page()
        await hub.open("jobs", {})
        nested = View(host)
        await until(lambda: len(hub) == 2)
        hub.follow(page, nested.channel.comm_id)
        hub.leave(page, nested.channel.comm_id)
        hub.follow(page, nested.channel.comm_id)
        nested.close()
        await until(lambda: page.of("gone"))
        assert len(hub) == 1

    run(host, scenario)


def test_unsendable_value_is_dropped(host, caplog):
    async def scenario(hub):
        page = Page()
        model = await hub.open("jobs", {})
        hub.follow(page, model.id)
        host.views[0].channel.send({"method": "update", "state": {"value": float("nan")}})
        host.views[0].channel.send({"method": "custom", "content": {"kind": object()}})
        host.views[0].set(3)
        await until(lambda: page.of("update"))
        assert page.of("update")[0]["state"] == {"value": 3}

    run(host, scenario)
    assert "is not JSON" in caplog.text


def test_many_views_leave_nothing(host):
    views = []

    async def scenario(hub):
        page = Page()
        for number in range(300):
            model = await hub.open("jobs", {"n": number})
            hub.follow(page, model.id)
            views.append(weakref.ref(model.view))
            hub.end_owned(None, "over")
            page.frames.clear()
        assert len(hub) == 0
        assert hub._by_key == {}

    run(host, scenario)
    assert len(host.ended) == 300
    host.views.clear()
    gc.collect()
    assert sum(ref() is not None for ref in views) <= 1


def test_closed_hub_opens_nothing(host):
    async def scenario(hub):
        page = Page()
        model = await hub.open("jobs", {})
        hub.follow(page, model.id)
        await hub.close()
        assert host.views[0].is_closed
        await asyncio.sleep(0.02)
        assert page.of("gone") == []  # the page keeps what it shows until the next server
        with pytest.raises(Refused, match="stopping"):
            await hub.open("jobs", {})

    run(host, scenario)


def test_page_gets_only_traits_of_view():
    state = {"rows": [1], "_esm": "x", "_model_name": "y", "layout": "z", "tabbable": None, "tooltip": None}
    assert visible_state(state) == {"rows": [1]}
