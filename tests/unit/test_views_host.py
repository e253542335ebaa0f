"""Views outside of a notebook: their host makes their channels; and of closed views nothing is left, anywhere."""

from __future__ import annotations

import gc
import weakref
from types import SimpleNamespace

import pytest
from fakes import FakeSubject
from ipywidgets.widgets.widget import _instances
from waiting import wait_until

from flare_widgets.monitoring.job_list.watch import JobsSnapshot, ListedJob
from flare_widgets.views.core.live_view import HOST, hosted_by
from flare_widgets.views.core.output_handles import OutputHandles
from flare_widgets.views.display import make_jobs_view
from flare_widgets.views.jobs.view import JobsView

JOB = ListedJob("aaaaaaaa-1", "hello", "default", "ann@h.org", "RUNNING", 1.0, 2.0)
VIEWS = 300


class FakeMonitor(FakeSubject):
    """A monitor, its session and its watches in one."""

    def __init__(self):
        super().__init__()
        self.session = self
        self.read_only = self.closed = self.done = self.paused = False
        self.kit = SimpleNamespace(username="ann@h.org", organization="h", role="lead", address="server:8002")
        self.study = "default"
        self.snapshot = JobsSnapshot((JOB,), 3.0)

    def watch_jobs(self):
        return self

    def pause(self):
        self.paused = True

    def resume(self):
        self.paused = False

    def stop(self):
        """Nothing: views share it."""


class RecordingChannel:
    """The part of a comm that a widget uses."""

    made = 0

    def __init__(self, view):
        RecordingChannel.made += 1
        self.comm_id = f"channel-{RecordingChannel.made}"
        self.sent = []
        self.is_closed = False

    def on_msg(self, callback):
        self.callback = callback

    def send(self, data=None, metadata=None, buffers=None):
        self.sent.append(data)

    def close(self):
        self.is_closed = True


def drop(view):
    view.make_static()
    view.close()


def expect_released(make):
    """Make and close many views; fail unless all but the last are given back, and all of ipywidgets' widgets."""
    gc.collect()
    before = set(_instances)
    views = []
    for _ in range(VIEWS):
        view = make()
        views.append(weakref.ref(view))
        drop(view)
        del view

    def all_released():
        gc.collect()
        # The last one may be in some frame.
        return sum(ref() is not None for ref in views) <= 1 and not set(_instances) - before

    # Another thread may be in the middle of an update of one.
    wait_until(all_released, 20)


@pytest.mark.usefixtures("recorded")
def test_closed_views_of_kernel_are_released():
    monitor = FakeMonitor()
    expect_released(lambda: JobsView(monitor))


def test_closed_views_of_host_are_released():
    monitor = FakeMonitor()

    def make():
        with hosted_by(RecordingChannel):
            return JobsView(monitor)

    expect_released(make)


def test_host_makes_channel_without_bundle():
    with hosted_by(RecordingChannel):
        view = JobsView(FakeMonitor())
    assert isinstance(view.comm, RecordingChannel)
    assert view.model_id == view.comm.comm_id
    assert (view._esm, view._css) == ("", "")
    view.study = "other"
    assert view.comm.sent[-1]["state"]["study"] == "other"
    channel = view.comm
    drop(view)
    assert channel.is_closed
    assert HOST.get() is None


@pytest.mark.usefixtures("recorded")
def test_kernel_gets_bundle_as_text():
    view = JobsView(FakeMonitor())
    assert "export" in view._esm
    assert ".flw-" in view._css
    drop(view)


def test_nested_view_has_host_of_its_parent(monkeypatch):
    made = []

    def job_view(monitor, job_id, *, folder=None):
        with hosted_by(HOST.get()):
            made.append(JobsView(FakeMonitor()))
        return made[-1], lambda: None

    monkeypatch.setattr("flare_widgets.views.display.make_job_view", job_view)
    with hosted_by(RecordingChannel):
        view = make_jobs_view(FakeMonitor())
    assert view._open_job is not None
    view._open_job(JOB.job_id)  # in another context, as that of a click
    assert isinstance(made[0].comm, RecordingChannel)
    for each in (view, made[0]):
        drop(each)


def test_static_form_is_not_made_for_nobody():
    def make():
        raise AssertionError("it was made")

    OutputHandles("id").replace(make)


def test_static_form_tells_number_of_its_renewal():
    handles = OutputHandles("ab12")
    form = {"text/plain": "round 2", "text/html": "<p>round 2</p>"}
    handles.renew(form)
    handles.renew(form)
    answer = handles.static_form(lambda: form)
    assert answer["renewal"] == 2
    assert answer["data"]["text/plain"] == "round 2"
    assert answer["data"]["text/html"].startswith('<style class="flw-kept-ab12" data-renewal="2">')
    assert answer["data"]["text/html"].endswith("</style>\n<p>round 2</p>")
