"""Folding what the server says about itself and its sites; the words for it; the forms of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from recording import Elements

from flare_widgets.api.models import ClientInfo, JobInfo, ServerInfo, SystemInfo
from flare_widgets.monitoring.job.updates import ConnectionProblem, GroupRefreshed, GroupUnavailable
from flare_widgets.monitoring.system.format import (
    describe_counts,
    describe_system,
    problems,
    site_state,
    summarize_system,
)
from flare_widgets.monitoring.system.snapshot import (
    DisabledSites,
    JobListReport,
    Site,
    SiteDetails,
    SiteJob,
    SiteJobsReport,
    SystemReport,
    SystemSnapshot,
    apply_system_updates,
)
from flare_widgets.views.system.html import system_html
from flare_widgets.views.system.view_model import build_view_model

FIXTURES = Path(__file__).parents[2] / "js" / "fixtures"
T = 1_795_000_000.0
EVIL = "<script>alert(1)</script>\x1b[31m\u202e"
EMPTY = SystemSnapshot(address="server:8002", study="default", username="ann@h.org", role="lead", organization="h")


def info(*sites: str, jobs: tuple[str, ...] = (), at: float = T, start: float = T - 100) -> SystemInfo:
    return SystemInfo(
        ServerInfo("started", start),
        [ClientInfo(site, at - 3) for site in sites],
        [JobInfo(job, "app") for job in jobs],
    )


def connected(*sites: str, at: float = T, **facts: Any) -> SystemReport:
    return SystemReport(info(*sites, at=at, **facts), at)


def test_times_are_ours() -> None:
    snapshot = apply_system_updates(EMPTY, [SystemReport(info("a", at=T + 60), T, clock_offset=60.0)])
    assert snapshot.sites == (Site("a", last_seen=T - 3),)
    assert snapshot.started_at == T - 160


def test_since_known_only_for_observed_arrivals() -> None:
    first = apply_system_updates(EMPTY, [connected("a")])
    both = apply_system_updates(first, [connected("a", "b", at=T + 3), connected("a", "b", at=T + 6)])
    assert [(s.name, s.since) for s in both.sites] == [("a", None), ("b", T + 3)]
    back = apply_system_updates(both, [connected("a", at=T + 9), connected("a", "b", at=T + 12)])
    assert back.site("b") == Site("b", last_seen=T + 9, since=T + 12)


def test_site_that_vanishes_is_not_forgotten() -> None:
    snapshot = apply_system_updates(EMPTY, [connected("a", "b"), connected("a", at=T + 600)])
    gone = snapshot.site("b")
    assert gone is not None
    assert not gone.connected
    assert gone.last_seen == T - 3
    assert [words.split(".")[0] for words in problems(snapshot, T + 601)] == ["b is no longer connected"]


def test_site_jobs_are_matched_by_name() -> None:
    entries = (
        {"client_name": "a", "job_id": "j1", "app_name": "app", "status": "started"},
        {"client_name": "a", "job_id": "j2", "app_name": "app", "status": "starting"},
        {"client_name": "b", "status": "no_reply"},
        {"client_name": "c", "status": "no_jobs"},
        {"client_name": 7, "job_id": [], "status": None},
    )
    snapshot = apply_system_updates(EMPTY, [connected("a", "b", "c", "d"), SiteJobsReport(entries)])
    assert [(s.name, len(s.jobs), s.answers) for s in snapshot.sites] == [
        ("a", 2, True),
        ("b", 0, False),
        ("c", 0, True),
        ("d", 0, True),
    ]
    answered = apply_system_updates(snapshot, [SiteJobsReport(({"client_name": "b", "status": "no_jobs"},))])
    assert answered.site("b") == Site("b", last_seen=T - 3)


def test_zombie_is_one_that_stays_so() -> None:
    listed = ({"job_id": "j1", "job_name": "hello", "status": "RUNNING"}, {"job_id": "j2", "status": "SUBMITTED"})
    once = apply_system_updates(EMPTY, [connected("a"), JobListReport(listed, T)])
    assert problems(once, T + 10) == []  # it may have been starting, or ending, when it was listed
    twice = apply_system_updates(once, [connected("a", at=T + 20), JobListReport(listed, T + 20)])
    assert [words[:34] for words in problems(twice, T + 20)] == ["the server still lists job hello j"]
    assert apply_system_updates(twice, [JobListReport((), T + 30)]).zombies == ()
    assert apply_system_updates(twice, [connected("a", jobs=("j1",))]).zombies == ()


def test_unseen_disabled_sites_are_listed() -> None:
    snapshot = apply_system_updates(EMPTY, [connected("a"), DisabledSites(frozenset({"b"}))])
    assert [(s.name, s.connected, s.disabled) for s in snapshot.sites] == [("a", True, False), ("b", False, True)]
    assert apply_system_updates(snapshot, [DisabledSites(frozenset())]).sites == (Site("a", last_seen=T - 3),)
    back = apply_system_updates(snapshot, [connected("a", "b")]).site("b")
    assert back is not None
    assert not back.disabled


def test_site_details_keep_missing_reasons() -> None:
    details = SiteDetails({"server": "2.9.0", "a": "2.8.3"}, {"a": "2 GPUs"}, T, "silent sites were not asked")
    snapshot = apply_system_updates(EMPTY, [connected("a", "b"), details])
    assert (snapshot.version, snapshot.details_at) == ("2.9.0", T)
    assert snapshot.details_missing == "silent sites were not asked"
    assert "versions of FLARE differ: 2.9.0 on server; 2.8.3 on a" in problems(snapshot, T)[0]
    refused = apply_system_updates(snapshot, [SiteDetails({}, {}, T + 9, "versions: not permitted to your role")])
    assert (refused.details_at, refused.version) == (T, "2.9.0")


def test_trouble_freezes_ages_until_next_answer() -> None:
    lost = apply_system_updates(
        EMPTY,
        [
            connected("a"),
            ConnectionProblem("no connection to server:8002, trying again (1)", T + 5, "reconnecting (1)"),
        ],
    )
    assert problems(lost, T + 100) == ["no connection to server:8002, trying again (1)"]
    assert "reconnecting (1), last seen 1 min 40 s ago" in describe_system(lost, T + 100)
    assert apply_system_updates(lost, [connected("a", at=T + 101)]).trouble == ""


def test_groups_that_are_missing() -> None:
    snapshot = apply_system_updates(
        EMPTY, [GroupUnavailable("jobs of sites", "no answer", T), GroupUnavailable("disabled sites", "x", T)]
    )
    assert snapshot.missing == (("disabled sites", "x"), ("jobs of sites", "no answer"))
    assert apply_system_updates(snapshot, [GroupRefreshed("disabled sites", T)]).missing == (
        ("jobs of sites", "no answer"),
    )


def test_silent_sites_are_not_asked() -> None:
    snapshot = apply_system_updates(EMPTY, [connected("a", "b"), connected("a", "b", at=T + 2)])
    assert snapshot.reachable_sites(T) == ["a", "b"]
    assert snapshot.reachable_sites(T + 100) == []


@pytest.mark.parametrize("nonsense", [None, "x", -1.0, float("nan"), 1e300, True])
def test_invalid_times_are_unknown(nonsense: Any) -> None:
    broken = SystemInfo(ServerInfo("x", nonsense), [ClientInfo("a", nonsense), ClientInfo(nonsense, T)], [])
    snapshot = apply_system_updates(EMPTY, [SystemReport(broken, T)])
    if nonsense is not True:
        assert snapshot.started_at is None
        assert snapshot.sites[0].last_seen is None
    assert describe_system(snapshot, T)
    json.dumps(build_view_model(snapshot).to_json(), allow_nan=False)


def test_sentence_counts() -> None:
    snapshot = apply_system_updates(EMPTY, [connected("a", "b", jobs=("j1",))])
    assert (
        summarize_system(snapshot, T)
        == "FLARE server server:8002: connected, 2 sites connected, 1 job running, no problems"
    )
    assert summarize_system(snapshot, T + 60).endswith("2 silent, no other site is connected, 1 job running, 1 problem")


def test_jobs_only_sites_report_are_counted() -> None:
    at_site = SiteJobsReport(({"client_name": "a", "job_id": "j1", "app_name": "app", "status": "started"},))
    snapshot = apply_system_updates(EMPTY, [connected("a", "b"), at_site])
    counts = describe_counts(snapshot)
    assert counts.text_at(T) == "2 sites connected, 1 job running"
    assert "j1 is running (app)" in describe_system(snapshot, T)
    both = apply_system_updates(snapshot, [connected("a", "b", jobs=("j2", "j1"))])
    assert describe_counts(both).text_at(T) == "2 sites connected, 2 jobs running"


def test_silent_sites_are_counted_first_and_told_in_one_sentence() -> None:
    names = [f"site-{number}" for number in range(1, 6)]
    ages = (200, 100, 26, 4, 3)
    sites = tuple(Site(name, last_seen=T - age) for name, age in zip(names, ages, strict=True))
    snapshot = replace(EMPTY, sites=sites, facts_at=T)
    system = build_view_model(snapshot)
    assert system.counts.text_at(T) == "3 silent, 2 sites connected, no job is running"
    assert system.counts.text_at(T + 22) == "4 silent, 1 site connected, no job is running"
    assert problems(snapshot, T) == [
        "3 sites (site-1, site-2 and site-3) have been silent for up to 3 min 20 s; sites report every 10 s. "
        "Check that their processes are running and can reach the server"
    ]
    assert "<span>3 silent" in system_html(snapshot, T + 60).replace(' class="flw-elapsed"', "")
    lost = build_view_model(replace(snapshot, trouble="no connection"))
    assert lost.counts.text_at(T + 100) == "last known: 3 silent, 2 sites connected, no job is running"
    paused = build_view_model(snapshot, is_paused=True)
    assert paused.counts.text_at(T + 100) == "3 silent, 2 sites connected, no job is running"


def test_sites_with_one_problem_share_a_sentence() -> None:
    sites = (
        *(Site(name, connected=False, disabled=True) for name in "ab"),
        *(Site(name, last_seen=T - 1, answers=False) for name in "cd"),
        *(Site(name, connected=False) for name in "ef"),
    )
    snapshot = replace(EMPTY, sites=sites, facts_at=T)
    assert [problem.split(".")[0] for problem in problems(snapshot, T)] == [
        "2 sites (e and f) are no longer connected",
        "2 sites (c and d) do not answer the server's requests",
        "2 sites (a and b) are disabled: they cannot connect until they are enabled again",
    ]
    (silent,) = [problem for problem in problems(snapshot, T + 60) if "c and d" in problem]
    assert "have been silent" in silent  # no second sentence about them


def test_hostile_snapshot_text_is_escaped() -> None:
    job = SiteJob(EVIL, EVIL, EVIL)
    site = Site(EVIL, last_seen=T, since=T, jobs=(job,), version=EVIL, resources=EVIL)
    snapshot = replace(
        SystemSnapshot(EVIL, EVIL, EVIL, EVIL, EVIL, trouble=EVIL, version=EVIL, resources=EVIL),
        started_at=T,
        jobs=(job,),
        sites=(site,),
        facts_at=T,
    )
    text = describe_system(snapshot, T)
    page = system_html(snapshot, T, outcomes=[EVIL])
    for form in (text, page, summarize_system(snapshot, T)):
        assert "\x1b" not in form
        assert "\u202e" not in form
    parsed = Elements(page)
    assert not {name for name in parsed.attributes if name.startswith("on") or name in ("src", "href")}
    assert parsed.tags == {"div", "style", "strong", "span", "p", "ul", "li", "time"}
    assert parsed.words.count("<script>alert(1)</script>") >= 8


def test_static_form_states_its_snapshot_time() -> None:
    snapshot = apply_system_updates(EMPTY, [connected("a", "b", jobs=("76b8d043-5f0e",))])
    page = Elements(system_html(snapshot, T + 3600, outcomes=["b was restarted"])).words
    assert "silent" not in page  # nobody knows what the site did in that hour
    assert "Snapshot from" in page
    assert "2 sites connected, 1 job running" in page
    assert "b was restarted" in page


def test_view_model_ages_silence_without_poll() -> None:
    site = Site("site-1", last_seen=T - 3, since=T - 60, jobs=(SiteJob("76b8d043-5f0e", "app"),))
    snapshot = SystemSnapshot("server:8002", sites=(site,), facts_at=T, job_names=(("76b8d043-5f0e", "hello"),))
    system = build_view_model(snapshot)
    row = system.rows[1]
    assert (row.state.text_at(T + 22), row.state.severity_at(T + 22)) == ("connected", "good")
    assert (row.last_seen.text_at(T + 22), row.jobs) == ("last seen 25 s ago", "running hello (76b8d043)")
    assert (row.state.text_at(T + 23), row.state.severity_at(T + 23)) == ("silent for 26 s", "bad")
    assert row.last_seen.text_at(T + 23) == ""
    (problem,) = system.problems
    assert problem.text_at(T + 22) == ""
    assert problem.text_at(T + 400).startswith("site-1 has been silent for 6 min 43 s")
    assert [system.freshness.text_at(at) for at in (T + 5, T + 6)] == ["updated 5 s ago", "! last seen 6 s ago"]


def test_view_model_freezes_sites_while_disconnected() -> None:
    snapshot = SystemSnapshot(
        "server:8002",
        sites=(Site("site-1", last_seen=T - 3),),
        facts_at=T,
        trouble="no connection",
        trouble_label="reconnecting (4)",
    )
    system = build_view_model(snapshot)
    server, site = system.rows
    assert server.state.text_at(T + 100) == "reconnecting (4), last seen 1 min 40 s ago"
    assert server.state.severity_at(T) == "warn"
    assert (site.state.text_at(T + 100), site.state.severity_at(T + 100)) == ("last known: connected", "unknown")
    assert site.last_seen.text_at(T + 100) == ""
    assert [text for problem in system.problems if (text := problem.text_at(T + 100))] == ["no connection"]
    assert (system.state.text_at(T), system.state.severity_at(T)) == ("reconnecting (4)", "warn")


def test_server_is_not_connected_while_unknown() -> None:
    system = build_view_model(SystemSnapshot("server:8002", facts_at=T))
    for state in (system.state, system.rows[0].state):
        assert (state.text_at(T + 5), state.severity_at(T + 5)) == ("connected", "good")
        assert (state.text_at(T + 6).partition(",")[0], state.severity_at(T + 6)) == ("no answer", "warn")


def test_paused_system_counts_nothing_but_its_age() -> None:
    snapshot = SystemSnapshot("server:8002", sites=(Site("site-1", last_seen=T - 3),), facts_at=T)
    paused = build_view_model(snapshot, is_paused=True)
    server, site = paused.rows
    later = T + 65
    assert (server.state.text_at(later), server.state.severity_at(later)) == ("connected", "good")
    assert (site.state.text_at(later), site.last_seen.text_at(later)) == ("connected", "last seen 3 s ago")
    assert [problem.text_at(later) for problem in paused.problems] == [""]
    assert paused.state.text_at(later) == "connected"
    assert paused.freshness.text_at(later) == "paused while out of sight, updated 1 min 5 s ago"
    assert paused.freshness.severity_at(later) == ""


@pytest.mark.parametrize(
    ("site", "state", "severity"),
    [
        (Site("a", connected=False, last_seen=T - 700), "not connected, last seen 11 min 40 s ago", "bad"),
        (Site("a", connected=False), "not connected", "bad"),
        (Site("a", connected=False, disabled=True), "disabled", "warn"),
        (Site("a", last_seen=T - 25), "connected", "good"),
        (Site("a", last_seen=T - 3, answers=False), "connected, but does not answer the server", "warn"),
    ],
)
def test_state_of_site(site: Site, state: str, severity: str) -> None:
    assert (site_state(site).text_at(T), site_state(site).severity_at(T)) == (state, severity)
