"""States of a session, and notification of their changes."""

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

NOTIFY_THREAD_NAME = "flare-notify"
"""Name of the threads in which listeners are called."""


class SessionState(enum.Enum):
    """State of a session."""

    CONNECTING = "connecting"
    """The session is not logged in yet, or is logging in again after it had expired."""
    READY = "ready"
    """The session is logged in."""
    RECONNECTING = "reconnecting"
    """The connection was lost, or the server does not answer. Connecting is retried until it works."""
    EXPIRED = "expired"
    """The server ended the session, usually for being idle. The next command logs in again."""
    CLOSED = "closed"
    """The session was closed, or cannot be restored. The final state."""


#: The states that may follow each state. Each may also follow itself, with another reason.
TRANSITIONS: dict[SessionState, frozenset[SessionState]] = {
    SessionState.CONNECTING: frozenset(SessionState),
    SessionState.READY: frozenset(SessionState) - {SessionState.CONNECTING},
    SessionState.RECONNECTING: frozenset({SessionState.RECONNECTING, SessionState.READY, SessionState.CLOSED}),
    SessionState.EXPIRED: frozenset({SessionState.EXPIRED, SessionState.CONNECTING, SessionState.CLOSED}),
    SessionState.CLOSED: frozenset(),
}


@dataclass(frozen=True)
class SessionStatus:
    """A state and its reason.

    Attributes
    ----------
    state
        The state.
    reason
        Reason in plain words: the last connection problem, or how it was restored; possibly empty.
    since
        Time when this state began, in seconds since the epoch.
    """

    state: SessionState
    reason: str = ""
    since: float = field(default_factory=time.time, compare=False)


Listener = Callable[[SessionStatus], None]


class StateMachine:
    """The status of one session, safe to read, change and subscribe to from any thread."""

    def __init__(self) -> None:
        self._status = SessionStatus(SessionState.CONNECTING)
        self._subscriptions: list[_Subscription] = []
        self._lock = threading.Lock()

    @property
    def status(self) -> SessionStatus:
        """Current status."""
        return self._status

    @property
    def state(self) -> SessionState:
        """The state of :attr:`status`."""
        return self._status.state

    def transition_to(self, state: SessionState, reason: str = "") -> bool:
        """Change to a state, if it may follow the current one, and return True if anything changed."""
        with self._lock:
            status = SessionStatus(state, reason)
            if state not in TRANSITIONS[self._status.state] or status == self._status:
                return False
            self._status = status
            for subscription in self._subscriptions:
                subscription.notify(status)
            if state is SessionState.CLOSED:
                self._subscriptions.clear()
            return True

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call `listener` with the current status and then at every change; see :meth:`.Session.subscribe`."""
        subscription = _Subscription(listener)
        with self._lock:
            subscription.notify(self._status)
            if self._status.state is not SessionState.CLOSED:
                self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            with self._lock:
                if subscription in self._subscriptions:
                    self._subscriptions.remove(subscription)
            subscription.stop()

        return unsubscribe


class _Subscription:
    """One listener with its own thread: a slow one delays neither the session nor other listeners.

    The thread ends with the subscription, and after it has delivered that the session is closed.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        # In a notebook, output goes where the context says: to the cell that subscribed.
        self._context = contextvars.copy_context()
        self._queue: queue.SimpleQueue[SessionStatus | None] = queue.SimpleQueue()
        self._stopped = False
        threading.Thread(target=self._run, name=NOTIFY_THREAD_NAME, daemon=True).start()

    def notify(self, status: SessionStatus) -> None:
        self._queue.put(status)

    def stop(self) -> None:
        self._stopped = True
        self._queue.put(None)

    def _run(self) -> None:
        while (status := self._queue.get()) is not None and not self._stopped:
            try:
                self._context.run(self._listener, status)
            except BaseException:  # also SystemExit, which would silence the listener without a word
                log.exception("a listener to the states of a session failed")
            if status.state is SessionState.CLOSED:
                return
