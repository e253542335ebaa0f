"""Stand-ins for what several tests need, each once: a base, listeners, a watch, nvflare's connection, and ours."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flare_widgets.wire import fobs
from flare_widgets.wire.errors import NoSuchService
from flare_widgets.wire.features import NEWEST, ServerFeatures

# To the type checker, a fake may be passed for anything, since it has only the part of an interface that a test needs.
if TYPE_CHECKING:
    Fake = Any
else:
    Fake = object


class FakeSubject(Fake):
    """Something that can be subscribed to.

    Attributes
    ----------
    listeners
        The functions that are subscribed now.
    """

    def __init__(self) -> None:
        self.listeners: list[Callable[[Any], object]] = []

    def subscribe(self, listener: Callable[[Any], object]) -> Callable[[], None]:
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener) if listener in self.listeners else None

    def notify(self, value: Any) -> None:
        """Have a thread call each listener, as the monitor does, and wait until it has."""
        threads = [threading.Thread(target=listener, args=(value,)) for listener in list(self.listeners)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()


class FakeWatch(FakeSubject):
    """A watch of a job that knows what the test tells it."""

    def __init__(self, snapshot: Any) -> None:
        super().__init__()
        self.job_id, self.snapshot, self.done = snapshot.job_id, snapshot, snapshot.ended

    def learn(self, snapshot: Any, done: bool | None = None) -> None:
        self.snapshot, self.done = snapshot, snapshot.ended if done is None else done
        self.notify(snapshot)


class FakeAdminApi:
    """The connection of nvflare's own session: the server has answered.

    Attributes
    ----------
    sent
        The lines of the commands that were sent, and their properties.
    """

    closed = False
    session_expired_reason = None

    def __init__(self, answer: dict[str, Any]) -> None:
        self.sent: list[tuple[str, Any]] = []
        self._answer = answer

    def do_command(self, command: str, props: Any = None) -> dict[str, Any]:
        from nvflare.fuel.hci.client.api import AdminAPI

        self.sent.append((command, props))
        return {**self._answer, "status": AdminAPI._determine_api_status(None, self._answer)}


class FakeConnection(Fake):
    """A connection to a server that is a function.

    Parameters
    ----------
    answer
        Returns what the server answers to a value; an exception is raised.
    features
        What the server can do.
    serves
        The channels of the server; all when None.

    Attributes
    ----------
    asked, posted
        What was sent, as (topic, value).
    """

    def __init__(
        self, answer: Callable[[Any], Any], features: ServerFeatures = NEWEST, serves: tuple[str, ...] | None = None
    ) -> None:
        self.features = features
        self._answer, self._serves = answer, serves
        self.asked: list[tuple[str, Any]] = []
        self.posted: list[tuple[str, Any]] = []

    async def stream(self, channel: str, topic: str, value: Any, timeout: float) -> Any:
        plain = fobs.decode(fobs.encode(value))
        self.asked.append((topic, plain))
        if self._serves is not None and channel not in self._serves:
            raise NoSuchService("nobody there")
        answer = self._answer(plain)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def post(self, channel: str, topic: str, value: Any) -> None:
        self.posted.append((topic, fobs.decode(fobs.encode(value))))
