"""Callbacks: one at a time where they belong together, side by side where they do not, and what a failure does."""

from __future__ import annotations

import contextvars
import threading

import pytest

from flare_widgets.monitoring import callbacks
from flare_widgets.monitoring.callbacks import CallbackPool, SerialExecutor, Signal
from flare_widgets.monitoring.watch import BaseWatch, WatchState

PATIENCE = 20


def test_slow_lane_delays_no_other() -> None:
    dispatcher, release, quick = CallbackPool(), threading.Event(), threading.Event()
    slow = SerialExecutor(dispatcher, lambda: release.wait(PATIENCE) and None)
    slow.request()
    SerialExecutor(dispatcher, quick.set).request()
    assert quick.wait(PATIENCE)
    release.set()


def test_calls_never_overlap_nor_miss_newest() -> None:
    lock, inside, most, calls = threading.Lock(), 0, 0, 0
    started, release, done = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        nonlocal inside, most, calls
        with lock:
            inside, calls = inside + 1, calls + 1
            most = max(most, inside)
        started.set()
        release.wait(PATIENCE)
        with lock:
            inside -= 1
            if calls == 2:
                done.set()

    lane = SerialExecutor(CallbackPool(), call)
    lane.request()
    assert started.wait(PATIENCE)
    for _ in range(50):
        lane.request()
    release.set()
    assert done.wait(PATIENCE)
    assert (most, calls) == (1, 2)


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_call_that_raises_leaves_lane_open(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    failed, worked = threading.Event(), threading.Event()

    def call() -> None:
        if not failed.is_set():
            failed.set()
            raise error
        worked.set()

    lane = SerialExecutor(CallbackPool(), call)
    lane.request()
    assert failed.wait(PATIENCE)
    lane.request()
    assert worked.wait(PATIENCE)
    assert "a callback failed" in caplog.text


def test_idle_threads_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "_IDLE_TIMEOUT_S", 0.01)
    threads: list[threading.Thread] = []
    barrier = threading.Barrier(6)

    def call() -> None:
        threads.append(threading.current_thread())
        barrier.wait(PATIENCE)

    dispatcher = CallbackPool()
    for _ in range(5):
        SerialExecutor(dispatcher, call).request()
    barrier.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert thread.daemon
    assert len(set(threads)) == 5


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_signal_calls_others_when_one_raises(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    signal, heard = Signal[str](), list[str]()

    def fail(_: str) -> None:
        raise error

    signal.subscribe(lambda value: heard.append(f"first {value}"))
    signal.subscribe(fail)
    signal.subscribe(lambda value: heard.append(f"last {value}"))
    signal.publish("news")
    assert heard == ["first news", "last news"]
    assert "a callback failed" in caplog.text


def test_signal_unsubscribe_ends_one_subscription() -> None:
    signal, heard = Signal[str](), list[str]()
    unsubscribe = signal.subscribe(heard.append)
    signal.subscribe(heard.append)
    unsubscribe()
    unsubscribe()
    signal.publish("news")
    assert heard == ["news"]


def test_signal_listener_runs_in_own_context() -> None:
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell", default="none")
    signal, heard = Signal[str](), list[str]()
    for name in ("cell 1", "cell 2"):
        contextvars.copy_context().run(
            lambda name=name: (cell.set(name), signal.subscribe(lambda _: heard.append(cell.get())))
        )
    signal.publish("news")
    assert heard == ["cell 1", "cell 2"]


def test_watch_pauses_resumes_and_ends_once() -> None:
    refreshed, heard = list[int](), list[WatchState]()
    watch = BaseWatch("snapshot", CallbackPool(), lambda: None, lambda: refreshed.append(1))
    ended = threading.Event()
    watch.subscribe(lambda _: (heard.append(watch.state), ended.set()))
    watch.resume()
    assert refreshed == []  # it was not paused
    watch.pause()
    assert (watch.paused, watch.is_active, watch.done) == (True, False, False)
    watch.resume()
    assert (watch.is_active, refreshed) == (True, [1])
    watch.stop()
    assert ended.wait(PATIENCE)
    watch.pause()
    watch.resume()
    watch.stop()
    assert (watch.state, heard, refreshed) == (WatchState.STOPPED, [WatchState.STOPPED], [1])
