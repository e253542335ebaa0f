"""One declaration, two faces: the same names, parameters and words; a value on one, a coroutine on the other."""

from __future__ import annotations

import asyncio
import inspect
import pydoc
import re
import threading
from collections.abc import Callable
from typing import Any, Generic

import pytest

from flare_widgets.api import AsyncJob, AsyncSession, Job, Session
from flare_widgets.api.dual import AsyncMixin, SyncMixin, dual_method, dual_property, run_to_completion
from flare_widgets.api.session_methods import SessionMethods
from flare_widgets.api.session_methods.core import SessionCore
from flare_widgets.wire import loop

#: What only starts something, or only sets a number, is the same on both faces.
AT_ONCE = {"submitted_config", "set_timeout", "unset_timeout", "subscribe"}


def functions(kind: type) -> dict[str, Any]:
    return {n: f for n, f in inspect.getmembers(kind, inspect.isfunction) if not n.startswith("_")}


def parameters(function: Callable[..., Any]) -> list[inspect.Parameter]:
    return list(inspect.signature(function).parameters.values())


def test_session_methods_exist_on_both_faces() -> None:
    blocking, awaiting = functions(Session), functions(AsyncSession)
    assert set(blocking) - set(awaiting) == {"start"}  # returns a future, of use to both
    assert set(awaiting) <= set(blocking)
    assert len(awaiting) > 50


@pytest.mark.parametrize("name", sorted(functions(AsyncSession)))
def test_session_signatures_match_on_both_faces(name: str) -> None:
    blocking, awaiting = getattr(Session, name), getattr(AsyncSession, name)
    assert parameters(blocking) == parameters(awaiting)
    assert not inspect.iscoroutinefunction(blocking)
    is_asynchronous = inspect.iscoroutinefunction(awaiting) or inspect.isasyncgenfunction(awaiting)
    assert is_asynchronous == (name not in AT_ONCE)
    assert blocking.__name__ == awaiting.__name__ == name
    assert blocking.__doc__ == awaiting.__doc__


def test_method_families_derive_only_from_core() -> None:
    assert len(SessionMethods.__bases__) > 9
    for family in SessionMethods.__bases__:
        assert set(family.__bases__) - {Generic} <= {SessionCore} or family is Generic


@pytest.mark.parametrize("name", sorted(functions(Session)))
def test_methods_source_is_only_body(name: str) -> None:
    # A declared method is also installed in the class as a plain function, for completion.
    (home,) = [kind for kind in Session.__mro__[1:] if name in vars(kind)] or [Session]
    source = inspect.getsource(getattr(Session, name))
    assert f"def {name}(" in source
    assert source in inspect.getsource(home)


@pytest.mark.parametrize("name", sorted(set(functions(AsyncJob)) - {"changes"}))
def test_job_signatures_match_on_both_faces(name: str) -> None:
    blocking, awaiting = getattr(Job, name), getattr(AsyncJob, name)
    assert parameters(blocking) == parameters(awaiting)
    assert (inspect.iscoroutinefunction(blocking), inspect.iscoroutinefunction(awaiting)) == (False, True)
    assert blocking.__doc__
    assert blocking.__doc__ == awaiting.__doc__


def test_job_has_what_it_promises() -> None:
    names = {"wait", "abort", "clone", "delete", "logs", "download", "errors", "stats", "components", "changes"}
    assert set(functions(AsyncJob)) == names
    # These need rooms above the API: `watch` prints, and lasts, for a terminal.
    assert set(functions(Job)) == names | {"watch", "snapshot", "results", "report"}
    assert Job.metrics.__doc__
    for name in ("id", "name", "status", "meta"):
        assert getattr(Job, name).__doc__


@pytest.mark.parametrize("kind", [Session, AsyncSession, Job, AsyncJob])
def test_help_shows_methods_with_their_parameters(kind: type) -> None:
    text = pydoc.plain(pydoc.render_doc(kind))
    for name, function in functions(kind).items():
        before = "async " if inspect.iscoroutinefunction(function) else ""
        # Python 3.13 breaks long lines of parameters.
        shown = re.search(rf"  {before}{name}\([\s|]*self", text)
        assert shown or inspect.isasyncgenfunction(function)
    assert "Return the jobs of the session's study" in text or kind in (Job, AsyncJob)


class Part:
    """Methods of both faces of a small class."""

    def __init__(self) -> None:
        self.closed: list[str] = []

    async def pause(self) -> None:
        raise NotImplementedError

    @dual_method
    async def double(self, number: int, *, plus: int = 0) -> int:
        """Double it."""
        await self.pause()
        return number * 2 + plus

    @dual_method
    async def waits(self) -> None:
        try:
            await asyncio.sleep(0)
        finally:
            self.closed.append("waits")

    @dual_property
    async def size(self) -> int:
        """Size."""
        return await Part.double(self, 21)


class Now(SyncMixin, Part):
    async def pause(self) -> None:
        pass


class Later(AsyncMixin, Part):
    async def pause(self) -> None:
        await asyncio.sleep(0)


def test_one_body_does_for_both() -> None:
    assert Now().double(2, plus=1) == 5
    assert Now().size == 42
    assert asyncio.run(Later().double(2, plus=1)) == 5
    assert asyncio.run(Later().size) == 42


def test_blocking_face_works_where_loop_runs() -> None:
    async def cell() -> int:
        return Now().double(3)

    assert asyncio.run(cell()) == 6


def test_suspending_blocking_body_errors_and_closes() -> None:
    now = Now()
    with pytest.raises(RuntimeError, match="waited for an event loop"):
        now.waits()
    assert now.closed == ["waits"]


def test_attribute_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="'size' is read-only: the server determines it"):
        Now().size = 3


def test_exception_comes_through_as_it_is() -> None:
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        run_to_completion(fail())


def test_cancelled_worker_aborts_wait_with_cleanup() -> None:
    seen: list[str] = []
    waiting = threading.Event()

    async def slow() -> None:
        waiting.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("the wait was cancelled")
            raise

    def work() -> None:
        try:
            loop.run(slow())
        except Exception:
            seen.append("taken for an error")
        finally:
            seen.append(loop.run(asyncio.sleep(0, "cleaned up")))

    async def main() -> None:
        task = asyncio.create_task(loop.run_in_worker(work))
        await asyncio.to_thread(waiting.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert seen == ["the wait was cancelled", "cleaned up"]

    asyncio.run(main())


def test_worker_cancelled_between_waits_aborts_next() -> None:
    working, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def work() -> None:
        loop.run(asyncio.sleep(0))
        working.set()
        go_on.wait(10)
        try:
            loop.run(asyncio.sleep(60))
        except asyncio.CancelledError:
            seen.append("given up")
            raise

    async def main() -> None:
        task = asyncio.create_task(loop.run_in_worker(work))
        await asyncio.to_thread(working.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))
    assert seen == ["given up"]


def test_cancelled_worker_stops_at_next_checkpoint() -> None:
    working, go_on = threading.Event(), threading.Event()
    seen: list[str] = []

    def work() -> None:
        loop.check_cancelled()
        working.set()
        go_on.wait(10)
        try:
            loop.check_cancelled()
            seen.append("done all the same")
        finally:
            loop.check_cancelled()
            seen.append(loop.run(asyncio.sleep(0, "cleaned up")))

    async def main() -> None:
        task = asyncio.create_task(loop.run_in_worker(work))
        await asyncio.to_thread(working.wait, 10)
        task.cancel()
        asyncio.get_running_loop().call_later(0.05, go_on.set)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(asyncio.wait_for(main(), 10))
    assert seen == ["cleaned up"]


def test_worker_returns_result_and_raises_error() -> None:
    def fail() -> None:
        raise ValueError("mine")

    assert asyncio.run(loop.run_in_worker(lambda a, b: a + b, 1, b=2)) == 3
    with pytest.raises(ValueError, match="mine"):
        asyncio.run(loop.run_in_worker(fail))
