from __future__ import annotations

import threading
import time

import pytest

from flare_widgets.views.core.throttle import Throttle


class Sender:
    """Remembers when it was called, and lets a test wait for a call."""

    def __init__(self):
        self.times = []
        self.threads = []
        self.called = threading.Condition()

    def __call__(self):
        with self.called:
            self.times.append(time.monotonic())
            self.threads.append(threading.current_thread())
            self.called.notify_all()

    def wait_for(self, count):
        with self.called:
            assert self.called.wait_for(lambda: len(self.times) >= count, timeout=10), f"{len(self.times)} calls"


def test_first_request_served_immediately_in_caller():
    send = Sender()
    Throttle(send, 60).request()
    assert send.threads == [threading.current_thread()]


def test_request_flood_is_coalesced_keeping_last():
    state, sent = 0, []
    done = threading.Event()

    def send():
        sent.append((time.monotonic(), state))
        if state == 5000:
            done.set()

    interval = 0.05
    coalescer = Throttle(send, interval)
    start = time.monotonic()
    for state in range(1, 5001):
        coalescer.request()
        if state % 1000 == 0:
            time.sleep(interval / 3)  # spread over several intervals
    assert done.wait(10), "the newest state was never sent"
    assert sent[-1][1] == 5000
    assert len(sent) <= (time.monotonic() - start) / interval + 2


def test_request_within_interval_is_not_lost():
    send = Sender()
    coalescer = Throttle(send, 0.05)
    coalescer.request()
    coalescer.request()
    send.wait_for(2)
    assert send.times[1] - send.times[0] >= 0.04


def test_after_close_nothing_is_sent():
    send = Sender()
    coalescer = Throttle(send, 0.02)
    coalescer.request()
    coalescer.request()
    timer = coalescer._timer
    assert timer is not None
    coalescer.close()
    coalescer.request()
    timer.join(10)
    assert not timer.is_alive()
    assert len(send.times) == 1


def test_two_threads_never_send_at_once():
    running = threading.Lock()
    overlaps = []
    count = Sender()

    def send():
        if not running.acquire(blocking=False):
            overlaps.append(1)
            return
        time.sleep(0.002)
        running.release()
        count()

    coalescer = Throttle(send, 0.001)

    def flood():
        for _ in range(200):
            coalescer.request()
            time.sleep(0.0005)

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    count.wait_for(2)
    assert not overlaps


def test_sender_that_fails_is_asked_again():
    calls = []

    def send():
        calls.append(1)
        if len(calls) == 1:
            raise RuntimeError("first")

    coalescer = Throttle(send, 0)
    with pytest.raises(RuntimeError, match="first"):
        coalescer.request()
    coalescer.request()
    assert len(calls) == 2


def test_unfinished_sender_is_called_after_interval():
    send = Sender()

    def send_some():
        send()
        return len(send.times) < 4

    Throttle(send_some, 0.02).request()
    send.wait_for(4)
    assert all(later - earlier >= 0.015 for earlier, later in zip(send.times, send.times[1:], strict=False))
    time.sleep(0.08)
    assert len(send.times) == 4
