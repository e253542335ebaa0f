"""Synchronous and asynchronous methods from one declaration.

A method is written once, as a coroutine that waits only through the few functions of :class:`.SessionCore`. In a
:class:`SyncMixin` class those have their result when they return, so the coroutine never suspends: it is run to
completion in the caller's thread, without an event loop. In an :class:`AsyncMixin` class they suspend, and the method
is that coroutine. Both have the same name, parameters and docstring.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, TypeVar, overload

from ..errors import FlareError
from .tracebacks import trim_traceback

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


class SyncMixin:
    """Base of classes whose methods return their result."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _install_functions(cls)


class AsyncMixin:
    """Base of classes whose methods return a coroutine that has the result."""

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _install_functions(cls)


def _install_functions(cls: type) -> None:
    """Make the declared methods plain functions of the class: completion calls anything else an instance."""
    # Not by inspect.getattr_static, which for all names takes a tenth of the time of importing the FLARE API.
    attributes = {name: value for base in reversed(cls.__mro__) for name, value in vars(base).items()}
    for name, value in attributes.items():
        if isinstance(value, dual_method):
            setattr(cls, name, getattr(cls, name))


class dual_method(Generic[S, P, T]):  # noqa: N801 - a decorator, as classmethod is one
    """Declare a synchronous and an asynchronous method by one coroutine function.

    Looked up on a class with neither mixin, it is that coroutine function. So one declaration can call another one,
    ``await LogMethods.get_job_logs(session, job_id)``, for either kind of session.
    """

    def __init__(self, function: Callable[Concatenate[S, P], Coroutine[Any, Any, T]]) -> None:
        @functools.wraps(function)
        def blocking(face: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            __tracebackhide__ = True
            try:
                return run_to_completion(function(face, *args, **kwargs))
            except FlareError as error:
                raise trim_traceback(error, function) from error.__cause__

        @functools.wraps(function)
        async def suspending(face: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
            __tracebackhide__ = True
            try:
                return await function(face, *args, **kwargs)
            except FlareError as error:
                raise trim_traceback(error, function) from error.__cause__

        self.__doc__ = function.__doc__
        self._function = function
        self._sync_function, self._async_function = blocking, suspending

    @overload
    def __get__(self, instance: SyncMixin, owner: Any = None) -> Callable[P, T]: ...

    @overload
    def __get__(self, instance: AsyncMixin, owner: Any = None) -> Callable[P, Coroutine[Any, Any, T]]: ...

    @overload
    def __get__(self, instance: None, owner: type[SyncMixin]) -> Callable[Concatenate[S, P], T]: ...

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        # Plain functions and bound methods, so that help(), completion and inspect work.
        kind = owner or type(instance)
        if issubclass(kind, SyncMixin):
            function: Callable[..., Any] = self._sync_function
        else:
            function = self._async_function if issubclass(kind, AsyncMixin) else self._function
        return function if instance is None else types.MethodType(function, instance)


class dual_property(Generic[S, T]):  # noqa: N801 - a decorator, as property is one
    """Declare a synchronous and an asynchronous attribute: ``job.status``, and ``await job.status``."""

    def __init__(self, function: Callable[[S], Coroutine[Any, Any, T]]) -> None:
        self.__doc__ = function.__doc__
        self._method = dual_method(function)

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, instance: None, owner: Any = None) -> dual_property[S, T]: ...

    @overload
    def __get__(self, instance: SyncMixin, owner: Any = None) -> T: ...

    @overload
    def __get__(self, instance: AsyncMixin, owner: Any = None) -> Coroutine[Any, Any, T]: ...

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        __tracebackhide__ = True
        method: Any = self._method
        return method.__get__(instance, type(instance))()

    def __set__(self, instance: Any, value: Any) -> NoReturn:
        raise AttributeError(f"{self._name!r} is read-only: the server determines it")


def run_to_completion(coroutine: Coroutine[Any, Any, T]) -> T:
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
