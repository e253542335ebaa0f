"""What a command is, and the readers and checks that the families share."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...errors import InternalError, JobNotFound
from ...wire.hci import Reply, join
from ..models import TargetType
from ..reply_errors import check

T = TypeVar("T")

TARGET = re.compile(r"[A-Za-z0-9._-]+")
"""What FLARE permits as the name of a target of a command."""

TARGET_TYPES = (TargetType.ALL, TargetType.SERVER, TargetType.CLIENT)


class Effect(enum.Enum):
    """What a command does to the server, which decides what becomes of it when its answer is lost."""

    READ = "read"
    """Nothing: it is asked again, for as long as its time-out permits."""
    IDEMPOTENT = "idempotent"
    """Doing it twice is doing it once: it is sent up to three times, as by nvflare's client."""
    WRITE = "write"
    """Something that must not be done twice: it is sent once, and a lost answer is an :exc:`.OutcomeUnknown`."""


@dataclass(frozen=True)
class Command(Generic[T]):
    """A command ready to be sent.

    Attributes
    ----------
    line
        What goes to the server.
    read
        Turns the answer to a command that succeeded into its result.
    effect
        What it does, see :class:`Effect`.
    props
        Data that goes with the line, JSON-able.
    needs_meta
        Whether an answer without a structured result is an error.
    find_out
        When its answer was lost, how to find out whether it was done.
    """

    line: str
    read: Callable[[Reply], T]
    effect: Effect = Effect.WRITE
    props: Any = None
    needs_meta: bool = True
    find_out: str = "Look whether it was done before you give the command again"

    @property
    def attempts(self) -> float:
        """How often it may be sent."""
        return {Effect.READ: math.inf, Effect.IDEMPOTENT: 3, Effect.WRITE: 1}[self.effect]

    def answer(self, reply: Reply) -> T:
        """Return the result in the server's answer, or raise what the answer says went wrong."""
        check(self.line, reply, self.needs_meta)
        return self.read(reply)


def about(verb: str, job_id: Any, *more: str) -> str:
    """Return the line of a command about a job.

    Raises
    ------
    JobNotFound
        There can be no such job.
    """
    if not isinstance(job_id, str):
        raise JobNotFound(f"a job id is text, not {type(job_id).__name__}")
    if not job_id:
        raise JobNotFound("no job id was given")
    try:
        words = join([verb, job_id])
    except ValueError:
        raise JobNotFound(f"no such job: {job_id!r}") from None
    return " ".join([words, join(more)]) if more else words


def target_type(value: Any) -> str:
    """Return `value` if it is one of :class:`.TargetType`; ValueError otherwise."""
    if value not in TARGET_TYPES:
        raise ValueError(f"the target type must be one of {', '.join(TARGET_TYPES)}, not {value!r}")
    return str(value)


def targets(names: Any) -> list[str]:
    """Return the names of sites if they can be some; SyntaxError, as the FLARE API does, otherwise."""
    if not isinstance(names, list):
        raise SyntaxError(f"targets must be a list, not {type(names).__name__}")
    for name in names:
        if not isinstance(name, str) or not TARGET.fullmatch(name):
            raise SyntaxError(f"invalid target {name!r}: a site's name has letters, digits, dots, underscores, hyphens")
    return names


def addressed(verb: str, kind: Any, names: Any, *before: str) -> str:
    """Return the line of a command for the server, for all sites or for some of them.

    Parameters
    ----------
    verb, before
        What the line starts with.
    kind
        One of :class:`.TargetType`.
    names
        The sites, when `kind` is ``client``; none for all of them. Otherwise without effect.
    """
    words = [verb, *before, target_type(kind)]
    if kind == TargetType.CLIENT and names:
        words += targets(names)
    return join(words)


def nothing(reply: Reply) -> None:
    """Read an answer that says no more than that it was done."""


def meta(reply: Reply) -> dict[str, Any]:
    """Return the whole structured result."""
    return dict(reply.meta)


def text(reply: Reply) -> str:
    """Return the text of the answer."""
    return "".join(reply.texts("string"))


def mapping(reply: Reply) -> dict[str, Any]:
    """Return the map in the answer; an empty one if there is none."""
    for item in reply.items:
        if item.get("type") == "dict":
            data = item.get("data", {})
            if not isinstance(data, dict):
                raise InternalError(f"the server answered {type(data).__name__} where a map was expected")
            return data
    return {}


def entries(reply: Reply, key: str) -> list[dict[str, Any]]:
    """Return the maps in a list of the structured result; an empty list if there is none."""
    value = reply.meta.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def words_of(names: Sequence[str]) -> list[str]:
    """Return the words in a list of names, of which one may be several separated by blanks."""
    return " ".join(names).split()
