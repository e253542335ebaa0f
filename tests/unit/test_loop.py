"""The I/O thread: one in a process, that an interrupt never waits for."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flare_widgets.wire import loop

ROOT = Path(__file__).resolve().parents[2]


async def name_of_thread() -> str:
    return threading.current_thread().name


def test_coroutines_run_on_io_thread() -> None:
    assert loop.run(name_of_thread()) == loop.THREAD_NAME == "flare-io"
    assert threading.current_thread().name != loop.THREAD_NAME


def test_there_is_one_thread_for_everybody() -> None:
    with ThreadPoolExecutor(16) as pool:
        names = set(pool.map(lambda _: loop.run(name_of_thread()), range(64)))
    assert names == {"flare-io"}
    found = [t for t in threading.enumerate() if t.name == "flare-io"]
    assert len(found) == 1
    assert found[0].daemon


def test_concurrent_use_starts_one_thread() -> None:
    code = """
import threading
from flare_widgets.wire import loop
async def same(): return threading.get_ident()
barrier = threading.Barrier(16)
found = []
def use():
    barrier.wait()
    found.append(loop.run(same()))
threads = [threading.Thread(target=use) for _ in range(16)]
[t.start() for t in threads]; [t.join() for t in threads]
print(len(set(found)), len(found), [t.name for t in threading.enumerate()])
"""
    assert run_script(code) == "1 16 ['MainThread', 'flare-io']"


def test_importing_starts_no_thread() -> None:
    assert run_script("import threading, flare_widgets.api; print(threading.active_count())") == "1"


def test_result_and_exception_come_back() -> None:
    async def fail() -> None:
        raise ValueError("as it was")

    assert loop.run(asyncio.sleep(0, "result")) == "result"
    with pytest.raises(ValueError, match="as it was"):
        loop.run(fail())


def test_run_timeout_leaves_coroutine_running() -> None:
    ended = threading.Event()

    async def slow() -> None:
        await asyncio.sleep(0.1)
        ended.set()

    with pytest.raises(TimeoutError, match=r"not done within 0\.01 s"):
        loop.run(slow(), timeout=0.01)
    assert ended.wait(10)


def test_time_out_of_coroutine_itself_is_own() -> None:
    async def fail() -> None:
        raise asyncio.TimeoutError("mine")

    with pytest.raises((TimeoutError, asyncio.TimeoutError), match="mine"):
        loop.run(fail(), timeout=10)


def test_future_can_be_cancelled() -> None:
    cancelled = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    future = loop.start(slow())
    loop.run(asyncio.sleep(0))  # by now it has begun
    assert future.cancel()
    assert cancelled.wait(10)


def test_cancelled_coroutine_does_not_end_thread() -> None:
    for _ in range(20):
        loop.start(asyncio.sleep(60)).cancel()
    assert loop.run(name_of_thread()) == "flare-io"


@pytest.mark.parametrize("kind", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "BaseException"])
def test_callback_that_raises_does_not_end_thread(kind: str) -> None:
    code = f"""
import asyncio, threading
from flare_widgets.wire import loop
def fail(future):
    raise {kind}("of a user's callback")
first = loop.run(asyncio.sleep(0, "before"))
other = loop.start(asyncio.sleep(0.1, "what waits"))
gate = loop.start(asyncio.sleep(0.05))
gate.add_done_callback(fail)
print(loop.run(asyncio.sleep(0.2, "after"), timeout=10), other.result(10))
print([t.name for t in threading.enumerate() if t.name == "flare-io"])
"""
    assert run_script(code) == "after what waits\n['flare-io']"


END_THREAD = """
import asyncio, concurrent.futures, sys, threading, time
from flare_widgets.errors import NoConnection
from flare_widgets.wire import loop
loop._MAX_RESTARTS = 0
def end_thread():
    thread = loop._thread
    loop._loop.call_soon_threadsafe(sys.exit)
    thread.join(10)
    assert not thread.is_alive()
"""


def test_ended_thread_fails_what_waits_and_is_replaced() -> None:
    code = f"""{END_THREAD}
waiting = [loop.start(asyncio.sleep(3600)) for _ in range(3)]
caught = []
def wait():
    try:
        loop.run(asyncio.sleep(3600))
    except NoConnection as e:
        caught.append(str(e))
thread = threading.Thread(target=wait)
thread.start()
while len(loop._pending) < 4:
    time.sleep(0.001)
end_thread()
for future in waiting:
    assert isinstance(future.exception(10), NoConnection)
thread.join(10)
print(caught)
print(loop.run(asyncio.sleep(0, "another thread"), timeout=10))
"""
    words = (
        "the thread that holds the connections to servers has ended, and what was under way with it. "
        "Repeat the command: sessions connect again on another thread"
    )
    assert run_script(code) == f"{[words]}\nanother thread"


def test_thread_that_ends_without_a_word_is_noticed() -> None:
    code = f"""{END_THREAD}
loop._LIVENESS_INTERVAL_S = 0.05
take, loop._take_pending, loop._close = loop._take_pending, list, id  # as if it had been killed
future = loop.start(asyncio.sleep(3600))
end_thread()
assert not future.done()
loop._take_pending = take
try:
    loop._wait(future, None)
except NoConnection:
    print("noticed")
"""
    assert run_script(code) == "noticed"


def test_forked_child_has_thread_of_own() -> None:
    code = """
import asyncio, os
from flare_widgets.wire import loop
print(loop.run(asyncio.sleep(0, "parent")), flush=True)
child = os.fork()
if child == 0:
    print(loop.run(asyncio.sleep(0, "child"), timeout=10), flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
print(loop.run(asyncio.sleep(0, "parent again"), timeout=10))
"""
    assert run_script(code).split("\n") == ["parent", "child", "parent again"]


def test_interrupt_leaves_at_once_and_cancels() -> None:
    # It would sleep for an hour, which the time limit of all tests does not allow.
    code = """
import asyncio, sys, threading, traceback
from flare_widgets.wire import loop
cancelled = threading.Event()
def is_main_waiting():
    frame = sys._current_frames()[threading.main_thread().ident]
    return any(frame.f_code.co_name == "result" for frame, _ in traceback.walk_stack(frame))
async def slow():
    while not is_main_waiting():
        await asyncio.sleep(0.001)
    print("waiting", flush=True)
    try:
        await asyncio.sleep(3600)
    except asyncio.CancelledError:
        cancelled.set()
        raise
try:
    loop.run(slow())
except KeyboardInterrupt:
    print("interrupted", cancelled.wait(), loop.run(asyncio.sleep(0, "usable")), flush=True)
"""
    with start_script(code) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate()
        finally:
            process.kill()
    assert output == "interrupted True usable\n"
    assert process.returncode == 0


def test_process_ends_whatever_still_runs() -> None:
    code = """
import asyncio
from flare_widgets.wire import loop
loop.start(asyncio.sleep(3600))
print("done")
"""
    assert run_script(code) == "done"


def start_script(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def run_script(code: str) -> str:
    """Return the output of a new Python process."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
