"""Sources: what is asked, and what the answers say, without a server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted_session import Files, ScriptedSession, record

from flare_widgets.errors import AuthorizationError, CommandError, FlareError, JobNotFound, NoConnection
from flare_widgets.monitoring import JobSnapshot, apply_updates
from flare_widgets.monitoring.job import meta as job_meta
from flare_widgets.monitoring.job.model import KeyMetric, Round, SiteActivity
from flare_widgets.monitoring.job.updates import GroupRefreshed, GroupUnavailable, JobMeta, LogOffset, ProcessPresence
from flare_widgets.monitoring.logs.tail import OVERLAP_CHARS
from flare_widgets.monitoring.polling import polls
from flare_widgets.monitoring.polling.polls import Answer, ServerClock, ServerLogTail

NOW = 1_795_000_000.0


def run(poll: Any, session: ScriptedSession) -> Any:
    """Run a poll to its end."""
    answers: list[Answer] | None = None
    while True:
        try:
            asked = next(poll) if answers is None else poll.send(answers)
        except StopIteration as end:
            return end.value
        answers = []
        for command in asked:
            future = session.start(command)
            error = future.exception()
            assert error is None or isinstance(error, FlareError)
            answers.append(Answer(None if error else future.result(), error, NOW))


def rounds_of(found: list[Any]) -> list[int]:
    return [fact.number for fact in found if isinstance(fact, Round)]


@pytest.fixture
def session() -> ScriptedSession:
    return ScriptedSession("job")


@pytest.fixture
def files(session: ScriptedSession) -> Files:
    return session.files["job"]


def refuse(_: Any) -> Any:
    raise AuthorizationError("user is not authorized")


def test_status(session: ScriptedSession) -> None:
    assert run(polls.poll_status("job", 5.0), session) == [JobMeta(session.metas["job"], NOW, 5.0)]
    session.answers["get_job_meta"] = refuse
    with pytest.raises(AuthorizationError):
        run(polls.poll_status("job", 0.0), session)


def test_one_question_tells_all_jobs_what_runs(session: ScriptedSession) -> None:
    found = polls.read_system_info(run(polls.poll_system_info(), session), ["job", "other"], clock_offset=5.0)
    assert found["job"][0] == ProcessPresence(True, NOW)
    assert found["other"][0] == ProcessPresence(False, NOW)
    assert SiteActivity("site-2", last_seen=-4.0) in found["other"]
    session.answers["check_status"] = refuse
    assert polls.read_system_info(run(polls.poll_system_info(), session), ["job"], 0.0)["job"] == [
        GroupUnavailable("system", "not permitted: user is not authorized", NOW)
    ]


def test_what_site_does(session: ScriptedSession) -> None:
    assert run(polls.poll_activity("job", "site-1"), session) == [
        GroupRefreshed("activity", NOW),
        SiteActivity("site-1", ("training",), NOW),
    ]
    assert session.sent == ["show_stats job client site-1"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (AuthorizationError("no right"), "not permitted: no right"),
        (NoConnection("nobody"), "site-1 does not answer"),
        (JobNotFound("no such job"), None),
    ],
)
def test_site_that_says_nothing(session: ScriptedSession, error: FlareError, reason: str | None) -> None:
    def answer(_: Any) -> Any:
        raise error

    session.answers["show_stats"] = answer
    expected = [] if reason is None else [GroupUnavailable("activity", reason, NOW)]
    assert run(polls.poll_activity("job", "site-1"), session) == expected


@pytest.mark.parametrize(
    "stats", [{}, {"server": 5}, {"server": {"x": 5, "y": {"current_round": -1}, "z": {"current_round": 10**400}}}]
)
def test_statistics_of_any_shape(session: ScriptedSession, stats: Any) -> None:
    session.answers["show_stats"] = lambda _: stats
    assert run(polls.poll_activity("job", "server"), session) == [GroupRefreshed("activity", NOW)]


def test_scatter_and_gather_tells_round(session: ScriptedSession) -> None:
    session.answers["show_stats"] = lambda _: {"server": {"SAG": {"current_round": 2, "num_rounds": 5}}}
    known = apply_updates(JobSnapshot("job"), run(polls.poll_activity("job", "server"), session))
    assert (known.round, known.total_rounds) == (2, 5)


def test_log_tail_resumes_at_offset(session: ScriptedSession, files: Files) -> None:
    source = ServerLogTail("job")
    assert rounds_of(run(source.poll(ServerClock()), session)) == []
    files.write(record("Round 0 started.") + record("Round 1 started.")[:30])
    assert rounds_of(run(source.poll(ServerClock()), session)) == [0]
    files.write(record("Round 1 started.")[30:])
    found = run(source.poll(ServerClock()), session)
    assert rounds_of(found) == [1]
    assert LogOffset("server", "log.json", len(files.files["log.json"])) in found
    assert rounds_of(run(source.poll(ServerClock()), session)) == []


def test_large_log_bytes_are_read_once(session: ScriptedSession, files: Files) -> None:
    source, written, seen, number = ServerLogTail("job"), 0, [], 0
    filler = record("x" * 50_000) * 19
    while written < 100 << 20:
        text = record(f"Round {number} started.") + filler
        files.write(text)
        written, number = written + len(text), number + 1
        seen += rounds_of(run(source.poll(ServerClock()), session))
    assert seen == list(range(number))
    assert len(files.files) > 5  # it was rotated
    # Beside the log: the end of a record each time, by which the file is known again.
    assert written <= files.sent <= written + OVERLAP_CHARS * len(session.sent)


def test_already_rotated_log_is_fully_read(session: ScriptedSession, files: Files) -> None:
    for number in range(3):
        files.write(record(f"Round {number} started."))
        files.rotate()
    files.write(record("Round 3 started."))
    assert rounds_of(run(ServerLogTail("job").poll(ServerClock()), session)) == [0, 1, 2, 3]


def test_logs_rotated_between_polls_are_read(session: ScriptedSession, files: Files) -> None:
    source = ServerLogTail("job")
    files.write(record("Round 0 started."))
    run(source.poll(ServerClock()), session)
    for number in range(1, 4):
        files.write(record(f"Round {number} started."))
        files.rotate()
    files.write(record("Round 4 started."))
    assert rounds_of(run(source.poll(ServerClock()), session)) == [1, 2, 3, 4]
    files.write(record("Round 5 started."))
    assert rounds_of(run(source.poll(ServerClock()), session)) == [5]


@pytest.mark.parametrize("begun", [False, True], ids=["at first", "later"])
def test_log_tail_broken_between_files_loses_nothing(session: ScriptedSession, files: Files, begun: bool) -> None:
    source, shell, found = ServerLogTail("job"), session.answers["tail"], []
    files.write(record("Round 0 started."))
    if begun:
        found += rounds_of(run(source.poll(ServerClock()), session))
    for number in range(1, 4):
        files.write(record(f"Round {number} started."))
        files.rotate()
    files.write(record("Round 4 started."))
    for good in range(6):  # each poll breaks one answer later
        left = iter(range(good))

        def broken(words: Any, left: Any = left) -> Any:
            if next(left, None) is None:
                raise NoConnection("the line is down")
            return shell(words)

        session.answers["tail"] = broken
        found += rounds_of(run(source.poll(ServerClock()), session))
    assert found == [0, 1, 2, 3, 4]


def test_truncated_log_is_reread(session: ScriptedSession, files: Files) -> None:
    source = ServerLogTail("job")
    files.write(record("Round 0 started.") * 3)
    run(source.poll(ServerClock()), session)
    files.files["log.json"] = record("Round 1 started.").encode()
    assert rounds_of(run(source.poll(ServerClock()), session)) == [1]
    files.write(record("Round 2 started."))
    assert rounds_of(run(source.poll(ServerClock()), session)) == [2]


def test_connection_that_breaks_loses_nothing(session: ScriptedSession, files: Files) -> None:
    source, shell = ServerLogTail("job"), session.answers["cat"]

    def broken(_: Any) -> Any:
        raise NoConnection("the line is down")

    files.files["app_server/config/config_fed_server.json"] = json.dumps(
        {"components": [{"path": "a.IntimeModelSelector", "args": {"key_metric": "auc"}}]}
    ).encode()
    files.files["app_server/config/config_fed_client.json"] = json.dumps({"task_script_args": "--rate 0.1"}).encode()
    files.write(record("Round 0 started.") + record("validation metric 0.5 from client site-1"))
    session.answers["cat"] = broken
    assert run(source.poll(ServerClock()), session) == [GroupUnavailable("rounds", "no answer: the line is down", NOW)]
    session.answers["cat"] = shell
    session.answers["tail"] = broken
    assert GroupUnavailable("rounds", "no answer: the line is down", NOW) in run(source.poll(ServerClock()), session)
    session.answers["tail"] = shell
    known = apply_updates(JobSnapshot("job"), run(source.poll(ServerClock()), session))
    assert known.round == 0
    assert known.series("auc", "site-1") is not None
    assert known.parameters == {"rate": 0.1}


def test_denied_file_access_reads_full_log(session: ScriptedSession, files: Files) -> None:
    session.answers.update(dict.fromkeys(("tail", "cat", "ls"), refuse))
    text = [""]
    wide: dict[str, Any] = {"fl_ctx": "[" + "x" * 300 + "]"}
    session.answers["get_job_log"] = lambda _: {"logs": {"server": text[0]}}
    source = ServerLogTail("job")
    text[0] = record("Zürich", **wide) + record("Round 0 started.", **wide) + record("Round 1 started.")[:20]
    assert rounds_of(run(source.poll(ServerClock()), session)) == [0]
    text[0] = record("Zürich", **wide) + record("Round 0 started.", **wide) + record("Round 1 started.", 1, **wide)
    assert rounds_of(run(source.poll(ServerClock()), session)) == [1]
    assert rounds_of(run(source.poll(ServerClock()), session)) == []
    # Only its end is sent: what is known of it already is passed over.
    cut = "... output truncated to last 5242880 bytes ...\nhalf a record\n"
    text[0] = cut + record("Round 1 started.", 1, **wide) + record("Round 2 started.", 2, **wide)
    assert rounds_of(run(source.poll(ServerClock()), session)) == [2]
    # Between what was read and that end something is missing: nothing is said to be of the round before.
    text[0] = cut + record("assigned task to client site-1: name=train, id=t1") + record("Round 9 started.", 9)
    known = apply_updates(JobSnapshot("job"), run(source.poll(ServerClock()), session))
    assert (known.round, known.tasks[0].round) == (9, None)
    # A new file.
    text[0] = record("Round 10 started.", at=10)
    assert rounds_of(run(source.poll(ServerClock()), session)) == [10]


def test_denied_log_access_is_reported(session: ScriptedSession) -> None:
    session.answers.update(dict.fromkeys(("tail", "cat", "ls", "get_job_log"), refuse))
    source = ServerLogTail("job")
    (missed,) = run(source.poll(ServerClock()), session)
    assert missed.group == "rounds"
    assert missed.reason == "not permitted: user is not authorized; sites are asked what they do instead"
    assert not source.is_readable


def test_grown_metrics_record_is_reread(session: ScriptedSession, files: Files) -> None:
    writer = {"path": "a.MetricsArtifactWriter", "args": {"round_file_name": "round_metrics.json"}}
    selector = {"path": "a.IntimeModelSelector", "args": {"key_metric": "loss", "negate_key_metric": True}}
    workflow = {"path": "a.FedAvg", "args": {"num_rounds": 7}}
    config = {"components": [writer, selector], "workflows": [workflow]}
    files.files["app_server/config/config_fed_server.json"] = json.dumps(config).encode()
    line = {"round": 0, "aggregated_metrics": [{"name": "loss", "value": 0.5}]}
    files.files["metrics/round_metrics.json"] = json.dumps(line).encode()
    source = ServerLogTail("job")
    known = apply_updates(JobSnapshot("job"), run(source.poll(ServerClock()), session))
    assert (known.total_rounds, known.key_metric, known.current_workflow.name) == (
        7,
        KeyMetric("loss", "min"),
        "FedAvg",
    )
    series = known.series("loss")
    assert series is not None
    assert [(p.round, p.value) for p in series.points] == [(0, 0.5)]
    assert known.freshness_of("metrics").at == NOW
    assert not any(
        isinstance(f, GroupRefreshed) and f.group == "metrics" for f in run(source.poll(ServerClock()), session)
    )


def test_words_of_error_are_made_harmless() -> None:
    assert polls.error_reason(CommandError("\x1b[2J")) == "\N{REPLACEMENT CHARACTER}[2J"
    assert polls.error_reason(CommandError("")) == "CommandError"


def test_server_zone_derived_from_schedule() -> None:
    # 1,795,000,000 is 11:06:40 in UTC.
    meta = {"last_schedule_time": 1_795_000_000.4, "schedule_history": ["2026-11-18 06:06:40: scheduled"]}
    assert polls.server_clock(meta, 3.0) == ServerClock(3.0, -5 * 3600.0)
    assert polls.server_clock({}, 3.0) == ServerClock(3.0, job_meta.local_utc_offset())
