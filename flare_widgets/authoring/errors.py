"""Errors before a job is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..errors import FlareError

if TYPE_CHECKING:
    from .checks import CodeProblem


class CellError(FlareError, ValueError):
    """The cell's code cannot work at a site. Nothing was sent.

    Attributes
    ----------
    problems
        The problems, in the order of the lines.
    """

    def __init__(self, problems: Sequence[CodeProblem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


class RecipeError(FlareError):
    """FLARE's recipe could not make a job from its arguments. Nothing was sent."""


class AuthoringNotInstalled(FlareError, ImportError):
    """A package that is needed to make a job is not installed here."""
