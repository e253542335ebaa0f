"""The cost of one more fact in a large job, by counts: it grows with what has changed, not with what is known."""

from __future__ import annotations

from typing import Any

import pytest

from flare_widgets.monitoring.job import reducer, state
from flare_widgets.monitoring.job.format import describe
from flare_widgets.monitoring.job.model import Point, Round, SiteTask, Workflow
from flare_widgets.monitoring.job.reducer import apply_updates
from flare_widgets.monitoring.job.snapshot import JobSnapshot
from flare_widgets.monitoring.job.updates import JobMeta, MetricValue, Update
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
    placed = count_calls(monkeypatch, reducer, "_task_sort_key")
    merged = count_calls(monkeypatch, reducer, "_merge_into")
    after = apply_updates(job, facts_of(ROUNDS, sites=1))
    assert len(after.tasks) == len(job.tasks) + 1
    assert len(placed) < 20
    assert len(merged) < 10
    changed = [new for old, new in zip(job.metrics, after.metrics, strict=True) if new is not old]
    assert [len(series.points) for series in changed] == [ROUNDS + 1]


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
