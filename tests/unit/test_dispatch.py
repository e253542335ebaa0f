"""Where callbacks run: one at a time where they belong together, side by side where they do not."""

from __future__ import annotations

import threading

import pytest

from flare_widgets.monitoring import callbacks
from flare_widgets.monitoring.callbacks import Dispatcher, Lane

PATIENCE = 20


def test_a_slow_lane_delays_no_other() -> None:
    dispatcher, release, quick = Dispatcher(), threading.Event(), threading.Event()
    slow = Lane(dispatcher, lambda: release.wait(PATIENCE) and None)
    slow.request()
    Lane(dispatcher, quick.set).request()
    assert quick.wait(PATIENCE)
    release.set()


def test_never_two_at_a_time_and_the_newest_is_never_missed() -> None:
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

    lane = Lane(Dispatcher(), call)
    lane.request()
    assert started.wait(PATIENCE)
    for _ in range(50):
        lane.request()
    release.set()
    assert done.wait(PATIENCE)
    assert (most, calls) == (1, 2)


@pytest.mark.parametrize("error", [ValueError("bad"), SystemExit(1), KeyboardInterrupt()])
def test_a_call_that_raises_leaves_the_lane_open(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    failed, worked = threading.Event(), threading.Event()

    def call() -> None:
        if not failed.is_set():
            failed.set()
            raise error
        worked.set()

    lane = Lane(Dispatcher(), call)
    lane.request()
    assert failed.wait(PATIENCE)
    lane.request()
    assert worked.wait(PATIENCE)
    assert "a callback failed" in caplog.text


def test_threads_end_when_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(callbacks, "_IDLE", 0.01)
    threads: list[threading.Thread] = []
    barrier = threading.Barrier(6)

    def call() -> None:
        threads.append(threading.current_thread())
        barrier.wait(PATIENCE)

    dispatcher = Dispatcher()
    for _ in range(5):
        Lane(dispatcher, call).request()
    barrier.wait(PATIENCE)
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
        assert thread.daemon
    assert len(set(threads)) == 5
