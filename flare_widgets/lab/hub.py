"""The models that pages follow: one for each thing that is shown, shared by all pages, ended when nobody follows it.

All methods are called on the event loop; what takes time is done in threads. It knows neither FLARE nor tornado.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..errors import FlareError
from . import protocol
from .channel import Channel, visible_state
from .threads import run_in_thread

log = logging.getLogger("flare_widgets.lab")

MAX_MODELS = 50
"""Models of a server; a view in a view counts too."""

GRACE_S = 60.0
"""Seconds for which a model that nobody follows is kept: a page that is reloaded finds it again."""

_MAX_QUEUED_MESSAGES = 100
"""Messages to one view that wait while it handles another; more are dropped."""


class Page(Protocol):
    """A page that is connected."""

    def deliver(self, text: str) -> None:
        """Send a frame; never blocks."""


class View(Protocol):
    """The interface of a view that the hub needs; see :class:`.LiveView`."""

    bundle: str

    @property
    def is_static(self) -> bool: ...

    def get_state(self) -> dict[str, Any]: ...

    def make_static(self) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True)
class Made:
    """A view that a factory has made.

    Attributes
    ----------
    view
        The view.
    end
        Ends what the view follows.
    owner
        What the view belongs to: when that ends, so does the view.
    """

    view: View
    end: Callable[[], None] = lambda: None
    owner: object = None


class Refused(FlareError):
    """A request that cannot be fulfilled; the message is a sentence for people, also where a view reports it."""


@dataclass(eq=False)
class Model:
    """A view and the pages that follow it.

    Attributes
    ----------
    id
        Its id in frames.
    view
        The view.
    channel
        The view's channel.
    made
        The view as its factory made it; None for a view in a view, which ends with that one.
    followers
        The pages that follow it.
    """

    id: str
    view: View
    channel: Channel
    made: Made | None = None
    key: str = ""
    followers: set[Page] = field(default_factory=set)
    queue: deque[Mapping[str, Any]] = field(default_factory=deque)
    is_busy: bool = False
    timer: asyncio.TimerHandle | None = None


class Hub:
    """The models of a server.

    Parameters
    ----------
    make
        Makes the view for a kind and its arguments, in a thread; raises :class:`Refused`, with the reason.
    hosted_by
        Has views of the block make their channels by a function; see :func:`.hosted_by`.
    explain
        Returns the sentence for people about an unexpected error.
    grace_s
        Seconds for which a model without followers is kept.
    """

    def __init__(
        self,
        make: Callable[[str, Mapping[str, Any]], Made],
        hosted_by: Callable[[Callable[[Any], Channel]], contextlib.AbstractContextManager[None]],
        explain: Callable[[Exception], str] = str,
        grace_s: float = GRACE_S,
    ) -> None:
        self._make = make
        self._hosted_by = hosted_by
        self._explain = explain
        self._grace_s = grace_s
        self._loop = asyncio.get_running_loop()
        self._models: dict[str, Model] = {}
        self._by_key: dict[str, asyncio.Task[Model]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._models)

    # -- asked by pages ------------------------------------------------------------------------------------

    async def open(self, kind: str, args: Mapping[str, Any]) -> Model:
        """Return the model that shows something; pages that ask for the same get the same one.

        Raises
        ------
        Refused
            There is no such thing, or there are too many models.
        """
        key = json.dumps([kind, args], sort_keys=True)
        task = self._by_key.get(key)
        if task is not None and task.done() and task.result().view.is_static:
            # What it showed is over; something else may have its name by now.
            del self._by_key[key]
            task = None
        if task is None:
            if self._is_closed:
                raise Refused("The Jupyter server is stopping.")
            if len(self._models) >= MAX_MODELS:
                raise Refused(f"{MAX_MODELS} views are open already: close some tabs first.")
            task = asyncio.create_task(self._create(kind, args, key))
            self._by_key[key] = task
            task.add_done_callback(lambda done: self._forget_failed(key, done))
        return await asyncio.shield(task)

    def follow(self, page: Page, model_id: str) -> None:
        """Send a model's state to a page, and all changes from now on.

        Raises
        ------
        Refused
            There is no such model any more.
        """
        model = self._models.get(model_id)
        if model is None:
            raise Refused("This view has ended.")
        if model.timer is not None:
            model.timer.cancel()
            model.timer = None
        model.followers.add(page)
        state = visible_state(model.view.get_state())
        page.deliver(protocol.encode("state", model=model.id, view=model.view.bundle, state=state))

    def leave(self, page: Page, model_id: str) -> None:
        """Send no more changes of a model to a page."""
        model = self._models.get(model_id)
        if model is not None and page in model.followers:
            model.followers.discard(page)
            self._end_later(model)

    def disconnect(self, page: Page) -> None:
        """Forget a page."""
        for model in list(self._models.values()):
            self.leave(page, model.id)

    def send(self, model_id: str, content: Mapping[str, Any]) -> None:
        """Hand a message to a view, after those that wait for it; slow ones delay no other view's."""
        model = self._models.get(model_id)
        if model is None or len(model.queue) >= _MAX_QUEUED_MESSAGES:
            return
        model.queue.append(content)
        if not model.is_busy:
            model.is_busy = True
            self._spawn(self._drain(model))

    # -- the server's own ----------------------------------------------------------------------------------

    def end_owned(self, owner: object, why: str) -> None:
        """End the models of an owner that has ended."""
        for model in list(self._models.values()):
            if model.made is not None and model.made.owner is owner:
                self._end(model, why)

    async def close(self) -> None:
        """End all models."""
        self._is_closed = True
        for model in list(self._models.values()):
            if model.made is not None:
                self._end(model, None)  # pages keep what they show, and ask again when the server is back
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=3)

    # -- internals -----------------------------------------------------------------------------------------

    async def _create(self, kind: str, args: Mapping[str, Any], key: str) -> Model:
        def make() -> Made:
            with self._hosted_by(self._make_channel):
                return self._make(kind, args)

        try:
            made = await run_in_thread(make)
        except Refused:
            raise
        except Exception as e:
            log.warning("the view %s could not be made: %s", kind, type(e).__name__)
            raise Refused(self._explain(e)) from None
        model = next((model for model in self._models.values() if model.view is made.view), None)
        if model is None:  # it ended while it was made
            raise Refused("This view has ended.")
        model.made, model.key = made, key
        self._end_later(model)
        return model

    def _make_channel(self, view: View) -> Channel:
        """Make the channel of a view; in the thread that makes the view."""

        def publish(op: str, content: Any) -> None:
            fields = {"state": content} if op == "update" else {"content": content}
            try:
                text = protocol.encode(op, model=channel.comm_id, **fields)
            except (TypeError, ValueError):
                log.exception("a message of the view %s is not JSON", view.bundle)
                return
            self._call_soon(self._publish, channel.comm_id, text)

        channel = Channel(publish, lambda: self._call_soon(self._remove, channel.comm_id, "This view was closed."))
        self._call_soon(self._add, view, channel)
        return channel

    def _call_soon(self, function: Callable[..., None], *args: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody follows any more
            self._loop.call_soon_threadsafe(function, *args)

    def _add(self, view: View, channel: Channel) -> None:
        self._models[channel.comm_id] = Model(channel.comm_id, view, channel)

    def _publish(self, model_id: str, text: str) -> None:
        model = self._models.get(model_id)
        if model is not None:
            for page in list(model.followers):
                page.deliver(text)

    async def _drain(self, model: Model) -> None:
        while model.queue:
            content = model.queue.popleft()

            def receive(content: Mapping[str, Any] = content) -> None:
                with self._hosted_by(self._make_channel):
                    model.channel.receive(content)

            try:
                await run_in_thread(receive)
            except Exception:
                log.exception("a message to the view %s failed", model.view.bundle)
        model.is_busy = False

    def _forget_failed(self, key: str, task: asyncio.Task[Model]) -> None:
        if (task.cancelled() or task.exception() is not None) and self._by_key.get(key) is task:
            del self._by_key[key]

    def _end_later(self, model: Model) -> None:
        """End a model that nobody follows, unless somebody does soon."""
        if model.made is not None and not model.followers and model.timer is None:
            model.timer = self._loop.call_later(self._grace_s, self._end, model, "")

    def _end(self, model: Model, why: str | None) -> None:
        self._remove(model.id, why)
        made = model.made
        if made is not None:
            self._spawn(self._dispose(made))

    def _remove(self, model_id: str, why: str | None) -> None:
        """Forget a model; its followers are told why, unless that is None."""
        model = self._models.pop(model_id, None)
        if model is None:
            return
        if model.timer is not None:
            model.timer.cancel()
        task = self._by_key.get(model.key)
        if task is not None and task.done() and task.result() is model:
            del self._by_key[model.key]
        if why is not None:
            text = protocol.encode("gone", model=model_id, why=why)
            for page in model.followers:
                page.deliver(text)
        model.followers.clear()

    async def _dispose(self, made: Made) -> None:
        try:
            await run_in_thread(_dispose, made)
        except Exception:
            log.exception("a view could not be closed")

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _dispose(made: Made) -> None:
    for step in _steps_to_dispose(made):
        try:
            step()
        except Exception:
            log.exception("a view could not be closed entirely")


def _steps_to_dispose(made: Made) -> Iterator[Callable[[], None]]:
    yield made.view.make_static
    yield made.end
    yield made.view.close
