"""The system view on a real federation: sites that fall silent, are shut out, and are restarted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from common import MEMBER
from jobs import write_job
from waiting import wait_until

from flare_widgets.api import AuthorizationError, Session, connect
from flare_widgets.federation import LocalFederation
from flare_widgets.monitoring import Monitor
from flare_widgets.monitoring.system.format import describe_system, problems, site_state
from flare_widgets.monitoring.system.snapshot import Site
from flare_widgets.views.system.view import SystemView


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFederation]:
    """A federation that these tests may harm."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        federation = LocalFederation(2, folder=tmp_path_factory.mktemp("own") / "federation", users={MEMBER: "member"})
        federation.start()
    try:
        yield federation
    finally:
        federation.stop()


@pytest.fixture
def session(own: LocalFederation) -> Iterator[Session]:
    with connect(own.admin_kit) as session:
        yield session


@pytest.fixture
def view(session: Session) -> Iterator[SystemView]:
    """The view of the federation, that somebody looks at."""
    view = view_of(session)
    wait_until(lambda: len(view._watch.snapshot.connected_sites) == 2)
    yield view
    view.make_static()


def view_of(session: Session) -> SystemView:
    watch = Monitor(session).watch_system()
    watch.update(session.get_system_info())
    view = SystemView(watch, session)
    tell(view, "visible", display="test", on=True)
    return view


def tell(view: SystemView, kind: str, **wish: Any) -> None:
    """Send what the browser would."""
    view._on_message(None, {"kind": kind, **wish}, [])


def action(view: SystemView, on: str, name: str) -> dict[str, Any]:
    return next(a for a in view._state()["actions"][on] if a["name"] == name)


def act(view: SystemView, on: str, name: str, typed: str = "") -> dict[str, Any]:
    """Do something and return how it stands when it is done."""
    tell(view, "show_actions", name=on)
    turn = action(view, on, name)["revision"]
    tell(view, "ask", action=name)
    tell(view, "start", action=name, typed=typed)
    return wait_until(
        lambda: (a := action(view, on, name))["revision"] > turn and a["state"] not in ("asked", "running") and a, 120
    )


def site_of(view: SystemView, name: str) -> Site:
    site = view._watch.snapshot.site(name)
    assert site is not None
    return site


def site_process(federation: LocalFederation, name: str) -> psutil.Process:
    folder = str(federation.folder / "kits" / name)
    (found,) = [
        p
        for p in psutil.process_iter(["cmdline"])
        if "client_train" in " ".join(p.info["cmdline"] or ()) and any(folder in w for w in p.info["cmdline"])
    ]
    return found


def test_silent_site_is_reported_and_recovers(own: LocalFederation, view: SystemView) -> None:
    site = site_process(own, "site-2")
    site.suspend()
    try:
        words = wait_until(lambda: [w for w in problems(view._watch.snapshot, time.time()) if "silent" in w], 45)
        assert words[0].startswith("site-2 has been silent for 2")
        # The server and the other site are still known: the silent one holds up nobody.
        wait_until(lambda: time.time() - (view._watch.snapshot.facts_at or 0) < 2)
        assert site_state(site_of(view, "site-1")).text_at(time.time()) == "connected"
        wait_until(lambda: "silent for" in view._mimebundle()["text/html"], 10)
    finally:
        site.resume()
    wait_until(lambda: not problems(view._watch.snapshot, time.time()))


def test_what_sites_run_versions_and_resources(
    session: Session, view: SystemView, tmp_path_factory: pytest.TempPathFactory
) -> None:
    job = session.submit_job(str(write_job(tmp_path_factory.mktemp("jobs"), "endless", wait=True)))
    try:
        wait_until(lambda: all([j.job_id for j in s.jobs] == [job] for s in view._watch.snapshot.sites))
        assert f"running endless ({job[:8]})" in describe_system(view._watch.snapshot)
        tell(view, "show_actions", name="site-1")
        assert "jobs are running" in action(view, "site-1", "restart site-1")["disabled_reason"]
        assert act(view, "site-1", "restart site-1", "site-1")["state"] == "ready"
        tell(view, "request_details")
        snapshot = wait_until(lambda: (s := view._watch.snapshot).details_at is not None and s)
        said = session.report_version("all")
        assert {"server": snapshot.version, **{s.name: s.version for s in snapshot.sites}} == {
            name: each["version"] for name, each in said.items()
        }
        resources = session.report_resources("all")
        assert {s.name: s.resources for s in snapshot.sites} == {n: r for n, r in resources.items() if n != "server"}
        assert not [w for w in problems(snapshot, time.time()) if "versions" in w]
    finally:
        session.abort_job(job)
    wait_until(lambda: not view._watch.snapshot.jobs)


def test_site_is_disabled_and_enabled_again(session: Session, view: SystemView) -> None:
    assert act(view, "site-1", "disable site-1", "site-2")["state"] == "ready"
    assert act(view, "site-1", "disable site-1", "site-1")["message"] == "site-1 is disabled"
    wait_until(lambda: (s := site_of(view, "site-1")).disabled and not s.connected)
    assert "site-1" not in {c.name for c in session.get_connected_client_list()}
    assert "site-1 is disabled" in problems(view._watch.snapshot, time.time())[0]
    done = act(view, "site-1", "enable site-1")
    assert done["message"] == "site-1 is enabled: it may connect again"
    wait_until(lambda: site_of(view, "site-1").connected, 90)
    wait_until(lambda: not problems(view._watch.snapshot, time.time()))


def test_site_is_restarted_behind_typed_name(own: LocalFederation, view: SystemView) -> None:
    before = site_process(own, "site-2").pid
    assert act(view, "site-2", "restart site-2", "site-1")["state"] == "ready"
    assert site_process(own, "site-2").pid == before
    done = act(view, "site-2", "restart site-2", "site-2")
    assert (done["state"], done["message"]) == ("done", "site-2 was restarted and is connected again")
    assert site_process(own, "site-2").pid != before


def test_full_restart_keeps_session_working(session: Session, view: SystemView) -> None:
    started = view._watch.snapshot.started_at
    done = act(view, "server", "restart server", "localhost")
    assert done["message"] == "the server and all its sites were restarted and are connected again", done
    wait_until(lambda: (s := view._watch.snapshot).started_at not in (None, started) and not s.trouble)
    assert not session.closed
    assert len(session.get_connected_client_list()) == 2


def test_member_denial_reason_matches_server(own: LocalFederation) -> None:
    with connect(own.kit(MEMBER)) as member:
        view = view_of(member)
        wait_until(lambda: "disabled sites" in dict(view._watch.snapshot.missing))
        assert dict(view._watch.snapshot.missing)["disabled sites"] == "not permitted to your role"
        tell(view, "show_actions", name="site-1")
        for name in ("restart site-1", "stop site-1", "disable site-1"):
            assert "your role (member) may not" in action(view, "site-1", name)["disabled_reason"]
        refused = member.restart("client", ["site-1"], wait=False)
        assert "is not authorized for 'restart'" in refused["client_status"]["site-1"]
        with pytest.raises(AuthorizationError):
            member.disable_client("site-1")
        tell(view, "request_details")
        wait_until(lambda: view._watch.snapshot.details_missing)
        assert "versions: not permitted to your role" in view._watch.snapshot.details_missing
        assert "resources of site-1: not permitted to your role" in view._watch.snapshot.details_missing
        assert not site_of(view, "site-1").resources
        view.make_static()


def test_closed_session_leaves_static_form(own: LocalFederation) -> None:
    with connect(own.admin_kit) as session:
        view = view_of(session)
        wait_until(lambda: view._watch.snapshot.facts_at)
    wait_until(lambda: view._is_static)
    assert "Snapshot from" in view._mimebundle()["text/html"]
