"""Each kind of workflow by a recorded run of it: what the monitor makes of a log, against what the sites did."""

from __future__ import annotations

import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest
from workflow_jobs.job_writer import write_config
from workflow_recordings import NAMES, Recording, Run, Work, load

from flare_widgets.config_files import parse_config
from flare_widgets.monitoring import JobSnapshot, apply_updates
from flare_widgets.monitoring.job.format import metric_place, progress_text, site_text
from flare_widgets.monitoring.job.model import Round, SiteTask, Workflow
from flare_widgets.monitoring.job.updates import ListedStatus, Update
from flare_widgets.monitoring.logs.facts import ServerLogParser
from flare_widgets.monitoring.logs.files import read_config
from flare_widgets.monitoring.workflows import GENERIC, KINDS, find_kind

DOCS = Path(__file__).parents[2] / "docs"
EXACT_S = 0.002  # the log has milliseconds
REPORTED_WITHIN_S = 3.0  # sites that control a workflow report every 2 s
RELAYED_WITHIN_S = 2.0  # a relay begins when it is scheduled, its first site a bit later
REPORTED = {"SwarmServerController", "CyclicServerController"}
SELF_DIRECTED = REPORTED | {"CollabController", "XGBFedController", "FlowerController"}
RELAY = "CyclicController"

LABELS = {
    "train": {"training"},
    "validate": {"validating"},
    "submit_model": {"sending local model"},
    "fed_stats_pre_run": {"preparing statistics"},
    "fed_stats": {"computing statistics"},
    "PSI": {"preparing local set", "intersecting the sets"},
    "cse_prep_model": {"preparing local model"},
    "cse_eval": {"evaluating"},
}

END_TEXTS = {
    "client-controlled-cyclic": "3 of 3 rounds",
    "collab": "steps: train",
    "cyclic": "2 of 2 rounds",
    "cyclic-controller": "3 of 3 rounds",
    "fed-avg": "3 of 3 rounds",
    "fed-avg-early-stop": "2 of 10 rounds",
    "fed-avg-start-round": "2 of 2 rounds",
    "fed-avg-then-cross-site": "2 of 2 rounds",
    "fed-prox": "2 of 2 rounds",
    "flower": "",
    "k-means": "3 of 3 rounds",
    "linear-model": "2 of 2 rounds",
    "logistic-regression": "2 of 2 rounds",
    "named-steps": "steps: local_sums, local_regression, residuals, report",
    "own-fed-avg": "2 of 2 rounds",
    "own-model-controller": "steps: training",
    "own-scatter-and-gather": "2 of 2 rounds",
    "private-set-intersection": "steps: preparing local set, intersecting the sets",
    "scaffold": "2 of 2 rounds",
    "scalars-only": "3 of 3 rounds",
    "scatter-and-gather": "3 of 3 rounds",
    "scatter-and-gather-hocon": "3 of 3 rounds",
    "scatter-and-gather-loss": "3 of 3 rounds",
    "scatter-and-gather-then-cyclic": "4 of 4 rounds in 2 workflows",
    "scatter-and-gather-yaml": "3 of 3 rounds",
    "statistics": "steps: preparing statistics, computing statistics",
    "statistics-without-pre-run": "steps: computing statistics",
    "steps-around-training": "2 of 2 rounds",
    "steps-in-rounds": "steps: gradient, line_search",
    "support-vectors": "2 of 2 rounds",
    "survival-curve": "steps: training",
    "swarm": "3 of 3 rounds",
    "swarm-then-evaluation": "2 of 2 rounds",
    "train-then-cross-site": "2 of 2 rounds",
    "train-then-global-evaluation": "2 of 2 rounds",
    "two-scatter-and-gather": "5 of 5 rounds in 2 workflows",
    "xgboost-bagging": "3 of 3 rounds",
    "xgboost-histogram": "",
    "xgboost-vertical": "",
}

PROGRESS_TEXTS = {
    "statistics": ["preparing statistics", "computing statistics"],
    "private-set-intersection": ["preparing local set", "intersecting the sets"],
    "named-steps": ["local_sums", "local_regression", "residuals", "report"],
    "steps-in-rounds": ["gradient", "line_search"] * 3,
    "survival-curve": ["training"],
    "swarm": ["the sites work on their own (swarm)", *(f"round {k} of 3" for k in (1, 2, 3))],
    "client-controlled-cyclic": [
        "the sites work on their own (client-controlled cyclic)",
        *(f"round {k} of 3" for k in (1, 2, 3)),
    ],
    "collab": ["the sites work on their own (collab)", "train"],
    "flower": ["the sites work on their own (Flower)"],
    "xgboost-histogram": ["the sites work on their own (XGBoost)"],
    "fed-avg-start-round": ["round 1 of 2", "round 2 of 2"],
    "fed-avg-early-stop": ["round 1 of 10", "round 2 of 10"],
    "train-then-cross-site": [
        "ScatterAndGather, workflow 1 of 2",
        *(f"ScatterAndGather, workflow 1 of 2, round {k} of 2" for k in (1, 2)),
        "CrossSiteModelEval, workflow 2 of 2",
        "CrossSiteModelEval, workflow 2 of 2, sending local model",
        "CrossSiteModelEval, workflow 2 of 2, validating",
    ],
    "swarm-then-evaluation": [
        "SwarmServerController, workflow 1 of 2, the sites work on their own (swarm)",
        *(f"SwarmServerController, workflow 1 of 2, round {k} of 2" for k in (1, 2)),
        "CrossSiteEvalServerController, workflow 2 of 2",
        *(
            f"CrossSiteEvalServerController, workflow 2 of 2, {words}"
            for words in ("preparing local model", "evaluating", "preparing local model", "evaluating")
        ),
    ],
    "two-scatter-and-gather": [
        "ScatterAndGather, workflow 1 of 2",
        *(f"ScatterAndGather, workflow 1 of 2, round {k} of 2" for k in (1, 2)),
        *(f"ScatterAndGather, workflow 2 of 2, round {k} of 3" for k in (1, 2, 3)),
    ],
}

RUNNING = [ListedStatus("RUNNING", 1.0)]


def learn(updates: list[Update], status: str = "RUNNING") -> JobSnapshot:
    return apply_updates(JobSnapshot("job"), [ListedStatus(status, 1.0), *updates])


def follow(recording: Recording) -> Iterator[tuple[float, JobSnapshot]]:
    """Yield what is known between two lines of the log that tell something, and a time between them."""
    log = ServerLogParser()
    known = learn([*recording.config.updates])
    before: tuple[float, JobSnapshot] | None = None
    for text in recording.log.splitlines(keepends=True):
        updates = log.feed(text)
        if not updates:
            continue
        at = line_time(text)
        if before is not None and at - before[0] > 3 * EXACT_S:
            yield (before[0] + at) / 2, before[1]
        known = apply_updates(known, updates)
        before = at, known
    assert before is not None
    yield before[0] + 1, before[1]


def line_time(text: str) -> float:
    moment = datetime.strptime(json.loads(text)["asctime"], "%Y-%m-%d %H:%M:%S,%f")
    return moment.replace(tzinfo=timezone.utc).timestamp()


def line(message: str, workflow: str = "w", second: float = 0) -> str:
    context = f"[identity=server, wf={workflow}]" if workflow else ""
    at = f"2026-11-28 13:00:{int(second):02d},{int(second % 1 * 1000):03d}"
    record = {"asctime": at, "name": "x", "levelname": "INFO", "fl_ctx": context, "message": message}
    return json.dumps(record) + "\n"


def begin(path: str, workflow: str = "w", previous: str = "") -> str:
    return line(f"starting workflow {workflow} (<class '{path}'>) ...", previous)


@pytest.fixture(params=NAMES)
def recording(request: pytest.FixtureRequest) -> Recording:
    return load(request.param)


def test_workflows_are_those_of_the_run(recording: Recording) -> None:
    known = learn(recording.updates)
    assert [(w.id, w.name, w.total_rounds) for w in known.workflows] == [
        (run.id, run.class_name, run.total_rounds) for run in recording.runs
    ]
    for workflow, run in zip(known.workflows, recording.runs, strict=True):
        assert (workflow.started_at, workflow.ended_at) == pytest.approx(run.times, abs=EXACT_S)
        assert workflow.is_self_directed == (run.class_name in SELF_DIRECTED)
        assert workflow.kind == find_kind(run.class_name).name


def test_rounds_have_their_times(recording: Recording) -> None:
    known = learn(recording.updates)
    for run in recording.runs:
        rounds = known.rounds_of(run.id)
        assert [this.number for this in rounds] == [number for number, _, _ in run.rounds]
        for this, (_, began_at, ended_at) in zip(rounds, run.rounds, strict=True):
            end = known.round_end(this)
            assert this.started_at is not None
            assert end is not None
            if run.class_name in REPORTED:
                assert 0 <= this.started_at - began_at <= REPORTED_WITHIN_S
                assert abs(end - ended_at) <= REPORTED_WITHIN_S
            elif run.class_name == RELAY:
                assert 0 <= began_at - this.started_at <= RELAYED_WITHIN_S
                assert 0 <= end - ended_at <= 0.2
            else:
                assert this.started_at == pytest.approx(began_at, abs=EXACT_S)
                assert end == pytest.approx(ended_at, abs=0.02)  # FedAvg logs no end


def test_matrix_is_what_the_sites_did(recording: Recording) -> None:
    known = learn(recording.updates)
    for run in recording.runs:
        found = defaultdict(list)
        for task in known.tasks:
            if task.workflow == run.id and not task.is_setup:
                found[task.site, task.name, task.round].append((task.sent_at, task.returned_at))
        truth = defaultdict(list)
        for work in run.work:
            truth[work.site, work.task, work.round].append((work.began_at, work.ended_at))
        assert found.keys() == truth.keys()
        for key, times in truth.items():
            assert len(found[key]) == len(times)
            for (sent_at, returned_at), (began_at, ended_at) in zip(sorted(found[key]), sorted(times), strict=True):
                assert returned_at is not None
                if run.class_name in REPORTED:
                    assert sent_at is None or 0 <= sent_at - began_at <= REPORTED_WITHIN_S
                    assert 0 <= returned_at - ended_at <= REPORTED_WITHIN_S
                else:
                    assert (sent_at, returned_at) == pytest.approx((began_at, ended_at), abs=EXACT_S)
    cells = [cell for row in known.matrix(recording.packed_from).values() for cell in row.values()]
    assert len(cells) == len(recording.work)
    assert {cell.state for cell in cells} <= {"submitted"}


def test_columns_are_in_the_order_of_the_run(recording: Recording) -> None:
    """No site takes a later column before an earlier one, and none has a column twice."""
    known = learn(recording.updates)
    place = {column: index for index, column in enumerate(known.columns)}
    for row in known.matrix(recording.packed_from).values():
        returned = [(place[column], cell.since) for column, cell in row.items()]
        assert [since for _, since in sorted(returned)] == sorted(since for _, since in returned if since is not None)


def test_handed_tasks_are_those_of_the_log(recording: Recording) -> None:
    ids = [run.id for run in recording.runs]
    told = sorted((site, task, ids[index]) for site, task, _, _, index in recording.truth["tasks"])
    known = learn(recording.updates)
    handed = {
        f"{index}" for index in re.findall(r"assigned task to client [^:]+: name=\S+, id=([\w-]+)", recording.log)
    }
    assert sorted((t.site, t.name, t.workflow) for t in known.tasks if t.task_id in handed) == told


def test_metrics_are_those_of_the_log(recording: Recording) -> None:
    known = learn(recording.updates)
    for run in recording.runs:
        told = run.told.get("metrics", {})
        if "log" not in told:
            assert not [series for series in known.round_metrics if series.workflow == run.id]
            continue
        if told["log"][0][0] is None:
            continue  # the truth has no rounds: they are steps here
        name, mode = told["key"]
        sign = -1 if mode == "min" else 1
        sites: dict[str, dict[int, float]] = defaultdict(dict)
        for number, site, value in told["log"]:
            sites[site][number] = sign * value
        for site, values in sites.items():
            series = known.series(name, site, run.id)
            assert series is not None
            assert {point.round: point.value for point in series.points} == pytest.approx(values)
        for number, value in told.get("best", ()):
            series = known.series(name, "", run.id)
            assert series is not None
            assert {p.round: p.value for p in series.points}[number] == pytest.approx(sign * value)
    bests = [(*best, run) for run in recording.runs for best in run.told.get("metrics", {}).get("best", ())]
    if bests:
        assert known.best is not None
        number, _, run = max(bests, key=lambda best: best[1])
        assert (known.best.round, known.best.workflow) == (number, run.id)
    else:
        assert known.best is None


def test_site_texts_while_it_ran(recording: Recording) -> None:
    seen = set()
    for now, known in follow(recording):
        runs = [run for run in recording.runs if run.times[0] <= now]
        states = known.site_states(now)
        if known.is_packing:
            assert now >= recording.runs[-1].times[1]
            assert {site_text(known, cell) for cell in states.values()} <= {"done"}
            continue
        for site, cell in states.items():
            words = site_text(known, cell)
            seen.add(words)
            assert runs, f"{site} {words} before the first workflow"
            check_site_text(words, site, runs[-1], now)
    assert seen


def check_site_text(words: str, site: str, run: Run, now: float) -> None:
    """Check the words for a site at one time against what it did."""
    mine = [work for work in run.work if work.site == site]
    if run.class_name in REPORTED:
        assert words.startswith(("training", "works on its own"))
        if words.startswith("training"):
            assert any(work.began_at <= now < work.ended_at + REPORTED_WITHIN_S for work in mine)
        else:
            assert not any(work.began_at + REPORTED_WITHIN_S <= now < work.ended_at for work in mine)
        return
    work = next((work for work in mine if work.began_at <= now < work.ended_at), None)
    if work is not None:
        label, _, place = words.partition(", ")
        assert label in (label_of(work, run))
        assert place in ("", nth_of(work, run))
    elif run.class_name in SELF_DIRECTED:
        assert words == f"works on its own ({find_kind(run.class_name).name})"
    else:
        assert words in ("waiting", "done")
        is_over = not any(work.began_at > now for work in mine)
        assert words != "waiting" or not is_over or now < run.times[1]


def label_of(work: Work, run: Run) -> set[str]:
    return {work.task} if run.class_name == "CollabController" else LABELS.get(work.task, {work.task})


def nth_of(work: Work, run: Run) -> str:
    return "" if work.round is None else f"round {work.round - run.rounds[0][0] + 1}"


def test_progress_texts_while_it_ran(recording: Recording) -> None:
    texts: list[str] = []
    for now, known in follow(recording):
        words = progress_text(known)
        if known.is_packing:
            assert words == "packing up the results"
            continue
        if words and words != (texts or [""])[-1]:
            texts.append(words)
        match = re.search(r"round (\d+)(?: of (\d+))?$", words)
        run = next((run for run in reversed(recording.runs) if run.times[0] <= now), recording.runs[0])
        if match is not None:
            assert match[2] == str(run.total_rounds)
            assert 1 <= int(match[1]) <= int(match[2])
            begun = sum(began_at <= now for _, began_at, _ in run.rounds)
            slack = {1, -1} if run.class_name in REPORTED | {RELAY} else set()
            assert int(match[1]) - begun in {0} | slack
        elif run.work and run.work[0].began_at <= now and run.class_name not in SELF_DIRECTED:
            newest = [work for work in run.work if work.began_at <= now][-1]
            assert words.rpartition(", ")[2] in label_of(newest, run)
        if len(recording.runs) > 1:
            assert f"{run.class_name}, workflow {recording.runs.index(run) + 1} of {len(recording.runs)}" in words
    assert texts == PROGRESS_TEXTS.get(recording.name, texts)


def test_end_text(recording: Recording) -> None:
    assert progress_text(learn(recording.updates, "FINISHED:COMPLETED")) == END_TEXTS[recording.name]


def test_pieces_and_order_do_not_matter(recording: Recording) -> None:
    late = learn(recording.updates)
    log, live = ServerLogParser(), learn([*recording.config.updates])
    for start in range(0, len(recording.log), 3001):
        live = apply_updates(live, log.feed(recording.log[start : start + 3001]))
    assert live == late
    shuffled = list(recording.updates)
    random.Random(recording.name).shuffle(shuffled)
    assert learn(shuffled + shuffled[: len(shuffled) // 3]) == late
    assert JobSnapshot.from_json(json.loads(json.dumps(late.to_json()))) == late


@pytest.mark.parametrize("name", ["scatter-and-gather-hocon", "steps-around-training", "swarm", "fed-avg-start-round"])
def test_formats_of_configuration_give_equal_snapshots(name: str, tmp_path: Path) -> None:
    recording = load(name)
    value = parse_config(recording.config_file.read_text(), recording.config_file.suffix)
    for form in ("json", "hocon", "yaml"):
        write_config(tmp_path / "config_fed_server", value, form)
        (written,) = tmp_path.iterdir()
        config = read_config(written.read_text(), written.suffix)
        written.unlink()
        assert config is not None
        assert learn([*config.updates, *ServerLogParser().feed(recording.log)]) == learn(recording.updates)


# -- without a configuration, and classes of a job's own --------------------------------------------------


@pytest.mark.parametrize("name", ["swarm", "client-controlled-cyclic", "fed-avg-early-stop"])
def test_log_alone_tells_total_rounds(name: str) -> None:
    recording = load(name)
    known = learn(ServerLogParser().feed(recording.log))
    assert known.total_rounds == recording.runs[0].total_rounds


@pytest.mark.parametrize("name", ["swarm", "client-controlled-cyclic", "swarm-then-evaluation"])
def test_own_class_is_known_by_its_lines(name: str) -> None:
    recording = load(name)
    theirs = recording.log
    for run in recording.runs:
        theirs = theirs.replace(f"<class '{run.told['class']}'>", f"<class 'own.Own{run.class_name}'>")
    known, original = learn(ServerLogParser().feed(theirs)), learn(ServerLogParser().feed(recording.log))
    assert [w.name for w in known.workflows] == [f"Own{run.class_name}" for run in recording.runs]
    assert known.tasks == original.tasks
    assert known.rounds == original.rounds
    assert [(w.kind, w.is_self_directed) for w in known.workflows] == [
        (w.kind, w.is_self_directed) for w in original.workflows
    ]


def test_own_client_controlled_class_is_self_directed() -> None:
    config = "{'cwf.task_prefix': 'own', 'num_rounds': 4, 'cwf.start_round': 2, 'own': 1}"
    status = "timestamp=2026-11-28 13:09:43.159537, action=start_learn_task, all_done=False"
    log = begin("own.Gossip") + line(f"Workflow Config: {config}")
    log += line(f"updated status of client site-1 on round 2: {status}")
    known = learn(ServerLogParser().feed(log))
    assert known.current_workflow.is_self_directed
    assert progress_text(known) == "round 1 of 4"
    assert site_text(known, known.site_states(1e9)["site-1"]) == "training, round 1"


def test_own_controller_without_rounds_has_metrics_by_step() -> None:
    recording = load("own-model-controller")
    known = learn(recording.updates)
    assert {(s.name, s.site): [(p.round, p.value) for p in s.points] for s in known.round_metrics} == {
        ("accuracy", "site-1"): [(1, 0.62), (2, 0.72)],
        ("accuracy", "site-2"): [(1, 0.64), (2, 0.74)],
    }
    assert metric_place(known, 2, "controller") == "step 3"
    assert metric_place(learn(load("own-fed-avg").updates), 1, "controller") == "round 2"


def test_steps_of_sites_are_aligned_by_their_order() -> None:
    """The first site alone prepared the global model: its second preparation is the first of the other site."""
    known = learn(load("swarm-then-evaluation").updates)
    steps = [column for column in known.columns if column.workflow == "evaluation"]
    names = ["cse_prep_model", "cse_eval", "cse_prep_model", "cse_eval", "cse_eval"]
    assert [(column.task, column.nth) for column in steps] == list(zip(names, (0, 0, 1, 1, 2), strict=True))
    rows = known.matrix(1e9)
    assert [site for site, row in rows.items() if steps[0] in row] == ["site-1"]
    assert all(column in row for row in rows.values() for column in steps[1:])


def test_evaluation_takes_no_rounds_from_its_configuration() -> None:
    known = learn(ServerLogParser().feed(load("swarm-then-evaluation").log))
    assert [w.total_rounds for w in known.workflows] == [2, None]
    assert {r.workflow for r in known.rounds} == {"swarm_controller"}


def test_record_belongs_to_the_workflow_it_names() -> None:
    log = ServerLogParser()
    found = log.feed(
        begin("nvflare.app_common.workflows.fedavg.FedAvg", "a")
        + line("Round 0 started.", "a")
        + begin("own.Steps", "b", previous="a")
        + line("Round 0 started.", "b")
        + line("Round 1 started.", "a")
        + line("Round 1 started.", "")
    )
    assert [(r.workflow, r.number) for r in found if isinstance(r, Round)] == [("a", 0), ("b", 0), ("a", 1), ("b", 1)]


def test_feature_election_counts_from_one() -> None:
    lines = ["=== PHASE 1 ===", "--- FL Round 1/3 ---", "--- FL Round 2/3 ---", "FL Training phase ended early: 2/3"]
    text = begin("nvflare.app_opt.feature_election.controller.FeatureElectionController")
    task = "assigned task to client site-1: name=feature_election, id="
    for index, message in enumerate(lines):
        text += line(message, "", index) + line(f"{task}{index}", "w", index + 0.5)
    known = learn(ServerLogParser().feed(text))
    assert progress_text(known, "/") == "round 2/3"
    assert [(t.round, t.label) for t in known.tasks] == [
        (1, "training"),
        (2, "training"),
        (None, "electing features"),
        (None, "electing features"),
    ]
    config = {
        "workflows": [{"id": "w", "path": "nvflare.app_opt.feature_election.controller.FeatureElectionController"}]
    }
    read = read_config(json.dumps(config))
    assert read is not None
    assert [(w.first_round, w.total_rounds) for w in read.updates if isinstance(w, Workflow)] == [(1, 5)]


def test_edge_rounds_end_with_their_seconds() -> None:
    text = begin("nvflare.edge.controllers.sage.ScatterAndGatherForEdge") + line("Round 0 started.", second=1)
    text += line("Round 0 finished in 12.300000429153442 seconds", second=14)
    (this,) = learn(ServerLogParser().feed(text)).rounds
    assert this.started_at is not None
    assert this.ended_at == this.started_at + 13


def test_gap_ends_what_must_be_counted() -> None:
    text = begin("nvflare.app_common.workflows.cyclic_ctl.CyclicController") + line("scheduled task train")
    log = ServerLogParser()
    found = log.feed(text)
    log.mark_gap()
    found += log.feed(line("scheduled task train") + line("assigned task to client site-1: name=train, id=t"))
    assert [r.number for r in found if isinstance(r, Round)] == [0]
    assert [t.round for t in found if isinstance(t, SiteTask)] == [None]


def test_failed_call_does_not_take_the_next_result() -> None:
    send, got = (
        "send_request from server.j to relay.site-1.j: func_name='f' ",
        "got result from relay.site-1.j func_name='f'",
    )
    text = begin("nvflare.collab.runtime.controller.CollabController")
    text += line(send, "", 1) + line(send, "", 2) + line(got, "", 3) + line(got, "", 4) + line(got, "", 5)
    known = learn(ServerLogParser().feed(text))
    assert [(t.site, t.returned_at is None) for t in known.tasks] == [("site-1", False)] * 2
    first, second = known.tasks
    assert first.returned_at == (second.returned_at or 0) + 1


# -- the declarations -------------------------------------------------------------------------------------


PATTERNS = [
    pattern for kind in (*KINDS, GENERIC) for pattern in (*kind.signs, *(pattern for pattern, _ in kind.readers))
]


@pytest.mark.parametrize("pattern", dict.fromkeys(PATTERNS), ids=lambda pattern: pattern.pattern[:40])
def test_no_line_can_stall_pattern(pattern: re.Pattern[str]) -> None:
    assert pattern.pattern.startswith("^")
    literal = re.match(r"\^((?:[\w =:-]|\\[.{])*)", pattern.pattern)
    assert literal is not None
    start = literal[1].replace("\\", "")
    assert start, "a pattern begins with words"
    for more in (
        start,
        "x",
        " ",
        "a.",
        ".",
        "'",
        ", ",
        "1",
        " to a.b",
        "'num_rounds': 1, ",
        "action=x, ",
        " on round 1",
    ):
        message = start + more * (20_000 // len(more))
        began = time.process_time()
        pattern.search(message)
        for kind in KINDS:
            if pattern in (*kind.signs, *(one for one, _ in kind.readers)):
                ServerLogParser().feed(begin(f"x.{(kind.classes or ('own',))[0]}") + line(message))
        assert time.process_time() - began < 1


def test_tasks_in_a_line_cannot_stall_reader() -> None:
    for words in ("assigned task to client x: name=, id=", "got result from client x for task: name="):
        began = time.process_time()
        ServerLogParser().feed(line(words * 600))
        assert time.process_time() - began < 1


def test_each_class_has_one_kind() -> None:
    classes = [name for kind in KINDS for name in kind.classes]
    assert len(classes) == len(set(classes))
    assert all(kind.default_rounds.keys() <= set(kind.classes) for kind in KINDS)


def test_untold_is_a_sentence_about_flare() -> None:
    for kind in KINDS:
        for sentence in (*kind.untold, *kind.told_at_end):
            assert re.match(r"[A-Z]", sentence)
            assert not sentence.endswith(".")
    assert all(kind.untold for kind in KINDS if kind.is_self_directed)


def test_docs_have_a_row_for_each_kind() -> None:
    table = re.findall(r"^\| (.+) \|$", (DOCS / "workflows.md").read_text().partition("| kind |")[2], re.MULTILINE)
    rows = {
        name: (classes, rest) for name, classes, rest in (row.split(" | ", 2) for row in table if row.count("|") > 3)
    }
    for kind in KINDS:
        classes, rest = rows[kind.name]
        assert all(f"`{name}`" in classes for name in kind.classes)
        assert kind.is_self_directed <= ("not told by FLARE" in rest)
    assert rows.keys() - {kind.name for kind in KINDS} == {"your own"}
