"""The cost of one more fact in a large job, by counts: it grows with what has changed, not with what is known."""

from __future__ import annotations

import copy
import json
import math
from random import Random
from typing import Any

import comm
import pytest
from fakes import FakeWatch
from recording import RecordingComm

from flare_widgets.monitoring.job import reducer, round_tasks, state
from flare_widgets.monitoring.job.format import describe
from flare_widgets.monitoring.job.model import RANK_RECORD, BestRound, KeyMetric, Point, Round, SiteTask, Workflow
from flare_widgets.monitoring.job.reducer import apply_updates
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.updates import JobMeta, MetricValue, Update
from flare_widgets.views.core.patches import receive
from flare_widgets.views.job import metrics
from flare_widgets.views.job.view import JobView
from flare_widgets.views.job.view_model import build_view_model

SITES, ROUNDS, WORKFLOW = 40, 30, "controller"


def facts_of(number: int, sites: int = SITES) -> list[Update]:
    facts: list[Update] = [Round(number, 100.0 + number, None, WORKFLOW)]
    for site in (f"site-{n}" for n in range(sites)):
        facts.append(SiteTask(f"{site}-{number}", site, "train", number, 100.0 + number, None, "", WORKFLOW))
        facts.append(MetricValue("accuracy", site, Point(number, 0.5), WORKFLOW))
    return facts


@pytest.fixture(scope="module")
def job() -> JobSnapshot:
    meta = JobMeta({"status": "RUNNING", "start_time": "99", "deploy_map": {"app": ["@ALL"]}}, 99.0)
    rounds = [fact for number in range(ROUNDS) for fact in facts_of(number)]
    return apply_updates(JobSnapshot("job"), [meta, Workflow(WORKFLOW, total_rounds=100), *rounds])


def count_calls(monkeypatch: pytest.MonkeyPatch, where: Any, name: str) -> list[Any]:
    """Return a list that gets an entry at each call of a function."""
    calls: list[Any] = []
    real = getattr(where, name)

    def counted(*args: Any) -> Any:
        calls.append(args)
        return real(*args)

    monkeypatch.setattr(where, name, counted)
    return calls


def test_news_is_put_in_its_place(job: JobSnapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    job = apply_updates(job, facts_of(ROUNDS - 1, sites=0))  # the one before may have been given up by another test
    placed = count_calls(monkeypatch, reducer, "group_place")
    named = count_calls(monkeypatch, reducer, "series_key")
    merged = count_calls(monkeypatch, reducer, "_merge_into")
    after = apply_updates(job, facts_of(ROUNDS, sites=1))
    assert len(after.tasks) == len(job.tasks) + 1
    assert len(placed) < 40
    assert len(named) < 20
    assert len(merged) < 10
    changed = SiteTask("site-1-7", "site-1", "train", 7, 107.0, 109.0, "OK", WORKFLOW)
    placed.clear()
    later = apply_updates(after, [changed])
    assert [new for old, new in zip(after.tasks, later.tasks, strict=True) if new is not old] == [changed]
    assert len(placed) < 40
    longer = [new for old, new in zip(job.round_metrics, after.round_metrics, strict=True) if new is not old]
    assert [len(series.points) for series in longer] == [ROUNDS + 1]


@pytest.mark.parametrize("number", [0, 7, ROUNDS - 1, ROUNDS])
def test_few_and_many_news_give_the_same(job: JobSnapshot, number: int) -> None:
    facts = facts_of(number)
    one_by_one = job
    for fact in reversed(facts):
        one_by_one = apply_updates(one_by_one, [fact])
    assert one_by_one == apply_updates(job, facts)


def test_states_of_sites_are_found_once(job: JobSnapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    found = count_calls(monkeypatch, state.JobState, "_find_site_states")
    build_view_model(job, 140.0)
    describe(job, 140.0)
    assert len(found) == 1
    build_view_model(job, 141.0)
    assert len(found) == 2


def test_rounds_that_did_not_change_are_not_grouped_again(job: JobSnapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    made = count_calls(monkeypatch, round_tasks, "RoundTasks")
    before = apply_updates(job, [SiteTask("site-0-0", "site-0", "train", 0, 100.0, 101.0, "OK", WORKFLOW)])
    build_view_model(before, 140.0)
    made.clear()
    silent = apply_updates(before, facts_of(ROUNDS, sites=1))  # no view asks it for anything
    after = apply_updates(silent, facts_of(ROUNDS, sites=2))
    build_view_model(after, 141.0)
    assert [{task.round for task in tasks} for (tasks,) in made] == [{ROUNDS}]
    assert after.matrix_states(141.0) == JobSnapshot(**fields_of(after)).matrix_states(141.0)


def test_columns_that_did_not_change_are_not_made_again(job: JobSnapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    before = apply_updates(job, facts_of(ROUNDS))
    build_view_model(before, 140.0)
    settled = count_calls(monkeypatch, round_tasks, "settled_states")
    made = count_calls(monkeypatch, round_tasks, "round_column")
    after = apply_updates(before, facts_of(ROUNDS + 1, sites=1))
    build_view_model(after, 141.0)
    assert len(settled) == len(made) == 1
    assert after.columns[:-1] == before.columns


def random_facts(random: Random) -> list[Update]:
    number, site, workflow = random.randrange(8), f"site-{random.randrange(9)}", random.choice(["a", "b", "b", "b"])
    which, name = random.choice([number, number, number, None]), random.choice(["train", "train", "setup"])
    task_id = f"{workflow}-{which}-{site}-{name}"
    returned_at, code = random.choice([(None, ""), (9.0, "OK"), (9.0, "OK"), (9.0, "EXECUTION_EXCEPTION")])
    task = SiteTask(task_id, site, name, which, 1.0, returned_at, code, workflow, is_setup=name == "setup")
    return random.choice([[task], [task], [Round(number, float(number), None, workflow)], [Workflow(workflow)]])


@pytest.mark.parametrize("seed", range(20))
def test_kept_history_is_as_if_found_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    monkeypatch.setattr(reducer, "MAX_TASKS", random.choice([5, 12, 1000]))
    monkeypatch.setattr(reducer, "MAX_ROUNDS", random.choice([4, 1000]))
    after = apply_updates(JobSnapshot("job"), [JobMeta({"status": "RUNNING", "deploy_map": {"app": ["site-1"]}}, 99.0)])
    for _ in range(80):
        after = apply_updates(after, random_facts(random))
        if random.random() < 0.5:  # not each snapshot is shown
            anew = JobSnapshot(**fields_of(after))
            assert (after.columns, after.participating_sites) == (anew.columns, anew.participating_sites)
            assert after.matrix_states(10.0) == anew.matrix_states(10.0)
            assert after.states_in_columns(10.0, 99) == anew.states_in_columns(10.0, 99)
            assert after.site_states(10.0) == anew.site_states(10.0)


def test_copy_of_snapshot_has_nothing_to_hand_over(job: JobSnapshot) -> None:
    before = apply_updates(job, facts_of(ROUNDS))
    other = copy.copy(before)
    whole = apply_updates(before, facts_of(ROUNDS + 1))
    assert other == before
    assert apply_updates(other, facts_of(ROUNDS + 1)) == apply_updates(before, facts_of(ROUNDS + 1)) == whole


def test_parts_in_any_order_are_put_in_order(job: JobSnapshot) -> None:
    fields = fields_of(job)
    mixed = {name: tuple(reversed(fields[name])) for name in ("rounds", "tasks", "round_metrics")}
    assert apply_updates(JobSnapshot(**fields | mixed), facts_of(ROUNDS)) == apply_updates(job, facts_of(ROUNDS))


@pytest.mark.parametrize("rounds", [[3], [5], [3, 5], [0, 9, None], [None, 2]])
def test_tasks_are_grouped_as_if_nothing_was_known(rounds: list[int | None]) -> None:
    def task(number: int | None, name: str = "train") -> SiteTask:
        return SiteTask(f"{number}-{name}", "site-1", name, number, workflow="w")

    tasks = [task(number) for number in (*range(9), None)]
    before = round_tasks.group_by_round(tasks)
    # In each of the rounds, or of those without, one task goes and another one comes.
    after = [each for each in tasks if each.round not in rounds] + [task(number, "again") for number in rounds]
    after.sort(key=lambda each: round_tasks.group_place("w", each.round, {}))
    again = round_tasks.group_again(before, {("w", number) for number in rounds}, after, {})
    whole = round_tasks.group_by_round(after)
    assert {key: group.tasks for key, group in again.items()} == {key: group.tasks for key, group in whole.items()}
    assert [key for key in again if again[key] is not before.get(key)] == [key for key in again if key[1] in rounds]


def test_round_without_tasks_is_forgotten() -> None:
    tasks = [SiteTask(f"{number}", "site-1", "train", number, workflow="w") for number in range(9)]
    before = round_tasks.group_by_round(tasks)
    assert list(round_tasks.group_again(before, {("w", 0)}, tasks[1:], {})) == [("w", number) for number in range(1, 9)]


def fields_of(snapshot: JobSnapshot) -> dict[str, Any]:
    """Return a snapshot's fields, without anything it has remembered."""
    return {name: getattr(snapshot, name) for name in snapshot.__dataclass_fields__}


@pytest.fixture
def view(job: JobSnapshot, monkeypatch: pytest.MonkeyPatch) -> JobView:
    monkeypatch.setattr(comm, "create_comm", RecordingComm)
    return JobView(FakeWatch(job))


def tell(view: JobView, facts: list[Update]) -> dict[str, Any]:
    """Have a view learn facts; return the traits that it sends."""
    view.comm.sent.clear()
    view._watch.snapshot = apply_updates(view.snapshot, facts)  # type: ignore[misc]
    view._send_update()
    (update,) = view.comm.updates
    return dict(update)


def count_in(patch: Any, key: str) -> int:
    """Return the number of items that a patch adds to lists."""
    if isinstance(patch, dict):
        counts = {name: len(value) if name == key else count_in(value, key) for name, value in patch.items()}
        return sum(count * (name.count(",") + 1) for name, count in counts.items())  # equal patches are sent once
    return sum(count_in(item, key) for item in patch) if isinstance(patch, list) else 0


def test_view_sends_the_points_and_rows_that_changed(view: JobView) -> None:
    tell(view, facts_of(ROUNDS))
    update = tell(view, facts_of(ROUNDS + 1, sites=3))
    changes = update["patch"]["changes"]
    # A point of each site, of the mean and of the range.
    assert count_in(changes["charts"], "more") == 3 + 2
    rows = changes["view_model"]["keys"]["matrix"]["keys"]["rows"]
    assert list(rows["keys"]) == ["0,1,12"], "site-0, site-1 and site-2, by name, whose patches are equal"
    assert len(json.dumps(update)) < 2_300
    page = view.get_state()
    tell(view, facts_of(ROUNDS + 1, sites=4))
    receive(page, view.comm.updates[0])
    for name, whole in (("charts", view.charts), ("view_model", view.view_model)):
        assert json.loads(json.dumps(page[name])) == json.loads(json.dumps(whole))


def test_series_that_did_not_change_are_not_made_again(view: JobView, monkeypatch: pytest.MonkeyPatch) -> None:
    tell(view, facts_of(ROUNDS))
    made = count_calls(monkeypatch, metrics, "_find_outliers")
    finite = count_calls(monkeypatch, math, "isfinite")
    before = {line["name"]: line["points"] for line in view.charts[0]["lines"]}
    tell(view, [MetricValue("accuracy", "site-7", Point(ROUNDS + 1, 0.7), WORKFLOW)])
    after = {line["name"]: line["points"] for line in view.charts[0]["lines"]}
    assert [name for name in after if after[name] is not before[name]] == [f"mean of {SITES} sites", "site-7"]
    assert len(finite) < 3 * ROUNDS, "the points of the other sites were looked at"
    assert made == []


@pytest.mark.parametrize("seed", range(15))
def test_kept_lines_are_as_if_drawn_anew(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(seed)
    monkeypatch.setattr(metrics, "_MIN_POINTS_PER_LINE", 6)
    monkeypatch.setattr(metrics, "_MAX_POINTS", 60)
    monkeypatch.setattr(metrics, "MAX_SITES", 4)  # so that lines come and go
    charts = metrics.MetricsJsonCache()
    after = apply_updates(JobSnapshot("job"), [Workflow("w", total_rounds=99), KeyMetric("accuracy")])
    for number in range(40):
        sites = [f"site-{n}" for n in range(8) if random.random() < 0.8]
        late = random.randrange(40)
        values = [(site, number if random.random() < 0.97 else late) for site in ("", *sites)]
        facts: list[Update] = [MetricValue("accuracy", of, Point(at, random.random()), "w") for of, at in values]
        best = BestRound(random.randrange(number + 1), number, RANK_RECORD, "w")
        after = apply_updates(after, [Round(number, 1.0 * number, None, "w"), best, *facts])
        drawn, anew = charts(after), metrics.MetricsJsonCache()
        anew._memory._outliers = charts._memory._outliers  # those of the beginning of the round
        assert drawn == anew(after)


@pytest.mark.parametrize("first", [0, 70_000])
def test_thinned_points_stay_until_their_number_doubles(first: int) -> None:
    before, stride = metrics._thin_out(range(first, first + 1000), 300)
    assert stride == 4
    assert len(before) <= 300
    for count in range(1001, 1200):
        after, stride = metrics._thin_out(range(first, first + count), 300)
        assert stride == 4
        assert len(before - after) <= 1, "only the newest one may give way"
        assert len(after - before) <= 1
        before = after
    assert metrics._thin_out(range(first, first + 1201), 300)[1] == 8
