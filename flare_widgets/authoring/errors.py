"""Errors before a job is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import InputError, NotInstalled

if TYPE_CHECKING:
    from .checks import CodeProblem


class CellError(InputError, ValueError):
    """The cell's code cannot work at a site. Nothing was sent.

    Attributes
    ----------
    problems
        The problems, in the order of the lines.
    """

    def __init__(self, problems: Sequence[CodeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.problems,), vars(self)


class RecipeError(InputError):
    """FLARE's recipe could not make a job from its arguments. Nothing was sent."""


class AuthoringNotInstalled(NotInstalled):
    """A package that is needed to make a job is not installed here."""
