"""Two faces of one declaration: a method that returns its result, and one that is awaited.

A method is written once, as a coroutine that waits only through the few ways of :class:`.Methods`. On a
:class:`Blocking` face those have their result when they return, so that the coroutine never suspends: it is driven
to its end in the caller's thread, without an event loop. On an :class:`Awaiting` face they suspend, and the method
is that coroutine. Both have the same name, parameters and docstring.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, TypeVar, overload

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


class Blocking:
    """Whose methods return their result."""

    __slots__ = ()


class Awaiting:
    """Whose methods return a coroutine that has the result."""

    __slots__ = ()


class method(Generic[S, P, T]):  # noqa: N801 - a decorator, as classmethod is one
    """Declare a method of both faces by a coroutine function.

    Looked up on a class that is neither face, it is that coroutine function: so does one declaration call another
    one, ``await JobMethods.get_job_meta(session, job_id)``, whichever face the session is.
    """

    def __init__(self, function: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> None:
        @functools.wraps(function)
        def blocking(face: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return drive(function(face, *args, **kwargs))

        self.__doc__ = function.__doc__
        self._awaiting = function
        self._blocking = blocking

    @overload
    def __get__(self, face: Blocking, kind: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, face: Awaiting, kind: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, face: None, kind: type[Blocking]) -> Callable[Concatenate[S, P], T]: ...

    @overload
    def __get__(self, face: None, kind: type) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]: ...

    def __get__(self, face: Any, kind: Any = None) -> Any:
        # Plain functions and bound methods, so that help(), completion and inspect know what they see.
        function = self._blocking if issubclass(kind or type(face), Blocking) else self._awaiting
        return function if face is None else types.MethodType(function, face)


class attribute(Generic[S, T]):  # noqa: N801 - a decorator, as property is one
    """Declare an attribute of both faces by a coroutine function: ``job.status``, and ``await job.status``."""

    def __init__(self, function: Callable[[S], Coroutine[Any, Any, T]]) -> None:
        self.__doc__ = function.__doc__
        self._function = function

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, face: None, kind: Any = None) -> attribute[S, T]: ...

    @overload
    def __get__(self, face: Blocking, kind: Any = None) -> T: ...

    @overload
    def __get__(self, face: Awaiting, kind: Any = None) -> Coroutine[Any, Any, T]: ...

    def __get__(self, face: Any, kind: Any = None) -> Any:
        if face is None:
            return self
        coroutine = self._function(face)
        return drive(coroutine) if isinstance(face, Blocking) else coroutine

    def __set__(self, face: Any, value: Any) -> NoReturn:
        raise AttributeError(f"{self._name!r} is what the server says: it cannot be set")


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, here and now, and return its result.

    Raises
    ------
    RuntimeError
        It did suspend.
    """
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    coroutine.close()
    raise RuntimeError("a method of a blocking face waited for an event loop")
