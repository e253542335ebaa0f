"""The command class, and the readers and checks that the families share."""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ...errors import InternalError, InvalidArgumentError, InvalidSyntax, JobNotFound, error_context
from ...wire.hci import MAX_REPLY_CHARS, CommandReply, join_words
from ..models import TargetType
from ..reply_errors import check_reply

T = TypeVar("T")

TARGET_NAME_PATTERN = re.compile(r"[A-Za-z0-9._-]+")
"""Names that FLARE permits for a target of a command."""

TARGET_TYPES = (TargetType.ALL, TargetType.SERVER, TargetType.CLIENT)


class Effect(enum.Enum):
    """Effect of a command on the server, which determines how a lost answer is handled."""

    READ = "read"
    """None: it is sent again, for as long as its timeout permits."""
    IDEMPOTENT = "idempotent"
    """Repeating it has no further effect: it is sent up to three times, as by nvflare's client. If no answer
    comes then, that is an :exc:`.OutcomeUnknown`."""
    WRITE = "write"
    """Must not be repeated: it is sent once, and a lost answer is an :exc:`.OutcomeUnknown`."""


@dataclass(frozen=True)
class Command(Generic[T]):
    """A command ready to be sent.

    Attributes
    ----------
    line
        The line to send to the server.
    read
        Turns the answer to a successful command into its result.
    effect
        Its effect on the server, see :class:`Effect`.
    props
        Data to send with the line, JSON-able.
    needs_meta
        True if an answer without a structured result is an error.
    recovery_hint
        Instructions for checking, after a lost answer, if the command was executed.
    max_reply_chars
        Maximum number of characters of its answer.
    job_id, site
        The job and the site in question, if there is one, for errors to name.
    """

    line: str
    read: Callable[[CommandReply], T]
    effect: Effect = Effect.WRITE
    props: Any = None
    needs_meta: bool = True
    recovery_hint: str = "Check whether it was done before you repeat the command"
    max_reply_chars: int = MAX_REPLY_CHARS
    job_id: str | None = None
    site: str | None = None

    @property
    def name(self) -> str:
        """The name of the command, without its arguments."""
        return self.line.split(" ", 1)[0]

    @property
    def max_attempts(self) -> float:
        """Maximum number of times it may be sent."""
        return {Effect.READ: math.inf, Effect.IDEMPOTENT: 3, Effect.WRITE: 1}[self.effect]

    def parse_reply(self, reply: CommandReply) -> T:
        """Return the result in the server's answer, or raise the error that it reports."""
        with self.error_context():
            check_reply(self.line, reply, self.needs_meta)
            return self.read(reply)

    def error_context(self, address: str | None = None) -> AbstractContextManager[None]:
        """Have errors raised within the block say that they are about this command."""
        return error_context(command=self.name, job_id=self.job_id, site=self.site, address=address)


def job_line(verb: str, job_id: Any, *more: str) -> str:
    """Return the line of a command about a job.

    Raises
    ------
    JobNotFound
        No job can have this id.
    """
    if not isinstance(job_id, str):
        raise JobNotFound(f"a job id must be text, not {type(job_id).__name__}")
    if not job_id:
        raise JobNotFound("no job id was given")
    try:
        words = join_words([verb, job_id])
    except ValueError:
        raise JobNotFound(f"no such job: {job_id!r}", command=verb, job_id=job_id) from None
    return " ".join([words, join_words(more)]) if more else words


def check_target_type(value: Any) -> str:
    """Return `value` if it is one of :class:`.TargetType`; ValueError otherwise."""
    if value not in TARGET_TYPES:
        raise InvalidArgumentError(f"the target type must be one of {', '.join(TARGET_TYPES)}, not {value!r}")
    return str(value)


def check_targets(names: Any) -> list[str]:
    """Return the names of sites if they are valid; SyntaxError, as the FLARE API does, otherwise."""
    if not isinstance(names, list):
        raise InvalidSyntax(f"targets must be a list, not {type(names).__name__}")
    for name in names:
        if not isinstance(name, str) or not TARGET_NAME_PATTERN.fullmatch(name):
            raise InvalidSyntax(
                f"invalid target {name!r}: a site's name has letters, digits, dots, underscores, hyphens"
            )
    return names


def target_line(verb: str, kind: Any, names: Any, *before: str) -> str:
    """Return the line of a command for the server, for all sites or for some of them.

    Parameters
    ----------
    verb, before
        Beginning of the line.
    kind
        One of :class:`.TargetType`.
    names
        The sites, when `kind` is ``client``; all of them if empty. Otherwise without effect.
    """
    words = [verb, *before, check_target_type(kind)]
    if kind == TargetType.CLIENT and names:
        words += check_targets(names)
    return join_words(words)


def read_nothing(reply: CommandReply) -> None:
    """Read an answer that only confirms success."""


def read_meta(reply: CommandReply) -> dict[str, Any]:
    """Return the whole structured result."""
    return dict(reply.meta)


def read_text(reply: CommandReply) -> str:
    """Return the text of the answer."""
    return "".join(reply.texts("string"))


def read_mapping(reply: CommandReply) -> dict[str, Any]:
    """Return the map in the answer; an empty one if there is none."""
    for item in reply.items:
        if item.get("type") == "dict":
            data = item.get("data", {})
            if not isinstance(data, dict):
                raise InternalError(f"the server answered {type(data).__name__} where a map was expected")
            return data
    return {}


def read_entries(reply: CommandReply, key: str) -> list[dict[str, Any]]:
    """Return the maps in a list of the structured result; an empty list if there is none."""
    value = reply.meta.get(key)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def split_names(names: Sequence[str]) -> list[str]:
    """Return the words in a list of names, each of which may be several separated by blanks."""
    return " ".join(names).split()
