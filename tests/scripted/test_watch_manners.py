"""Watches in a child process, in a pickle, and when the monitor's thread has died."""

from __future__ import annotations

import copy
import ctypes
import pickle
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from scripted_session import ScriptedSession
from servers import FlareServer
from waiting import wait_until

from flare_widgets.errors import InvalidArgumentType
from flare_widgets.monitoring import Monitor
from flare_widgets.views.job.view import JobView

ROOT = Path(__file__).resolve().parents[2]


def run(code: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_ended_thread_of_monitor_is_replaced() -> None:
    session = ScriptedSession("job-1")
    monitor = Monitor(session, poll_interval=0.05)
    watch = monitor.watch("job-1")
    assert watch.wait_for_first_update(10)
    first = monitor._thread
    assert first is not None
    assert first.ident is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(first.ident), ctypes.py_object(SystemExit))
    wait_until(lambda: not first.is_alive(), 10)
    session.end("job-1")
    assert watch.wait(20).name == "JOB_FINISHED"


def test_dead_thread_of_monitor_is_noticed_by_new_watch() -> None:
    session = ScriptedSession("job-1")
    monitor = Monitor(session, poll_interval=0.05)
    dead = threading.Thread(target=lambda: None)
    dead.start()
    dead.join()
    monitor._thread = dead
    assert monitor.watch("job-1").wait_for_first_update(10)
    monitor.close()


def test_watch_in_forked_child_says_so() -> None:
    code = """
import os, sys
sys.path[:0] = ["tests/support"]
from scripted_session import ScriptedSession
from flare_widgets.errors import SessionClosed
from flare_widgets.monitoring import Monitor
monitor = Monitor(ScriptedSession("job-1"), poll_interval=0.05)
watch = monitor.watch("job-1")
assert watch.wait_for_first_update(10)
child = os.fork()
if child == 0:
    for attempt in (watch.wait, watch.wait_for_first_update, watch.refresh, lambda: monitor.watch("job-1"),
                    monitor.watch_jobs, monitor.watch_system):
        try:
            attempt()
        except SessionClosed as error:
            print(error, flush=True)
    watch.stop()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
monitor.session.end("job-1")
print(watch.wait(20).name)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *said, last = done.stdout.splitlines()
    assert last == "JOB_FINISHED"
    assert len(said) == 6
    assert all("belongs to the process that forked this one" in line for line in said)
    assert all("Open a session in this process" in line for line in said)


def test_monitor_of_parents_session_says_so(kit: Path, server: FlareServer) -> None:
    code = f"""
import os
from flare_widgets import connect
from flare_widgets.errors import SessionClosed
from flare_widgets.monitoring import Monitor
session = connect({str(kit)!r}, timeout=10)
child = os.fork()
if child == 0:
    try:
        print(Monitor(session).watch("job-1").wait(20))
    except SessionClosed as error:
        print(error, flush=True)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
session.close()
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("this session belongs to the process that forked this one. Open a new one here")


def test_pickled_watch_says_what_to_hand_over() -> None:
    monitor = Monitor(ScriptedSession("job-1"))
    watch = monitor.watch("job-1")
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        for each in (watch, monitor, JobView(watch)):
            with pytest.raises(InvalidArgumentType, match=r"Hand over the startup kit's folder and the job's id"):
                attempt(each)
    monitor.close()
