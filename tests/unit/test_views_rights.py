"""The forecast of rights, against FLARE's own policy and its own evaluation of it."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

from flare_widgets.api import TargetType, commands
from flare_widgets.api.permissions import User, denial_reason, session_denial_reason

nvflare = pytest.importorskip("nvflare", reason="FLARE itself is the oracle")

ROLES = ("project_admin", "org_admin", "lead", "member")
COMMANDS = (
    *("abort_job", "delete_job", "clone_job", "download_job", "submit_job", "configure_job_log", "get_job_log"),
    *("list_job", "restart", "shutdown", "remove_client", "disable_client", "enable_client", "report_resources"),
    *("configure_site_log", "tail", "cat", "list_jobs", "get_job_meta", "show_stats", "check_status", "app_command"),
    "report_version",
)
ME, OTHER = "ada@example.org", "bob@example.org"
OURS, THEIRS = "nvidia", "hospital"


@pytest.fixture(scope="module")
def policy():
    template = Path(nvflare.__file__).parent / "lighter" / "templates" / "master_template.yml"
    return json.loads(yaml.safe_load(template.read_text())["default_authz"])


def asked_flare(policy, role, command, submitter, submitter_organization, site_organization):
    from nvflare.fuel.sec.authz import AuthzContext, Person
    from nvflare.security.security import FLAuthorizer

    context = AuthzContext(
        user=Person(ME, OURS, role), submitter=Person(submitter, submitter_organization, "lead"), right=command
    )
    return FLAuthorizer(site_organization, policy).authorize(context)[0]


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("command", COMMANDS)
def test_it_says_what_flare_would_say(policy, role, command):
    for submitter, their_organization, site in itertools.product((ME, OTHER), (OURS, THEIRS), (OURS, THEIRS)):
        words = denial_reason(
            User(ME, OURS, role),
            command,
            submitter=submitter,
            submitter_organization=their_organization,
            site_organization=site,
        )
        assert (words == "") == asked_flare(policy, role, command, submitter, their_organization, site), words


def test_it_says_why():
    default = "under FLARE's default policy"
    assert denial_reason(User(ME, OURS, "member"), "abort_job") == f"your role (member) may not abort jobs {default}"
    assert denial_reason(User(ME, OURS, "lead"), "delete_job", submitter=OTHER) == (
        f"your role (lead) may delete only your own jobs {default}; this one was submitted by {OTHER}"
    )
    assert denial_reason(User(ME, OURS, "org_admin"), "abort_job", submitter_organization=THEIRS) == (
        f"your role (org_admin) may abort only jobs of your organization (nvidia) {default}"
    )
    assert denial_reason(User(ME, OURS, "lead"), "restart", site_organization=THEIRS) == (
        f"your role (lead) may restart only sites of your organization (nvidia) {default}"
    )
    assert (
        denial_reason(User(ME, OURS, "lead"), "get_job_log")
        == f"your role (lead) may not read the stored logs of jobs {default}"
    )


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("abort_job", commands.abort_job("j")),
        ("clone_job", commands.clone_job("j")),
        ("delete_job", commands.delete_job("j")),
        ("restart", commands.restart(TargetType.SERVER)),
        ("shutdown", commands.shutdown(TargetType.SERVER)),
        ("disable_client", commands.disable_client("site-1")),
        ("enable_client", commands.enable_client("site-1")),
        ("tail", commands.read_file("tail", "server", None, "log.txt")),
        ("list_jobs", commands.list_jobs()),
        ("get_job_meta", commands.get_job_meta("j")),
        ("check_status", commands.get_system_info()),
    ],
)
def test_read_only_session_explains_denial(name, command):
    session = SimpleNamespace(kit=SimpleNamespace(username=ME, organization=OURS, role="project_admin"))
    session.read_only = False
    assert session_denial_reason(session, name) == ""
    session.read_only = True
    assert bool(session_denial_reason(session, name)) == (command.effect is not commands.Effect.READ)
    assert session_denial_reason(session, "submit_job") == "read-only session (read_only is on)"
    assert session_denial_reason(session, "download_job") == ""


def test_unknown_rights_are_left_to_server():
    assert denial_reason(User(ME, OURS, "lead"), "abort_job") == ""
    assert denial_reason(User(ME, OURS, "org_admin"), "abort_job", submitter=OTHER) == ""
    assert denial_reason(User(ME, OURS, "lead"), "tail") == ""
    assert denial_reason(User(ME, OURS, "radiologist"), "abort_job", submitter=OTHER) == ""
    assert denial_reason(User(ME, OURS, ""), "abort_job", submitter=OTHER) == ""


def test_name_comparison_matches_flare():
    assert denial_reason(User("Ada@Example.org", OURS, "Lead"), "abort_job", submitter=ME) == ""


def test_hostile_names_are_cleaned():
    words = denial_reason(User(ME, OURS, "lead"), "abort_job", submitter="\x1b[2J\u202e" + "x" * 5000)
    assert "\x1b" not in words
    assert "\u202e" not in words
    assert len(words) < 400
