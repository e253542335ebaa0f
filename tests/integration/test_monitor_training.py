"""Rounds, metrics and history of real training, as users of each role see it, live and afterwards."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from common import LEAD, MEMBER
from training_jobs import fed_avg
from waiting import wait_until

from flare_widgets.api import MonitorReturnCode, Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import JobSnapshot, Monitor, WatchState
from flare_widgets.monitoring.polling.pending import PendingPoll
from flare_widgets.monitoring.polling.polls import ServerClock, ServerLogTail

PATIENCE = 120.0
ROUNDS = 5


@dataclass
class Trained:
    """A job of five rounds that several users watched.

    Attributes
    ----------
    job_id, result
        The job, and where its result was downloaded to.
    end
        The last snapshots: of the first watch, one that came in mid-run, one that came after the end, and those of
        the lead and the member.
    joined
        What the watch that came in mid-run knew first of rounds.
    lived
        The snapshots of the first watch.
    told
        What its callbacks were told.
    metas
        What an old callback was given.
    running
        What the member saw while the job ran.
    """

    job_id: str = ""
    result: Path = Path()
    end: dict[str, JobSnapshot] = field(default_factory=dict)
    joined: JobSnapshot | None = None
    lived: list[JobSnapshot] = field(default_factory=list)
    told: dict[str, list[Any]] = field(default_factory=dict)
    metas: list[dict[str, Any]] = field(default_factory=list)
    running: list[JobSnapshot] = field(default_factory=list)


@pytest.fixture(scope="module")
def trained(federation: LocalFederation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trained]:
    kits = {"first": federation.admin_kit, "joined": federation.admin_kit, "after": federation.admin_kit}
    kits |= {"lead": federation.kit(LEAD), "member": federation.kit(MEMBER)}
    sessions = {name: connect(kit) for name, kit in kits.items()}
    monitors = {name: Monitor(session) for name, session in sessions.items()}
    try:
        seen = Trained()
        folder = fed_avg(tmp_path_factory.mktemp("jobs"), rounds=ROUNDS, seconds=0.3, words="Zürich 東京")
        job = seen.job_id = sessions["first"].submit_job(str(folder))
        watches = {"first": monitors["first"].watch(job)}
        watches["first"].subscribe(seen.lived.append)
        for kind in ("status", "round", "metric", "end"):
            heard = seen.told.setdefault(kind, [])
            getattr(watches["first"], f"on_{kind}")(lambda *args, heard=heard: heard.append(args))

        def old_callback(_: Session, job_id: str, meta: dict[str, Any]) -> bool:
            assert job_id == job
            seen.metas.append(meta)
            return True

        old = monitors["first"].watch(job, old_callback)
        wait_until(lambda: watches["first"].snapshot.rounds_begun >= 2, PATIENCE)
        for name in ("joined", "lead", "member"):
            watches[name] = monitors[name].watch(job)
        watches["member"].subscribe(seen.running.append)
        wait_until(lambda: watches["joined"].snapshot.rounds, PATIENCE)
        seen.joined = watches["joined"].snapshot
        for watch in (*watches.values(), old):
            assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
        watches["after"] = monitors["after"].watch(job)
        assert watches["after"].wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
        seen.end = {name: watch.snapshot for name, watch in watches.items()}
        to = tmp_path_factory.mktemp("result")
        seen.result = Path(sessions["first"].download_job_result(job, str(to)), "workspace")
        yield seen
    finally:
        for monitor in monitors.values():
            monitor.close()
        for session in sessions.values():
            session.close()


def history(snapshot: JobSnapshot) -> dict[str, Any]:
    """Return a snapshot's content without when and by which ways it was learned."""
    names = "name status sites duration workflows rounds tasks round_metrics key_metric best events recorded"
    found = {name: getattr(snapshot, name) for name in names.split()}
    return {**found, "timeline": [step for step in snapshot.timeline if step.exact]}


def recorded(trained: Trained) -> dict[tuple[str, str], dict[int, float]]:
    """FLARE's own record of metrics: by metric, site and round."""
    found: dict[tuple[str, str], dict[int, float]] = {}
    for line in (trained.result / "metrics" / "round_metrics.jsonl").read_text().splitlines():
        row = json.loads(line)
        for metric in row["aggregated_metrics"]:
            found.setdefault((metric["name"], ""), {})[row["round"]] = metric["value"]
        for site in row["sites"]:
            for metric in site["metrics"]:
                found.setdefault((metric["name"], site["name"]), {})[row["round"]] = metric["value"]
    return found


def test_snapshot_of_end_is_flares_record(trained: Trained) -> None:
    end = trained.end["first"]
    assert (end.status, end.current_workflow.name, end.rounds_begun, end.total_rounds) == (
        "FINISHED:COMPLETED",
        "FedAvg",
        ROUNDS,
        ROUNDS,
    )
    assert {(s.name, s.site): {p.round: p.value for p in s.points} for s in end.round_metrics} == recorded(trained)
    summary = json.loads((trained.result / "metrics" / "metrics_summary.json").read_text())
    assert end.key_metric is not None
    assert end.best is not None
    assert (end.key_metric.name, end.key_metric.mode) == (summary["key_metric"]["name"], summary["key_metric"]["mode"])
    assert end.best.round == summary["best_round"]
    # The summary has the mean by which the server selected the model, which does not weigh the sites by their data.
    assert end.best.value == recorded(trained)[end.key_metric.name, ""][end.best.round]
    matrix = end.matrix(time.time())
    assert {site: [cell.state for cell in row.values()] for site, row in matrix.items()} == {
        f"site-{n}": ["submitted"] * ROUNDS for n in (1, 2)
    }
    for task in end.tasks:
        assert task.sent_at is not None
        assert task.returned_at is not None
        assert end.started_at is not None
        assert end.ended_at is not None
        assert end.started_at - 1 < task.sent_at < task.returned_at < end.ended_at + 1
        assert task.returned_at - task.sent_at > 0.25


def test_rounds_and_metrics_were_seen_live(trained: Trained) -> None:
    running = [s for s in trained.lived if s.status == "RUNNING"]
    assert {s.round for s in running} >= {1, 2, 3, 4}
    assert {cell.state for s in running for row in s.matrix(time.time()).values() for cell in row.values()} >= {
        "working",
        "submitted",
    }
    # Before the job ended, the selector's metric of both sites was there, with the name that it has in the job.
    last = running[-1].round_metrics
    assert {(s.name, s.site) for s in last} == {("accuracy", ""), ("accuracy", "site-1"), ("accuracy", "site-2")}
    truth = recorded(trained)
    for series in (s for s in last if s.site):
        assert {p.round: p.value for p in series.points}.items() <= truth[series.name, series.site].items()
    assert running[-1].log_positions[0].offset > 10_000
    # What was known never became less.
    counts = [(len(s.timeline), len(s.rounds), len(s.tasks)) for s in trained.lived]
    assert counts == sorted(counts)


def test_each_event_was_told_once(trained: Trained) -> None:
    assert [change.status for _, change in trained.told["status"]] == [s.status for s in trained.end["first"].timeline]
    assert [this.number for _, this in trained.told["round"]] == list(range(ROUNDS))
    told: dict[tuple[str, str], dict[int, float]] = {}
    for _, metric in trained.told["metric"]:
        told.setdefault((metric.name, metric.site), {})[metric.point.round] = metric.point.value
    assert told == recorded(trained)
    assert [args[0].status for args in trained.told["end"]] == ["FINISHED:COMPLETED"]


def test_legacy_callback_receives_each_meta(trained: Trained) -> None:
    statuses = [meta["status"] for meta in trained.metas]
    assert statuses[-1] == "FINISHED:COMPLETED"
    assert statuses.count("RUNNING") > 3
    assert all(meta["job_id"] == trained.job_id for meta in trained.metas)


def test_late_watcher_gets_full_history(trained: Trained) -> None:
    joined = trained.joined
    assert joined is not None
    assert joined.status == "RUNNING"
    assert [r.number for r in joined.rounds][:2] == [0, 1]
    assert all(r.started_at for r in joined.rounds)
    assert history(trained.end["joined"]) == history(trained.end["first"])
    assert history(trained.end["after"]) == history(trained.end["first"])
    for name in ("first", "joined", "after"):
        assert [f.group for f in trained.end[name].freshness if f.missing_reason] == []


def test_lead_sees_shared_and_denied_reasons(trained: Trained) -> None:
    """It is not the lead's job: the log can be read while it runs, the result cannot be had."""
    end = trained.end["lead"]
    assert [r.number for r in end.rounds] == list(range(ROUNDS))
    assert {t.site for t in end.tasks if t.returned_at} == {"site-1", "site-2"}
    assert end.series("accuracy", "site-1") is not None
    assert "not permitted" in end.freshness_of("metrics").missing_reason


def test_member_sees_sites_and_denied_reasons(trained: Trained) -> None:
    end = trained.end["member"]
    assert end.status == "FINISHED:COMPLETED"
    assert end.rounds == ()
    reasons = {f.group: f.reason for f in end.freshness}
    assert "not permitted" in reasons["rounds"]
    assert "not permitted" in reasons["metrics"]
    doing = [a for s in trained.running for a in s.activity if a.at is not None]
    assert {a.site for a in doing} == {"site-1", "site-2"}
    assert ("training",) in {a.tasks for a in doing}
    assert all(f.at is not None for s in trained.running[-1:] for f in s.freshness if f.group == "activity")


def test_late_callbacks_receive_past_events(federation: LocalFederation, trained: Trained) -> None:
    with connect(federation.admin_kit) as session:
        watch = Monitor(session).watch(trained.job_id)
        assert watch.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
        rounds: list[int] = []
        ended = threading.Event()
        watch.on_round(lambda _, this: rounds.append(this.number))
        watch.on_end(lambda _: ended.set())
        assert ended.wait(PATIENCE)
        assert rounds == list(range(ROUNDS))


def test_pause_resume_and_stop(federation: LocalFederation, tmp_path: Path) -> None:
    with connect(federation.admin_kit) as session:
        monitor = Monitor(session, poll_interval=0.1)
        job = session.submit_job(str(fed_avg(tmp_path, "paused", rounds=200, seconds=0.1)))
        try:
            paused, other = monitor.watch(job), monitor.watch(job)
            wait_until(lambda: paused.snapshot.rounds_begun >= 1, PATIENCE)
            paused.pause()
            still = paused.snapshot
            assert paused.state is WatchState.PAUSED
            wait_until(lambda: other.snapshot.rounds_begun > still.rounds_begun, PATIENCE)
            assert paused.snapshot is still
            paused.resume()
            wait_until(lambda: paused.snapshot.rounds_begun > still.rounds_begun, PATIENCE)
            other.stop()
            assert other.wait(PATIENCE) is MonitorReturnCode.ENDED_BY_CB
            session.abort_job(job)
            assert paused.wait(PATIENCE) is MonitorReturnCode.JOB_FINISHED
            assert paused.snapshot.status == "FINISHED:ABORTED"
            assert "unfinished" in {c.state for row in paused.snapshot.matrix(0).values() for c in row.values()} or all(
                task.returned_at for task in paused.snapshot.tasks
            )
        finally:
            monitor.close()


def _poll(session: Session, source: ServerLogTail) -> list[int]:
    """Poll a source of a real server, and return the rounds it found."""
    arrived = threading.Event()
    polling: PendingPoll[list[Any]] = PendingPoll(session, source.poll(ServerClock()), arrived.set)
    polling.start()
    over, found = polling.advance()
    while not over:
        assert arrived.wait(20)
        arrived.clear()
        over, found = polling.advance()
    return [fact.number for fact in found or [] if hasattr(fact, "started_at")]


def test_real_server_gives_log_to_byte(federation: LocalFederation) -> None:
    """Non-ASCII records, one that is half written, and a rotation."""
    folder = federation.folder / "kits" / "server" / "probe"
    folder.mkdir()
    log = folder / "log.json"

    def write(text: str) -> None:
        with log.open("ab") as file:
            file.write(text.encode())

    def line(message: str) -> str:
        record = {"asctime": "2026-11-25 16:44:31,934", "name": "SAG", "levelname": "INFO", "message": message}
        return json.dumps(record, ensure_ascii=False) + "\n"

    with connect(federation.admin_kit) as session:
        source = ServerLogTail("probe")
        assert _poll(session, source) == []
        write(line("Zürich 東京 🙂") + line("Round 0 started.") + line("Round 1 started.")[:60])
        assert _poll(session, source) == [0]
        write(line("Round 1 started.")[60:])
        assert _poll(session, source) == [1]
        write(line("東京 " * 200) + line("Round 2 started."))
        log.rename(folder / "log.json.1")
        write(line("Round 3 started."))
        assert _poll(session, source) == [2, 3]
        assert _poll(session, source) == []
        assert _poll(session, ServerLogTail("probe")) == [0, 1, 2, 3]
