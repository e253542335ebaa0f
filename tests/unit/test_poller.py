"""Requests of a poller: decided without a clock, a thread or a server."""

from __future__ import annotations

import pytest
from scripted_session import ScriptedSession

from flare_widgets.api import SessionState
from flare_widgets.errors import AuthorizationError, InternalError, NoConnection
from flare_widgets.monitoring.job.updates import ListedStatus
from flare_widgets.monitoring.job.watched_job import WatchedJob
from flare_widgets.monitoring.polling.batch_status import BatchStatusPoll
from flare_widgets.monitoring.polling.pending import PendingPoll, describe_retry, find_disconnect
from flare_widgets.monitoring.polling.poller import INTERNAL_ERROR_DELAY_S, Poller


class FakeRequest:
    """A request that is answered when told to."""

    def __init__(self) -> None:
        self.latency_s = 0.0
        self.is_started = self.is_cancelled = False
        self.answer: str | Exception | None = None

    def start(self) -> None:
        self.is_started = True

    def advance(self) -> tuple[bool, str | None]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer is not None, self.answer

    def cancel(self) -> None:
        self.is_cancelled = True


def begin(poller: Poller[str]) -> FakeRequest:
    request = FakeRequest()
    poller.begin(request)
    assert request.is_started
    return request


def answer(poller: Poller[str], now: float, value: str = "news") -> None:
    begin(poller).answer = value
    assert poller.receive(now) == value


def fail(poller: Poller[str], now: float) -> None:
    begin(poller).answer = NoConnection("gone")
    with pytest.raises(NoConnection):
        poller.receive(now)


def test_poller_new_is_due_at_once() -> None:
    assert Poller("x").is_due(0.0)


def test_poller_after_answer_waits_interval() -> None:
    poller: Poller[str] = Poller("x", interval_s=3.0)
    answer(poller, 100.0)
    assert (poller.is_due(102.9), poller.is_due(103.0)) == (False, True)
    poller.interval_s = 10.0
    assert poller.next_at() == 110.0


def test_poller_slow_answers_set_latency() -> None:
    poller: Poller[str] = Poller("x")
    latencies = []
    for latency in (0.7, 0.9, 0.8):
        request = begin(poller)
        request.latency_s, request.answer = latency, "news"
        poller.receive(1.0)
        latencies.append(poller.latency_s)
    assert latencies == [0.0, 0.7, 0.8]


def test_poller_one_slow_answer_is_forgotten() -> None:
    poller: Poller[str] = Poller("x")
    for latency in (0.01, 5.0, 0.02):  # the server stood still, once
        request = begin(poller)
        request.latency_s, request.answer = latency, "news"
        poller.receive(1.0)
        assert poller.latency_s <= 0.02


def test_poller_has_one_request_under_way() -> None:
    poller: Poller[str] = Poller("x")
    request = begin(poller)
    assert poller.is_pending
    assert poller.receive(1.0) is None
    assert not poller.is_due(1e9)
    request.answer = "news"
    assert poller.receive(2.0) == "news"
    assert poller.receive(2.0) is None
    assert not poller.is_pending


def test_poller_backs_off_up_to_maximum_until_answer() -> None:
    poller: Poller[str] = Poller("x", interval_s=1.0, backoff_s=2.0, max_backoff_s=7.0)
    waits = []
    for _ in range(4):
        fail(poller, 100.0)
        waits.append((poller.next_at() or 0.0) - 100.0)
    assert waits == [2.0, 4.0, 7.0, 7.0]
    assert poller.retry_count == 4
    answer(poller, 200.0)
    assert (poller.retry_count, poller.next_at()) == (0, 201.0)
    fail(poller, 300.0)
    assert poller.next_at() == 302.0


def test_poller_backoff_stays_finite_after_many_errors() -> None:
    poller: Poller[str] = Poller("x", max_backoff_s=8.0)
    poller.retry_count = 100_000
    fail(poller, 1.0)
    assert poller.next_at() == 9.0


def test_poller_internal_error_is_logged_and_delays(caplog: pytest.LogCaptureFixture) -> None:
    poller: Poller[str] = Poller("the weather")
    begin(poller).answer = ZeroDivisionError("a mistake")
    assert poller.receive(100.0) is None
    assert poller.next_at() == 100.0 + INTERNAL_ERROR_DELAY_S
    assert poller.retry_count == 0
    assert "the poll of the weather failed" in caplog.text


def test_poller_on_standby_is_never_due_until_it_returns() -> None:
    looking = False
    poller: Poller[str] = Poller("x", standby=lambda: not looking, interval_s=5.0)
    assert poller.next_at() is None
    looking = True
    assert poller.is_due(0.0)
    request = begin(poller)
    looking = False
    request.answer = "news"
    assert poller.receive(10.0) == "news"  # what was under way is still read
    assert not poller.is_due(1000.0)
    looking = True
    assert poller.next_at() == 15.0
    looking = False
    poller.refresh()
    assert not poller.is_due(1000.0)
    looking = True
    assert poller.is_due(10.0)


def test_poller_refresh_is_due_at_once() -> None:
    poller: Poller[str] = Poller("x", interval_s=60.0)
    answer(poller, 100.0)
    poller.refresh()
    assert poller.is_due(100.0)
    answer(poller, 101.0)
    assert poller.next_at() == 161.0
    fail(poller, 200.0)
    poller.refresh()
    assert poller.is_due(200.0)


@pytest.mark.parametrize("error", [None, NoConnection("gone"), ZeroDivisionError("a mistake")])
def test_poller_refresh_during_request_sends_one_more(error: Exception | None) -> None:
    poller: Poller[str] = Poller("x", interval_s=60.0)
    request = begin(poller)
    poller.refresh()
    poller.refresh()
    assert poller.next_at() is None
    request.answer = error or "older than the change"
    if isinstance(error, NoConnection):
        with pytest.raises(NoConnection):
            poller.receive(100.0)
    else:
        poller.receive(100.0)
    assert poller.is_due(100.0)
    answer(poller, 101.0)
    assert poller.next_at() == 161.0


def test_poller_stop_cancels_and_is_for_good() -> None:
    poller: Poller[str] = Poller("x")
    request = begin(poller)
    poller.stop()
    assert request.is_cancelled
    request.answer = "too late"
    assert poller.receive(1.0) is None
    poller.refresh()
    assert poller.next_at() is None


def test_poller_cancel_allows_another_request() -> None:
    poller: Poller[str] = Poller("x")
    request = begin(poller)
    poller.cancel()
    assert request.is_cancelled
    poller.refresh()
    assert poller.is_due(0.0)


# -- requests -------------------------------------------------------------------------------------------------


def test_pending_poll_without_commands_ends_at_once() -> None:
    def poll():
        yield from ()
        return "nothing to ask"

    woken = []
    pending: PendingPoll[str] = PendingPoll(ScriptedSession(), poll(), lambda: woken.append(1))
    pending.start()
    assert pending.advance() == (True, "nothing to ask")
    assert woken == [1]


def share_list(session: ScriptedSession, *jobs: WatchedJob) -> BatchStatusPoll:
    batch = BatchStatusPoll(session, lambda: None)
    batch.stored_count = len(jobs)
    batch.begin_if_due(jobs, jobs, Poller("the list"), 0.0)
    assert session.sent == ["list_jobs"]
    return batch


def test_shared_list_answers_every_job() -> None:
    session = ScriptedSession("a", "b")
    a, b, elsewhere = WatchedJob("a"), WatchedJob("b"), WatchedJob("c")
    batch = share_list(session, a, b, elsewhere)
    found = [job.status_poller.receive(1.0) for job in (a, b, elsewhere)]
    assert [update.status for updates in found for update in updates or [] if isinstance(update, ListedStatus)] == [
        "RUNNING",
        "RUNNING",
        "",
    ]
    assert batch.stored_count == 2


def test_shared_list_error_reaches_every_job() -> None:
    session = ScriptedSession("a", "b")

    def lost(_: list[str]) -> None:
        raise NoConnection("gone")

    session.answers["list_jobs"] = lost
    jobs = [WatchedJob("a"), WatchedJob("b")]
    share_list(session, *jobs)
    for job in jobs:
        with pytest.raises(NoConnection):
            job.status_poller.receive(1.0)
        assert job.status_poller.retry_count == 1


def test_shared_list_outlives_job_that_leaves() -> None:
    session = ScriptedSession("a", "b")
    a, b = WatchedJob("a"), WatchedJob("b")
    share_list(session, a, b)
    a.status_poller.stop()
    assert b.status_poller.receive(1.0)


# -- messages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (NoConnection("connection refused"), "no connection to fl:8002, trying again (3)"),
        (AuthorizationError("not\nfor  you"), "not for you, trying again (3)"),
        (InternalError("\x1b[31mred"), "\N{REPLACEMENT CHARACTER}[31mred, trying again (3)"),
    ],
)
def test_retry_has_reason_count_and_label(error: Exception, message: str) -> None:
    problem = describe_retry("fl:8002", error, 3)  # type: ignore[arg-type]
    assert problem.message == message
    assert problem.label == ("reconnecting (3)" if isinstance(error, NoConnection) else "no answer (3)")


def test_disconnect_while_reconnecting_has_no_count() -> None:
    session = ScriptedSession()
    assert find_disconnect(session) is None
    session.state = SessionState.RECONNECTING
    problem = find_disconnect(session)
    assert problem is not None
    assert (problem.message, problem.label) == ("no connection to server:8002, trying again", "reconnecting")


def test_silent_server_is_told_without_second_clock() -> None:
    session = ScriptedSession()
    session.silence = 4.2
    problem = find_disconnect(session)
    assert problem is not None
    assert (problem.message, problem.label) == ("server:8002 does not answer", "no answer")
