"""The actions of a view: they ask before they destroy, report their progress, and show their results.

A view has the trait ``actions``, a list described by :meth:`Actions.to_json`, and passes messages to
:meth:`Actions.handle_message`. The browser's half is ``js/src/core/actions.ts``.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from ...errors import FlareError, TransferCancelled
from ...formatting.text import format_size, sanitize
from .hints import explain_error

log = logging.getLogger("flare_widgets")

_MAX_MESSAGE_CHARS = 500
_NO_ARGUMENTS: Mapping[str, Any] = MappingProxyType({})
_BUSY_STATES = frozenset({"asked", "running"})
_CONFIRM_TIMEOUT_S = 600.0  # a question that was left open for longer must be asked again


class ActionContext:
    """A running action, as seen by the function that performs it.

    Attributes
    ----------
    arguments
        The arguments sent by the browser; not validated.
    cancelled
        True if the user wants it to end.
    """

    def __init__(self, arguments: Mapping[str, Any], on_report: Callable[[str, float | None], None]) -> None:
        self.arguments = arguments
        self.cancelled = False
        self._on_report = on_report

    def report(self, message: str, progress: float | None = None) -> None:
        """Report the progress: in words, and from 0 to 1 if known."""
        self._on_report(message, progress)

    def progress_callback(self, verb: str) -> Callable[[int, int], bool]:
        """Return a callback for the session's `progress` parameters: it reports a transfer's progress or cancels it."""

        def tell(done: int, total: int) -> bool:
            of = f" of {format_size(total)}" if total else ""
            self.report(
                f"{verb} {format_size(done)}{of}" if done or total else f"{verb}…", done / total if total else None
            )
            return not self.cancelled

        return tell


@dataclass(frozen=True)
class Action:
    """An action offered by a view. Give `start` or `run`, whichever fits; `describe_result` puts the result into words.

    Attributes
    ----------
    name, label
        The name in the browser's message, and the button's label.
    start
        Begins it and returns at once, such as ``session.start(command)``; called in the thread of the message.
    run
        Performs it, and returns when it is done; called in a separate thread.
    describe_result
        Returns the result in words.
    disabled_reason
        Returns the reason why it is not possible now; empty if it is. Called often, from any thread: it must not wait.
    is_destructive
        True if it destroys something.
    emphasis
        The look of its button: ``primary`` for what a reader of the view most likely wants next, at most one of the
        enabled ones; ``danger`` for what does harm, as it is for all that is destructive; empty for the others.
    question
        The confirmation question; empty for none.
    required_text
        The word that must be typed to confirm; empty for none.
    confirm_label, cancel_label
        The labels of the answers.
    is_cancellable
        True if it can be cancelled: `run` checks :attr:`ActionContext.cancelled`.
    """

    name: str
    label: str
    start: Callable[[ActionContext], concurrent.futures.Future[Any]] | None = None
    run: Callable[[ActionContext], Any] | None = None
    describe_result: Callable[[Any], str] = str
    disabled_reason: Callable[[], str] = lambda: ""
    is_destructive: bool = False
    emphasis: Literal["", "primary", "danger"] = ""
    question: str = ""
    required_text: str = ""
    confirm_label: str = ""
    cancel_label: str = "Cancel"
    is_cancellable: bool = False

    @property
    def needs_confirmation(self) -> bool:
        """True if it starts only after it was asked for: by a question, and by its answer."""
        return bool(self.is_destructive or self.question or self.required_text)


@dataclass
class _ActionState:
    """The state of an action."""

    state: str = "ready"
    message: str = ""
    progress: float | None = None
    revision: int = 0
    question_shown_at: float | None = None
    context: ActionContext | None = field(default=None, repr=False)


class Actions:
    """The actions of a view, and the state of each.

    Parameters
    ----------
    actions
        The actions, in the order they are shown.
    on_change
        Called, from any thread and often, if :meth:`to_json` has changed: a view's `_request_update`.
    """

    def __init__(self, actions: Sequence[Action], on_change: Callable[[], None]) -> None:
        self._actions = {offer.name: offer for offer in actions}
        self._states = {name: _ActionState() for name in self._actions}
        self._on_change = on_change
        self._lock = threading.RLock()

    def to_json(self) -> list[dict[str, Any]]:
        """Return the browser's data of each action.

        Returns
        -------
        list of dict
            ``name, label, is_destructive, emphasis, question, required_text, confirm_label, cancel_label,
            is_cancellable`` as of :class:`Action`;
            ``disabled_reason``: the reason why it is disabled, empty if it is enabled;
            ``state``: ``ready``, ``asked`` (the message has arrived), ``running``, ``done`` or ``failed``;
            ``message``: its progress, its result, or the reason why it failed;
            ``progress``: from 0 to 1, None if not known;
            ``revision``: grows with each message the kernel has received.
        """
        with self._lock:
            return [self._describe(offer, self._states[name]) for name, offer in self._actions.items()]

    @property
    def outcomes(self) -> list[str]:
        """The results of the actions so far, in words."""
        with self._lock:
            return [c.message for c in self._states.values() if c.state in ("done", "failed") and c.message]

    def state_of(self, name: str) -> str:
        """Return the `state` of an action, as in :meth:`to_json`."""
        return self._states[name].state

    def is_busy(self, *names: str) -> bool:
        """Return whether any of the named actions, or of all actions, is running."""
        return any(self._states[name].state in _BUSY_STATES for name in names or self._states)

    def reset(self, name: str) -> None:
        """Discard the result of an action that is no longer relevant."""
        with self._lock:
            course = self._states[name]
            if course.state in _BUSY_STATES or course.state == "ready":
                return
            course.state, course.message, course.progress = "ready", "", None
        self._on_change()

    def handle_message(self, message: Mapping[str, Any]) -> bool:
        """Handle a message from the browser; return whether it is about an action.

        Parameters
        ----------
        message
            ``{"kind": "start", "action": name}``, with ``typed`` if a text is required, and ``arguments`` if there are
            any; or ``{"kind": "cancel", "action": name}``. An action that needs confirmation starts only after
            ``{"kind": "ask", "action": name}``, when its question is shown; ``{"kind": "dismiss", "action": name}``
            takes that back. So one message that nobody meant destroys nothing.
        """
        name = message.get("action")
        offer = self._actions.get(name) if isinstance(name, str) else None
        if message.get("kind") in ("ask", "dismiss") and offer is not None:
            with self._lock:
                is_asking = message.get("kind") == "ask"
                self._states[offer.name].question_shown_at = time.monotonic() if is_asking else None
            return True
        if message.get("kind") == "start" and offer is not None:
            arguments = message.get("arguments")
            self._start(offer, message.get("typed"), arguments if isinstance(arguments, dict) else _NO_ARGUMENTS)
            return True
        if message.get("kind") == "cancel" and offer is not None:
            self._cancel(offer)
            return True
        return False

    def _start(self, action: Action, typed_text: Any, arguments: Mapping[str, Any]) -> None:
        with self._lock:
            course = self._states[action.name]
            course.revision += 1
            if course.state in _BUSY_STATES:
                return  # a second click; the first one counts
            # The browser disables impossible actions, but may not have received the news yet.
            shown_at, course.question_shown_at = course.question_shown_at, None
            refused = action.disabled_reason() or (
                ""
                if not action.required_text or typed_text == action.required_text
                else "the name you typed does not match"
            )
            if not refused and action.needs_confirmation and not _is_recent(shown_at):
                refused = "it was not confirmed in time: press the button again"
                course.state, course.message = "failed", f"{_label_as_verb(action)}: {refused}"
            if not refused:
                course.state, course.message, course.progress = "asked", "", None
                course.context = doing = ActionContext(
                    arguments, lambda words, progress: self._record_progress(course, words, progress)
                )
        self._on_change()
        if refused:
            return
        try:
            if action.start is not None:
                action.start(doing).add_done_callback(lambda future: self._on_future_done(action, course, future))
            else:
                thread = threading.Thread(target=self._run, args=(action, course, doing), name="flare-action")
                thread.daemon = True
                thread.start()
        except Exception as error:
            self._record_failure(action, course, error)

    def _cancel(self, action: Action) -> None:
        with self._lock:
            course = self._states[action.name]
            if not action.is_cancellable or course.state not in _BUSY_STATES or course.context is None:
                return
            course.context.cancelled = True
            course.message = "cancelling…"
        self._on_change()

    def _run(self, action: Action, action_state: _ActionState, context: ActionContext) -> None:
        try:
            assert action.run is not None
            words = action.describe_result(action.run(context))
        except Exception as error:
            self._record_failure(action, action_state, error)
        else:
            self._finish(action_state, "done", words)

    def _on_future_done(
        self, action: Action, action_state: _ActionState, future: concurrent.futures.Future[Any]
    ) -> None:
        if future.cancelled():
            self._finish(action_state, "failed", f"{_label_as_verb(action)} failed: the request was cancelled")
            return
        error = future.exception()
        try:
            if error is not None:
                raise error
            words = action.describe_result(future.result())
        except BaseException as e:
            self._record_failure(action, action_state, e)
        else:
            self._finish(action_state, "done", words)

    def _record_failure(self, action: Action, action_state: _ActionState, error: BaseException) -> None:
        if isinstance(error, TransferCancelled) and action_state.context is not None and action_state.context.cancelled:
            self._finish(action_state, "ready", str(error))
            return
        what = explain_error(error)
        if not isinstance(error, FlareError):
            # An unexpected failure: its text alone may mean nothing to the user.
            log.error("%s failed", _label_as_verb(action), exc_info=error)
            what = f"{type(error).__name__}: {error}"
        self._finish(action_state, "failed", f"{_label_as_verb(action)} failed: {what}")

    def _record_progress(self, action_state: _ActionState, message: str, progress: float | None) -> None:
        with self._lock:
            if action_state.state not in _BUSY_STATES:
                return
            cancelling = action_state.context is not None and action_state.context.cancelled
            action_state.state = "running"
            action_state.message = action_state.message if cancelling else message
            action_state.progress = None if progress is None else min(1.0, max(0.0, progress))
        self._on_change()

    def _finish(self, action_state: _ActionState, state: str, message: str) -> None:
        with self._lock:
            action_state.state, action_state.message, action_state.progress, action_state.context = (
                state,
                message,
                None,
                None,
            )
        self._on_change()

    def _describe(self, action: Action, action_state: _ActionState) -> dict[str, Any]:
        return {
            "name": action.name,
            "label": action.label,
            "is_destructive": action.is_destructive,
            "emphasis": "danger" if action.is_destructive else action.emphasis,
            "question": action.question,
            "required_text": action.required_text,
            "confirm_label": action.confirm_label or f"Yes, {_label_as_verb(action)}",
            "cancel_label": action.cancel_label,
            "is_cancellable": action.is_cancellable,
            "disabled_reason": _sanitize_message(action.disabled_reason()),
            "state": action_state.state,
            "message": _sanitize_message(action_state.message),
            "progress": action_state.progress,
            "revision": action_state.revision,
        }


def _is_recent(shown_at: float | None) -> bool:
    return shown_at is not None and time.monotonic() - shown_at < _CONFIRM_TIMEOUT_S


def _label_as_verb(action: Action) -> str:
    return action.label[:1].lower() + action.label[1:]


def _sanitize_message(message: str) -> str:
    return sanitize(" ".join(message.split()), _MAX_MESSAGE_CHARS)
