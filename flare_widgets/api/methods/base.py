"""What the methods of a session need of it."""

from __future__ import annotations

import abc
from typing import Any, TypeVar

from ...kit import StartupKit
from ...wire import hci
from ...wire.link import Link
from ..commands import Command

T = TypeVar("T")

COMMAND_TIMEOUT = 5.0
"""Seconds to wait for an answer, unless :meth:`.Session.set_timeout` says otherwise."""


class Methods(abc.ABC):
    """A session as its methods see it.

    Attributes
    ----------
    kit
        Whose session it is.
    """

    kit: StartupKit

    @property
    @abc.abstractmethod
    def study(self) -> str:
        """The study of the session."""

    @abc.abstractmethod
    def close(self) -> None:
        """End the session."""

    @abc.abstractmethod
    def _run(self, command: Command[T]) -> T:
        """Send a command and return its result."""

    @abc.abstractmethod
    def _ask(self, command: Command[Any]) -> hci.Reply:
        """Send a command and return the answer, whatever it says."""

    @abc.abstractmethod
    def _link(self) -> Link:
        """Return a link that works."""

    @abc.abstractmethod
    def _command_timeout(self) -> float | None:
        """Return what the user set; None for the defaults."""
