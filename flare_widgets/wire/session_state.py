"""The states of a session, and who is told when they change."""

from __future__ import annotations

import contextvars
import enum
import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

log = logging.getLogger("flare_widgets.wire")

NOTIFIER = "flare-notify"
"""The name of the threads that listeners are called in."""


class SessionState(enum.Enum):
    """How it stands with a session."""

    CONNECTING = "connecting"
    """It is not logged in yet, or is logging in again after it had expired."""
    READY = "ready"
    """It is logged in."""
    RECONNECTING = "reconnecting"
    """The connection was lost, or the server does not answer. It is tried again until it works."""
    EXPIRED = "expired"
    """The server ended it, mostly for being idle. The next command logs in again."""
    CLOSED = "closed"
    """It was closed, or cannot come back. The last state."""


#: What may follow a state. Each may be followed by itself, with another reason.
FOLLOWING: dict[SessionState, frozenset[SessionState]] = {
    SessionState.CONNECTING: frozenset(SessionState),
    SessionState.READY: frozenset(SessionState) - {SessionState.CONNECTING},
    SessionState.RECONNECTING: frozenset({SessionState.RECONNECTING, SessionState.READY, SessionState.CLOSED}),
    SessionState.EXPIRED: frozenset({SessionState.EXPIRED, SessionState.CONNECTING, SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}


@dataclass(frozen=True)
class SessionStatus:
    """A state, and why.

    Attributes
    ----------
    state
        The state.
    reason
        Why, in plain words: the last trouble, or how it came back; possibly empty.
    since
        When this was first so, in seconds since the epoch.
    """

    state: SessionState
    reason: str = ""
    since: float = field(default_factory=time.time, compare=False)


Listener = Callable[[SessionStatus], None]


class Life:
    """The status of one session, safe to be read, changed and subscribed to from any thread."""

    def __init__(self) -> None:
        self._status = SessionStatus(SessionState.CONNECTING)
        self._subscriptions: list[_Subscription] = []
        self._lock = threading.Lock()

    @property
    def status(self) -> SessionStatus:
        """How it stands now."""
        return self._status

    @property
    def state(self) -> SessionState:
        """The state of :attr:`status`."""
        return self._status.state

    def move(self, state: SessionState, reason: str = "") -> bool:
        """Go to a state, if it may follow the present one, and return whether that changed anything."""
        with self._lock:
            status = SessionStatus(state, reason)
            if state not in FOLLOWING[self._status.state] or status == self._status:
                return False
            self._status = status
            for subscription in self._subscriptions:
                subscription.tell(status)
            if state is SessionState.CLOSED:
                self._subscriptions.clear()
            return True

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` the present status and then every change; see :meth:`.Session.subscribe`."""
        subscription = _Subscription(listener)
        with self._lock:
            subscription.tell(self._status)
            if self._status.state is not SessionState.CLOSED:
                self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            with self._lock:
                if subscription in self._subscriptions:
                    self._subscriptions.remove(subscription)
            subscription.end()

        return unsubscribe


class _Subscription:
    """One listener with a thread of its own: a slow one holds up nobody, neither the session nor other listeners.

    The thread ends with the subscription, and after it has told that the session is closed.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        # In a notebook, output goes where the context says: to the cell that subscribed.
        self._context = contextvars.copy_context()
        self._statuses: queue.SimpleQueue[SessionStatus | None] = queue.SimpleQueue()
        self._ended = False
        threading.Thread(target=self._run, name=NOTIFIER, daemon=True).start()

    def tell(self, status: SessionStatus) -> None:
        self._statuses.put(status)

    def end(self) -> None:
        self._ended = True
        self._statuses.put(None)

    def _run(self) -> None:
        while (status := self._statuses.get()) is not None and not self._ended:
            try:
                self._context.run(self._listener, status)
            except Exception:
                log.exception("a listener to the states of a session failed")
            if status.state is SessionState.CLOSED:
                return
