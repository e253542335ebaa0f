"""What a view offers to do: actions that ask before they destroy, say how far they are, and what came of them.

A view has the trait ``actions``, a list of what :meth:`Actions.to_json` describes, and gives wishes to
:meth:`Actions.wish`. The browser's half is ``js/src/lib/actions.ts``.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from ...errors import FlareError, TransferCancelled
from ...formatting.text import clean, size

log = logging.getLogger("flare_widgets")

_MOST_WORDS = 500
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_BUSY = frozenset({"asked", "running"})


class Doing:
    """An action that is under way, as the function that does it sees it.

    Attributes
    ----------
    arguments
        What the browser sent along; not checked.
    cancelled
        Whether the user wants it to end.
    """

    def __init__(self, arguments: Mapping[str, Any], told: Callable[[str, float | None], None]) -> None:
        self.arguments = arguments
        self.cancelled = False
        self._told = told

    def say(self, words: str, progress: float | None = None) -> None:
        """Say how far it is: in words, and from 0 to 1 if that is known."""
        self._told(words, progress)

    def transfer(self, verb: str) -> Callable[[int, int], bool]:
        """Return what the session's `progress` parameters take: it says how far a transfer is, and cancels it."""

        def tell(done: int, total: int) -> bool:
            of = f" of {size(total)}" if total else ""
            self.say(f"{verb} {size(done)}{of}" if done or total else f"{verb}…", done / total if total else None)
            return not self.cancelled

        return tell


@dataclass(frozen=True)
class Action:
    """Something a view offers to do. Give `start` or `work`, whichever fits; the result becomes words by `outcome`.

    Attributes
    ----------
    name, label
        For the browser's message, and for the button.
    start
        Begins it and returns at once, such as ``session.start(command)``; called in the thread that brings the wish.
    work
        Does it, and returns when it is done; called in a thread of its own.
    outcome
        What came of it, in words, from the result.
    why_not
        Why it is not possible now, in words; empty when it is. Asked often, and from any thread: it must not wait.
    danger
        Whether it destroys something.
    confirm
        The question to ask before it is done; empty for none.
    type
        The word that must be typed to say yes; empty for none.
    yes, no
        The labels of the answers.
    cancels
        Whether it can be cancelled: `work` looks at :attr:`Doing.cancelled`.
    """

    name: str
    label: str
    start: Callable[[Doing], concurrent.futures.Future[Any]] | None = None
    work: Callable[[Doing], Any] | None = None
    outcome: Callable[[Any], str] = str
    why_not: Callable[[], str] = lambda: ""
    danger: bool = False
    confirm: str = ""
    type: str = ""
    yes: str = ""
    no: str = "No"
    cancels: bool = False


@dataclass
class _Course:
    """How an action stands."""

    state: str = "ready"
    words: str = ""
    progress: float | None = None
    turn: int = 0
    doing: Doing | None = field(default=None, repr=False)


class Actions:
    """What a view offers to do, and how each of it stands.

    Parameters
    ----------
    offers
        The actions, in the order they are shown.
    changed
        Called, from any thread and often, when :meth:`to_json` says something new: a view's `_request`.
    """

    def __init__(self, offers: Sequence[Action], changed: Callable[[], None]) -> None:
        self._offers = {offer.name: offer for offer in offers}
        self._courses = {name: _Course() for name in self._offers}
        self._changed = changed
        self._lock = threading.RLock()

    def to_json(self) -> list[dict[str, Any]]:
        """Return what the browser needs to know of each action.

        Returns
        -------
        list of dict
            ``name, label, danger, confirm, type, yes, no, cancels`` as of :class:`Action`;
            ``reason``: why it is grey, empty when it can be done;
            ``state``: ``ready``, ``asked`` (the wish has arrived), ``running``, ``done`` or ``failed``;
            ``words``: how far it is, what came of it, or why it failed;
            ``progress``: from 0 to 1, None when not known;
            ``turn``: grows with each wish the kernel has taken notice of.
        """
        with self._lock:
            return [self._described(offer, self._courses[name]) for name, offer in self._offers.items()]

    @property
    def outcomes(self) -> list[str]:
        """What has come of the actions so far, in words."""
        with self._lock:
            return [c.words for c in self._courses.values() if c.state in ("done", "failed") and c.words]

    def stands(self, name: str) -> str:
        """Return the `state` of an action, as in :meth:`to_json`."""
        return self._courses[name].state

    def busy(self, *names: str) -> bool:
        """Whether one of some actions, or of all, is under way."""
        return any(self._courses[name].state in _BUSY for name in names or self._courses)

    def reset(self, name: str) -> None:
        """Forget what came of an action: it has no meaning any more."""
        with self._lock:
            course = self._courses[name]
            if course.state in _BUSY or course.state == "ready":
                return
            course.state, course.words, course.progress = "ready", "", None
        self._changed()

    def wish(self, message: Mapping[str, Any]) -> bool:
        """Take a message from the browser; return whether it is about an action.

        Parameters
        ----------
        message
            ``{"kind": "act", "action": name}``, with ``typed`` if a word must be, and ``arguments`` if there are
            any; or ``{"kind": "cancel", "action": name}``.
        """
        name = message.get("action")
        offer = self._offers.get(name) if isinstance(name, str) else None
        if message.get("kind") == "act" and offer is not None:
            arguments = message.get("arguments")
            self._act(offer, message.get("typed"), arguments if isinstance(arguments, dict) else _NOTHING)
            return True
        if message.get("kind") == "cancel" and offer is not None:
            self._cancel(offer)
            return True
        return False

    def _act(self, offer: Action, typed: Any, arguments: Mapping[str, Any]) -> None:
        with self._lock:
            course = self._courses[offer.name]
            course.turn += 1
            if course.state in _BUSY:
                return  # a second click; the first one counts
            # The browser greys what is not possible, but it may not have heard of it yet.
            refused = offer.why_not() or ("" if not offer.type or typed == offer.type else "the word typed is another")
            if not refused:
                course.state, course.words, course.progress = "asked", "", None
                course.doing = doing = Doing(arguments, lambda words, progress: self._told(course, words, progress))
        self._changed()
        if refused:
            return
        try:
            if offer.start is not None:
                offer.start(doing).add_done_callback(lambda future: self._answered(offer, course, future))
            else:
                thread = threading.Thread(target=self._work, args=(offer, course, doing), name="flare-action")
                thread.daemon = True
                thread.start()
        except Exception as error:
            self._failed(offer, course, error)

    def _cancel(self, offer: Action) -> None:
        with self._lock:
            course = self._courses[offer.name]
            if not offer.cancels or course.state not in _BUSY or course.doing is None:
                return
            course.doing.cancelled = True
            course.words = "cancelling…"
        self._changed()

    def _work(self, offer: Action, course: _Course, doing: Doing) -> None:
        try:
            assert offer.work is not None
            words = offer.outcome(offer.work(doing))
        except Exception as error:
            self._failed(offer, course, error)
        else:
            self._end(course, "done", words)

    def _answered(self, offer: Action, course: _Course, future: concurrent.futures.Future[Any]) -> None:
        if future.cancelled():
            self._end(course, "failed", f"{_verb(offer)} failed: the request was cancelled")
            return
        error = future.exception()
        try:
            if error is not None:
                raise error
            words = offer.outcome(future.result())
        except BaseException as e:
            self._failed(offer, course, e)
        else:
            self._end(course, "done", words)

    def _failed(self, offer: Action, course: _Course, error: BaseException) -> None:
        if isinstance(error, TransferCancelled) and course.doing is not None and course.doing.cancelled:
            self._end(course, "ready", str(error))
            return
        what = str(error)
        if not isinstance(error, FlareError):
            # Not one of the failures we know: its text alone may mean nothing to the user.
            log.error("%s failed", _verb(offer), exc_info=error)
            what = f"{type(error).__name__}: {error}"
        self._end(course, "failed", f"{_verb(offer)} failed: {what}")

    def _told(self, course: _Course, words: str, progress: float | None) -> None:
        with self._lock:
            if course.state not in _BUSY:
                return
            cancelling = course.doing is not None and course.doing.cancelled
            course.state = "running"
            course.words = course.words if cancelling else words
            course.progress = None if progress is None else min(1.0, max(0.0, progress))
        self._changed()

    def _end(self, course: _Course, state: str, words: str) -> None:
        with self._lock:
            course.state, course.words, course.progress, course.doing = state, words, None, None
        self._changed()

    def _described(self, offer: Action, course: _Course) -> dict[str, Any]:
        return {
            "name": offer.name,
            "label": offer.label,
            "danger": offer.danger,
            "confirm": offer.confirm,
            "type": offer.type,
            "yes": offer.yes or f"Yes, {_verb(offer)}",
            "no": offer.no,
            "cancels": offer.cancels,
            "reason": _shown(offer.why_not()),
            "state": course.state,
            "words": _shown(course.words),
            "progress": course.progress,
            "turn": course.turn,
        }


def _verb(offer: Action) -> str:
    return offer.label[:1].lower() + offer.label[1:]


def _shown(words: str) -> str:
    return clean(" ".join(words.split()), _MOST_WORDS)
