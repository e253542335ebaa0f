"""Tracebacks that end at the caller's line and at the public function: to a user, the frames below tell nothing.

An error of ours says by itself what happened and what to do. All of its traceback is logged at the level ``DEBUG`` by
the logger ``flare_widgets.api``. Any other exception is a bug of ours, and keeps its traceback.
"""

from __future__ import annotations

import functools
import inspect
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

from ..errors import FlareError

log = logging.getLogger("flare_widgets.api")

P = ParamSpec("P")
T = TypeVar("T")
E = TypeVar("E", bound=FlareError)

_MAX_CAUSES = 10  # a chain of causes could be a circle


def trim_traceback(error: E, function: Callable[..., Any]) -> E:
    """Return the error that was caught from a public function, with no more of its traceback than that function.

    Raise it ``from error.__cause__``, in a frame with a variable ``__tracebackhide__``: IPython and pytest leave that
    frame out.
    """
    log.debug("%s failed", getattr(function, "__qualname__", function), exc_info=error)
    code = getattr(inspect.unwrap(function), "__code__", None)
    found = error.__traceback__
    while found is not None and found.tb_frame.f_code is not code:
        found = found.tb_next
    kept = None if found is None else TracebackType(None, found.tb_frame, found.tb_lasti, found.tb_lineno)
    cause = error.__cause__
    for _ in range(_MAX_CAUSES):
        if cause is not None:
            cause.__traceback__, cause.__suppress_context__ = None, True
            cause = cause.__cause__
    return error.with_traceback(kept)


def trims_traceback(function: Callable[P, T]) -> Callable[P, T]:
    """Decorate a public function: the tracebacks of its errors end there."""

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        __tracebackhide__ = True
        try:
            return function(*args, **kwargs)
        except FlareError as error:
            raise trim_traceback(error, function) from error.__cause__

    return call
